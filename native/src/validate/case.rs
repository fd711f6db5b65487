//! What is run: a checkpoint as it stands, or a built-in model as a sparse file.

use super::sparse;
use crate::{bad_input, inputs};
use anyhow::Context;
use dhurandhar_core::model::{Model, Origin};
use dhurandhar_core::weights::{WeightFormat, WeightPlan};
use std::path::{Path, PathBuf};

/// A model and its weights.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Slug, or the file's name without its folder.
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) weights: WeightFormat,
    /// The checkpoint, where there is one.
    checkpoint: Option<PathBuf>,
}

/// A file to load: one that is there, or one that goes with this.
#[derive(Debug)]
pub(crate) enum Loadable {
    There(PathBuf),
    Made(sparse::Sparse),
}

impl Loadable {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Made(sparse) => &sparse.path,
        }
    }
}

/// The models that were asked for.
pub(crate) fn subjects(models: &[String], weights: &str) -> anyhow::Result<Vec<Subject>> {
    let stock = WeightFormat::parse(weights).map_err(bad_input)?;
    models.iter().map(|name| subject(name, stock)).collect()
}

fn subject(name: &str, stock: WeightFormat) -> anyhow::Result<Subject> {
    let model = inputs::model::load(name)?;
    let path = Path::new(name);
    match model.origin {
        Origin::Gguf { .. } => {
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
            Ok(Subject {
                name: file.unwrap_or_else(|| name.to_owned()),
                model,
                weights: WeightFormat::AsStored,
                checkpoint: Some(path.to_owned()),
            })
        }
        Origin::BuiltIn => {
            Ok(Subject { name: model.architecture.name.clone(), model, weights: stock, checkpoint: None })
        }
        _ => Err(bad_input(format!("{name}: expected a GGUF file or a built-in model"))),
    }
}

impl Subject {
    pub(crate) fn source(&self) -> &'static str {
        if self.checkpoint.is_some() { "file" } else { "sparse" }
    }

    /// The checkpoint, where there is one.
    pub(crate) fn checkpoint(&self) -> Option<&Path> {
        self.checkpoint.as_deref()
    }

    /// The file to load; a made one is in `scratch` until it is dropped.
    pub(crate) fn file(&self, scratch: &Path) -> anyhow::Result<Loadable> {
        if let Some(path) = &self.checkpoint {
            return Ok(Loadable::There(path.clone()));
        }
        let plan = WeightPlan::new(&self.model, self.weights).map_err(bad_input)?;
        let name = format!("{}-{}-{}.gguf", self.name, self.weights, std::process::id());
        let path = scratch.join(name);
        let made = sparse::write(&self.model, &plan, path.clone());
        made.map(Loadable::Made).with_context(|| format!("cannot make {}", path.display()))
    }
}
