//! Every kind of published result, once: its version line, its reader, where it is filed and what it is called.
//!
//! Filing, schemas and the site's pages are loops over [`KINDS`]. A new kind is a type with [`Measurement`] and a line there.

use super::{
    KV_QUALITY_SCHEMA, KvQuality, MEMORY_VALIDATION_SCHEMA, MMAP_SCHEMA, MeasurementError, MemoryValidation,
    MmapProfile, SIZE_VALIDATION_SCHEMA, SPEED_SCHEMA, SizeValidation, SpeedRun, TRAINING_SCHEMA,
    TrainingRun, VERDICT_VALIDATION_SCHEMA, VerdictValidation, read::read,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a name of a published file is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The device, the model or the runtime that was measured.
    pub subject: String,
    /// When it began, `YYYY-MM-DD...`; empty where that is not kept.
    pub started: String,
}

/// A kind of published result.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name of its JSON Schema.
    pub name: &'static str,
    /// Version line of this build.
    pub schema: &'static str,
    /// Folder below the published measurements, with a slash at its end; empty for profiles of storage.
    pub folder: &'static str,
    /// Heading of a list of them.
    pub title: &'static str,
    /// Checks a text by the kind's own reader.
    pub check: fn(&str) -> Result<About, MeasurementError>,
    /// Its JSON Schema.
    #[cfg(feature = "schema")]
    pub json_schema: fn() -> schemars::Schema,
}

/// A type of published result.
pub trait Measurement: DeserializeOwned {
    /// The kind that it is.
    const KIND: Kind;

    /// What a file's name is made of.
    fn about(&self) -> About;

    /// Reads one: version first, then every number, then the types.
    ///
    /// Unknown fields are ignored, so a newer minor version reads; another major version or kind is refused.
    fn read(text: &str) -> Result<Self, MeasurementError> {
        read(text, Self::KIND.schema)
    }
}

/// All kinds.
pub const KINDS: [Kind; 7] = [
    MmapProfile::KIND,
    TrainingRun::KIND,
    KvQuality::KIND,
    MemoryValidation::KIND,
    SizeValidation::KIND,
    VerdictValidation::KIND,
    SpeedRun::KIND,
];

impl Kind {
    /// The kind of a text, by its version line; a profile of storage where that says nothing known, whose reader then says
    /// what is wrong.
    pub fn of(text: &str) -> Result<Self, MeasurementError> {
        let value: Value = serde_json::from_str(text)?;
        let schema = value.get("schema").and_then(Value::as_str).unwrap_or_default();
        let family = |schema: &str| schema.rsplit_once('/').map(|(family, _)| family.to_owned());
        let own = |kind: &&Self| family(schema).is_some() && family(kind.schema) == family(schema);
        Ok(KINDS.iter().find(own).copied().unwrap_or(MmapProfile::KIND))
    }
}

macro_rules! kind {
    ($type:ty, $name:literal, $schema:expr, $folder:literal, $title:literal, |$found:ident| $subject:expr, $started:expr) => {
        impl Measurement for $type {
            const KIND: Kind = Kind {
                name: $name,
                schema: $schema,
                folder: $folder,
                title: $title,
                check: |text| <$type>::read(text).map(|found| found.about()),
                #[cfg(feature = "schema")]
                json_schema: || schemars::schema_for!($type),
            };

            fn about(&self) -> About {
                let $found = self;
                About { subject: $subject.clone(), started: $started.to_owned() }
            }
        }
    };
}

kind!(
    MmapProfile,
    "mmap-profile",
    MMAP_SCHEMA,
    "",
    "Tables read from storage",
    |profile| profile.device.name,
    profile.run.started
);
kind!(
    TrainingRun,
    "train-lora",
    TRAINING_SCHEMA,
    "training/",
    "Fine-tuning runs",
    |run| run.device.name,
    run.started
);
kind!(
    KvQuality,
    "kv-quality",
    KV_QUALITY_SCHEMA,
    "kv-quality/",
    "Codecs on real keys and values",
    |sweep| sweep.model,
    sweep.started
);
kind!(
    MemoryValidation,
    "memory-validation",
    MEMORY_VALIDATION_SCHEMA,
    "memory/",
    "Measured against llama.cpp",
    |runs| runs.device.name,
    runs.started
);
kind!(
    SizeValidation,
    "size-validation",
    SIZE_VALIDATION_SCHEMA,
    "sizes/",
    "Sizes that llama.cpp states",
    |sizes| sizes.runtime,
    ""
);
kind!(
    VerdictValidation,
    "verdict-validation",
    VERDICT_VALIDATION_SCHEMA,
    "verdicts/",
    "Runs under limits",
    |runs| runs.device.name,
    runs.started
);
kind!(
    SpeedRun,
    "speed",
    SPEED_SCHEMA,
    "speed/",
    "Speeds measured with llama.cpp",
    |runs| runs.device.name,
    runs.started
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn kinds_differ_in_name_version_line_and_folder() {
        for of in [|kind: &Kind| kind.name, |kind: &Kind| kind.schema, |kind: &Kind| kind.folder] {
            assert_eq!(KINDS.iter().map(of).collect::<BTreeSet<_>>().len(), KINDS.len());
        }
        assert!(KINDS.iter().all(|kind| kind.folder.is_empty() || kind.folder.ends_with('/')));
    }

    #[test]
    fn a_text_is_recognised_by_its_version_line() {
        let of = |schema: &str| Kind::of(&format!(r#"{{"schema": "{schema}"}}"#)).unwrap().name;
        for kind in KINDS {
            assert_eq!(of(kind.schema), kind.name);
            assert_eq!(of(&kind.schema.replace("/1.", "/2.")), kind.name);
        }
        assert_eq!((of("other/1.0"), of("")), ("mmap-profile", "mmap-profile"));
        assert!(Kind::of("no JSON").is_err());
    }
}
