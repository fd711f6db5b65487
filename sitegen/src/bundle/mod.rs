//! The calculator, compiled and packed: `wasm` compiles it, `bindgen` makes its glue, `split` cuts off what is loaded later, `arrange` and
//! `names` make it smaller, `stylesheet` joins the style.

pub mod arrange;
pub mod bindgen;
pub mod names;
pub mod split;
pub mod stylesheet;
pub mod toolchain;
pub mod wasm;
