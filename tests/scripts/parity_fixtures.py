"""Tiny random models of every decoder family, with the logits that `transformers` computes for them.

Weights are rounded to bfloat16 and stored as such, then run in float32, so that files stay small and exact.

Usage: python parity_fixtures.py ../fixtures/parity   (pip install torch transformers safetensors)
"""

import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

TOKENS = 40
COMMON = dict(
    vocab_size=160, hidden_size=48, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
    attention_dropout=0.0, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
PATTERN = ["sliding_attention", "sliding_attention", "full_attention"]

MODELS = {
    "llama": dict(
        model_type="llama", intermediate_size=96, num_hidden_layers=3, tie_word_embeddings=True,
        rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    ),
    "llama-scaled": dict(
        model_type="llama", intermediate_size=96, num_hidden_layers=3, tie_word_embeddings=False,
        rms_norm_eps=1e-5, head_dim=16,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        },
    ),
    "qwen2": dict(
        model_type="qwen2", intermediate_size=96, num_hidden_layers=3, tie_word_embeddings=True,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
    ),
    "qwen3": dict(
        model_type="qwen3", intermediate_size=96, num_hidden_layers=3, tie_word_embeddings=True, head_dim=16,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
    ),
    "granite": dict(
        model_type="granite", intermediate_size=96, num_hidden_layers=3, tie_word_embeddings=True,
        rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 10000000.0},
        embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=8.0, attention_multiplier=0.015625,
    ),
    "gemma3": dict(
        model_type="gemma3_text", intermediate_size=96, num_hidden_layers=6, tie_word_embeddings=True, head_dim=16,
        sliding_window=8, layer_types=PATTERN * 2, query_pre_attn_scalar=24, rms_norm_eps=1e-6,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        },
    ),
    "gemma3n": dict(
        model_type="gemma3n_text", intermediate_size=[96] * 6, num_hidden_layers=6, tie_word_embeddings=True,
        head_dim=16, sliding_window=8, layer_types=PATTERN * 2, num_kv_shared_layers=2, final_logit_softcapping=30.0,
        hidden_size_per_layer_input=8, vocab_size_per_layer_input=128, laurel_rank=8, altup_num_inputs=4,
        altup_active_idx=0, altup_correct_scale=True, activation_sparsity_pattern=[0.95, 0.8] + [0.0] * 4,
        rms_norm_eps=1e-6,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
        },
    ),
    "gemma4": dict(
        model_type="gemma4_text", intermediate_size=64, num_hidden_layers=6, tie_word_embeddings=True, head_dim=16,
        global_head_dim=32, sliding_window=8, layer_types=PATTERN * 2, num_kv_shared_layers=3, num_key_value_heads=1,
        use_double_wide_mlp=True, final_logit_softcapping=30.0, hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=160, rms_norm_eps=1e-6,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1000000.0},
        },
    ),
}


def randomise(model):
    """Weights large enough that every part of the model moves the logits."""
    for name, parameter in list(model.named_parameters()) + list(model.named_buffers()):
        if name.endswith("embed_scale") or name.endswith("_scale") and "altup" not in name or "inv_freq" in name:
            continue
        if name.endswith("router_input_scale"):
            continue
        spread = 0.3 if parameter.ndim < 2 else parameter.shape[-1] ** -0.5
        centre = 1.0 if parameter.ndim < 2 and not name.endswith("bias") else 0.0
        if "embed_tokens.weight" in name and "gemma" not in model.config.model_type:
            spread = 1.0
        value = centre + spread * torch.randn(parameter.shape)
        parameter.data.copy_(value.to(torch.bfloat16).to(torch.float32))


def checkpoint(model):
    """Tensors to store: no copies of tied weights, no buffers that are computed."""
    tied = model.config.tie_word_embeddings
    kept = {}
    for name, value in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        exact = torch.equal(value.to(torch.bfloat16).to(torch.float32), value)
        kept[name] = value.to(torch.bfloat16).contiguous() if exact else value.contiguous()
    return kept


def main(root):
    for index, (name, settings) in enumerate(MODELS.items()):
        torch.manual_seed(1000 + index)
        config = AutoConfig.for_model(**{**COMMON, **settings})
        config._attn_implementation = "eager"
        model = AutoModelForCausalLM.from_config(config).eval().to(torch.float32)
        randomise(model)
        tokens = torch.randint(3, COMMON["vocab_size"], (1, TOKENS))
        with torch.no_grad():
            logits = model(tokens).logits[0]
        folder = os.path.join(root, name)
        os.makedirs(folder, exist_ok=True)
        stored = json.loads(config.to_json_string(use_diff=False))
        stored = {key: value for key, value in stored.items() if not key.startswith("_")}
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(stored, file, indent=1, sort_keys=True)
            file.write("\n")
        save_file(checkpoint(model), os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        expected = {"tokens": tokens[0].to(torch.int32), "logits": logits.contiguous()}
        save_file(expected, os.path.join(folder, "expected.safetensors"))
        count = sum(parameter.numel() for parameter in model.parameters())
        print(f"{name}: {count} parameters, logits in [{logits.min():.2f}, {logits.max():.2f}]")


if __name__ == "__main__":
    main(sys.argv[1])
