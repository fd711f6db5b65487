//! The reader's own device: seven fields of a form, read by the same rules as a device file.

use dhurandhar_core::device::{Device, Os};
use dhurandhar_core::format::document::{Node, Value};
use dhurandhar_core::format::quantity;
use dhurandhar_core::leaf::number::plain;
use dhurandhar_core::leaf::units::GIB;

/// The slug of the reader's device.
pub(crate) const SLUG: &str = "custom";

/// Name of "the bandwidth was measured" in a link.
pub(crate) const MEASURED_KEY: &str = "dm";
/// Where a measured bandwidth comes from.
const MEASURED: &str = "measured: in this browser, copies by one thread";

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Name for people.
    Name,
    /// Operating system, by its name in device files.
    Os,
    /// Memory that one app may use: `6 GB`, `3072`.
    Budget,
    /// Sequential reads of storage, in GiB/s where no unit stands.
    Flash,
    /// Memory bandwidth, in GB/s where no unit stands.
    Dram,
    /// One random read, in microseconds.
    Latency,
    /// A graphics card by name, or its memory: `RTX 4060`, `8 GB`.
    Gpu,
}

impl Field {
    /// In the order of the form.
    pub(crate) const ALL: [Self; 7] =
        [Self::Name, Self::Os, Self::Budget, Self::Flash, Self::Dram, Self::Latency, Self::Gpu];

    /// Its name for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Os => "System",
            Self::Budget => "Memory for one app",
            Self::Flash => "Storage reads",
            Self::Dram => "Memory bandwidth",
            Self::Latency => "Random read, \u{b5}s",
            Self::Gpu => "Graphics card",
        }
    }

    /// A figure as it was typed, in the unit of device files.
    pub(crate) fn read(self, text: &str) -> Result<f64, String> {
        let (value, range, expected) = match self {
            Self::Budget => (
                quantity::mebibytes(text),
                1.0..=16_777_216.0,
                "a size of memory such as 6 GB or 3072 MiB, up to 16 TB",
            ),
            Self::Flash => {
                let bytes = quantity::bytes_per_s(text, GIB as f64);
                (bytes.map(|bytes| bytes / GIB as f64), 1e-4..=1000.0, "a speed such as 2.0 or 500 MB/s")
            }
            Self::Dram => {
                let bytes = quantity::bytes_per_s(text, 1e9);
                (bytes.map(|bytes| bytes / 1e9), 0.1..=20_000.0, "a speed such as 51.2 GB/s")
            }
            Self::Latency | Self::Name | Self::Os | Self::Gpu => {
                (quantity::number(text), 0.1..=1e6, "microseconds from 0.1 to 1000000")
            }
        };
        let value = value.filter(|value| range.contains(value));
        value.ok_or_else(|| format!("{}: `{text}`; expected {expected}.", self.label()))
    }

    /// Its name in a link.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Name => "dn",
            Self::Os => "dos",
            Self::Budget => "db",
            Self::Flash => "df",
            Self::Dram => "dd",
            Self::Latency => "dl",
            Self::Gpu => "dg",
        }
    }
}

/// The form as it stands; empty text where nothing was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CustomDevice {
    values: [String; 7],
    /// The bandwidth was measured in this browser, not entered.
    is_measured: bool,
}

impl CustomDevice {
    /// What a field says.
    pub(crate) fn get(&self, field: Field) -> &str {
        &self.values[field as usize]
    }

    /// Enters a value.
    pub(crate) fn set(&mut self, field: Field, value: String) {
        self.is_measured &= field != Field::Dram;
        self.values[field as usize] = value;
    }

    /// Takes the bandwidth that was measured here.
    pub(crate) fn measure(&mut self, value: String) {
        self.set(Field::Dram, value);
        self.is_measured = true;
    }

    /// Whether the bandwidth was measured, here or where a link comes from.
    pub(crate) const fn is_measured(&self) -> bool {
        self.is_measured
    }

    /// Whether nothing was entered.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(String::is_empty)
    }

    /// The device, once the two figures that everything needs are there.
    pub(crate) fn device(&self) -> Option<Result<Device, String>> {
        let entered = |field| !self.get(field).is_empty();
        (entered(Field::Budget) && entered(Field::Flash))
            .then(|| Device::from_node("your device", &self.document()?).map_err(|error| error.to_string()))
    }

    /// The form as a device file, a field for each entry.
    fn document(&self) -> Result<Node, String> {
        let or = |field, default: &'static str| {
            let value = self.get(field);
            Value::Text(if value.is_empty() { default } else { value }.to_owned())
        };
        let mut entries = vec![
            named("name", Value::Text(SLUG.to_owned())),
            named("title", or(Field::Name, "Your device")),
            named("os", or(Field::Os, Os::Other.name())),
        ];
        entries.extend(self.figure(Field::Budget, "ram_budget_mb")?);
        entries.extend(self.figure(Field::Flash, "flash_read_gbps")?);
        entries.extend(self.figure(Field::Dram, "dram_bandwidth_gb_per_s")?);
        if self.is_measured && !self.get(Field::Dram).is_empty() {
            let source = named("dram_bandwidth_gb_per_s", Value::Text(MEASURED.to_owned()));
            entries.push(named("sources", Value::Map(vec![source])));
        }
        let gpu = self.get(Field::Gpu).trim();
        entries.extend((!gpu.is_empty()).then(|| named("gpu", Value::Text(card(gpu)))));
        let latency = self.figure(Field::Latency, "random_read_latency_us")?;
        entries.extend(latency.map(|latency| named("storage", Value::Map(vec![latency]))));
        Ok(Node { line: 0, value: Value::Map(entries) })
    }

    /// A figure that was entered, or what was expected in its place.
    fn figure(&self, field: Field, name: &str) -> Result<Option<(String, Node)>, String> {
        let text = self.get(field).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let value = field.read(text)?;
        Ok(Some(named(name, Value::Number(value))))
    }
}

/// A card in the words of device files: MiB of its memory, or its slug. `4060` is no size: whoever reads it asks which is meant.
fn card(text: &str) -> String {
    let is_number = text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    match quantity::mebibytes(text).filter(|_| !is_number) {
        Some(mib) => plain(mib.round()),
        None => text.replace(' ', "-"),
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
    fn a_card_is_a_name_or_its_memory() {
        let with = |card| {
            form(&[(Field::Budget, "16 GB"), (Field::Flash, "3"), (Field::Gpu, card)]).device().unwrap()
        };
        for (text, name, mib) in [
            ("RTX 4060", "rtx-4060", 8192),
            ("8 GB", "gpu-8192-mib", 8192),
            ("12288", "gpu-12288-mib", 12_288),
        ] {
            let gpu = with(text).unwrap().gpu.unwrap();
            assert_eq!((gpu.name.as_str(), gpu.memory_mib), (name, Some(mib)), "{text}");
        }
        assert!(with("4060").unwrap_err().contains("rtx-4060"));
        assert!(with("Voodoo 2").unwrap_err().contains("Voodoo-2"));
    }

    #[test]
    fn a_measured_bandwidth_says_so_until_another_is_entered() {
        let mut form = form(&[(Field::Budget, "3 GB"), (Field::Flash, "1")]);
        form.measure("12.3 GB/s".to_owned());
        let source = |form: &CustomDevice| {
            let device = form.device().unwrap().unwrap();
            device.sources.get("dram_bandwidth_gb_per_s").map(|source| source.kind)
        };
        assert_eq!(source(&form), Some(dhurandhar_core::device::SourceKind::Measured));
        form.set(Field::Dram, "20".to_owned());
        assert_ne!(source(&form), Some(dhurandhar_core::device::SourceKind::Measured));
    }

    #[test]
    fn absurd_figures_are_named() {
        for value in ["-4", "many", "1e30", "4}\nos: {"] {
            let error = form(&[(Field::Budget, value), (Field::Flash, "1")]).device().unwrap().unwrap_err();
            assert!(error.starts_with(&format!("Memory for one app: `{value}`; expected")), "{error}");
        }
    }

    #[test]
    fn figures_are_understood_as_people_write_them() {
        let device = form(&[(Field::Budget, "6 GB"), (Field::Flash, "0,5")]).device().unwrap().unwrap();
        assert_eq!(device.ram_budget_bytes(), Some(6 << 30));
        assert!((device.flash_read_gbps() - 0.5).abs() < 1e-9);
    }
}
