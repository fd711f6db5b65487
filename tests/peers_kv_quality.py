#!/usr/bin/env python3
"""KV-cache codecs on SmolLM2 135M by an evaluation that shares no code with this project: PyTorch, transformers, NumPy.

Usage: peers_kv_quality.py MODEL_FOLDER TEXT REPORT.json [--window 1024] [--unscored 64] [--seeds 4] [--halves] [SETTING...]

MODEL_FOLDER holds the checkpoint in f32, REPORT.json is what
`dhurandhar benchmark-kv --model ... --text TEXT --output REPORT.json` wrote. Prints both sides and their ratios.
Every key (after RoPE) and value is coded, the newest included. Keys are in the order of llama.cpp's cache, which has the
two halves of a head interleaved; with --halves as transformers has them.
"""

import argparse
import json

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers.models.llama import modeling_llama

SINKS = 4


def half(x):
    return x.astype(np.float16).astype(np.float64)


def lloyd_max(dim, bits, steps=4000, grid=200_001):
    """Centroids for a coordinate of a random unit vector: density (1 - t^2)^((d - 3) / 2)."""
    t = np.linspace(-1, 1, grid)
    weight = np.where(np.abs(t) < 1, np.maximum(1 - t * t, 0) ** ((dim - 3) / 2), 0)
    mass, moment = np.cumsum(weight), np.cumsum(weight * t)
    centroids = np.quantile(np.random.default_rng(0).standard_normal(100_000), (np.arange(2**bits) + 0.5) / 2**bits)
    centroids /= np.sqrt(dim)
    for _ in range(steps):
        edges = np.searchsorted(t, (centroids[1:] + centroids[:-1]) / 2)
        edges = np.concatenate([[0], edges, [grid - 1]])
        fresh = np.diff(moment[edges]) / np.diff(mass[edges])
        done = np.abs(fresh - centroids).max() < 1e-12
        centroids = fresh
        if done:
            break
    return centroids


def hadamard(n):
    h = np.ones((1, 1))
    while h.shape[0] < n:
        h = np.block([[h, h], [h, -h]])
    return h / np.sqrt(n)


def turboquant(x, bits, seed, unbiased):
    dim = x.shape[-1]
    centroids = lloyd_max_cached(dim, bits)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], dim)
    rotation = hadamard(dim) * signs
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    unit = (x / np.maximum(norm, 1e-30)) @ rotation.T
    coded = centroids[np.searchsorted((centroids[1:] + centroids[:-1]) / 2, unit)]
    scale = norm / np.maximum((unit * coded).sum(-1, keepdims=True), 1e-30) if unbiased else norm
    return (half(scale) * coded) @ rotation


BOOKS = {}


def lloyd_max_cached(dim, bits):
    if (dim, bits) not in BOOKS:
        BOOKS[dim, bits] = lloyd_max(dim, bits)
    return BOOKS[dim, bits]


def blocks(x, bits, turn):
    dim = x.shape[-1]
    rotation = np.kron(np.eye(dim // 64), hadamard(64)) if turn else np.eye(dim)
    cells = (x @ rotation).reshape(*x.shape[:-1], -1, 32)
    if bits == 8:
        scale = np.abs(cells).max(-1, keepdims=True) / 127
        codes = np.round(cells / np.maximum(scale, 1e-30))
    else:
        at = np.abs(cells).argmax(-1)[..., None]
        scale = np.take_along_axis(cells, at, -1) / -8
        codes = np.clip(np.floor(cells / np.where(scale == 0, 1, scale) + 8.5), 0, 15) - 8
    return (half(scale) * codes).reshape(x.shape) @ rotation.T


def coder(setting, part, centres, seed):
    fields = dict(field.split("=") for field in setting.split(","))
    name, _, bits = fields["kvq"[part]].partition(":")
    sinks = int(fields.get("sinks", 0))

    def code(x, layer):
        if name == "f16":
            return half(x)
        if name in ("q8_0", "q8_0-hadamard", "q4_0", "q4_0-hadamard"):
            coded = blocks(x, 8 if name.startswith("q8_0") else 4, name.endswith("hadamard"))
        elif name == "centred-keys":
            centre = centres[layer][:, None]
            coded = centre + turboquant(x - centre, int(bits), seed, True)
        else:
            coded = turboquant(x, int(bits), seed, name == "turboquant-unbiased")
        coded[:, :sinks] = half(x[:, :sinks])
        return coded

    return code


def interleaved(x):
    return x.reshape(*x.shape[:-1], 2, -1).swapaxes(-1, -2).reshape(x.shape)


def halves(x):
    return x.reshape(*x.shape[:-1], -1, 2).swapaxes(-1, -2).reshape(x.shape)


class CodedCache(DynamicCache):
    """Puts every key and value through a codec on its way in; without one it keeps the keys."""

    pairs = True

    def __init__(self, codes=None):
        super().__init__()
        self.codes, self.seen, self.errors = codes, {}, [[], []]

    def update(self, keys, values, layer_idx, *more, **named):
        pair = []
        for part, x in enumerate((keys, values)):
            host = x[0].double().numpy()
            turn = self.pairs and part == 0
            host = interleaved(host) if turn else host
            if self.codes:
                coded = self.codes[part](host, layer_idx)
                rest = slice(self.codes[2], None)
                error = ((coded - host) ** 2)[:, rest].sum(-1) / (host**2)[:, rest].sum(-1)
                self.errors[part].append(error.mean())
                coded = halves(coded) if turn else coded
                x = torch.from_numpy(coded)[None].to(x.dtype)
            elif part == 0:
                self.seen[layer_idx] = host
            pair.append(x)
        return super().update(*pair, layer_idx, *more, **named)


class Queries:
    """Rounds queries before their products with keys, as llama.cpp's processor back end does: `q=q8_0` in a setting."""

    code = None
    plain = staticmethod(modeling_llama.eager_attention_forward)

    @classmethod
    def attend(cls, module, query, *more, **named):
        if cls.code:
            host = query[0].double().numpy()
            host = interleaved(host) if CodedCache.pairs else host
            host = cls.code(host, None)
            host = halves(host) if CodedCache.pairs else host
            query = torch.from_numpy(host)[None].to(query.dtype)
        return cls.plain(module, query, *more, **named)


modeling_llama.eager_attention_forward = Queries.attend


@torch.no_grad()
def logits(model, ids, cache):
    return model(torch.tensor([ids]), past_key_values=cache, use_cache=True).logits[0].double()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model")
    options.add_argument("text")
    options.add_argument("report")
    options.add_argument("--window", type=int, default=1024)
    options.add_argument("--unscored", type=int, default=64)
    options.add_argument("--seeds", type=int, default=4)
    options.add_argument("--halves", action="store_true")
    options.add_argument("settings", nargs="*")
    options = options.parse_intermixed_args()
    CodedCache.pairs = not options.halves
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation="eager").eval()
    ids = AutoTokenizer.from_pretrained(options.model)(open(options.text).read(), add_special_tokens=False).input_ids
    window, rest = ids[: options.window], ids[options.window : 2 * options.window]
    recorded = CodedCache()
    logits(model, rest, recorded)
    exact = torch.log_softmax(logits(model, window, CodedCache()), -1)[options.unscored : -1]
    targets = torch.tensor(window[options.unscored + 1 :])
    base = -exact.gather(1, targets[:, None]).mean()
    print(f"{len(rest)} tokens for centres; perplexity of the exact cache {base.exp():.5f}")
    print(f"{'setting':44} {'KL here':>9} {'there':>9} {'ratio':>6}  {'key error':>9} {'ratio':>6}  {'value error':>11} {'ratio':>6}")
    for known in json.load(open(options.report))["settings"]:
        setting = known["setting"]
        if any(word in setting for word in ("rotor", "prod", "seed-", "recent", "protect", "mixed")):
            continue
        if options.settings and setting not in options.settings:
            continue
        sinks = int(dict(field.split("=") for field in setting.split(",")).get("sinks", 0))
        centres = {layer: keys[:, sinks:].mean(1) for layer, keys in recorded.seen.items()}
        found = []
        for seed in range(options.seeds if ":" in setting else 1):
            codes = [coder(setting, part, centres, seed) for part in (0, 1)] + [sinks]
            cache = CodedCache(codes)
            Queries.code = coder(setting.split(",sinks")[0], 2, centres, seed) if ",q=" in setting else None
            coded = torch.log_softmax(logits(model, window, cache), -1)[options.unscored : -1]
            Queries.code = None
            divergence = (exact.exp() * (exact - coded)).sum(-1).mean().item()
            found.append([divergence, *(np.mean(errors) for errors in cache.errors)])
        here = np.mean(found, 0)
        seeds = [mean for _, mean in known.get("by_seed", [])] or [known["divergence"]["mean"]]
        there = [np.mean(seeds), known["key_nmse"], known["value_nmse"]]
        ratios = [b / a if a > 1e-7 else float("nan") for a, b in zip(here, there)]
        print(
            f"{setting:44} {here[0]:9.5f} {there[0]:9.5f} {ratios[0]:6.3f}  {here[1]:9.6f} {ratios[1]:6.3f}  "
            f"{here[2]:11.6f} {ratios[2]:6.3f}"
        )


if __name__ == "__main__":
    main()
