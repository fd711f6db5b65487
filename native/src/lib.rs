//! The command line's library: what measures and runs real models on this machine.

#[cfg(feature = "burn")]
pub mod checkpoint;
#[cfg(feature = "burn")]
pub mod decoder;
#[cfg(feature = "burn")]
pub mod generate;
