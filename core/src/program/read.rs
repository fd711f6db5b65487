//! Reading programs from YAML. Choices have the names that the command line gives them.

use super::{Choices, Gpus, Program, Variant};
use crate::device::{Confidence, Platform, limits};
use crate::format::document;
use crate::format::document::{DocumentError, Fields, Node, Value};
use crate::memory::{KvFormat, LazyMode, LoadMode, Offload, Runtime};
use crate::weights::WeightFormat;

impl Program {
    /// Parse a program; `source` names the file in messages.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        let node = document::parse_yaml(source, text)?;
        let fields = Fields::of(source, &node)?;
        let program = program(&fields)?;
        fields.finish()?;
        Ok(program)
    }
}

fn program(fields: &Fields<'_>) -> Result<Program, DocumentError> {
    let confidence = fields.choice("confidence", &Confidence::NAMES)?;
    let runtime = parsed(fields, "runtime", |text| Runtime::parse(text).ok(), "the name of a runtime")?;
    Ok(Program {
        name: fields.require_text("name")?.to_owned(),
        title: fields.require_text("title")?.to_owned(),
        version: fields.require_text("version")?.to_owned(),
        runtime: runtime.ok_or_else(|| fields.missing("runtime", "whose rules of memory it follows"))?,
        systems: fields.choices("systems", &Platform::NAMES)?,
        choices: choices(fields)?,
        variants: fields.maps("variants")?.iter().map(variant).collect::<Result<_, _>>()?,
        permissions: permissions(fields)?,
        source: fields.require_text("source")?.to_owned(),
        confidence: confidence.ok_or_else(|| fields.missing("confidence", "how its choices are known"))?,
        note: fields.text("note")?.unwrap_or_default().to_owned(),
    })
}

/// Limits by name with those that they take the place of.
fn permissions(fields: &Fields<'_>) -> Result<Vec<(String, String)>, DocumentError> {
    let Some(map) = fields.map("permissions")? else { return Ok(Vec::new()) };
    let known: Vec<(&str, &str)> = limits::registry::names().map(|name| (name, name)).collect();
    let one = |(name, node): &(String, Node)| {
        let replaced = match &node.value {
            Value::Text(text) if known.iter().any(|(known, _)| known == text) => text.clone(),
            _ => return Err(map.wrong(name, node, "the limit that it takes the place of")),
        };
        if known.iter().all(|(known, _)| known != name) {
            return Err(fields.wrong_value("permissions", &format!("{name:?}"), "the name of a limit"));
        }
        Ok((name.clone(), replaced))
    };
    map.entries().iter().map(one).collect()
}

fn variant(fields: &Fields<'_>) -> Result<Variant, DocumentError> {
    let variant = Variant {
        systems: fields.choices("systems", &Platform::NAMES)?,
        gpu: fields.choice("gpu", &Gpus::NAMES)?,
        gpu_memory_from_mib: fields.integer("gpu_memory_from_mib", 1..=16_777_216)?,
        context_from: fields.integer("context_from", 1..=1 << 32)?,
        choices: choices(fields)?,
        note: fields.text("note")?.unwrap_or_default().to_owned(),
    };
    fields.finish()?;
    Ok(variant)
}

fn choices(fields: &Fields<'_>) -> Result<Choices, DocumentError> {
    let kv = |text: &str| KvFormat::parse(text).ok();
    Ok(Choices {
        context_tokens: fields.integer("context_tokens", 1..=1 << 32)?,
        weights: parsed(fields, "weights", |text| WeightFormat::parse(text).ok(), "a weight format")?,
        slots: fields.integer("slots", 1..=256)?,
        unified_kv: fields.flag("unified_kv")?,
        k: parsed(fields, "k_bits", kv, "a cache type")?,
        v: parsed(fields, "v_bits", kv, "a cache type")?,
        ubatch: fields.integer("ubatch", 1..=65_536)?,
        flash_attention: fields.flag("flash_attention")?,
        repack: fields.flag("repack")?,
        load: fields.choice("load", &LoadMode::NAMES)?,
        lazy: fields.choice("lazy", &LazyMode::NAMES)?,
        offload: parsed(fields, "gpu_layers", Offload::parse, "auto, all, off or a number of layers")?,
        vision: fields.flag("vision")?,
        prompt_cache_mib: fields.integer("prompt_cache_mib", 0..=16_777_216)?,
        checkpoints: fields.integer("context_checkpoints", 0..=65_536)?,
    })
}

fn parsed<T>(
    fields: &Fields<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Option<T>, DocumentError> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let wrong = || fields.wrong_value(name, &format!("{text:?}"), expected);
    parse(text).map(Some).ok_or_else(wrong)
}
