"""Every decoder of transformers, its class's config with one field changed or left out at a time, against the program.

Models are built on PyTorch's meta device; their first layers are enough, so the number of layers is small. An answer is equal, refused, or
wrong: in the text's parameters, or in what a layer caches for a token and over which window. Nothing is written but lines on standard output:
those that are wrong and, with --refused, those that are refused.

Usage: python config_variations.py path/to/dhurandhar [TYPE...]   (pip install torch transformers)
"""

import collections
import json
import signal
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS

# Fields with these words in their names say nothing about sizes.
NOISE = ("token_id", "dropout", "pdrop", "init", "eps", "theta", "loss", "output_", "use_cache", "dtype", "version", "norm_topk", "summary",
         "multiplier", "softcap", "pretraining", "rope_", "return_dict", "label", "architectures", "model_type", "is_decoder",
         "is_encoder_decoder", "vocab_size", "max_position", "scoring", "topk_method")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
SECONDS = 60  # for one model


def late(*_):
    raise TimeoutError


def said(program, text):
    """What the program says of a config: a refusal, or parameters and caches."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        run = subprocess.run([program, "import", file.name, "--json"], capture_output=True, text=True)
    if run.returncode:
        return run.stderr.strip()
    answer = json.loads(run.stdout)
    longest, caches = answer["architecture"]["max_context_tokens"], []
    for layer in answer["architecture"]["layers"]:
        mixer = layer["mixer"] if isinstance(layer["mixer"], dict) else {}
        attention = mixer.get("attention") or (mixer.get("both") or [None])[0]
        if attention and attention["kv"] == "own" and attention["kv_heads"] and attention["cross_tokens"] is None:
            window = attention["window"]
            channels = attention["kv_heads"] * (attention["k_head_dim"] + attention["v_head_dim"])
            caches.append((channels, window if window and window < longest else None))
    return answer["summary"]["parameters"]["text"], sorted(caches, key=str), longest


def built(config):
    """What transformers builds, and caches where a model runs on the meta device."""
    signal.alarm(SECONDS)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        try:
            tokens = torch.zeros((1, 4), dtype=torch.long, device="meta")
            layers = model(input_ids=tokens, use_cache=True).past_key_values.layers
        except (RuntimeError, AttributeError, NotImplementedError, TypeError, ValueError, IndexError, KeyError):
            return parameters, None
        caches = []
        for layer in layers:
            keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
            if keys is not None and keys.numel():
                window = getattr(layer, "sliding_window", None) or getattr(layer, "chunk_size", None)
                caches.append((keys.shape[1] * keys.shape[3] + values.shape[1] * values.shape[3], window))
        return parameters, caches
    finally:
        signal.alarm(0)


def variations(config):
    """Fields, each with another value of its kind."""
    for name, value in config.to_dict().items():
        if name in LAYERS or any(word in name for word in NOISE):
            continue
        if isinstance(value, bool):
            others = [not value]
        elif isinstance(value, int):
            others = [2 * value, value // 2] if value > 1 else [2]
        elif value is None:
            others = [True, 64, 2]
        elif isinstance(value, list) and value[::-1] != value:
            others = [value[::-1]]
        else:
            others = []
        for other in others:
            yield name, other


def verdict(truth, answer):
    if isinstance(answer, str):
        return "refused"
    (parameters, caches), (found, found_caches, longest) = truth, answer
    if found != parameters:
        return f"wrong by {found - parameters:+} parameters"
    if caches is not None:
        whole = [(channels, window if window and window < longest else None) for channels, window in caches]
        if sorted(whole, key=str) != found_caches:
            return "wrong caches"
    return "equal"


def small(kind):
    for count in (6, 8, 4, None):
        name = next((name for name in LAYERS if hasattr(CONFIG_MAPPING[kind](), name)), None)
        fields = {name: count} if name and count else {}
        try:
            return fields, CONFIG_MAPPING[kind](**fields)
        except Exception:  # a class checks what it likes
            continue
    raise ValueError(kind)


def main(program, kinds):
    counts = collections.Counter()

    def note(kind, change, truth, answer):
        word = verdict(truth, answer)
        counts[word.split()[0]] += 1
        if word.startswith("wrong") or word == "refused" and "--refused" in sys.argv:
            print(kind, change, word, answer if isinstance(answer, str) else "", flush=True)

    for kind in kinds:
        try:
            fields, config = small(kind)
            truth = built(config)
        except Exception:  # some classes have defaults that they cannot build
            counts["not built"] += 1
            continue
        text = config.to_json_string(use_diff=True)
        answer = said(program, text)
        note(kind, "as its class", truth, answer)
        if isinstance(answer, str):
            continue
        for name, value in variations(config):
            try:
                other = CONFIG_MAPPING[kind](**{**fields, name: value})
                changed = built(other)
            except Exception:
                counts["not built"] += 1
                continue
            note(kind, f"{name}={value}", changed, said(program, other.to_json_string(use_diff=True)))
        stated = json.loads(text)
        for name in stated:
            if name not in LAYERS and not any(word in name for word in NOISE):
                rest = {other: value for other, value in stated.items() if other != name}
                note(kind, f"without {name}", truth, said(program, json.dumps(rest)))
    print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())))


warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
signal.signal(signal.SIGALRM, late)
if __name__ == "__main__":
    chosen = [argument for argument in sys.argv[2:] if not argument.startswith("--")]
    main(sys.argv[1], chosen or sorted(DECODERS))
