//! The table as bytes in a file: rows, layers and the three ways to lay them out.

use crate::leaf::cast::to_u64;
use crate::leaf::named;
use crate::leaf::wire::{wire_enum, wire_struct};
use crate::model::Architecture;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How the slices of one token lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Token-major: all layers of a token side by side, rows packed.
    Contiguous,
    /// Token-major, each row starting on a page.
    Padded,
    /// One table a layer: a token is `layers` slices far apart.
    LayerMajor,
}

named!(Layout { Contiguous "contiguous", Padded "padded", LayerMajor "layer_major" });

/// A run of bytes in the table file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extent {
    /// First byte, counted from the start of the table.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A table of `rows` tokens by `layers` slices of `layer_bytes` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TableGeometry {
    /// Tokens in the vocabulary.
    pub rows: u64,
    /// Slices a token has.
    pub layers: u64,
    /// Bytes of one slice.
    pub layer_bytes: u64,
    /// Page of the machine that reads it, bytes.
    pub page_bytes: u64,
}

/// Why a geometry cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum GeometryError {
    /// A count is zero.
    #[error("table {field} is 0, expected at least 1")]
    Zero {
        /// Which count.
        field: &'static str,
    },
    /// The page is no power of two.
    #[error("page size is {page} bytes, expected a power of two from 512 to 1048576")]
    Page {
        /// What was given.
        page: u64,
    },
    /// The table does not fit in a file offset.
    #[error("table of {rows} rows x {layers} layers x {layer_bytes} bytes exceeds 2^53 bytes")]
    TooLarge {
        /// Rows given.
        rows: u64,
        /// Layers given.
        layers: u64,
        /// Slice bytes given.
        layer_bytes: u64,
    },
}

impl TableGeometry {
    /// Checks the four counts. Errors name the count at fault.
    pub fn new(rows: u64, layers: u64, layer_bytes: u64, page_bytes: u64) -> Result<Self, GeometryError> {
        for (field, value) in [("rows", rows), ("layers", layers), ("layer_bytes", layer_bytes)] {
            if value == 0 {
                return Err(GeometryError::Zero { field });
            }
        }
        if !page_bytes.is_power_of_two() || !(512..=1 << 20).contains(&page_bytes) {
            return Err(GeometryError::Page { page: page_bytes });
        }
        let row = layers.checked_mul(layer_bytes).and_then(|row| row.checked_next_multiple_of(page_bytes));
        match row.and_then(|row| row.checked_mul(rows)) {
            Some(bytes) if bytes <= 1 << 53 => Ok(Self { rows, layers, layer_bytes, page_bytes }),
            _ => Err(GeometryError::TooLarge { rows, layers, layer_bytes }),
        }
    }

    /// The lookup table of a model at `bits` a weight: its per-layer embeddings, or else its token embeddings.
    ///
    /// A slice is rounded up to whole bytes, as packed rows are.
    pub fn of_model(model: &Architecture, bits: f64, page_bytes: u64) -> Result<Self, GeometryError> {
        let (rows, layers, width) = match &model.ple {
            Some(ple) => (ple.rows, model.layers.len() as u64, ple.width),
            None => (model.embeddings.vocab_size, 1, model.embeddings.width),
        };
        let layer_bytes = to_u64((width as f64 * bits / 8.0).ceil().clamp(0.0, (1_u64 << 40) as f64));
        Self::new(rows, layers, layer_bytes, page_bytes)
    }

    /// Bytes of one token's row without padding.
    pub fn row_bytes(&self) -> u64 {
        self.layers * self.layer_bytes
    }

    /// Distance between two rows of a token-major layout, or between two slices of a layer-major one.
    pub fn stride(&self, layout: Layout) -> u64 {
        match layout {
            Layout::Contiguous => self.row_bytes(),
            Layout::Padded => self.row_bytes().next_multiple_of(self.page_bytes),
            Layout::LayerMajor => self.layer_bytes,
        }
    }

    /// Size of the table in a layout, bytes.
    pub fn bytes(&self, layout: Layout) -> u64 {
        match layout {
            Layout::Padded => self.rows * self.stride(Layout::Padded),
            Layout::Contiguous | Layout::LayerMajor => self.rows * self.row_bytes(),
        }
    }

    /// The same table with `share` of its rows (at least 1).
    #[must_use]
    pub fn scaled(&self, share: f64) -> Self {
        let rows = to_u64((self.rows as f64 * share).floor()).clamp(1, self.rows);
        Self { rows, ..*self }
    }

    /// Appends the extents of row `row` (taken modulo the rows).
    pub fn row_extents(&self, layout: Layout, row: u64, into: &mut Vec<Extent>) {
        let row = row % self.rows;
        match layout {
            Layout::Contiguous | Layout::Padded => {
                into.push(Extent { offset: row * self.stride(layout), bytes: self.row_bytes() });
            }
            Layout::LayerMajor => into.extend((0..self.layers).map(|layer| Extent {
                offset: (layer * self.rows + row) * self.layer_bytes,
                bytes: self.layer_bytes,
            })),
        }
    }

    /// The extent of the `slice`-th slice of the file, wherever it belongs.
    pub fn slice_extent(&self, slice: u64) -> Extent {
        let slice = slice % (self.rows * self.layers);
        Extent { offset: slice * self.layer_bytes, bytes: self.layer_bytes }
    }

    /// Expected pages a token touches under a uniform draw.
    pub fn pages_per_token(&self, layout: Layout) -> f64 {
        let page = self.page_bytes;
        match layout {
            Layout::Contiguous | Layout::Padded => {
                super::pages_per_extent(self.row_bytes(), self.stride(layout), page)
            }
            Layout::LayerMajor => {
                self.layers as f64 * super::pages_per_extent(self.layer_bytes, self.layer_bytes, page)
            }
        }
    }
}

pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

wire_struct!(TableGeometry { rows, layers, layer_bytes, page_bytes });
wire_enum!(Layout { 0 Contiguous, 1 Padded, 2 LayerMajor });

#[cfg(test)]
mod tests {
    use super::{GeometryError, Layout, TableGeometry};

    fn e2b() -> TableGeometry {
        TableGeometry::new(262_144, 35, 128, 4096).unwrap()
    }

    #[test]
    fn e2b_at_four_bits() {
        let table = e2b();
        assert_eq!(table.row_bytes(), 4480);
        assert_eq!(table.bytes(Layout::Contiguous), 1_174_405_120);
        assert_eq!(table.stride(Layout::Padded), 8192);
        assert!((table.pages_per_token(Layout::Contiguous) - 2.0625).abs() < 1e-12);
        assert!((table.pages_per_token(Layout::LayerMajor) - 35.0).abs() < 1e-12);
    }

    #[test]
    fn built_in_models_give_the_published_table() {
        let gemma = crate::model::registry::model("gemma4-e2b").unwrap();
        assert_eq!(TableGeometry::of_model(&gemma.architecture, 4.0, 4096), Ok(e2b()));
        let llama = crate::model::registry::model("llama-3.2-1b").unwrap();
        let table = TableGeometry::of_model(&llama.architecture, 4.0, 4096).unwrap();
        assert_eq!((table.rows, table.layers, table.layer_bytes), (128_256, 1, 1024));
        assert!(TableGeometry::of_model(&llama.architecture, f64::NAN, 4096).is_err());
    }

    #[test]
    fn every_layout_covers_the_row_inside_the_file() {
        let table = TableGeometry::new(10, 3, 5, 512).unwrap();
        for layout in [Layout::Contiguous, Layout::Padded, Layout::LayerMajor] {
            for row in 0..10 {
                let mut extents = Vec::new();
                table.row_extents(layout, row, &mut extents);
                assert_eq!(extents.iter().map(|e| e.bytes).sum::<u64>(), 15);
                assert!(
                    extents.iter().all(|e| e.offset + e.bytes <= table.bytes(layout)),
                    "{layout:?} {row}"
                );
            }
        }
    }

    #[test]
    fn bad_counts_are_named() {
        assert_eq!(TableGeometry::new(0, 1, 1, 4096), Err(GeometryError::Zero { field: "rows" }));
        assert_eq!(TableGeometry::new(1, 1, 1, 4095), Err(GeometryError::Page { page: 4095 }));
        assert!(matches!(TableGeometry::new(u64::MAX, 2, 2, 4096), Err(GeometryError::TooLarge { .. })));
    }

    #[test]
    fn scale_never_empties_the_table() {
        assert_eq!(e2b().scaled(0.0).rows, 1);
        assert_eq!(e2b().scaled(0.5).rows, 131_072);
        assert_eq!(e2b().scaled(f64::NAN).rows, 1);
    }
}
