//! Where test vectors come from: a seeded synthetic law, or the user's own tensor.

use crate::bad_input;
use crate::kv_quality::sweep::Vectors;
use anyhow::Context;
use clap::Args;
use dhurandhar_core::codec::Source;
use dhurandhar_core::format::tensors::{Tensor, read_tensors};
use std::path::{Path, PathBuf};

/// Options that choose the vectors.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Law of synthetic vectors: gaussian_heavy_tail and gaussian as dhurandhar 0.1.2 drew them, isotropic,
    /// outlier-channels, channel-bias, sparse or low-rank
    #[arg(long, default_value = "gaussian_heavy_tail", value_parser = parse_source)]
    distribution: Source,
    /// Your own keys or values instead: a .npy or .safetensors file of f64, f32, f16 or bf16
    #[arg(long, value_name = "FILE", conflicts_with = "distribution")]
    input: Option<PathBuf>,
    /// Tensor of the file [default: the only one]; `[heads, tokens, channels]` gets a centre for each head
    #[arg(long, requires = "input")]
    tensor: Option<String>,
    /// Seed of the random generator for synthetic vectors
    #[arg(long, default_value_t = 0)]
    source_seed: u32,
}

impl SourceArgs {
    /// Vectors of `dim` channels, `count` of them when they are drawn; a file brings its own shape.
    pub(crate) fn vectors(&self, dim: usize, count: usize) -> anyhow::Result<Vectors> {
        let Some(path) = &self.input else {
            let values = self.distribution.generate(count, dim, self.source_seed);
            return Ok(Vectors { dim, head: None, values, name: self.distribution.name().to_owned() });
        };
        let file = path.display();
        let tensor = choose(Self::read(path)?, self.tensor.as_deref())
            .map_err(|message| bad_input(format!("{file}: {message}")))?;
        let name = if tensor.name.is_empty() { file.to_string() } else { format!("{file}, {}", tensor.name) };
        if tensor.values.is_empty() {
            return Err(bad_input(format!("{name}: the tensor is empty")));
        }
        Ok(Vectors { dim: tensor.channels(), head: tensor.head_vectors(), values: tensor.values, name })
    }

    /// Another tensor of the same file, by name.
    pub(crate) fn other(&self, name: &str) -> anyhow::Result<Tensor> {
        let Some(path) = &self.input else {
            return Err(bad_input(format!("tensor `{name}` needs a file: give --input")));
        };
        choose(Self::read(path)?, Some(name))
            .map_err(|message| bad_input(format!("{}: {message}", path.display())))
    }

    fn read(path: &Path) -> anyhow::Result<Vec<Tensor>> {
        let file = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
        read_tensors(&bytes).map_err(|error| bad_input(format!("{file}: {error}")))
    }
}

fn choose(mut tensors: Vec<Tensor>, wanted: Option<&str>) -> Result<Tensor, String> {
    let names = || tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>().join(", ");
    match wanted {
        Some(wanted) => {
            let found = tensors.iter().position(|tensor| tensor.name == wanted);
            let found = found.ok_or_else(|| format!("no tensor `{wanted}`; there are {}", names()))?;
            Ok(tensors.swap_remove(found))
        }
        None if tensors.len() > 1 => Err(format!("several tensors; choose one with --tensor: {}", names())),
        None => tensors.pop().ok_or_else(|| "no tensor of f64, f32, f16 or bf16".to_owned()),
    }
}

fn parse_source(name: &str) -> Result<Source, String> {
    let source = match name {
        "gaussian_heavy_tail" => Some(Source::SeedHeavyTail),
        "gaussian" => Some(Source::SeedGaussian),
        "isotropic" => Some(Source::Gaussian),
        name => Source::from_name(name),
    };
    source.ok_or_else(|| {
        "expected gaussian_heavy_tail, gaussian, isotropic, outlier-channels, channel-bias, sparse or low-rank".into()
    })
}
