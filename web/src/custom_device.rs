//! The reader's own device: six fields of a form, read by the same rules as a device file.

use dhurandhar_core::device::{Device, Os};
use dhurandhar_core::format::document::{DocumentError, Node, Value, decimal};

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
            .then(|| Device::from_node("your device", &self.document()))
    }

    /// The form as a device file, a field for each entry.
    fn document(&self) -> Node {
        let or = |field, default: &'static str| {
            let value = self.get(field);
            Value::Text(if value.is_empty() { default } else { value }.to_owned())
        };
        let mut entries = vec![
            named("name", Value::Text(SLUG.to_owned())),
            named("title", or(Field::Name, "Your device")),
            named("os", or(Field::Os, Os::Other.name())),
        ];
        entries.extend(self.figure(Field::Budget, "ram_budget_mb"));
        entries.extend(self.figure(Field::Flash, "flash_read_gbps"));
        entries.extend(self.figure(Field::Dram, "dram_bandwidth_gb_per_s"));
        let latency = self.figure(Field::Latency, "random_read_latency_us");
        entries.extend(latency.map(|latency| named("storage", Value::Map(vec![latency]))));
        Node { line: 0, value: Value::Map(entries) }
    }

    /// A figure that was entered; what does not read as a number stays text, so that the message names it.
    fn figure(&self, field: Field, name: &str) -> Option<(String, Node)> {
        let text = self.get(field).trim();
        let value = decimal(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number);
        (!text.is_empty()).then(|| named(name, value))
    }
}

fn named(name: &str, value: Value) -> (String, Node) {
    (name.to_owned(), Node { line: 0, value })
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
        assert_eq!(device.ram_budget_bytes(), Some(3 << 30));
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
