"""Configs with a field left out, and the parameters that transformers builds from what is left: `tests/fixtures/left-out.json`.

The class fills such a field in, and the program has to know with what. Models are built on PyTorch's meta device with their first layers.

Usage: python left_out_fields.py > left-out.json   (pip install torch transformers; beside config_variations.py)
"""

import json
import sys

import torch
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForCausalLM

from config_variations import LAYERS, built, small

# Types, and fields that each leaves out in turn.
LEFT_OUT = {
    "afmoe": ["num_experts"], "axk1": ["kv_lora_rank", "n_routed_experts"], "bailing_hybrid": ["num_experts", "moe_intermediate_size"],
    "beam": ["num_experts"], "biogpt": ["max_position_embeddings"], "cohere2_moe": ["num_experts"], "cwm": ["num_key_value_heads", "layer_types"],
    "deepseek_v3": ["n_routed_experts", "kv_lora_rank"], "deepseek_v32": ["q_lora_rank", "index_n_heads", "index_head_dim"], "ernie4_5_moe": ["moe_num_experts"],
    "exaone_moe": ["num_experts"], "flex_olmo": ["num_experts"], "flint": ["num_experts", "mlp_only_layers"],
    "gemma4_text": ["hidden_size_per_layer_input"], "glm4": ["attention_bias", "num_key_value_heads"], "glm4_moe_lite": ["n_routed_experts"], "glm_moe_dsa": ["index_n_heads"],
    "gpt2": ["n_positions"], "gpt_oss": ["num_local_experts"], "granitemoehybrid": ["num_local_experts", "shared_intermediate_size"],
    "hy_v3": ["num_experts"], "internlm3": ["num_key_value_heads"], "iquestcoder": ["num_key_value_heads"], "jamba": ["num_experts"],
    "kimi_linear": ["num_experts", "kv_lora_rank"], "laguna": ["num_experts"], "lfm2_moe": ["num_experts"], "mellum": ["num_experts"],
    "mimo_v2_flash": ["n_routed_experts", "head_dim", "v_head_dim"], "minicpm3": ["kv_lora_rank"], "minimax": ["num_local_experts", "num_key_value_heads"],
    "minimax_m2": ["num_local_experts"], "ministral3": ["num_key_value_heads"], "mixtral": ["num_local_experts"], "olmoe": ["num_experts"],
    "phimoe": ["num_local_experts"], "qwen2_moe": ["num_experts"], "qwen3_moe": ["num_experts"],
    "qwen3_next": ["num_experts"], "solar_open": ["n_routed_experts"], "xglm": ["layerdrop"], "youtu": ["kv_lora_rank"],
    "nemotron_h": ["n_routed_experts"],
}
# Wrappers, and fields that their text part leaves out in turn.
NESTED = {
    "voxtral": ["hidden_size", "intermediate_size", "num_key_value_heads", "head_dim"],
    "voxtral_realtime": ["hidden_size", "intermediate_size", "num_key_value_heads", "head_dim"],
    "glmasr": ["hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"],
    "granite_docling": ["num_key_value_heads"], "paddleocr_vl": ["num_key_value_heads", "head_dim"],
    "qwen2_5_omni_thinker": ["intermediate_size", "num_attention_heads"], "step3p7": ["mlp_layer_types"],
}


def cases():
    for kind, names in LEFT_OUT.items():
        try:
            _, config = small(kind)
        except Exception as error:  # Not in this version.
            print(f"{kind}: {error}", file=sys.stderr)
            continue
        stated = json.loads(config.to_json_string(use_diff=True))
        # Classes do not read the infinity that they write.
        unread = ("_", "transformers", "time_step_limit")
        kept = {name: value for name, value in stated.items() if not name.startswith(unread)}
        for name in names:
            # Nothing to leave out where the class's own value is not written.
            rest = {other: value for other, value in kept.items() if other != name}
            rest["model_type"] = kind
            try:
                truth = built(CONFIG_MAPPING[kind].from_dict(dict(rest)))
            except Exception as error:  # The class does not read what it writes.
                print(f"{kind} without {name}: {error}", file=sys.stderr)
                continue
            parameters = truth[0] if isinstance(truth, tuple) else truth
            yield {"type": kind, "without": name, "config": rest, "parameters": parameters}


def stated(config):
    return {name: value for name, value in json.loads(config.to_json_string(use_diff=True)).items()
            if not name.startswith(("_", "transformers"))}


def text_parameters(config):
    """Parameters of the language model that the wrapper builds, its head as the text part ties it."""
    part = config.get_text_config()
    with torch.device("meta"):
        whole = AutoModel.from_config(config)
    model = getattr(whole, "language_model", None) or getattr(whole, "text_model", None) or whole.model
    count = sum(parameter.numel() for parameter in model.parameters())
    headless = not any("lm_head" in name for name, _ in model.named_parameters())
    return count + (part.vocab_size * part.hidden_size if headless and not part.tie_word_embeddings else 0)


def nested():
    for kind, names in NESTED.items():
        config = CONFIG_MAPPING[kind](text_config={"num_hidden_layers": 6, "model_type": CONFIG_MAPPING[kind]().text_config.model_type})
        whole = stated(config)
        # What the text part says of its head is what counts here.
        whole.pop("tie_word_embeddings", None)
        for name in names:
            text = {other: value for other, value in whole["text_config"].items() if other != name}
            rest = {**whole, "text_config": text, "model_type": kind}
            try:
                parameters = text_parameters(CONFIG_MAPPING[kind].from_dict(json.loads(json.dumps(rest))))
            except Exception as error:
                print(f"{kind} without {name}: {error!r}", file=sys.stderr)
                continue
            yield {"type": kind, "without": f"text_config.{name}", "config": rest, "parameters": parameters}


def zamba2():
    """Every one of the class's 54 layers, since no other number has a list of its own."""
    fields = dict(hidden_size=320, intermediate_size=704, num_attention_heads=8, vocab_size=1152, n_mamba_heads=8, model_type="zamba2")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIG_MAPPING["zamba2"].from_dict(dict(fields)))
    return {"type": "zamba2", "without": "layers_block_type", "config": {**fields, "num_hidden_layers": 54},
            "parameters": sum(parameter.numel() for parameter in model.parameters())}


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(case) for case in [*cases(), *nested(), zamba2()]) + "\n]")
