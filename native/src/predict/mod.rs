//! Commands that predict: analyse, list, import. All arithmetic is the core's.

mod analyze;
mod devices;
mod import;
mod models;
mod text;

pub(crate) use analyze::AnalyzeArgs;
pub(crate) use devices::DevicesArgs;
pub(crate) use import::ImportArgs;
pub(crate) use models::ModelsArgs;
