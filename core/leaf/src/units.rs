//! Units of memory, in bytes.

/// A mebibyte.
pub const MIB: u64 = 1 << 20;
/// A gibibyte.
pub const GIB: u64 = 1 << 30;

/// Bytes in MiB.
pub fn in_mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
