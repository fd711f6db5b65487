//! JSON Schemas of everything that is written for others to read.

use schemars::{Schema, schema_for};

use crate::codec::report::{CodecComparison, KvBenchmark};
use crate::measurement::{
    KvQuality, MemoryValidation, MmapProfile, SizeValidation, TrainingRun, VerdictValidation,
};
use crate::report::Report;

/// Every kind of report: its name, and its schema as indented JSON.
pub fn all() -> Vec<(&'static str, String)> {
    let schemas = [
        ("analysis", schema_for!(Report)),
        ("mmap-profile", schema_for!(MmapProfile)),
        ("codec-comparison", schema_for!(CodecComparison)),
        ("kv-benchmark", schema_for!(KvBenchmark)),
        ("memory-validation", schema_for!(MemoryValidation)),
        ("size-validation", schema_for!(SizeValidation)),
        ("verdict-validation", schema_for!(VerdictValidation)),
        ("kv-quality", schema_for!(KvQuality)),
        ("train-lora", schema_for!(TrainingRun)),
    ];
    let text = |schema: &Schema| format!("{:#}\n", schema.as_value());
    schemas.iter().map(|(name, schema)| (*name, text(schema))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_describes_an_object_with_its_own_version_line() {
        for (name, schema) in all() {
            let value: serde_json::Value = serde_json::from_str(&schema).unwrap();
            assert_eq!(value["type"], "object", "{name}");
            assert!(value["properties"]["schema"].is_object(), "{name}");
            assert!(value["required"].as_array().unwrap().contains(&"schema".into()), "{name}");
        }
    }
}
