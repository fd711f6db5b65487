//! The command line's library: what measures and runs real models on this machine.
