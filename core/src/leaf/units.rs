//! Units of memory, in bytes.

/// A kibibyte.
pub const KIB: u64 = 1 << 10;
/// A mebibyte.
pub const MIB: u64 = 1 << 20;
/// A gibibyte.
pub const GIB: u64 = 1 << 30;

/// Bytes in MiB.
pub fn in_mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// Bytes in GiB.
pub fn in_gib(bytes: u64) -> f64 {
    bytes as f64 / GIB as f64
}
