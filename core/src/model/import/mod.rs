//! Ways in from bytes.
