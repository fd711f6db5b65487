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

MAMBA2 = dict(mamba_n_heads=16, mamba_d_head=40, mamba_d_state=16, mamba_n_groups=2)

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
    ("opt", dict(hidden_size=320, ffn_dim=704, num_hidden_layers=4, num_attention_heads=8, vocab_size=1152,
                 word_embed_proj_dim=160, do_layer_norm_before=False)),
    ("opt", dict(hidden_size=320, ffn_dim=704, num_hidden_layers=4, num_attention_heads=8, vocab_size=1152,
                 word_embed_proj_dim=320, _remove_final_layer_norm=True)),
    ("falcon", dict(hidden_size=320, num_hidden_layers=4, num_attention_heads=8, vocab_size=1152)),
    ("falcon", dict(hidden_size=320, num_hidden_layers=4, num_attention_heads=8, num_kv_heads=2, vocab_size=1152,
                    new_decoder_architecture=True)),
    ("nemotron_h", dict(**GROUPS, head_dim=48, layers_block_type=["mamba","mlp","mamba","attention","mlp","mamba"],
     mamba_num_heads=16, mamba_head_dim=40, ssm_state_size=16, n_groups=2)),
    ("nemotron_h", dict(**GROUPS, head_dim=48, layers_block_type=["mamba","moe","mamba","attention","moe","mamba"],
     mamba_num_heads=16, mamba_head_dim=40, ssm_state_size=16, n_groups=2, n_routed_experts=8, num_experts_per_tok=2,
     moe_intermediate_size=96, moe_shared_expert_intermediate_size=160)),
    ("nemotron_h", dict(**GROUPS, head_dim=48, layers_block_type=["mamba","moe","mamba","attention","moe","mamba"],
     mamba_num_heads=16, mamba_head_dim=40, ssm_state_size=16, n_groups=2, n_routed_experts=8, num_experts_per_tok=2,
     moe_intermediate_size=96, moe_shared_expert_intermediate_size=160, moe_latent_size=64)),
    ("nemotron_h", dict(**GROUPS, head_dim=48, layers_block_type=["mamba","moe","mamba","attention","moe","mamba"],
     mamba_num_heads=16, mamba_head_dim=40, ssm_state_size=16, n_groups=2, n_routed_experts=8, num_experts_per_tok=2,
     moe_intermediate_size=96, moe_shared_expert_intermediate_size=160, n_shared_experts=2)),
    ("falcon_h1", dict(**WIDE, mamba_d_ssm=640, **MAMBA2)),
    ("falcon_h1", dict(**WIDE, mamba_d_ssm=640, mamba_rms_norm=True, **MAMBA2)),
    ("jamba", dict(**PADDED, attn_layer_period=3, attn_layer_offset=1, num_experts=4, num_experts_per_tok=2,
     mamba_d_state=16, mamba_dt_rank=20)),
    ("bamba", dict(**PADDED, attn_layer_indices=[2,4], **MAMBA2)),
    ("zamba2", dict(**SIZES,
     layers_block_type=["linear_attention","hybrid","linear_attention","hybrid","linear_attention","hybrid"],
     n_mamba_heads=16, mamba_d_state=16, mamba_ngroups=2, num_mem_blocks=2, adapter_rank=24,
     use_shared_attention_adapter=True, num_key_value_heads=8)),
    ("zamba2", dict(**SIZES,
     layers_block_type=["linear_attention","hybrid","linear_attention","hybrid","linear_attention","hybrid"],
     n_mamba_heads=16, mamba_d_state=16, mamba_ngroups=2, num_mem_blocks=1, adapter_rank=24,
     num_key_value_heads=8)),
    ("zamba2", dict(**SIZES,
     layers_block_type=["linear_attention","hybrid","linear_attention","hybrid","linear_attention","hybrid"],
     n_mamba_heads=16, mamba_d_state=16, mamba_ngroups=2, num_mem_blocks=2, adapter_rank=24,
     use_shared_attention_adapter=True, num_key_value_heads=4, attention_hidden_size=480, attention_head_dim=40)),
    ("zamba2", dict(**SIZES,
     layers_block_type=["linear_attention","hybrid","linear_attention","hybrid","linear_attention","hybrid"],
     n_mamba_heads=16, mamba_d_state=16, mamba_ngroups=2, num_mem_blocks=2, adapter_rank=24, num_key_value_heads=4,
     add_bias_linear=True)),
    ("minimax", dict(**WIDE, **LOCAL, layer_types=["linear_attention","full_attention","linear_attention"]*2)),
    ("kimi_linear", dict(**LATENT, pad_token_id=0, q_lora_rank=None, num_experts=8, num_experts_per_token=2,
     moe_intermediate_size=96, num_shared_experts=1, first_k_dense_replace=1, linear_attn_config=dict(num_heads=8,
     head_dim=32, short_conv_kernel_size=4, full_attn_layers=[3,6], kda_layers=[1,2,4,5]))),
    ("bailing_hybrid", dict(**LATENT, pad_token_id=0, q_lora_rank=48, head_dim=32, num_experts=8,
     num_experts_per_tok=2, moe_intermediate_size=96, num_shared_experts=1, first_k_dense_replace=1,
     layer_group_size=3, n_group=1, topk_group=1)),
    ("mamba", dict(hidden_size=320, num_hidden_layers=4, vocab_size=1152, state_size=16)),
    ("falcon_mamba", dict(hidden_size=320, num_hidden_layers=4, vocab_size=1152, state_size=16)),
    ("mamba2", dict(hidden_size=320, num_hidden_layers=4, vocab_size=1152, state_size=16, num_heads=16, head_dim=40,
     n_groups=2)),
    ("olmo_hybrid", dict(**PADDED, linear_num_key_heads=4, linear_num_value_heads=4, linear_key_head_dim=24,
     linear_value_head_dim=48, layer_types=["linear_attention","linear_attention","full_attention"]*2)),
    ("recurrent_gemma", dict(**GROUPS, head_dim=40, lru_width=320, attention_window_size=16)),
    ("llama4_text", dict(**WIDE, **LOCAL, intermediate_size_mlp=512, interleave_moe_layer_step=2)),
    ("deepseek_v32", dict(**LATENT, **ROUTED, q_lora_rank=48, first_k_dense_replace=2, n_group=1, topk_group=1,
     index_head_dim=32, index_n_heads=4)),
    ("glm_moe_dsa", dict(**LATENT, **ROUTED, q_lora_rank=48, first_k_dense_replace=2, n_group=1, topk_group=1,
     index_head_dim=32, index_n_heads=4)),
    ("minicpm3", dict(**LATENT, q_lora_rank=48)),
    ("hunyuan_v1_moe", dict(**PADDED, head_dim=48, num_experts=4, moe_topk=2)),
    ("afmoe", dict(**WIDE, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=96, num_shared_experts=2,
     num_dense_layers=1)),
    ("mimo_v2_flash", dict(**GROUPS, head_dim=48, v_head_dim=32, n_routed_experts=8, num_experts_per_tok=2,
     moe_intermediate_size=96)),
    ("minimax_m2", dict(**WIDE, **LOCAL)),
    ("exaone_moe", dict(**GROUPS, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=96,
     num_shared_experts=1, first_k_dense_replace=1)),
    ("flex_olmo", dict(**PADDED, num_experts=8, num_experts_per_tok=2)),
    ("qwen3_5_moe_text", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160)),
    ("ministral3", WIDE),
    ("mistral", dict(**GROUPS)),
    ("lfm3", dict(**WIDE, pad_token_id=0)),
    ("internlm3", GROUPS),
    ("cwm", GROUPS),
    ("exaone", GROUPS),
    ("vaultgemma", WIDE),
    ("granite_swa", GROUPS),
    ("solar_open", dict(**WIDE, **ROUTED)),
    ("youtu", dict(**LATENT, q_lora_rank=48)),
    ("hyperclovax", GROUPS),
    ("iquestcoder", GROUPS),
    ("jais2", dict(**GROUPS, attention_bias=True, mlp_bias=True)),
    ("diffllama", GROUPS),
    ("cohere", dict(**PADDED, use_qk_norm=True)),
    ("cohere2_moe", dict(**WIDE, pad_token_id=0, num_experts=8, num_experts_per_tok=2, num_shared_experts=2,
     first_k_dense_replace=1, prefix_dense_intermediate_size=512)),
    ("stablelm", dict(**GROUPS, qk_layernorm=True)),
    ("minimax_m3_vl_text", dict(**WIDE, **LOCAL, dense_intermediate_size=512, shared_intermediate_size=128,
     index_n_heads=2, index_head_dim=32, mlp_layer_types=["dense"]*2+["sparse"]*4,
     layer_types=["full_attention"]*2+["minimax_m3_sparse"]*4)),
    ("hy_v3", dict(**WIDE, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=96, num_shared_experts=1)),
    ("axk1", dict(**LATENT, **ROUTED, q_lora_rank=48, first_k_dense_replace=2, n_group=1, topk_group=1)),
    ("sarvam_mla", dict(**LATENT, **ROUTED, pad_token_id=0)),
    ("sarvam_moe", dict(**WIDE, **ROUTED, pad_token_id=0)),
    ("granitemoe_swa", dict(**GROUPS, **LOCAL, shared_intermediate_size=128)),
    ("flint", dict(**WIDE, **EXPERTS)),
    ("kolibri1", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160)),
    ("beam", dict(**WIDE, **EXPERTS, n_group=1, topk_group=1)),
    ("lara_mini", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160)),
    ("laguna", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160,
     num_attention_heads_per_layer=[8, 4, 8, 4, 8, 4])),
    ("laguna", dict(**WIDE, **EXPERTS, shared_expert_intermediate_size=160, gating="per-element")),
    ("apertus1p5_text", PADDED),
    ("biogpt", SIZES),
    ("modernbert-decoder", dict(**SIZES, pad_token_id=0)),
    ("minimax_m2", dict(**WIDE, **LOCAL, use_qk_norm=True)),
    ("phi", dict(**GROUPS, qk_layernorm=True)),
    ("persimmon", dict(**SIZES, qk_layernorm=False)),
    ("lfm3", dict(**WIDE, pad_token_id=0, use_sandwich_norm=False, use_attention_gate=False)),
    ("qwen3_5_text", dict(**WIDE, attention_bias=True)),
    ("stablelm", dict(**GROUPS, qk_layernorm=True, use_parallel_residual=True)),
    ("gemma3n_text", dict(**SHARED, laurel_rank=16, attention_bias=True)),
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
