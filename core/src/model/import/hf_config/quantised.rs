//! Quantised checkpoints, as a config speaks of them: how many bits a packed weight takes, and which weight format that is.

use super::ConfigError;
use crate::format::document::{DocumentError, Fields, Value, parse_json};
use crate::model::architecture::OwnBits;
use crate::model::family;
use crate::model::import::names;

/// Part of a sentence that holds for a config alone.
pub const OWN_BYTES: &str = "its own bytes are read from its safetensors header only";

/// Bits of one weight in the checkpoint beside a config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredBits {
    /// Of most packed matrices, where the checkpoint is quantised and says so.
    pub usual: Option<u64>,
    /// Of single matrices, by their name without an ending (mixed-bit MLX).
    pub single: Vec<(String, u64)>,
    /// Where a checkpoint has several: bits, and how many weights share a scale.
    pub several: Vec<(u64, Option<u64>)>,
    /// Of a weight that is not packed, by the config's `dtype`.
    pub plain: u64,
    /// The config names a form of packing that is not among those read here.
    pub other_form: bool,
}

impl StoredBits {
    /// Bits of a weight in the matrix called `base`; of several that the checkpoint has, those that its shapes fit.
    pub fn of(&self, base: &str, fits: impl Fn(u64, Option<u64>) -> bool) -> Option<u64> {
        let single = self.single.iter().find(|(name, _)| name == base || base.ends_with(&format!(".{name}")));
        if let Some((_, bits)) = single {
            return Some(*bits);
        }
        if self.several.is_empty() {
            return self.usual;
        }
        let mut fitting =
            self.several.iter().filter(|(bits, group)| fits(*bits, *group)).map(|(bits, _)| *bits);
        let first = fitting.next()?;
        fitting.all(|bits| bits == first).then_some(first)
    }
}

/// Bits of one weight in the checkpoint beside a config, matrix by matrix where it says so.
pub fn stored_bits(source: &str, bytes: &[u8]) -> Result<StoredBits, ConfigError> {
    let node = parse_json(source, bytes)?;
    let fields = Fields::of(source, &node)?;
    let text = fields.map("text_config").ok().flatten();
    let mut bits = StoredBits { plain: dtype_bits(&fields, text.as_ref())?, ..StoredBits::default() };
    let Some(quantisation) = quantisation(&fields, text.as_ref())? else { return Ok(bits) };
    const READ: [&str; 11] = [
        "auto-round",
        "awq",
        family::TERNARY,
        "bitsandbytes",
        "compressed-tensors",
        "fbgemm_fp8",
        "fp8",
        "gptq",
        "modelopt",
        "mxfp4",
        "quark",
    ];
    bits.other_form = quantisation.text("quant_method")?.is_some_and(|method| !READ.contains(&method));
    for (name, entry) in quantisation.entries() {
        if let Value::Map(_) = entry.value
            && let Ok(Some(own)) = Fields::of(source, entry)?.integer("bits", 1..=16)
        {
            bits.single.push((name.clone(), own));
        }
    }
    if let Some(usual) = quantisation.integer("bits", 1..=16)? {
        // Which matrices have other bits than these is said in patterns.
        bits.usual = Some(usual).filter(|_| !mixed(&quantisation));
        return Ok(bits);
    }
    let method = quantisation.text("quant_method")?;
    let four = matches!(method, Some("mxfp4")) || quantisation.text("quant_algo")? == Some("NVFP4");
    let known = match method {
        _ if four || quantisation.flag("load_in_4bit")? == Some(true) => Some(4),
        // Four ternary weights to a byte.
        Some(family::TERNARY) => Some(2),
        _ => None,
    };
    if known.is_some() {
        bits.usual = known;
        return Ok(bits);
    }
    bits.several = widths(&quantisation);
    if let [(only, _)] = bits.several.as_slice() {
        bits.usual = Some(*only);
        bits.several.clear();
    }
    Ok(bits)
}

/// Bits and group sizes of compressed-tensors' groups of layers.
fn widths(quantisation: &Fields<'_>) -> Vec<(u64, Option<u64>)> {
    let Ok(Some(groups)) = quantisation.map("config_groups") else { return Vec::new() };
    let weights = groups.entries().iter().filter_map(|(_, entry)| {
        let group = Fields::of("", entry).ok()?;
        let weights = group.map("weights").ok()??;
        Some((weights.integer("num_bits", 1..=16).ok()??, group_size(&weights)))
    });
    weights.collect()
}

/// Whether some matrices have other bits than most, by patterns of their names.
fn mixed(quantisation: &Fields<'_>) -> bool {
    const OWN: [&str; 4] = ["dynamic", "extra_config", "layer_quant_config", "quantized_layers"];
    let listed = |name: &'static str| {
        quantisation.node(name).is_some_and(|node| matches!(&node.value, Value::Map(map) if !map.is_empty()))
    };
    let widths = widths(quantisation);
    let differ = widths.iter().any(|(bits, _)| widths.first().is_some_and(|(first, _)| first != bits));
    let algorithm = quantisation.text("quant_algo").ok().flatten();
    differ || algorithm == Some("MIXED_PRECISION") || OWN.iter().any(|name| listed(name))
}

/// Bits of a weight that is not packed.
pub(super) fn dtype_bits(outer: &Fields<'_>, text: Option<&Fields<'_>>) -> Result<u64, DocumentError> {
    let stated = |fields: &Fields<'_>| {
        Ok::<_, DocumentError>(fields.text("dtype")?.or(fields.text("torch_dtype")?).map(str::to_owned))
    };
    let dtype = match text.map(stated).transpose()?.flatten() {
        Some(dtype) => Some(dtype),
        None => stated(outer)?,
    };
    Ok(match dtype.as_deref() {
        Some("float32") => 32,
        Some(name) if name.starts_with("float8") => 8,
        _ => 16,
    })
}

/// What the config says of the checkpoint's quantisation; none where it says nothing.
fn quantisation<'a>(
    outer: &Fields<'a>,
    text: Option<&Fields<'a>>,
) -> Result<Option<Fields<'a>>, DocumentError> {
    let places =
        [(Some(outer), "quantization_config"), (Some(outer), "quantization"), (text, "quantization_config")];
    for (part, name) in places {
        let found = part.map(|part| part.map(name)).transpose()?.flatten();
        if let Some(map) = found.filter(|map| !map.entries().is_empty()) {
            return Ok(Some(map));
        }
    }
    Ok(None)
}

/// compressed-tensors: bits stand with each group of layers.
fn group_weights<'a>(quantisation: &Fields<'a>) -> Result<Option<Fields<'a>>, DocumentError> {
    let groups = quantisation.map("config_groups")?;
    let first = groups.and_then(|groups| groups.map("group_0").ok().flatten());
    Ok(first.and_then(|group| group.map("weights").ok().flatten()))
}

/// Weights that share a scale; none where a scale stands for a row or more.
fn group_size(map: &Fields<'_>) -> Option<u64> {
    map.integer("group_size", 16..=4096).ok().flatten().filter(|size| size.is_power_of_two())
}

/// AWQ's and GPTQ's kind of format by name; with a scale for each row, 8 bits are as good as without scales.
fn grouped(bits: u64, size: Option<u64>) -> String {
    match (bits, size) {
        (8, None) => "int8".to_owned(),
        (bits, size) => format!("int{bits}_g{}", size.unwrap_or(4096)),
    }
}

/// The weight format of the checkpoint, by name; none where it is plain, or packed in a way that has no name here.
pub(super) fn checkpoint(outer: &Fields<'_>, text: &Fields<'_>) -> Result<Option<String>, DocumentError> {
    let Some(map) = quantisation(outer, Some(text))? else { return Ok(None) };
    let bits = map.integer("bits", 1..=16).ok().flatten().filter(|bits| (2..=8).contains(bits));
    let named = |name: &str| Some(name.to_owned());
    let algorithm = match map.text("quant_algo")? {
        Some("FP8") => named("fp8"),
        Some("NVFP4") => named("nvfp4"),
        _ => None,
    };
    let Some(method) = map.text("quant_method")? else {
        // MLX names no method, and modelopt an algorithm.
        let mode = map.text("mode")?;
        if let Some(mode @ ("mxfp4" | "mxfp8" | "nvfp4")) = mode {
            return Ok(Some(["mlx_", mode].concat()));
        }
        let affine = mode.is_none_or(|mode| mode == "affine");
        return Ok(match (algorithm, bits) {
            (None, Some(bits)) if affine => Some(match group_size(&map).unwrap_or(64) {
                64 => format!("mlx_{bits}bit"),
                size => format!("mlx_{bits}bit_g{size}"),
            }),
            (algorithm, _) => algorithm,
        });
    };
    let flag = |name| Ok::<_, DocumentError>(map.flag(name)? == Some(true));
    Ok(match method {
        "awq" | "gptq" | "auto-round" => bits.map(|bits| grouped(bits, group_size(&map))),
        "fp8" | "fbgemm_fp8" => named("fp8"),
        "modelopt" => algorithm,
        "bitsandbytes" if flag("load_in_4bit")? => {
            named(if flag("bnb_4bit_use_double_quant")? { "nf4_double" } else { "nf4" })
        }
        "bitsandbytes" if flag("load_in_8bit")? => named("int8"),
        "compressed-tensors" => group_weights(&map)?.and_then(|weights| {
            let kind = weights.text("type").ok().flatten();
            match (kind, weights.integer("num_bits", 1..=16).ok().flatten()) {
                (Some("float"), Some(4)) => named("nvfp4"),
                (Some("float"), Some(8)) => named("fp8"),
                (_, Some(bits @ 2..=8)) => Some(grouped(bits, group_size(&weights))),
                _ => None,
            }
        }),
        _ => None,
    })
}

/// Matrices of an MLX checkpoint with bits of their own, as the config lists them.
pub(super) fn single(outer: &Fields<'_>, text: &Fields<'_>) -> Result<Vec<OwnBits>, DocumentError> {
    let mut own = Vec::new();
    let Some(map) = quantisation(outer, Some(text))? else { return Ok(own) };
    if map.has("quant_method") {
        return Ok(own);
    }
    let usual = group_size(&map).unwrap_or(64);
    for (name, entry) in map.entries() {
        let (bits, group) = match entry.value {
            Value::Map(_) => {
                let entry = Fields::of("", entry)?;
                let bits = entry.integer("bits", 1..=16).ok().flatten().filter(|bits| *bits <= 8);
                (bits, group_size(&entry).unwrap_or(usual))
            }
            Value::Bool(false) => (Some(16), usual),
            _ => continue,
        };
        let Some(bits) = bits else { continue };
        let (layer, role) = names::matrix(name);
        let (bits, group) = (u8::try_from(bits).unwrap_or(16), u32::try_from(group).unwrap_or(64));
        own.push(OwnBits { layer, role, bits, group });
    }
    Ok(own)
}

/// What to say of a quantised checkpoint; nothing of a plain one.
pub(super) fn told(outer: &Fields<'_>, text: &Fields<'_>) -> Result<Option<String>, DocumentError> {
    let Some(map) = quantisation(outer, Some(text))? else { return Ok(None) };
    Ok(Some(match checkpoint(outer, text)? {
        Some(name) if mixed(&map) => format!(
            "the checkpoint is quantised with several widths, taken as {name} throughout where the runtime reads it, which is an estimate, and as the format that is shown elsewhere; {OWN_BYTES}"
        ),
        Some(name) => format!(
            "the checkpoint is quantised, taken as {name} where the runtime reads it and as the format that is shown elsewhere; {OWN_BYTES}"
        ),
        None => format!(
            "the checkpoint is quantised in a form without a name here; {OWN_BYTES}, and weights in the format that is shown are counted instead"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use crate::leaf::Provenance;
    use crate::model::import::hf_config;
    use crate::weights::{WeightFormat, WeightPlan};

    /// Llama 3.2 1B's shape, with what a config says of its quantisation.
    fn config(quantisation: &str) -> String {
        const SHAPE: &str = r#"{"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
            "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
            "tie_word_embeddings": true, "#;
        [SHAPE, quantisation, "}"].concat()
    }

    #[test]
    fn a_quantised_checkpoint_has_a_format() {
        let channels = r#"{"group_0": {"weights": {"num_bits": 8, "type": "int", "strategy": "channel"}}}"#;
        let channels = format!(
            r#""quantization_config": {{"quant_method": "compressed-tensors", "config_groups": {channels}}}"#
        );
        for (said, name) in [
            (r#""quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}"#, "int4_g128"),
            (r#""quantization_config": {"quant_method": "gptq", "bits": 3, "group_size": 64}"#, "int3_g64"),
            (r#""quantization_config": {"quant_method": "gptq", "bits": 8, "group_size": -1}"#, "int8"),
            (r#""quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}"#, "fp8"),
            (r#""quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}"#, "nf4"),
            (&channels, "int8"),
            (r#""quantization": {"bits": 6, "group_size": 64}"#, "mlx_6bit"),
            (r#""quantization": {"bits": 4, "group_size": 32}"#, "mlx_4bit_g32"),
            (r#""quantization": {"bits": 4, "group_size": 32, "mode": "mxfp4"}"#, "mlx_mxfp4"),
            (r#""quantization_config": {"quant_algo": "NVFP4"}"#, "nvfp4"),
        ] {
            let model = hf_config::parse("config.json", config(said).as_bytes()).unwrap();
            assert_eq!(model.architecture.published.checkpoint.as_deref(), Some(name), "{said}");
            assert!(model.architecture.assumptions.iter().any(|sentence| sentence.contains(name)), "{name}");
        }
    }

    /// Llama 3.2 1B with one FFN matrix and its table in other bits than the rest.
    #[test]
    fn matrices_with_bits_of_their_own_are_counted_with_those() {
        let mixed = r#""quantization": {"bits": 4, "group_size": 64, "model.embed_tokens": false,
            "model.layers.3.mlp.down_proj": {"bits": 6, "group_size": 32}}"#;
        let of = |said| hf_config::parse("config.json", config(said).as_bytes()).unwrap();
        let bytes = |model| {
            let format = WeightFormat::parse("mlx_4bit").unwrap();
            WeightPlan::new(model, format).unwrap().text_bytes(model)
        };
        let (plain, mixed) = (of(r#""quantization": {"bits": 4, "group_size": 64}"#), of(mixed));
        let (matrix, table) = (8192 * 2048, 128_256 * 2048);
        let eighths = matrix * (7 * 2 - 9) / 2 + table * (16 * 2 - 9) / 2;
        assert_eq!(bytes(&mixed) - bytes(&plain), eighths / 8);
    }

    /// What one width for all matrices comes to is an estimate, and said.
    #[test]
    fn several_widths_are_said() {
        let group =
            |bits: u64| format!(r#"{{"weights": {{"num_bits": {bits}, "type": "int", "group_size": 128}}}}"#);
        let groups = format!(r#"{{"group_0": {}, "group_1": {}}}"#, group(8), group(4));
        for said in [
            format!(r#""quant_method": "compressed-tensors", "config_groups": {groups}"#),
            r#""quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"+:.*down.*": {"bits": 8}}"#.to_owned(),
            r#""quant_method": "auto-round", "bits": 4, "group_size": 128, "extra_config": {"a": {"bits": 8}}"#.to_owned(),
        ] {
            let said = config(&format!(r#""quantization_config": {{{said}}}"#));
            let model = hf_config::parse("config.json", said.as_bytes()).unwrap();
            let sentences = model.architecture.assumptions.join("\n");
            assert!(sentences.contains("with several widths"), "{sentences}");
            let format = WeightFormat::parse(model.architecture.published.checkpoint.as_deref().unwrap()).unwrap();
            assert_eq!(WeightPlan::new(&model, format).unwrap().provenance, Provenance::Estimated);
            let bits = hf_config::stored_bits("config.json", said.as_bytes()).unwrap();
            assert_eq!(bits.of("a", |_, _| true), None);
        }
    }

    #[test]
    fn a_plain_checkpoint_and_an_unknown_form_have_none() {
        let exl3 = r#""quantization_config": {"quant_method": "exl3", "bits": 4}"#;
        for (said, told) in [(r#""quantization_config": {}"#, 0), (exl3, 1)] {
            let model = hf_config::parse("config.json", config(said).as_bytes()).unwrap();
            assert_eq!(model.architecture.published.checkpoint, None, "{said}");
            let sentences =
                model.architecture.assumptions.iter().filter(|text| text.contains("is quantised"));
            assert_eq!(sentences.count(), told, "{said}");
        }
    }
}
