//! Where a device's figures come from: a small map in the order of its names.

use crate::leaf::wire::wire_struct;
use serde::{Serialize, Serializer};

use super::Source;
use crate::leaf::wire::Wire;

/// Sources by field name (`storage.` before the storage's fields).
///
/// A sorted list: a tree for a dozen entries would be a tenth of the page's code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(Vec<(String, Source)>);

impl Sources {
    /// The source of a field.
    pub fn get(&self, field: &str) -> Option<&Source> {
        let place = self.0.binary_search_by(|(name, _)| name.as_str().cmp(field)).ok()?;
        self.0.get(place).map(|(_, source)| source)
    }

    /// Adds the source of a field that has none yet.
    pub fn add(&mut self, field: &str, source: Source) {
        if let Err(place) = self.0.binary_search_by(|(name, _)| name.as_str().cmp(field)) {
            self.0.insert(place, (field.to_owned(), source));
        }
    }

    /// Sets the source of a field, in place of any that it has.
    pub fn put(&mut self, field: &str, source: Source) {
        match self.0.binary_search_by(|(name, _)| name.as_str().cmp(field)) {
            Ok(place) => self.0[place].1 = source,
            Err(place) => self.0.insert(place, (field.to_owned(), source)),
        }
    }

    /// Fields and sources, in the order of the fields' names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(field, source)| (field.as_str(), source))
    }
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Wire for Sources {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Wire::take(from).map(Self)
    }
}

wire_struct!(Source { kind, text });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::SourceKind;

    #[test]
    fn the_first_source_of_a_field_stays_and_fields_are_in_order() {
        let mut sources = Sources::default();
        let source = |text: &str| Source { kind: SourceKind::Stated, text: text.to_owned() };
        for (field, text) in [("ram_mib", "a"), ("dram", "b"), ("ram_mib", "c"), ("storage.class", "d")] {
            sources.add(field, source(text));
        }
        let listed: Vec<_> = sources.iter().map(|(field, source)| (field, source.text.as_str())).collect();
        assert_eq!(listed, [("dram", "b"), ("ram_mib", "a"), ("storage.class", "d")]);
        assert_eq!(sources.get("ram"), None);
        assert_eq!(serde_json::to_value(&sources).unwrap()["ram_mib"]["text"], "a");
    }
}
