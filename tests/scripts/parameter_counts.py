"""Small configs of many model types with the number of parameters that transformers builds for them.

Nothing is allocated: models are built on PyTorch's meta device. Fields that say nothing about sizes are left out.

Usage: python parameter_counts.py ../fixtures/parameter-counts.json   (pip install torch transformers)
"""

import json
import sys
import warnings

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

SIZES = dict(hidden_size=320, intermediate_size=704, num_hidden_layers=6, num_attention_heads=8, vocab_size=1152)
GROUPS = dict(**SIZES, num_key_value_heads=2)
PADDED = dict(**GROUPS, pad_token_id=0)
WIDE = dict(**GROUPS, head_dim=48)
OLD = dict(n_embd=320, n_layer=4, n_head=8, vocab_size=1152)
LOCAL = dict(num_local_experts=6, num_experts_per_tok=2)
EXPERTS = dict(num_experts=8, num_experts_per_tok=2, moe_intermediate_size=96)
ROUTED = dict(n_routed_experts=8, num_experts_per_tok=2, moe_intermediate_size=96, n_shared_experts=1)
LATENT = dict(**SIZES, num_key_value_heads=8, kv_lora_rank=64, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32)
SHARED = dict(**WIDE, num_kv_shared_layers=2, vocab_size_per_layer_input=1000, hidden_size_per_layer_input=32,
              layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2)

CASES = [
    ("llama", GROUPS), ("llama", dict(**WIDE, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)),
    ("mistral", WIDE), ("mixtral", dict(**GROUPS, **LOCAL)), ("qwen2", GROUPS), ("qwen3", WIDE),
    ("qwen3", dict(**WIDE, attention_bias=True, tie_word_embeddings=True)),
    ("qwen2_moe", dict(**GROUPS, **EXPERTS, shared_expert_intermediate_size=160)),
    ("qwen2_moe", dict(**GROUPS, **EXPERTS, shared_expert_intermediate_size=160, decoder_sparse_step=2,
                       mlp_only_layers=[1])),
    ("qwen3_moe", dict(**WIDE, **EXPERTS)), ("qwen3_moe", dict(**GROUPS, **EXPERTS, decoder_sparse_step=2)),
    ("qwen3_next", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160)), ("qwen3_5_text", WIDE),
    ("granite", dict(**GROUPS, tie_word_embeddings=True)), ("granitemoe", dict(**GROUPS, **LOCAL)),
    ("granitemoeshared", dict(**GROUPS, **LOCAL, shared_intermediate_size=128)),
    ("granitemoehybrid", dict(**GROUPS, **LOCAL, shared_intermediate_size=128, mamba_n_heads=16, mamba_d_head=40,
                              mamba_d_state=16, mamba_n_groups=1,
                              layer_types=["mamba", "mamba", "attention"] * 2)),
    ("phi", GROUPS), ("phi3", PADDED), ("phimoe", dict(**GROUPS, **LOCAL)),
    ("phimoe", dict(**GROUPS, **LOCAL, attention_bias=True, lm_head_bias=True)), ("smollm3", PADDED),
    ("gemma", WIDE), ("gemma2", WIDE), ("gemma3_text", WIDE), ("gemma3n_text", dict(**SHARED, laurel_rank=16)),
    ("gemma4_text", dict(**SHARED, global_head_dim=96)), ("gpt_oss", dict(**GROUPS, **LOCAL, head_dim=64)),
    ("lfm2", dict(**GROUPS, block_auto_adjust_ff_dim=False, layer_types=["conv", "conv", "full_attention"] * 2)),
    ("lfm2_moe", dict(**GROUPS, **EXPERTS, num_dense_layers=2, layer_types=["conv", "conv", "full_attention"] * 2)),
    ("deepseek_v2", dict(**LATENT, **ROUTED, q_lora_rank=None, first_k_dense_replace=1)),
    ("deepseek_v3", dict(**LATENT, **ROUTED, q_lora_rank=48, first_k_dense_replace=2, n_group=1, topk_group=1)),
    ("glm", PADDED), ("glm", dict(**PADDED, attention_bias=True)), ("glm4", PADDED),
    ("glm4_moe", dict(**WIDE, **ROUTED, first_k_dense_replace=1, use_qk_norm=True, n_group=1, topk_group=1)),
    ("glm4_moe_lite", dict(**LATENT, **ROUTED, q_lora_rank=48)), ("ernie4_5", WIDE),
    ("ernie4_5_moe", dict(**GROUPS, moe_num_experts=8, moe_k=2, moe_intermediate_size=96, moe_num_shared_experts=1)),
    ("hunyuan_v1_dense", dict(**PADDED, head_dim=48)), ("exaone4", GROUPS),
    ("seed_oss", dict(**WIDE, attention_bias=True)),
    ("seed_oss", dict(**WIDE, attention_bias=True, attention_out_bias=True)),
    ("dots1", dict(**GROUPS, **ROUTED, first_k_dense_replace=1)), ("apertus", PADDED), ("arcee", GROUPS),
    ("arcee", dict(**GROUPS, attention_bias=True, mlp_bias=True)), ("nemotron", GROUPS),
    ("helium", dict(**PADDED, head_dim=40)), ("bitnet", GROUPS), ("stablelm", GROUPS),
    ("stablelm", dict(**GROUPS, use_qkv_bias=True)), ("olmo", PADDED), ("olmo2", PADDED), ("olmo3", PADDED),
    ("olmoe", dict(**PADDED, num_experts=8, num_experts_per_tok=2)), ("cohere", PADDED), ("cohere2", PADDED),
    ("starcoder2", GROUPS), ("gpt_neox", SIZES), ("gpt2", OLD), ("gpt_bigcode", OLD),
    ("gpt_bigcode", dict(**OLD, multi_query=False)), ("gptj", dict(**OLD, rotary_dim=16, tie_word_embeddings=False)),
    ("codegen", dict(**OLD, rotary_dim=16, tie_word_embeddings=False)),
    ("bloom", dict(hidden_size=320, n_layer=4, n_head=8, vocab_size=1152)),
    ("mpt", dict(d_model=320, n_layers=4, n_heads=8, vocab_size=1152)),
    ("opt", dict(hidden_size=320, ffn_dim=704, num_hidden_layers=4, num_attention_heads=8, vocab_size=1152,
                 word_embed_proj_dim=320)),
    ("falcon", dict(hidden_size=320, num_hidden_layers=4, num_attention_heads=8, vocab_size=1152)),
    ("falcon", dict(hidden_size=320, num_hidden_layers=4, num_attention_heads=8, num_kv_heads=2, vocab_size=1152,
                    new_decoder_architecture=True)),
]
# Fields with these words in their names say nothing about sizes.
NOISE = ("token_id", "dropout", "pdrop", "init", "eps", "theta", "loss", "output_", "cache", "dtype", "scal",
         "version", "norm_topk", "act", "summary", "multiplier", "softcap", "chunk_size", "pretraining", "attn_config")


def case(kind, fields):
    config = AutoConfig.for_model(kind, **fields)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    stated = json.loads(config.to_json_string(use_diff=True))
    noise = [name for name in stated if name.startswith("rope") or any(word in name for word in NOISE)]
    kept = {name: value for name, value in stated.items()
            if name in ("q_lora_rank", "conv_L_cache") or value is not None and name not in noise}
    return {"config": kept, "parameters": sum(parameter.numel() for parameter in model.parameters())}


warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
cases = [case(kind, fields) for kind, fields in CASES]
with open(sys.argv[1], "w") as out:
    lines = ",\n".join(json.dumps(one) for one in cases)
    out.write(f'{{"transformers": "{transformers.__version__}", "cases": [\n{lines}\n]}}\n')
