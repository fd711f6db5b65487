//! Weight formats: block types, stock quantiser rules, and the bytes of a model under each.

mod format;
pub mod nf4;
mod plan;
pub mod quality;
mod stock;

pub use format::{MlxFloat, UniformFormat, UnknownFormat, WeightFormat};
pub use plan::{PlanError, PlannedTensor, WeightPlan};
pub use stock::StockType;
