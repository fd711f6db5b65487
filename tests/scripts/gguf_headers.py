#!/usr/bin/env python3
"""GGUF headers of public models, made by llama.cpp's own converter from a config and the tensors that transformers builds.

No weights are read or made: tensors are on PyTorch's meta device, the converter's lazy tensors are never evaluated, and what it
would write into the header (key/value pairs, tensor names, shapes, types, in its order) is kept as JSON. The vocabulary is left
empty: only its length is said.

Usage: gguf_headers.py LLAMA_CPP_FOLDER OUT_FOLDER NAME=CONFIG.json[:OUTTYPE][:mmproj] ...
"""
import gc, json, logging, os, re, shutil, signal, sys, tempfile, traceback
from pathlib import Path
llama, out = sys.argv[1], sys.argv[2]
sys.path.insert(0, llama); sys.path.insert(0, os.path.join(llama, "gguf-py"))
sys.argv = sys.argv[:1] + sys.argv[3:]
import torch, numpy as np
import gguf
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
from conversion.base import LazyTorchTensor, TextModel
torch.equal = lambda a, b: False
logging.disable(logging.CRITICAL)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import public_configs as truth
from transformers.core_model_loading import revert_weight_conversion

FTYPES = dict(f32=gguf.LlamaFileType.ALL_F32, f16=gguf.LlamaFileType.MOSTLY_F16, bf16=gguf.LlamaFileType.MOSTLY_BF16, q8_0=gguf.LlamaFileType.MOSTLY_Q8_0, tq2_0=gguf.LlamaFileType.MOSTLY_TQ2_0)
TENSORS = {}

def checkpoint(raw):
    kind, config = truth.configure(raw)
    cls = truth.choose(kind, config, raw)
    model = truth.build(cls, config)
    state = model.state_dict()
    try: state = revert_weight_conversion(model, dict(state))
    except Exception as e: print("   revert:", type(e).__name__, str(e)[:100])
    tied = set(getattr(model, "_tied_weights_keys", None) or {})
    try:
        same = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    except Exception: same = False
    if same: state = {k: v for k, v in state.items() if not k.endswith("lm_head.weight")}
    return {k: v for k, v in state.items() if torch.is_tensor(v)}

def index_tensors(self, remote_hf_model_id=None):
    found = {}
    for name, t in TENSORS.items():
        make = lambda t=t: LazyTorchTensor(meta=LazyTorchTensor.meta_with_dtype_and_shape(t.dtype, tuple(t.shape)), args=(t,), func=lambda x: x)
        item = self.filter_tensors((name, make))
        if item: found[item[0]] = item[1]
    return found
ModelBase.index_tensors = index_tensors

load = ModelBase.load_hparams
def both(folder, mistral=False, is_mistral_format=None):
    """What transformers makes of the config, and the config's own words over it (newer transformers drops some)."""
    got, raw = load(folder, False), json.load(open(folder / "config.json"))
    if raw.get("model_type") == "nemotron_h": return raw
    if raw.get("model_type") == "kimi_linear": got.setdefault("first_k_dense_replace", next((i for i, k in enumerate(got.get("mlp_layer_types") or raw.get("mlp_layer_types") or []) if k != "dense"), 1))
    for key, value in raw.items():
        if isinstance(value, dict) and isinstance(got.get(key), dict): got[key] = {**got[key], **value}
        elif value is not None or key not in got: got[key] = value
    return got
ModelBase.load_hparams = staticmethod(both)

def rename(state):
    """Names as checkpoints have them where the reverse mapping of transformers leaves its own."""
    out = {}
    kinds = {k.split(".")[0] for k in state}
    for k, v in state.items():
        k = re.sub(r"^(model\.layers\.\d+)\.block_sparse_moe\.(down|up|gate)_proj\.", r"\1.mlp.\2_proj.", k)
        if re.match(r"(model\.)?vision_tower\.(embeddings|encoder|post_layernorm|head)", k): k = k.replace("vision_tower.", "vision_tower.vision_model.", 1)
        if RENAME:
            k = re.sub(r"^model\.language_model\.", "language_model.model.", k); k = re.sub(r"^lm_head\.", "language_model.lm_head.", k)
            k = re.sub(r"^model\.(vision_tower|multi_modal_projector)\.", r"\1.", k)
        out[k] = v
    return out
RENAME = False

def plain(v):
    if isinstance(v, (np.generic,)): return v.item()
    if isinstance(v, (list, tuple)): return [plain(x) for x in v]
    if isinstance(v, Path): return str(v)
    return v

def one(name, path, outtype, mmproj):
    raw = truth.load(path)
    global RENAME; RENAME = raw.get('model_type') in ('mistral3', 'voxtral', 'gemma3', 'llava')
    TENSORS.clear(); TENSORS.update(rename(checkpoint(raw)))
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp) / name; folder.mkdir()
        given = dict(raw); given.pop("quantization_config", None); given.pop("auto_map", None)
        if not given.get("architectures"): given["architectures"] = [truth.choose(*truth.configure(raw), raw).__name__]
        if given.get("model_type") == "kimi_linear" and "linear_attn_config" not in given:  # the published config's form of the class's fields
            kinds = given["layer_types"]
            given["linear_attn_config"] = {"head_dim": given["linear_head_dim"], "num_heads": given["linear_num_heads"], "short_conv_kernel_size": given["linear_conv_kernel_dim"],
                "full_attn_layers": [i + 1 for i, k in enumerate(kinds) if k == "full_attention"], "kda_layers": [i + 1 for i, k in enumerate(kinds) if k != "full_attention"]}
        if given.get("model_type") == "t5": given.setdefault("decoder_start_token_id", 0)
        json.dump(given, open(folder / "config.json", "w"))
        (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"shortest_edge": 3136, "longest_edge": 12845056, "height": 896, "width": 896}}))
        (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"type": "BPE", "vocab": {f"t{i}": i for i in range(262144)} if "gemma" in str(raw.get("model_type")) else {}, "merges": []}, "added_tokens": []}))
        (folder / "tokenizer_config.json").write_text("{}")
        kind = ModelType.MMPROJ if mmproj else ModelType.TEXT
        hparams = ModelBase.load_hparams(folder, False)
        arch = get_model_architecture(hparams, kind)
        cls = get_model_class(arch, mmproj=mmproj)
        vocab = {}
        def set_vocab(self=None): pass
        model = cls(folder, FTYPES[outtype], folder / "x.gguf", eager=False, model_name=name)
        if not model.model_tensors: raise ValueError("no tensor matched: " + ", ".join(list(TENSORS)[:3]))
        rows = TENSORS.get("model.embed_tokens.weight", TENSORS.get("model.language_model.embed_tokens.weight"))
        model = getattr(model, "impl", model)
        model.set_vocab = lambda: None
        model.prepare_tensors()
        model.prepare_metadata(vocab_only=False)
        w = model.gguf_writer
        kv = []
        for shard in w.kv_data:
            for key, value in shard.items():
                v = plain(value.value)
                kv.append([key, value.type.name, v] if value.type.name != "ARRAY" else [key, "ARRAY:" + (value.sub_type.name if value.sub_type else gguf.GGUFValueType.get_type(v[0]).name if v else "STRING"), v])
        tensors = []
        for shard in w.tensors:
            for tname, info in shard.items():
                shape = list(info.shape)
                if info.dtype.name and info.tensor is not None and info.tensor.dtype == np.uint8 and info.dtype not in (gguf.GGMLQuantizationType.I8,):
                    pass
                tensors.append([tname, info.dtype.name, [int(x) for x in reversed(shape)]])
        return dict(architecture=w.arch, vocabulary=int(hparams.get("vocab_size") or hparams.get("text_config", {}).get("vocab_size") or 0) if not mmproj else 0, kv=kv, tensors=tensors)

os.makedirs(out, exist_ok=True)
for arg in sys.argv[1:]:
    name, _, rest = arg.partition("="); path, *opts = rest.split(":")
    mmproj = "mmproj" in opts; outtype = next((o for o in opts if o in FTYPES), "bf16")
    target = os.path.join(out, name + ("-mmproj" if mmproj else "") + f".{outtype}.json")
    if os.path.exists(target): continue
    signal.alarm(150)
    try:
        got = one(name, path, outtype, mmproj)
        n = sum(int(np.prod(t[2], dtype=object)) for t in got["tensors"])
        got["elements"] = n
        json.dump(got, open(target, "w"), separators=(",", ":"))
        print(name, outtype, "mmproj" if mmproj else "", got["architecture"], len(got["kv"]), len(got["tensors"]), n, os.path.getsize(target), flush=True)
    except Exception as e:
        print(name, "FAILED", type(e).__name__, str(e)[:200], traceback.format_exc().splitlines()[-3:-1], flush=True)
    signal.alarm(0); TENSORS.clear(); gc.collect()
