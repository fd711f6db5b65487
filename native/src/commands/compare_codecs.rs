//! `compare-codecs`: quality at true bits, and what the rotations cost.

use super::codecs::{SourceArgs, rows, text};
use crate::bad_input;
use crate::cli::{args, files, output};
use crate::kv_quality::sweep;
use clap::Args;
use dhurandhar_core::codec::report::{COMPARISON_SCHEMA, CodecComparison, RotationCost, Sample};
use dhurandhar_core::codec::sweep::SweepRequest;
use dhurandhar_core::codec::{CodecError, CodecKind};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `compare-codecs`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Numbers in a head's vector (channels)
    #[arg(long, default_value_t = 255)]
    head_dim: usize,
    /// Heads of keys and values in the sample
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    num_kv_heads: u32,
    /// Tokens in the sample
    #[arg(long, alias = "seq-len", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    tokens: u32,
    /// Bits of a code, several with commas (bits of the residual for the codecs of dhurandhar 0.1.2)
    #[arg(long, alias = "residual-bits", default_value = "2,3,4,6,8")]
    bits: String,
    /// Codecs by name; may be repeated, or several with commas
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = args::codec(),
        default_value = "turboquant,turboquant-unbiased,rotorquant,seed-turbo,seed-rotor"
    )]
    codec: Vec<CodecKind>,
    /// First tokens that stay in f16 and are counted as such
    #[arg(long, default_value_t = 0)]
    sinks: usize,
    #[command(flatten)]
    source: SourceArgs,
    /// Tensor of queries in the file of --input: compares causal attention, too, with --tensor as keys
    #[arg(long, value_name = "TENSOR", requires_all = ["tensor", "values"])]
    queries: Option<String>,
    /// Tensor of values in the file of --input, for --queries
    #[arg(long, value_name = "TENSOR", requires = "queries")]
    values: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write the JSON report to this file
    #[arg(long, alias = "json-out", value_name = "PATH")]
    output: Option<PathBuf>,
}

impl CompareArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let bits = parse_bits(&self.bits).map_err(bad_input)?;
        let count = self.tokens as usize * self.num_kv_heads as usize;
        let default = SweepRequest {
            codecs: self.codec.clone(),
            bits,
            dim: self.head_dim,
            sinks: self.sinks,
            ..SweepRequest::default()
        };
        CodecError::check_dim(self.head_dim).map_err(bad_input)?;
        let vectors = self.source.vectors(self.head_dim, count)?;
        let request = SweepRequest { dim: vectors.dim, head_vectors: vectors.head, ..default };
        let rows = rows(&request, &vectors.values)?;
        let attention = match (&self.queries, &self.values) {
            (Some(queries), Some(values)) => sweep::attention(
                &request,
                &vectors,
                &self.source.other(queries)?,
                &self.source.other(values)?,
            )?,
            _ => Vec::new(),
        };
        let dims: BTreeSet<usize> = [64, 128, vectors.dim, 256, 512].into();
        let costs: Vec<RotationCost> =
            dims.iter().map(|dim| RotationCost::of(*dim)).collect::<Result<_, _>>().map_err(bad_input)?;
        let count = vectors.values.len() / vectors.dim;
        let report = CodecComparison {
            schema: COMPARISON_SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: Sample {
                head_dim: vectors.dim,
                vectors: count,
                source: vectors.name.clone(),
                sinks: self.sinks,
            },
            quality: rows,
            attention,
            costs,
        };
        let json = serde_json::to_string_pretty(&report)? + "\n";
        if let Some(path) = &self.output {
            files::save(path, &json)?;
        }
        if self.json {
            output::print(&json)?;
        } else {
            let mut answer = text::heading(&vectors.name, count, vectors.dim);
            answer += &text::quality(&report.quality);
            answer += &text::attention(&report.attention);
            answer += "\n";
            answer += &text::costs(&report.costs);
            output::print(&answer)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Widths from a list such as `2,3,4`.
fn parse_bits(text: &str) -> Result<Vec<u32>, String> {
    let bit = |part: &str| {
        let bits = part.trim().parse().ok().filter(|bits| (1..=8).contains(bits));
        bits.ok_or_else(|| format!("`{}` is not a width; expected whole numbers from 1 to 8", part.trim()))
    };
    text.split(',').map(bit).collect()
}
