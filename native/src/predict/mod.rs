//! Commands that predict: analyse, list, import. All arithmetic is the core's.

mod analyze;
mod devices;
mod import;
mod limits;
mod models;
mod programs;
mod state;
mod text;

pub(crate) use analyze::AnalyzeArgs;
pub(crate) use devices::{DevicesArgs, load as load_device};
pub(crate) use import::ImportArgs;
pub(crate) use limits::LimitsArgs;
pub(crate) use models::ModelsArgs;
pub(crate) use programs::ProgramsArgs;
