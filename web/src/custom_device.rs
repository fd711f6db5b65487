//! The reader's own device: six fields of a form, read by the same rules as a device file.

use dhurandhar_core::device::{Device, Os};
use dhurandhar_core::document::DocumentError;

/// The slug of the reader's device.
pub(crate) const SLUG: &str = "custom";

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Name for people.
    Name,
    /// Operating system, by its name in device files.
    Os,
    /// Memory that one app may use, in MiB.
    Budget,
    /// Sequential reads of storage, in GiB/s.
    Flash,
    /// Memory bandwidth, in GB/s.
    Dram,
    /// One random read, in microseconds.
    Latency,
}

impl Field {
    /// In the order of the form.
    pub(crate) const ALL: [Self; 6] =
        [Self::Name, Self::Os, Self::Budget, Self::Flash, Self::Dram, Self::Latency];

    /// Its name in a link.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Name => "dn",
            Self::Os => "dos",
            Self::Budget => "db",
            Self::Flash => "df",
            Self::Dram => "dd",
            Self::Latency => "dl",
        }
    }
}

/// The form as it stands; empty text where nothing was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CustomDevice {
    values: [String; 6],
}

impl CustomDevice {
    /// What a field says.
    pub(crate) fn get(&self, field: Field) -> &str {
        &self.values[field as usize]
    }

    /// Enters a value.
    pub(crate) fn set(&mut self, field: Field, value: String) {
        self.values[field as usize] = value;
    }

    /// Whether nothing was entered.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(String::is_empty)
    }

    /// The device, once the two figures that everything needs are there.
    pub(crate) fn device(&self) -> Option<Result<Device, DocumentError>> {
        let entered = |field| !self.get(field).is_empty();
        (entered(Field::Budget) && entered(Field::Flash))
            .then(|| Device::from_yaml("your device", &self.yaml()))
    }

    /// The form as a device file, a line for each field.
    fn yaml(&self) -> String {
        let title = if self.get(Field::Name).is_empty() { "Your device" } else { self.get(Field::Name) };
        let os = if self.get(Field::Os).is_empty() { Os::Other.name() } else { self.get(Field::Os) };
        let mut text = format!("name: {SLUG}\ntitle: {}\nos: {}\n", quoted(title), quoted(os));
        let figures = [
            (Field::Budget, "ram_budget_mb: ", "\n"),
            (Field::Flash, "flash_read_gbps: ", "\n"),
            (Field::Dram, "dram_bandwidth_gb_per_s: ", "\n"),
            (Field::Latency, "storage: {random_read_latency_us: ", "}\n"),
        ];
        for (field, before, after) in figures {
            let value = self.get(field).trim();
            if !value.is_empty() {
                // What does not read as a number is quoted, so that the message names it.
                let value = if value.parse::<f64>().is_ok() { value.to_owned() } else { quoted(value) };
                text += &[before, &value, after].concat();
            }
        }
        text
    }
}

/// Text as a double-quoted scalar.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(entries: &[(Field, &str)]) -> CustomDevice {
        let mut form = CustomDevice::default();
        for (field, value) in entries {
            form.set(*field, (*value).to_owned());
        }
        form
    }

    #[test]
    fn two_figures_make_a_device() {
        assert!(form(&[(Field::Budget, "3072")]).device().is_none());
        let device = form(&[(Field::Budget, "3072"), (Field::Flash, "4.5")]).device().unwrap().unwrap();
        assert_eq!((device.name.as_str(), device.title.as_str()), (SLUG, "Your device"));
        assert_eq!(device.ram_budget_bytes(), 3 << 30);
        assert_eq!(device.dram_bandwidth_gb_per_s, None);
    }

    #[test]
    fn every_field_reaches_the_device() {
        let name = "my \"8 GB\" \\ phone: #1";
        let form = form(&[
            (Field::Name, name),
            (Field::Os, "ios"),
            (Field::Budget, "2048"),
            (Field::Flash, "1.5"),
            (Field::Dram, "51.2"),
            (Field::Latency, "90"),
        ]);
        let device = form.device().unwrap().unwrap();
        assert_eq!(device.title, name);
        assert_eq!(device.os, Os::Ios);
        assert!((device.storage.random_read_latency_us - 90.0).abs() < 1e-9);
        assert!((device.dram_bytes_per_s().unwrap() - 51.2e9).abs() < 1.0);
    }

    #[test]
    fn absurd_figures_are_named() {
        for value in ["-4", "many", "1e30", "4}\nos: {"] {
            let error = form(&[(Field::Budget, value), (Field::Flash, "1")]).device().unwrap().unwrap_err();
            assert!(error.to_string().contains("`ram_budget_mb` is "), "{error}");
        }
    }
}
