//! A device as it was found or measured, written as the YAML that [`Device::from_yaml`] reads.
//!
//! [`Device::from_yaml`]: super::Device::from_yaml

use super::{Form, Os};

/// A device's file under construction: each value with its source.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceFile {
    name: String,
    title: String,
    os: Os,
    form: Form,
    notes: String,
    /// Field, value and source; `storage.` before the storage's fields.
    values: Vec<(&'static str, String, String)>,
}

impl DeviceFile {
    /// A device without values.
    pub fn new(name: &str, title: &str, os: Os, form: Form) -> Self {
        Self { name: name.into(), title: title.into(), os, form, notes: String::new(), values: Vec::new() }
    }

    /// State a value and where it comes from, in place of an earlier one; `source` begins as [`Source::parse`] reads it.
    ///
    /// [`Source::parse`]: super::Source::parse
    pub fn set(&mut self, field: &'static str, value: impl std::fmt::Display, source: &str) {
        self.values.retain(|(other, _, _)| *other != field);
        self.values.push((field, value.to_string(), source.to_owned()));
    }

    /// Take a value back.
    pub fn unset(&mut self, field: &str) {
        self.values.retain(|(other, _, _)| *other != field);
    }

    /// Add a remark, a sentence.
    pub fn note(&mut self, sentence: &str) {
        if !self.notes.is_empty() {
            self.notes.push(' ');
        }
        self.notes += sentence;
    }

    /// The file's text.
    pub fn to_yaml(&self) -> String {
        let mut text = format!(
            "name: {}\ntitle: {}\nos: {}\nform: {}\n",
            quoted(&self.name),
            quoted(&self.title),
            self.os.name(),
            self.form.name()
        );
        let in_storage = |field: &str| field.strip_prefix("storage.").map(str::to_owned);
        for (field, value, _) in self.values.iter().filter(|(field, _, _)| in_storage(field).is_none()) {
            text += &format!("{field}: {value}\n");
        }
        let storage: Vec<_> =
            self.values.iter().filter_map(|(field, value, _)| Some((in_storage(field)?, value))).collect();
        if !storage.is_empty() {
            text += "storage:\n";
            for (field, value) in storage {
                text += &format!("  {field}: {value}\n");
            }
        }
        if !self.notes.is_empty() {
            text += &format!("notes: {}\n", quoted(&self.notes));
        }
        if !self.values.is_empty() {
            text += "sources:\n";
            for (field, _, source) in &self.values {
                text += &format!("  {field}: {}\n", quoted(source));
            }
        }
        text
    }
}

/// A text in double quotes, as YAML and JSON read it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            sign if sign.is_control() => quoted.push(' '),
            sign => quoted.push(sign),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Device, SourceKind};
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut file = DeviceFile::new("this", "Desk: \"old\" C:\\ one", Os::Linux, Form::Computer);
        file.set("ram_mib", 4096, "measured: /proc/meminfo");
        file.set("dram_bandwidth_gb_per_s", 1.0, "estimate: x");
        file.set("dram_bandwidth_gb_per_s", 20.5, "measured: reads by 2 threads");
        file.set("storage.class", "sata-ssd", "estimate: sda");
        file.set("storage.random_read_latency_us", 88.5, "measured: 4 KiB");
        file.note("One.");
        file.note("Two: three.");
        let device = Device::from_yaml("this", &file.to_yaml()).unwrap();
        assert_eq!(
            (device.title.as_str(), device.ram_mib, device.notes.as_str()),
            ("Desk: \"old\" C:\\ one", Some(4096), "One. Two: three.")
        );
        assert_eq!(
            (device.dram_bandwidth_gb_per_s, device.storage.random_read_latency_us),
            (Some(20.5), 88.5)
        );
        let source = device.sources.get("dram_bandwidth_gb_per_s").unwrap();
        assert_eq!((source.kind, source.text.as_str()), (SourceKind::Measured, "reads by 2 threads"));
    }

    proptest! {
        #[test]
        fn any_title_and_note_comes_back(title in "[ -~]{1,40}", note in "\\PC{0,40}") {
            let mut file = DeviceFile::new("this", &title, Os::Other, Form::Phone);
            file.set("ram_mib", 4096, "measured: x");
            file.set("storage.class", "ufs-4.0", "estimate: y");
            file.note(&note);
            let device = Device::from_yaml("this", &file.to_yaml()).unwrap();
            prop_assert_eq!(device.title, title);
        }
    }
}
