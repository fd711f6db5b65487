"""Configs with a field left out, and the parameters that transformers builds from what is left: `tests/fixtures/left-out.json`.

The class fills such a field in, and the program has to know with what. Models are built on PyTorch's meta device with their first layers.

Usage: python left_out_fields.py > left-out.json   (pip install torch transformers; beside config_variations.py)
"""

import json
import sys

from transformers import CONFIG_MAPPING

from config_variations import LAYERS, built, small

# Types, and fields that each leaves out in turn.
LEFT_OUT = {
    "afmoe": ["num_experts"], "axk1": ["kv_lora_rank", "n_routed_experts"], "bailing_hybrid": ["num_experts", "moe_intermediate_size"],
    "beam": ["num_experts"], "biogpt": ["max_position_embeddings"], "cohere2_moe": ["num_experts"], "cwm": ["num_key_value_heads", "layer_types"],
    "deepseek_v3": ["n_routed_experts", "kv_lora_rank"], "deepseek_v32": ["q_lora_rank"], "ernie4_5_moe": ["moe_num_experts"],
    "exaone_moe": ["num_experts"], "flex_olmo": ["num_experts"], "flint": ["num_experts", "mlp_only_layers"],
    "gemma4_text": ["hidden_size_per_layer_input"], "glm4": ["attention_bias", "num_key_value_heads"], "glm4_moe_lite": ["n_routed_experts"],
    "gpt2": ["n_positions"], "gpt_oss": ["num_local_experts"], "granitemoehybrid": ["num_local_experts", "shared_intermediate_size"],
    "hy_v3": ["num_experts"], "internlm3": ["num_key_value_heads"], "iquestcoder": ["num_key_value_heads"], "jamba": ["num_experts"],
    "kimi_linear": ["num_experts", "kv_lora_rank"], "laguna": ["num_experts"], "lfm2_moe": ["num_experts"], "mellum": ["num_experts"],
    "mimo_v2_flash": ["n_routed_experts", "head_dim", "v_head_dim"], "minicpm3": ["kv_lora_rank"], "minimax": ["num_local_experts", "num_key_value_heads"],
    "minimax_m2": ["num_local_experts"], "ministral3": ["num_key_value_heads"], "mixtral": ["num_local_experts"], "olmoe": ["num_experts"],
    "phimoe": ["num_local_experts"], "qwen2_moe": ["num_experts"], "qwen3_moe": ["num_experts"],
    "qwen3_next": ["num_experts"], "solar_open": ["n_routed_experts"], "xglm": ["layerdrop"], "youtu": ["kv_lora_rank"],
}


def cases():
    for kind, names in LEFT_OUT.items():
        try:
            _, config = small(kind)
        except Exception as error:  # Not in this version.
            print(f"{kind}: {error}", file=sys.stderr)
            continue
        stated = json.loads(config.to_json_string(use_diff=True))
        kept = {name: value for name, value in stated.items() if not name.startswith(("_", "transformers"))}
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


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(case) for case in cases()) + "\n]")
