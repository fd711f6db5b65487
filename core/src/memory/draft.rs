//! A draft model: a smaller one that proposes tokens, which the model checks several at a time.

use crate::leaf::wire::Wire;
use crate::model::Model;
use crate::weights::{PlanError, WeightFormat, WeightPlan};
use serde::Serialize;
use serde::ser::SerializeStruct;
use std::sync::Arc;

/// A draft model with its weights laid out.
#[derive(Debug, Clone)]
pub struct Draft {
    model: Arc<Model>,
    plan: Arc<WeightPlan>,
}

impl Draft {
    /// A draft model in a format; in its own, or `q4_k_m`, where none is asked for.
    ///
    /// # Errors
    /// The format does not apply to the model.
    pub fn new(model: Model, weights: Option<WeightFormat>) -> Result<Self, PlanError> {
        let weights = weights.unwrap_or_else(|| WeightPlan::default_format(&model));
        let plan = WeightPlan::new(&model, weights)?;
        Ok(Self { model: Arc::new(model), plan: Arc::new(plan) })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its weights.
    pub fn plan(&self) -> &WeightPlan {
        &self.plan
    }
}

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        let name = |draft: &Self| (draft.model.architecture.name.clone(), draft.plan.format);
        Arc::ptr_eq(&self.model, &other.model) || name(self) == name(other)
    }
}

impl Serialize for Draft {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Draft", 2)?;
        fields.serialize_field("model", &self.model.architecture.name)?;
        fields.serialize_field("weights", &self.plan.format)?;
        fields.end()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Draft {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Draft".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": { "model": { "type": "string" }, "weights": { "type": "string" } },
            "required": ["model", "weights"]
        })
    }
}

impl Wire for Draft {
    fn put(&self, out: &mut Vec<u8>) {
        self.model().put(out);
        self.plan().format.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (model, weights) = (Model::take(from)?, WeightFormat::take(from)?);
        Self::new(model, Some(weights)).ok()
    }
}
