//! `publish`: a measured result checked, stripped of what names a person or machine, and filed for the site.

use crate::BadInput;
use anyhow::{Context, Result, bail};
use dhurandhar_core::measurement::{MmapProfile, read_mmap_profile};
use dhurandhar_core::storage::mix64;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// File results of `profile-mmap` for the report site.
#[derive(Clone, Debug, clap::Args)]
pub struct PublishArgs {
    /// Results to publish.
    #[arg(required = true, value_name = "RESULT")]
    pub results: Vec<PathBuf>,
    /// Where the site takes measurements from.
    #[arg(long, default_value = "content/measurements", value_name = "DIR")]
    pub to: PathBuf,
    /// Keep host name, user and paths.
    #[arg(long)]
    pub keep_host: bool,
}

/// Fields that name a machine or a person.
const PERSONAL: [&str; 2] = ["hostname", "user"];
/// Beginnings of paths that lead into somebody's files.
const HOMES: [&str; 5] = ["/home/", "/Users/", "/root/", "\\Users\\", "/data/data/"];

impl PublishArgs {
    /// Checks every result before the first is written.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let ready: Result<Vec<(String, String)>> =
            self.results.iter().map(|path| self.prepare(path)).collect();
        std::fs::create_dir_all(&self.to).with_context(|| format!("cannot make {}", self.to.display()))?;
        for (name, text) in ready? {
            let target = self.to.join(name);
            let new = write_new(&target, &text)?;
            let state = if new { "" } else { " (already there)" };
            crate::output::print(&format!("{}{state}\n", target.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// File name and text of a result.
    fn prepare(&self, path: &Path) -> Result<(String, String)> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| BadInput(format!("cannot read {shown}: {error}")))?;
        let profile = read_mmap_profile(&text).map_err(|error| BadInput(format!("{shown}: {error}")))?;
        // The untyped form keeps fields of a newer minor version.
        let mut value: Value = serde_json::from_str(&text)?;
        if !self.keep_host {
            let names = strip(&mut value);
            if let Some(found) = personal(&value, &names, &mut Vec::new()) {
                bail!(BadInput(format!(
                    "{shown}: {found} names a person or machine; --keep-host publishes it"
                )));
            }
        }
        let text = format!("{value}\n");
        Ok((name(&profile, &text), text))
    }
}

/// Removes the personal fields and returns what they said.
fn strip(value: &mut Value) -> Vec<String> {
    let mut said = Vec::new();
    match value {
        Value::Object(fields) => {
            for name in PERSONAL {
                if let Some(Value::String(text)) = fields.remove(name) {
                    said.push(text);
                }
            }
            fields.values_mut().for_each(|field| said.extend(strip(field)));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| said.extend(strip(item))),
        _ => {}
    }
    said
}

/// Path and text of the first string that still leads to somebody.
fn personal(value: &Value, names: &[String], path: &mut Vec<String>) -> Option<String> {
    match value {
        Value::String(text) => {
            let repeats = |name: &&String| {
                // Short or everyday names ("vm", "root") would match innocent words.
                name.len() >= 5
                    && text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == **name)
            };
            let leads =
                HOMES.iter().any(|home| text.contains(home)) || names.iter().any(|name| repeats(&name));
            leads.then(|| format!("field {} ({text:?})", path.join(".")))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            path.push(at.to_string());
            let found = personal(item, names, path);
            path.pop();
            found
        }),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            path.push(name.clone());
            let found = personal(field, names, path);
            path.pop();
            found
        }),
        _ => None,
    }
}

/// `device-date-hash.json`; the same result always gets the same name.
fn name(profile: &MmapProfile, text: &str) -> String {
    let slug: String = profile
        .device
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).take(8).collect();
    let device = if words.is_empty() { "device".to_owned() } else { words.join("-") };
    let date: String =
        profile.run.started.chars().take(10).filter(|c| c.is_ascii_digit() || *c == '-').collect();
    let hash = text.bytes().fold(mix64(0), |state, byte| mix64(state ^ u64::from(byte)));
    format!("{device}-{date}-{:08x}.json", hash >> 32)
}

/// Writes `target` in one step; `false` when it is there already. Never overwrites.
fn write_new(target: &Path, text: &str) -> Result<bool> {
    if target.exists() {
        return Ok(false);
    }
    let partial = target.with_extension(format!("{}.partial", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create_new(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A hard link fails where a rename would replace.
        std::fs::hard_link(&partial, target).or_else(|error| match error.kind() {
            std::io::ErrorKind::Unsupported | std::io::ErrorKind::PermissionDenied if !target.exists() => {
                std::fs::copy(&partial, target).map(|_| ())
            }
            _ => Err(error),
        })
    };
    let outcome = write();
    let _ = std::fs::remove_file(&partial);
    outcome.with_context(|| format!("cannot write {}", target.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{personal, strip, write_new};
    use serde_json::json;

    #[test]
    fn host_and_user_go_and_what_repeats_them_is_found() {
        let mut value = json!({"os": {"hostname": "annes-laptop", "user": "anne5"}, "name": "desk"});
        let names = strip(&mut value);
        assert_eq!(value, json!({"os": {}, "name": "desk"}));
        assert_eq!(personal(&value, &names, &mut Vec::new()), None);
        value["name"] = json!("annes-laptop, 8 cores");
        assert!(personal(&value, &names, &mut Vec::new()).unwrap().starts_with("field name"));
        let path = json!({"notes": [{"reason": "no /home/anne/x"}]});
        assert!(personal(&path, &[], &mut Vec::new()).unwrap().starts_with("field notes.0.reason"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.json");
        assert!(write_new(&target, "one").unwrap());
        assert!(!write_new(&target, "two").unwrap());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "one");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
