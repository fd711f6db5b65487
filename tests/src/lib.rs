//! What the end-to-end tests share: programs built once, files of the workspace, folders outside the tree.

pub mod browser;
pub mod checkpoints;
pub mod program;
pub mod report;
pub mod workspace;
