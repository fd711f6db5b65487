//! JSON Schemas of everything that is written for others to read.

use schemars::{Schema, schema_for};

use crate::codec::report::{CodecComparison, KvBenchmark};
use crate::dossier::Dossier;
use crate::measurement::KINDS;
use crate::report::Report;

/// Name, what it is, schema.
type Described = (&'static str, &'static str, fn() -> Schema);

/// Reports that are not published as measurements.
const OTHERS: [Described; 4] = [
    ("analysis", "Predictions of a model's memory on devices", || schema_for!(Report)),
    ("dossier", "Cases side by side, for a decision", || schema_for!(Dossier)),
    ("codec-comparison", "Codecs compared on tensors", || schema_for!(CodecComparison)),
    ("kv-benchmark", "A codec on tensors, and a model's cache under it", || schema_for!(KvBenchmark)),
];

/// Every kind of report: its name, and what it is.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let others = OTHERS.into_iter().map(|(name, title, _)| (name, title));
    others.chain(KINDS.into_iter().map(|kind| (kind.name, kind.title)))
}

/// Every kind of report: its name, and its schema as indented JSON.
pub fn all() -> Vec<(&'static str, String)> {
    let others = OTHERS.into_iter().map(|(name, _, schema)| (name, schema));
    let all = others.chain(KINDS.into_iter().map(|kind| (kind.name, kind.json_schema)));
    all.map(|(name, schema)| (name, format!("{:#}\n", schema().as_value()))).collect()
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
