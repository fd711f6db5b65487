//! Choices by name.

/// Gives an enum without fields its lists and its names: `named!(Layout { Contiguous "contiguous", Padded "padded" });`
#[macro_export]
macro_rules! named {
    ($type:ident { $($variant:ident $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every one, in the order of lists and reports.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Every one with its name.
            pub const NAMES: [(&'static str, Self); [$($name),+].len()] = [$(($name, Self::$variant)),+];

            /// Its name in files, options, links and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}
