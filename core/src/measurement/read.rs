//! Reading a published result: version first, then every number, then the types.

use crate::format::typed_json;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// Why a file is no usable result.
#[derive(Debug, Error)]
pub enum MeasurementError {
    /// Nothing at all.
    #[error("the file is empty; expected the JSON that a measurement writes")]
    Empty,
    /// Not JSON.
    #[error("not a measurement, which is JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field is missing or of the wrong type.
    #[error("field {path}: {source}")]
    Field {
        /// Where.
        path: String,
        /// What was found and expected.
        source: serde_json::Error,
    },
    /// No schema line.
    #[error("field schema is missing, expected {expected}")]
    NoSchema {
        /// What this build reads.
        expected: &'static str,
    },
    /// Another kind of file.
    #[error("schema is {found:?}, expected {expected}")]
    OtherFamily {
        /// What the file says.
        found: String,
        /// What this build reads.
        expected: &'static str,
    },
    /// Written by an incompatible version.
    #[error(
        "schema {found} has major version {major}, this program reads {expected}; update it or measure again"
    )]
    OtherMajor {
        /// What the file says.
        found: String,
        /// Its major version.
        major: u64,
        /// What this build reads.
        expected: &'static str,
    },
    /// A number that cannot be a quantity.
    #[error("field {path} is {value}, expected a number of at least 0")]
    Negative {
        /// Where.
        path: String,
        /// What it says.
        value: String,
    },
}

/// Family, major and minor version of `family/name/major.minor`.
pub fn schema_of(text: &str) -> Option<(&str, u64, u64)> {
    let (family, version) = text.rsplit_once('/')?;
    let (major, minor) = version.split_once('.')?;
    Some((family, major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn read<T: DeserializeOwned>(text: &str, expected: &'static str) -> Result<T, MeasurementError> {
    if text.trim().is_empty() {
        return Err(MeasurementError::Empty);
    }
    let value: Value = serde_json::from_str(text)?;
    let found = value.get("schema").and_then(Value::as_str).ok_or(MeasurementError::NoSchema { expected })?;
    let other = || MeasurementError::OtherFamily { found: found.to_owned(), expected };
    let (family, major, _) = schema_of(found).ok_or_else(other)?;
    let (own_family, own_major, _) = schema_of(expected).ok_or_else(other)?;
    if family != own_family {
        return Err(other());
    }
    if major != own_major {
        return Err(MeasurementError::OtherMajor { found: found.to_owned(), major, expected });
    }
    check_numbers(&value)?;
    typed_json::from_str(text)
        .map_err(|misfit| MeasurementError::Field { path: misfit.path, source: misfit.source })
}

/// Refuses any negative number; infinities and NaN are no JSON to begin with.
pub fn check_numbers(value: &Value) -> Result<(), MeasurementError> {
    let mut path = Vec::new();
    walk(value, &mut path)
}

fn walk(value: &Value, path: &mut Vec<String>) -> Result<(), MeasurementError> {
    match value {
        Value::Number(number) if number.as_f64().is_none_or(|n| !n.is_finite() || n < 0.0) => {
            Err(MeasurementError::Negative { path: path.join("."), value: number.to_string() })
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
            path.push(at.to_string());
            walk(item, path)?;
            path.pop();
            Ok(())
        }),
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            // Temperatures may lie below zero.
            // A cosine may, too, errors do, and a divergence that is nothing is rounded to either side of it.
            if name.ends_with("_c") || matches!(name.as_str(), "output_cosine" | "kl" | "lowest" | "highest")
            {
                return Ok(());
            }
            path.push(name.clone());
            walk(field, path)?;
            path.pop();
            Ok(())
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{MeasurementError, check_numbers, schema_of};
    use crate::measurement::{Measurement as _, MmapProfile};
    use proptest::prelude::*;

    #[test]
    fn versions() {
        assert_eq!(schema_of("dhurandhar/mmap-profile/1.3"), Some(("dhurandhar/mmap-profile", 1, 3)));
        assert_eq!(schema_of("dhurandhar"), None);
        assert_eq!(schema_of("a/b/1"), None);
    }

    #[test]
    fn foreign_files_are_named() {
        let error = |text: &str| MmapProfile::read(text).unwrap_err().to_string();
        assert!(error(" \n").contains("is empty"));
        assert!(error("{}").contains("schema is missing"));
        assert!(error(r#"{"schema":"other/1.0"}"#).contains("other/1.0"));
        assert!(error(r#"{"schema":"dhurandhar/mmap-profile/2.0"}"#).contains("major version 2"));
        assert!(error(r#"{"schema":"dhurandhar/mmap-profile/1.9","x":-1}"#).contains("field x is -1"));
        assert!(error(r#"{"schema":"dhurandhar/mmap-profile/1.9","x":NaN}"#).contains("not a measurement"));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named() {
        let text = r#"{"schema":"dhurandhar/mmap-profile/1.0","tool":{"name":"x","version":3}}"#;
        let error = MmapProfile::read(text).unwrap_err().to_string();
        assert!(error.starts_with("field tool.version: invalid type"), "{error}");
    }

    #[test]
    fn the_path_of_a_negative_number_is_given() {
        let value = serde_json::json!({"blocks": [{"wall_s": 1.0}, {"wall_s": -0.5}], "temperature_c": -3});
        match check_numbers(&value) {
            Err(MeasurementError::Negative { path, .. }) => assert_eq!(path, "blocks.1.wall_s"),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in ".{0,200}") {
            prop_assert!(MmapProfile::read(&text).is_err());
        }
    }
}
