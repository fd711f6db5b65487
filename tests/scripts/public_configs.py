#!/usr/bin/env python3
"""What transformers builds for every config.json of a folder: parameters, caches and states. Nothing is allocated.

Models are built on PyTorch's meta device and run there for a few tokens, so that the cache object that transformers itself
makes says its shapes; full-attention layers are then taken to the wanted context, sliding and recurrent ones keep theirs.

Usage: public_configs.py OUT.json FOLDER...        (pip install torch transformers; an existing OUT.json is added to; --again NAME
                                           does a name anew)
A folder is searched for *.json (index.json, truth.json and *.index.json excepted); an entry's name is FOLDER_NAME/STEM.

Fields of an entry:
  class             the model class that was built
  parameters        all parameters, tied ones once
  text              those outside vision, audio and projector modules
  towers            {module: parameters} of the parts named like a vision or audio tower, a projector or a connector
  mtp               parameters under a module named like multi-token-prediction heads (0: this class builds none)
  tied              lm_head shares the token embedding
  groups            {module path of depth <= 3, layers' numbers cut: parameters}
  cache             {"layers": [[kind, kv elements a token, window, state elements, bytes of state]...] run-length coded,
                     "kv_bytes": {context: bytes at 2 bytes an element}, "state_bytes": bytes, "class": cache class}
                    or {"not_computed": reason}
  error             why nothing could be built
"""
import copy, gc, json, os, re, signal, sys, warnings
warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch, transformers
from transformers import AutoConfig
from transformers.models.auto import modeling_auto as auto
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
transformers.masking_utils.find_packed_sequence_indices = lambda position_ids: None
torch.set_grad_enabled(False)

CONTEXTS = (4096, 8192, 32768, 131072)
TOWER = re.compile(r"vision|visual|audio|image|speech|projector|connector|mm_|multi_modal|aligner|resampler|siglip|clip|vit|"
                   r"perceiver|vqmodel|vqgan|patch_embed|talker|token2wav|code2wav|modality|embed_images|sound", re.I)
MTP = re.compile(r"(^|\.)(mtp|nextn|eh_proj)", re.I)


# Remote-code types whose tensors are those of a class that transformers has (names of modules apart); said as "as".
ALIASES = {"baichuan": ("llama", {}), "internlm2": ("llama", {"bias": "attention_bias"}), "minicpm": ("llama", {}),
           "internlm": ("llama", {"bias": "attention_bias"}), "yi": ("llama", {}), "orion": ("llama", {}), "kimi_k2": ("deepseek_v3", {}),
           "deepseek_ref": ("deepseek_v4", {}), "hunyuan": ("hunyuan_v1_moe", {"attention_head_dim": "head_dim"}), "deepseek": ("deepseek_v2", {}),
           "minimax_m3": ("minimax_m3_vl_text", {}), "mimo": ("qwen2", {}), "phi-msft": ("phi", {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_positions": "max_position_embeddings", "n_inner": "unused_inner"}),
           "phi3_v": ("phi3", {}), "chatglm": ("glm", {"padded_vocab_size": "vocab_size", "num_layers": "num_hidden_layers", "ffn_hidden_size": "intermediate_size", "multi_query_group_num": "num_key_value_heads", "kv_channels": "head_dim", "add_qkv_bias": "attention_bias", "seq_length": "max_position_embeddings"}), "qwen": ("qwen2", {"seq_length": "max_position_embeddings"})}
FORCED = {"exaone": ("llama", {"num_layers": "num_hidden_layers", "activation_function": "hidden_act", "layer_norm_epsilon": "rms_norm_eps"}), "internlm3": ("llama", {"qkv_bias": "attention_bias"})}


class Late(Exception): pass
def alarm(*_): raise Late("took too long")
signal.signal(signal.SIGALRM, alarm)


def load(path):
    text = open(path, encoding="utf-8-sig").read()
    return json.loads(text)


def configure(raw):
    raw = copy.deepcopy(raw)
    for name in ("quantization_config", "auto_map", "quantization", "compression_config"):
        raw.pop(name, None)
        for part in raw.values():
            if isinstance(part, dict): part.pop(name, None)
    kind = raw.pop("model_type", None)
    if kind in ALIASES and kind not in transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES or kind in FORCED:
        kind, names = {**ALIASES, **FORCED}[kind]
        for old, new in names.items():
            if old in raw: raw[new] = raw.pop(old)
        for name in ("moe_topk", "num_shared_expert", "moe_intermediate_size"):
            if kind == "hunyuan_v1_moe" and isinstance(raw.get(name), list): raw[name] = raw[name][0]
        raw["architectures"] = []
        if kind == "hunyuan_v1_moe":
            if raw.get("use_cla") and raw.get("cla_share_factor", 1) > 1: raise ValueError("use_cla: transformers has no class that shares caches between layers")
            raw.setdefault("head_dim", raw["hidden_size"] // raw["num_attention_heads"])
        if kind == "glm": raw["pad_token_id"] = None; raw.setdefault("tie_word_embeddings", False)
        if kind == "qwen2" and "intermediate_size" in raw and "no_bias" in raw: raw["intermediate_size"] //= 2; raw["num_key_value_heads"] = raw["num_attention_heads"]  # gate and up are one number there
    if kind is None: raise ValueError("no model_type")
    if kind not in transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES and kind not in AutoConfig_extra(kind):
        raise ValueError(f"model_type {kind} is not in this transformers")
    if kind in ("hunyuan_v1_moe", "hunyuan_v1_dense") and raw.get("head_dim") is None and raw.get("hidden_size"):
        raw["head_dim"] = raw["hidden_size"] // raw["num_attention_heads"]  # the class's own default fails
        for name in ("moe_topk", "num_shared_expert", "moe_intermediate_size"):
            if isinstance(raw.get(name), list): raw[name] = raw[name][0]
    for name in ("dtype", "torch_dtype"): raw.pop(name, None)
    make = transformers.models.auto.configuration_auto.CONFIG_MAPPING[kind].from_dict
    try: return kind, make({**raw, "model_type": kind})
    except Exception as e:
        if "rope" not in str(e): raise
        for part in [raw] + [v for v in raw.values() if isinstance(v, dict)]:  # rope says nothing about sizes
            part.pop("rope_scaling", None); part.pop("rope_parameters", None)
        return kind, make({**raw, "model_type": kind})


def AutoConfig_extra(kind):
    return ()


def choose(kind, config, raw):
    names = [n for n in raw.get("architectures") or [] if isinstance(n, str) and hasattr(transformers, n)]
    tables = (auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
              auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES, auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
              if hasattr(auto, "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES") else {}, auto.MODEL_MAPPING_NAMES)
    nested = any(isinstance(raw.get(n), dict) for n in ("text_config", "vision_config", "audio_config", "llm_config", "thinker_config"))
    for table in (tables if nested else tables[1:]):
        got = table.get(kind)
        if got: names.append(got if isinstance(got, str) else got[0])
    for name in names:
        cls = getattr(transformers, name, None)
        if cls is None: continue
        want = getattr(cls, "config_class", None)
        if want is None or isinstance(config, want): return cls
    raise ValueError(f"no model class for {kind} ({raw.get('architectures')})")


def build(cls, config):
    config = copy.deepcopy(config)
    try:
        for part in [config] + [v for v in vars(config).values() if isinstance(v, transformers.PretrainedConfig)]:
            part._attn_implementation = "eager"
    except Exception: pass
    with torch.device("meta"):
        try:
            model = cls._from_config(config, dtype=torch.bfloat16, attn_implementation="eager")
        except (ValueError, TypeError):
            model = cls._from_config(config, dtype=torch.bfloat16)
    try: model.tie_weights()
    except Exception: pass
    return model.eval()


def count(model):
    total, text, towers, mtp, groups = 0, 0, {}, 0, {}
    for name, p in model.named_parameters():
        n = p.numel(); total += n
        parts = name.split(".")
        cut = [x for x in parts[:-1]]
        tower = next((i for i, x in enumerate(cut[:3]) if TOWER.search(x)), None)
        if MTP.search(name): mtp += n
        if tower is None: text += n
        else:
            key = ".".join(cut[: tower + 1]); towers[key] = towers.get(key, 0) + n
        key = ".".join("*" if x.isdigit() else x for x in cut[:3]); groups[key] = groups.get(key, 0) + n
    return total, text, towers, mtp, groups


def calm(model):
    """Replaces what depends on data and has nothing to do with caches: experts and their routers."""
    for name, module in model.named_modules():
        leaf = type(module).__name__
        if re.search(r"Experts$|ExpertsMLP", leaf) or leaf in ("ParallelExperts",):
            module.forward = (lambda hidden, *a, **k: torch.zeros_like(hidden)) if "Parallel" not in leaf else module.forward
        if re.search(r"(Moe|MoE|MOE)(Block|MLP|Layer)?$|SparseMoe|TopKMoe|MoeBlock|MoEMLP", leaf) and not re.search(r"Model|ForC|Decoder|Gate|Router", leaf):
            module._plain = module.forward
            def safe(hidden, *a, _m=module, **k):
                try: return _m._plain(hidden, *a, **k)
                except (RuntimeError, NotImplementedError, TypeError): return torch.zeros_like(hidden)
            module.forward = safe


def bytes_of(x): return x.numel() * x.element_size()


def cache_of(model, config, tokens=64):
    calm(model)
    text = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
    inputs = torch.zeros((1, tokens), dtype=torch.long, device="meta")
    asked = dict(use_cache=True)
    if getattr(config, "is_encoder_decoder", False): raise ValueError("encoder-decoder: not computed")
    out = None
    position = torch.arange(tokens, device="meta")[None]
    errors = []
    for extra in ({}, {"position_ids": position}):
        try:
            out = model(input_ids=inputs, **asked, **extra); break
        except Late: raise
        except Exception as e: errors.append(f"{type(e).__name__}: {str(e).splitlines()[0][:160] if str(e) else ''}")
    if out is None:  # the text part alone
        for path in ("model.language_model", "language_model.model", "language_model", "model.text_model", "thinker.model", "model.text_decoder"):
            part = model
            for step in path.split("."): part = getattr(part, step, None)
            if part is None: continue
            try: out = part(input_ids=inputs, **asked); break
            except Late: raise
            except Exception as e: errors.append(f"{path}: {type(e).__name__}: {str(e).splitlines()[0][:160] if str(e) else ''}")
    if out is None: raise ValueError("; ".join(errors))
    cache = None
    for name in ("past_key_values", "cache", "cache_params", "state", "past_buckets_states"):
        cache = getattr(out, name, None)
        if cache is not None: break
    if cache is None: raise ValueError("the model returned no cache")
    rows = []
    layers = getattr(cache, "layers", None)
    def tensors(x):
        if torch.is_tensor(x): yield x
        elif isinstance(x, dict):
            for y in x.values(): yield from tensors(y)
        elif isinstance(x, (list, tuple)):
            for y in x: yield from tensors(y)
    if layers is None:  # a state without layers (RWKV, xLSTM): all of it is kept, whatever the length
        held = list(tensors(cache if isinstance(cache, (list, tuple, dict)) else vars(cache)))
        if not held: raise ValueError(f"cache of class {type(cache).__name__} without layers")
        return {"class": type(cache).__name__, "layers": [], "kv_bytes": {str(c): 0 for c in CONTEXTS}, "state_bytes": sum(map(bytes_of, held))}
    beside = sum(bytes_of(x) for name, value in vars(cache).items() if name != "layers" for x in tensors(value))
    for layer in layers:
        kind, per, window, state, state_bytes = type(layer).__name__, 0, None, 0, 0
        seen = set()
        for name, value in vars(layer).items():
            many = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
            for x in many:
                if not torch.is_tensor(x) or id(x) in seen or x.ndim < 2: continue
                seen.add(id(x))
                if "conv" in name or "recurrent" in name or "ssm" in name or "state" in name and "key" not in name:
                    state += x.numel(); state_bytes += bytes_of(x)
                elif name in ("keys", "values") or "key" in name or "value" in name or "index" in name:
                    length = x.shape[-2]
                    if length: per += x.numel() // length if x.numel() % length == 0 else 0
        window = getattr(layer, "sliding_window", None)
        rows.append([kind, per, window, state, state_bytes])
    kv = {}
    for context in CONTEXTS:
        total = 0
        for kind, per, window, _, _ in rows:
            held = context if not window or "Sliding" not in kind else min(context, max(window - 1, 1))
            total += per * held * 2
        kv[str(context)] = total
    coded = []
    for row in rows:
        if coded and coded[-1][1] == row: coded[-1][0] += 1
        else: coded.append([1, row])
    special = sorted({r[0] for r in rows} - {"DynamicLayer", "DynamicSlidingWindowLayer", "LinearAttentionLayer",
                     "LinearAttentionAndFullAttentionLayer", "DynamicIndexedLayer", "DummyLayer"})
    got = {"class": type(cache).__name__, "layers": coded, "kv_bytes": kv, "state_bytes": sum(r[4] for r in rows) + beside}
    special = [x for x in special if x != "LinearAttentionAndSlidingWindowAttentionLayer"]
    if special:  # caches with rules of their own: what they really hold after 2048 and 4096 tokens, and the line through both
        held = []
        for n in (2048, 4096):
            again = model(input_ids=torch.zeros((1, n), dtype=torch.long, device="meta"), use_cache=True).past_key_values
            total = 0
            for layer in again.layers:
                for value in vars(layer).values():
                    for x in value.values() if isinstance(value, dict) else [value]:
                        if torch.is_tensor(x) and x.ndim >= 3: total += bytes_of(x)
            held.append(total)
        slope = (held[1] - held[0]) / 2048
        got["kv_bytes"] = {str(c): int(held[1] + slope * (c - 4096)) for c in CONTEXTS}
        got["note"] = "layer classes of their own (" + ", ".join(special) + "): bytes held after 2048 and 4096 tokens, and the straight line through both"
    return got


def one(raw):
    kind, config = configure(raw)
    cls = choose(kind, config, raw)
    model = build(cls, config)
    total, text, towers, mtp, groups = count(model)
    tied = None
    try:
        a, b = model.get_input_embeddings(), model.get_output_embeddings()
        tied = bool(b is not None and a is not None and a.weight is b.weight)
    except Exception: pass
    got = {"as": kind} if kind != raw.get("model_type") else {}
    got |= {"class": cls.__name__, "parameters": total, "text": text, "towers": towers, "mtp": mtp, "tied": tied, "groups": groups}
    text_config = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "num_hidden_layers", "sliding_window", "vocab_size", "hidden_size"):
        got[name] = getattr(text_config, name, None) if isinstance(getattr(text_config, name, None), (int, float, list, type(None))) else None
    try:
        got["cache"] = cache_of(model, config)
    except Late: got["cache"] = {"not_computed": "took too long"}
    except Exception as e:
        plain = copy.deepcopy(config)  # a rope that looks at the data is replaced: it has nothing to do with the cache
        try:
            parts = [plain] + [v for v in vars(plain).values() if isinstance(v, transformers.PretrainedConfig)]
            changed = False
            for part in parts:
                rope = getattr(part, "rope_parameters", None)
                if isinstance(rope, dict) and "vision" not in type(part).__name__.lower():
                    for r in [rope] + [v for v in rope.values() if isinstance(v, dict)]:
                        if r.get("rope_type", "default") in ("longrope", "dynamic", "yarn", "llama3", "linear"):
                            theta = r.get("rope_theta"); keep = {k: v for k, v in r.items() if k in ("partial_rotary_factor", "mrope_section", "mrope_interleaved")}
                            r.clear(); r.update(rope_type="default", rope_theta=theta or 10000.0, **keep); changed = True
            if not changed: raise e
            del model; model = build(cls, plain)
            got["cache"] = cache_of(model, plain)
        except Late: got["cache"] = {"not_computed": "took too long"}
        except Exception as again: got["cache"] = {"not_computed": f"{type(again).__name__}: {str(again)[:300]}"}
    return got


def main(out, folders, again):
    done = json.load(open(out)) if os.path.exists(out) else {"transformers": transformers.__version__, "torch": torch.__version__, "models": {}}
    for folder in folders:
        base = os.path.basename(os.path.normpath(folder))
        for root, _, files in sorted(os.walk(folder)):
            if os.path.basename(root) == "gguf": continue
            for file in sorted(files):
                if not file.endswith(".json") or file in ("index.json", "truth.json", "truth-sweep.json", "cases.json", "sweep.index.json"): continue
                name = f"{base}/{os.path.relpath(os.path.join(root, file), folder)[:-5]}"
                if name in done["models"] and name not in again and "*" not in again: continue
                signal.alarm(120)
                try: entry = one(load(os.path.join(root, file)))
                except Late: entry = {"error": "took too long"}
                except Exception as e: entry = {"error": f"{type(e).__name__}: {str(e)[:300]}"}
                signal.alarm(0)
                done["models"][name] = entry
                c = entry.get("cache", {})
                print(name, entry.get("parameters", entry.get("error")), c.get("kv_bytes", {}).get("32768", c.get("not_computed")), c.get("state_bytes"), flush=True)
                gc.collect()
                json.dump(done, open(out + ".part", "w")); os.replace(out + ".part", out)
    with open(out, "w") as f:
        rows = ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in sorted(done["models"].items()))
        f.write('{"transformers": %s, "torch": %s, "models": {\n%s\n}}\n' % (json.dumps(done["transformers"]), json.dumps(done["torch"]), rows))


if __name__ == "__main__":
    args = sys.argv[1:]; again = set()
    while "--again" in args:
        i = args.index("--again"); again.add(args[i + 1]); del args[i:i + 2]
    main(args[0], args[1:], again)
