"""Caches and recurrent states that transformers really allocates, in small models of many types: `tests/fixtures/transformers-caches.json`.

Each model reads a prompt of 56 tokens and then 8 one by one, on the CPU, in its checkpoint's own type. Counted is the memory behind each tensor
of the cache, since a tensor may be a view of a longer one: a sliding layer's holds a token less than its window, its memory all of them, and
the whole prompt until the next token.

Usage: python transformers_caches.py > transformers-caches.json   (pip install torch transformers)
"""

import json
import sys
import warnings

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, DynamicCache

PROMPT, STEPS = 56, 8
BASE = dict(hidden_size=320, intermediate_size=704, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=2, vocab_size=1152)
WIDE = dict(BASE, head_dim=48)
FEW = dict(hidden_size=320, num_hidden_layers=4, vocab_size=1152)
MAMBA2 = dict(mamba_n_heads=16, mamba_d_head=40, mamba_d_state=16)
NEMOTRON = dict(WIDE, mamba_num_heads=16, mamba_head_dim=40, ssm_state_size=16, n_groups=2)
EXPERTS = dict(num_experts=8, num_experts_per_tok=2, moe_intermediate_size=96)
QWEN = dict(WIDE, **EXPERTS, shared_expert_intermediate_size=160)
MLA = dict(BASE, num_key_value_heads=8, kv_lora_rank=64, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32, pad_token_id=0)
DEEPSEEK = dict(MLA, n_routed_experts=8, num_experts_per_tok=2, moe_intermediate_size=96, n_shared_experts=1, q_lora_rank=48,
                first_k_dense_replace=2, n_group=1, topk_group=1)
KIMI = {"num_heads": 8, "head_dim": 32, "short_conv_kernel_size": 4, "full_attn_layers": [3, 6], "kda_layers": [1, 2, 4, 5]}
CONV = ["conv", "conv", "full_attention"] * 2
LINEAR = ["linear_attention", "linear_attention", "full_attention"] * 2
ZAMBA = ["linear_attention", "hybrid"] * 3
GEMMA4 = dict(WIDE, num_kv_shared_layers=2, vocab_size_per_layer_input=1000, hidden_size_per_layer_input=32, global_head_dim=96,
              layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2)
CASES = [
    # Recurrences.
    ("mamba", dict(FEW, state_size=16)),
    ("falcon_mamba", dict(FEW, state_size=16)),
    ("mamba2", dict(FEW, state_size=16, num_heads=16, head_dim=40, n_groups=2)),
    ("jamba", dict(BASE, pad_token_id=0, attn_layer_period=3, attn_layer_offset=1, num_experts=4, num_experts_per_tok=2, mamba_dt_rank=20)),
    ("bamba", dict(BASE, pad_token_id=0, attn_layer_indices=[2, 4], mamba_n_groups=2, **MAMBA2)),
    ("falcon_h1", dict(WIDE, mamba_d_ssm=640, mamba_n_groups=2, **MAMBA2)),
    ("granitemoehybrid", dict(BASE, num_local_experts=6, num_experts_per_tok=2, shared_intermediate_size=128, mamba_n_groups=1,
                              layer_types=["mamba", "mamba", "attention"] * 2, **MAMBA2)),
    ("zamba2", dict(BASE, num_key_value_heads=8, layers_block_type=ZAMBA, n_mamba_heads=16, mamba_d_state=16, mamba_ngroups=2,
                    num_mem_blocks=2, adapter_rank=24)),
    ("nemotron_h", dict(NEMOTRON, layers_block_type=["mamba", "mlp", "mamba", "attention", "mlp", "mamba"])),
    ("qwen3_next", QWEN), ("qwen3_5_text", WIDE), ("qwen3_5_moe_text", QWEN),
    ("lfm2", dict(BASE, block_auto_adjust_ff_dim=False, layer_types=CONV)),
    ("lfm2_moe", dict(BASE, **EXPERTS, num_dense_layers=2, layer_types=CONV)),
    ("lfm3", dict(WIDE, pad_token_id=0, sliding_window=16)),
    ("lara_mini", dict(QWEN, sliding_window=16)),
    ("olmo_hybrid", dict(BASE, pad_token_id=0, linear_num_key_heads=4, linear_num_value_heads=4, linear_key_head_dim=24,
                         linear_value_head_dim=48, layer_types=LINEAR)),
    ("minimax", dict(WIDE, num_local_experts=4, num_experts_per_tok=2,
                     layer_types=["linear_attention", "full_attention", "linear_attention"] * 2)),
    ("kimi_linear", dict(MLA, q_lora_rank=None, num_experts=8, num_experts_per_token=2, moe_intermediate_size=96, num_shared_experts=1,
                         first_k_dense_replace=1, linear_attn_config=KIMI)),
    ("bailing_hybrid", dict(MLA, q_lora_rank=48, head_dim=32, **EXPERTS, num_shared_experts=1, first_k_dense_replace=1, layer_group_size=3,
                            n_group=1, topk_group=1)),
    ("recurrent_gemma", dict(BASE, head_dim=40, lru_width=320, attention_window_size=16, pad_token_id=0)),
    # Windows.
    ("mistral", dict(BASE, sliding_window=16)), ("phi3", dict(BASE, pad_token_id=0, sliding_window=16)),
    ("gemma2", dict(WIDE, sliding_window=16)), ("gemma3_text", dict(WIDE, sliding_window=16)), ("gemma4_text", dict(GEMMA4, sliding_window=16)),
    ("gpt_oss", dict(WIDE, num_local_experts=6, num_experts_per_tok=2, sliding_window=16)),
    ("cohere2", dict(BASE, sliding_window=16)), ("olmo3", dict(BASE, pad_token_id=0, sliding_window=16)),
    # Heads.
    ("llama", BASE), ("gpt2", dict(n_embd=320, n_layer=4, n_head=8, vocab_size=1152)), ("opt", dict(FEW, ffn_dim=704, num_attention_heads=8, word_embed_proj_dim=320)),
    ("falcon", dict(FEW, num_attention_heads=8)),
    ("falcon", dict(FEW, num_attention_heads=8, num_kv_heads=2, new_decoder_architecture=True)),
    ("falcon", dict(FEW, num_attention_heads=8, multi_query=False)),
    # Latent attention, compressed, and its index.
    ("deepseek_v2", DEEPSEEK), ("deepseek_v3", DEEPSEEK), ("deepseek_v32", dict(DEEPSEEK, index_head_dim=32, index_n_heads=4)),
]
# Types that are built in f32 too.
IN_F32 = ("mamba", "mamba2", "jamba", "falcon_h1", "qwen3_next", "lfm2", "minimax", "gemma3_text", "llama", "gpt2", "falcon", "deepseek_v3")


def tensors(value, path=""):
    if torch.is_tensor(value):
        yield path, value
    elif isinstance(value, (dict, list, tuple)):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from tensors(part, f"{path}.{name}")


def held(cache, model):
    """Bytes of keys and values, and of states, which RecurrentGemma's blocks hold themselves: each memory once."""
    sums, seen = [0, 0], set()
    parts = [vars(layer) for layer in cache.layers] + [{k: v for k, v in vars(cache).items() if k != "layers"}]
    parts += [{name: getattr(module, name, None)} for module in model.modules() for name in ("recurrent_states", "conv1d_state")]
    for path, tensor in (found for part in parts for found in tensors(part)):
        memory = tensor.untyped_storage()
        if tensor.ndim < 2 or not tensor.numel() or memory.data_ptr() in seen:
            continue
        seen.add(memory.data_ptr())
        sums[0 if any(word in path for word in ("key", "value")) else 1] += memory.nbytes()
    return sums


def cases():
    for kind, fields in CASES:
        for dtype in ("bfloat16", "float32") if kind in IN_F32 else ("bfloat16",):
            config = CONFIG_MAPPING[kind](**fields)
            config.dtype = dtype
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()
            tokens = torch.randint(3, 60, (1, PROMPT + STEPS))
            given = {}
            if hasattr(model, "_setup_cache"):  # What it makes itself it does not give back.
                model._setup_cache(config, 1, "cpu", model.dtype)
                given = {"cache": DynamicCache(config=config)}
            out = model(input_ids=tokens[:, :PROMPT], use_cache=True, **given)
            name = next(name for name in ("cache", "past_key_values", "cache_params") if name in given or hasattr(out, name))
            cache_of = lambda out: given.get(name) or getattr(out, name)
            prompt, _ = held(cache_of(out), model)
            for at in range(PROMPT, PROMPT + STEPS):
                out = model(input_ids=tokens[:, at : at + 1], use_cache=True, **{name: cache_of(out)})
            kv, state = held(cache_of(out), model)
            stated = json.loads(config.to_json_string(use_diff=True))
            stated = {key: value for key, value in stated.items() if not key.startswith(("_", "transformers"))}
            yield {"type": kind, "dtype": dtype, "prompt": PROMPT, "prompt_kv_bytes": prompt, "tokens": PROMPT + STEPS, "kv_bytes": kv,
                   "state_bytes": state, "config": stated}
            print(kind, dtype, prompt, kv, state, file=sys.stderr)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print("[\n" + ",\n".join(json.dumps(case) for case in cases()) + "\n]")
