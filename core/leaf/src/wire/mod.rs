//! The binary form in which the page's parts hand values to each other: built-in profiles, models read from files,
//! jobs for the worker and its answers.
//!
//! Both ends are always of the same build, so there is no version and no schema: whole numbers in LEB128, floats as
//! their bits, everything else in the order of its fields. Values come back bit for bit, and code for it is far
//! smaller than for a text format. Only what [`encode`] wrote is meant to be decoded: foreign bytes give `None` or
//! another value, and a model's figures are not checked again.

mod primitives;

/// A value that can be handed over.
pub trait Wire: Sized {
    /// Appends the value to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes a value from the front of `from`; `None` where the bytes are none.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// The bytes of a value.
pub fn encode<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

/// The value that `bytes` hold; `None` if they hold none, or something more.
pub fn decode<T: Wire>(mut bytes: &[u8]) -> Option<T> {
    let value = T::take(&mut bytes)?;
    bytes.is_empty().then_some(value)
}

/// Hands a struct over field by field.
#[macro_export]
macro_rules! wire_struct {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::wire::Wire::put(&self.$field, out);)+
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::wire::Wire::take(from)?),+ })
            }
        }
    };
}

/// Hands an enum over as a code and the fields of its variant.
#[macro_export]
macro_rules! wire_enum {
    ($type:ty { $($code:literal $variant:ident $({ $($field:ident),+ })? $(( $($item:ident),+ ))?),+ $(,)? }) => {
        impl $crate::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(( $($item),+ ))? => {
                        out.push($code);
                        $($($crate::wire::Wire::put($field, out);)+)?
                        $($($crate::wire::Wire::put($item, out);)+)?
                    })+
                }
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                let (&code, rest) = from.split_first()?;
                *from = rest;
                match code {
                    $($code => {
                        $($(let $field = $crate::wire::Wire::take(from)?;)+)?
                        $($(let $item = $crate::wire::Wire::take(from)?;)+)?
                        Some(Self::$variant $({ $($field),+ })? $(( $($item),+ ))?)
                    })+
                    _ => None,
                }
            }
        }
    };
}

/// Hands an enum without fields over as its place in the list of all of them.
#[macro_export]
macro_rules! wire_listed {
    ($($type:ty),+) => {$(
        impl $crate::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let place = Self::ALL.iter().position(|one| one == self);
                $crate::wire::Wire::put(&place.unwrap_or(usize::MAX), out);
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                let place: usize = $crate::wire::Wire::take(from)?;
                Self::ALL.get(place).copied()
            }
        }
    )+};
}

/// Hands a value over by its name, as in links.
#[macro_export]
macro_rules! wire_named {
    ($type:ty) => {
        impl $crate::wire::Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $crate::wire::Wire::put(&self.to_string(), out);
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                let name: String = $crate::wire::Wire::take(from)?;
                Self::parse(&name).ok()
            }
        }
    };
}

pub use crate::{wire_enum, wire_listed, wire_named, wire_struct};

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn floats_keep_their_bits_and_numbers_their_size() {
        for value in [0.0, -0.0, f64::MIN_POSITIVE, f64::INFINITY, 0.1 + 0.2] {
            assert_eq!(decode::<f64>(&encode(&value)).unwrap().to_bits(), value.to_bits());
        }
        assert!(decode::<f64>(&encode(&f64::NAN)).unwrap().is_nan());
        assert_eq!(encode(&127_u64).len(), 1);
        assert_eq!(encode(&128_u64).len(), 2);
        assert_eq!(decode::<u64>(&encode(&u64::MAX)), Some(u64::MAX));
        assert_eq!(decode::<u32>(&encode(&(1_u64 << 32))), None);
    }
}
