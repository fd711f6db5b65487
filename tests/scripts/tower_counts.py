"""Small configs of models with a vision tower, with the parameters of tower and projection that transformers builds.

Nothing is allocated: models are built on PyTorch's meta device.

Usage: python tower_counts.py ../fixtures/tower-counts.json   (pip install torch transformers)
"""

import json
import sys
import warnings

import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText

TEXT = dict(hidden_size=320, intermediate_size=704, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=2,
            vocab_size=1152)
WIDE = dict(**TEXT, head_dim=32)
LFM2 = dict(**TEXT, conv_L_cache=3, block_auto_adjust_ff_dim=False,
            layer_types=["conv", "conv", "full_attention", "conv"])
SIZES = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, image_size=56,
             patch_size=14)
CLIP = dict(model_type="clip_vision_model", **SIZES)
SIGLIP = dict(model_type="siglip_vision_model", vision_use_head=False, **SIZES)
SIGLIP2 = dict(model_type="siglip2_vision_model", vision_use_head=False, num_patches=16, hidden_size=64,
               intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, patch_size=14)
LLAMA4 = dict(**SIZES, vision_output_dim=64, projector_input_dim=64, projector_output_dim=64)
QWEN = dict(depth=4, hidden_size=64, intermediate_size=100, out_hidden_size=320, num_heads=4)
HYBRID = dict(**WIDE, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=16, linear_value_head_dim=16,
              linear_conv_kernel_dim=4)

CASES = [
    ("llava", "llama", TEXT, CLIP, {}), ("llava_next", "mistral", TEXT, CLIP, {}),
    ("llava_onevision", "qwen2", TEXT, SIGLIP, {}),
    ("paligemma", "gemma", WIDE, SIGLIP, dict(projection_dim=320)), ("gemma3", "gemma3_text", WIDE, SIGLIP, {}),
    ("mistral3", "mistral", WIDE, dict(model_type="pixtral", **SIZES), {}),
    ("idefics3", "llama", TEXT, SIZES, dict(scale_factor=2)), ("smolvlm", "llama", TEXT, SIZES, dict(scale_factor=4)),
    ("internvl", "qwen2", TEXT, dict(SIZES, image_size=[56, 56], patch_size=[14, 14]), {}),
    ("qwen2_vl", "qwen2_vl_text", TEXT, dict(depth=3, embed_dim=64, hidden_size=320, num_heads=4), {}),
    ("qwen2_5_vl", "qwen2_5_vl_text", TEXT, QWEN, {}),
    ("qwen3_vl", "qwen3_vl_text", WIDE, dict(**QWEN, deepstack_visual_indexes=[1, 2]), {}),
    ("qwen3_5", "qwen3_5_text", HYBRID, QWEN, {}),
    ("lfm2_vl", "lfm2", LFM2, SIGLIP2, dict(projector_hidden_size=96)),
    ("llama4", "llama4_text", dict(**WIDE, num_local_experts=2, intermediate_size_mlp=512, attention_chunk_size=8192),
     LLAMA4, {}),
]
TOWER = ("vision", "visual", "projector", "connector", "image_newline")


def case(kind, text_kind, text, vision, more):
    config = AutoConfig.for_model(kind, text_config=dict(model_type=text_kind, **text), vision_config=vision, **more)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    tower = sum(p.numel() for name, p in model.named_parameters() if any(part in name for part in TOWER))
    # What was asked for, with the types that the classes add.
    stated = dict(model_type=kind, text_config=dict(model_type=text_kind, **text), **more,
                  vision_config=dict(model_type=config.vision_config.model_type, **{
                      name: value for name, value in vision.items() if name != "model_type"}))
    return {"config": stated, "vision": tower}


warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
cases = [case(*one) for one in CASES]
with open(sys.argv[1], "w") as out:
    lines = ",\n".join(json.dumps(one) for one in cases)
    out.write(f'{{"transformers": "{transformers.__version__}", "cases": [\n{lines}\n]}}\n')
