"""What `transformers` computes for the parity models with single keys of their configs changed.

Weights are those of ../fixtures/parity; a variant is a base, the keys that are set (null removes one), and the
log-likelihoods of its tokens (next-token, in nats) in float32.

Usage: python variant_values.py ../fixtures/parity ../fixtures/config-variants.json   (pip install torch transformers safetensors)
"""

import json
import os
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
BOTH = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0},
    "full_attention": {"rope_type": "linear", "factor": 2.0},
}
REMOVE = None

VARIANTS = [
    ("llama", {"hidden_act": "relu"}),
    ("llama", {"hidden_act": "gelu"}),
    ("llama", {"hidden_act": "quick_gelu"}),
    ("llama", {"hidden_act": "relu2"}),
    ("llama", {"rope_parameters": REMOVE, "rope_theta": 5000.0, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    ("llama", {"rope_parameters": {**LLAMA3, "rope_theta": 10000.0}}),
    ("llama", {"rope_parameters": REMOVE}),
    ("llama", {"model_type": "mistral", "sliding_window": 6}),
    ("llama", {"model_type": "smollm3", "no_rope_layer_interval": 2}),
    ("llama", {"model_type": "smollm3", "no_rope_layers": [0, 1, 1], "rope_parameters": REMOVE}),
    ("llama", {"model_type": "gemma", "hidden_act": "gelu", "head_dim": 12}),
    ("llama", {"model_type": "gemma", "hidden_act": "relu", "head_dim": 12}),
    ("llama", {"model_type": "granite"}),
    ("qwen2", {"hidden_act": "gelu_pytorch_tanh"}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1, "layer_types": REMOVE}),
    ("qwen3", {"hidden_act": "relu"}),
    ("granite", {"hidden_act": "gelu"}),
    ("granite", {"attention_multiplier": REMOVE, "logits_scaling": REMOVE}),
    ("gemma3", {"hidden_activation": "silu"}),
    ("gemma3", {"rope_parameters": REMOVE}),
    ("gemma3", {"rope_parameters": REMOVE, "rope_theta": 50000.0, "rope_local_base_freq": 500.0}),
    ("gemma3", {"rope_parameters": BOTH}),
    ("gemma3", {"query_pre_attn_scalar": REMOVE}),
    ("gemma3", {"query_pre_attn_scalar": 16}),
    ("gemma3", {"final_logit_softcapping": 3.0}),
    ("gemma3", {"attn_logit_softcapping": 0.5}),
    ("gemma3", {"sliding_window": 256}),
    ("gemma3n", {"final_logit_softcapping": REMOVE}),
    ("gemma3n", {"final_logit_softcapping": 5.0, "rope_parameters": REMOVE}),
    ("gemma3n", {"activation_sparsity_pattern": REMOVE}),
    ("gemma4", {"rope_parameters": REMOVE}),
    ("gemma4", {"hidden_activation": "relu", "use_bidirectional_attention": "vision"}),
]


def changed(config, keys):
    config = dict(config)
    for key, value in keys.items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    return config


@torch.no_grad()
def values(folder, keys):
    with open(os.path.join(folder, "config.json")) as file:
        config = changed(json.load(file), keys)
    config.pop("architectures", None)
    expected = load_file(os.path.join(folder, "expected.safetensors"))
    with tempfile.TemporaryDirectory() as copy:
        os.symlink(os.path.abspath(os.path.join(folder, "model.safetensors")), os.path.join(copy, "model.safetensors"))
        with open(os.path.join(copy, "config.json"), "w") as file:
            json.dump(config, file)
        model = AutoModelForCausalLM.from_pretrained(copy, dtype=torch.float32, attn_implementation="eager").eval()
    tokens = expected["tokens"].long()
    logits = model(input_ids=tokens[None]).logits[0]
    found = torch.log_softmax(logits[:-1].double(), -1).gather(1, tokens[1:, None])[:, 0]
    return [round(value, 7) for value in found.tolist()]


def main(fixtures, path):
    out = []
    for base, keys in VARIANTS:
        out.append({"base": base, "set": keys, "log_likelihoods": values(os.path.join(fixtures, base), keys)})
        print(base, keys, sum(out[-1]["log_likelihoods"]))
    with open(path, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(variant) for variant in out) + "\n]\n")


main(sys.argv[1], sys.argv[2])
