"""The keys that transformers' configuration classes declare, with their defaults, for every family that the decoder runs.

Usage: python config_keys.py ../fixtures/config-keys.json   (pip install torch transformers)
"""

import dataclasses
import json
import sys

import transformers
from transformers import CONFIG_MAPPING

TYPES = {
    "llama": "llama", "mistral": "mistral", "qwen2": "qwen2", "qwen3": "qwen3", "granite": "granite",
    "smollm3": "smollm3", "gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3_text", "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
}


def declared(cls):
    """Fields that can be JSON, with what the class gives them; bases of rotation under the names of older configs."""
    keys = {}
    for field in dataclasses.fields(cls):
        value = None if field.default is dataclasses.MISSING else field.default
        try:
            json.dumps(value)
        except TypeError:
            value = None
        keys[field.name] = value
    theta = cls.default_theta
    if isinstance(theta, dict):
        keys["rope_theta"], keys["rope_local_base_freq"] = theta["global"], theta["local"]
    else:
        keys["rope_theta"] = theta
    # What the class writes into files beside its fields.
    for key in cls().to_dict():
        keys.setdefault(key, None)
    return keys


def main(path):
    families = {family: declared(CONFIG_MAPPING[name]) for family, name in TYPES.items()}
    # Gemma 4 states its bases in `rope_parameters`.
    stated = CONFIG_MAPPING["gemma4_text"]().rope_parameters
    families["gemma4"]["rope_theta"] = stated["full_attention"]["rope_theta"]
    families["gemma4"]["rope_local_base_freq"] = stated["sliding_attention"]["rope_theta"]
    with open(path, "w") as file:
        json.dump({"transformers": transformers.__version__, "families": families}, file, indent=1, sort_keys=True)
        file.write("\n")


main(sys.argv[1])
