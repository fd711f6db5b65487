//! Families and other kinds told by parts of tensor names alone, for checkpoints without a config.

/// Parts that only one family has.
const MARKS: [(&str, &str); 6] = [
    ("layer_scalar", "gemma4"),
    ("altup", "gemma3n"),
    ("linear_attn.", "qwen3_5"),
    ("operator_norm", "lfm2"),
    ("mamba.x_proj", "jamba"),
    ("self_attn.qkv_proj", "phi3"),
];

/// Parts of names of layers whose caches or states no shape tells, and what those are.
const BEYOND_SHAPES: [(&str, &str); 21] = [
    ("cross_attn", "layers that attend to pictures or sounds"),
    ("shared_transformer.", "attention blocks that layers share"),
    ("mamba_decoder.", "attention blocks that layers share"),
    ("slope_rate", "lightning attention"),
    ("self_attn.output_gate", "lightning attention"),
    ("attention.g_proj", "linear attention"),
    ("self_attn.A_log", "linear attention"),
    ("forget_gate.", "linear attention"),
    ("self_attn.conv1d", "linear attention"),
    ("q_conv1d", "linear attention"),
    ("f_a_proj", "linear attention"),
    ("linear_attn.q_proj", "linear attention of its own shape"),
    ("temporal_block.", "gated linear recurrences"),
    ("rg_lru.", "gated linear recurrences"),
    ("mixer.A_log", "a state-space model's blocks, whose groups no shape tells"),
    ("mixer.D", "a state-space model's blocks, whose groups no shape tells"),
    ("mlstm", "xLSTM blocks"),
    ("time_mix", "RWKV blocks"),
    ("time_mixing", "RWKV blocks"),
    ("attention.x_r", "RWKV blocks"),
    ("hyper_connection", "several streams between its layers"),
];

/// Parts of names that no decoder has, and what has them.
const OTHERS: [(&str, &str); 27] = [
    ("action_in_proj.", "a model of sounds or actions"),
    ("encoder_attn.", "an encoder-decoder model"),
    ("encoder_decoder_attention.", "an encoder-decoder model"),
    ("EncDecAttention.", "an encoder-decoder model"),
    ("local_encoder.", "byte-level transformers around another"),
    ("depth_decoder.", "a speech model of several transformers"),
    ("midlayer.", "a draft head, which runs beside its model"),
    ("medusa_head.", "draft heads, which run beside their model"),
    ("medusa_heads.", "draft heads, which run beside their model"),
    ("attention.self.query", "an encoder without a decoder"),
    ("embeddings.cls_token", "an encoder of pictures"),
    ("embeddings.patch_embeddings", "an encoder of pictures"),
    ("double_blocks.", "a diffusion model"),
    ("diffusion_model.", "a diffusion model"),
    ("transformer_blocks.", "a diffusion model"),
    ("first_stage_model.", "a diffusion model"),
    ("noise_refiner.", "a diffusion model"),
    ("down_blocks.", "a diffusion model"),
    ("hada_w1_a", "an adapter of another form than LoRA"),
    ("lokr_w1", "an adapter of another form than LoRA"),
    ("ia3_l", "an adapter of another form than LoRA"),
    ("vera_lambda", "an adapter of another form than LoRA"),
    ("lora_down.", "a LoRA adapter"),
    ("lora_a", "a LoRA adapter"),
    ("prompt_embeddings", "a learned prompt"),
    ("flow_head.", "a model of sounds or actions"),
    ("action_head.", "a model of sounds or actions"),
];

/// The family's name, given whether any tensor's name contains a part.
pub(in crate::model) fn by_parts(has: &dyn Fn(&str) -> bool) -> &'static str {
    if let Some((_, family)) = MARKS.iter().find(|(mark, _)| has(mark)) {
        return family;
    }
    if has("mamba.") {
        return "granitemoehybrid";
    }
    match (has("pre_feedforward_layernorm"), has("q_norm"), has("q_proj.bias"), has("experts.")) {
        (true, true, ..) => "gemma3",
        (true, false, ..) => "gemma2",
        (false, true, _, true) => "qwen3_moe",
        (false, true, _, false) => "qwen3",
        (false, false, true, true) => "qwen2_moe",
        (false, false, true, false) => "qwen2",
        (false, false, false, true) => "mixtral",
        (false, false, false, false) => "llama",
    }
}

/// What a decoder's layers have whose memory follows from a config only, given whether any of their names contains a part.
pub(in crate::model) fn beyond_shapes(has: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    // Granite's hybrids have one group; the shapes of others would fit several.
    if has("mamba.") && !has("mamba.x_proj") && !has("shared_mlp.") {
        return Some("Mamba-2 blocks, whose groups no shape tells");
    }
    BEYOND_SHAPES.iter().find(|(mark, _)| has(mark)).map(|(_, what)| *what)
}

/// What the file holds in place of a decoder, given whether any tensor's name, or one outside its layers, contains a part.
pub(in crate::model) fn no_decoder(
    has: &dyn Fn(&str) -> bool,
    outside: &dyn Fn(&str) -> bool,
) -> Option<&'static str> {
    let encodes = ["encoder.layers.", "encoder.block.", "encoder.layer."].iter().any(|stack| has(stack));
    let decodes = ["decoder.layers.", "decoder.block."].iter().any(|stack| has(stack));
    match () {
        () if encodes && decodes => Some("an encoder-decoder model"),
        () if ["fc.weight", "model.fc.weight", "d2t", "hidden_norm.weight"]
            .iter()
            .any(|name| outside(name)) =>
        {
            Some("a draft head, which runs beside its model")
        }
        () => OTHERS
            .iter()
            .find(|(mark, _)| has(mark))
            .map(|(_, what)| *what)
            // ChatGLM calls its decoder so.
            .or((encodes && !has("transformer.encoder.layers.")).then_some("an encoder without a decoder")),
    }
}
