//! `benchmark-kv` without a real model: what a codec does to given or synthetic tensors, and to the KV cache of a model.

use crate::cli::{args, files, output};
use crate::commands::codecs::{SourceArgs, rows, text};
use crate::{bad_input, inputs};
use clap::Args;
use dhurandhar_core::codec::kv_cache::{KvCacheConfig, KvMemory};
use dhurandhar_core::codec::report::{BENCHMARK_SCHEMA, CachedModel, KvBenchmark};
use dhurandhar_core::codec::sweep::SweepRequest;
use dhurandhar_core::codec::{CodecError, CodecKind};
use dhurandhar_core::model::{Architecture, Model};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `benchmark-kv`.
#[derive(Debug, Args)]
pub(crate) struct TensorArgs {
    /// Built-in model or model file: its shape replaces the four options below; with --text its weights are run
    #[arg(long, alias = "checkpoint", conflicts_with_all = ["head_dim", "num_kv_heads", "num_layers", "shared_kv_last_n"])]
    pub(super) model: Option<String>,
    /// Numbers in a head's vector (channels)
    #[arg(long, default_value_t = 256)]
    head_dim: usize,
    /// Heads of keys and values
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    num_kv_heads: u32,
    /// Layers
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=4096))]
    num_layers: u32,
    /// Last layers that read an earlier layer's cache
    #[arg(long, default_value_t = 6)]
    shared_kv_last_n: u32,
    /// Tokens of context for which the size of the cache is shown
    #[arg(long, alias = "seq-len", default_value_t = 32_768, value_parser = clap::value_parser!(u64).range(1..=4_294_967_296))]
    context_tokens: u64,
    /// Bits of a code (bits of the residual for the codecs of dhurandhar 0.1.2)
    #[arg(long, alias = "residual-bits", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    bits: u32,
    /// Bits of keys [default: as --bits]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8))]
    k_bits: Option<u32>,
    /// Bits of values [default: as --bits]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8))]
    v_bits: Option<u32>,
    /// Codecs by name; may be repeated, or several with commas
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = args::codec(),
        default_value = "centred-keys,turboquant,rotorquant,seed-turbo,seed-rotor"
    )]
    codec: Vec<CodecKind>,
    /// Most recent tokens that stay in f16
    #[arg(long, default_value_t = 0)]
    recent: usize,
    /// First and last layers with a cache that get 8 bits
    #[arg(long, default_value_t = 0)]
    protected_layers: usize,
    /// Vectors of each head in the sample
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    samples: u32,
    #[command(flatten)]
    source: SourceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write the JSON report to this file; with --text it is written after every setting, and settings in it are not run
    /// again
    #[arg(long, alias = "json-out", value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
}

impl TensorArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let model = self.model()?;
        let (heads, dim) = widest_cache(&model.architecture)
            .ok_or_else(|| bad_input(format!("{} has no KV cache", model.architecture.name)))?;
        CodecError::check_dim(dim).map_err(bad_input)?;
        let vectors = self.source.vectors(dim, self.samples as usize * heads)?;
        let (k_bits, v_bits) = self.side_bits();
        let request = SweepRequest {
            codecs: self.codec.clone(),
            bits: BTreeSet::from([k_bits, v_bits]).into_iter().collect(),
            dim: vectors.dim,
            head_vectors: vectors.head,
            ..SweepRequest::default()
        };
        let rows = rows(&request, &vectors.values)?;
        let footprints = self.codec.iter().map(|codec| self.footprint(&model.architecture, *codec));
        let footprints: Vec<CachedModel> = footprints.collect::<anyhow::Result<_>>()?;
        let report = KvBenchmark {
            schema: BENCHMARK_SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.architecture.name.clone(),
            context_tokens: self.context_tokens,
            source: vectors.name.clone(),
            quality: rows,
            kv_cache: footprints,
        };
        let json = serde_json::to_string_pretty(&report)? + "\n";
        if let Some(path) = &self.output {
            files::save(path, &json)?;
        }
        if self.json {
            output::print(&json)?;
        } else {
            let mut answer = text::heading(&vectors.name, vectors.values.len() / vectors.dim, vectors.dim);
            answer += &text::quality(&report.quality);
            answer += "\n";
            answer += &text::caches(&model.architecture, self.context_tokens, &report.kv_cache);
            output::print(&answer)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Bits of keys and of values.
    fn side_bits(&self) -> (u32, u32) {
        (self.k_bits.unwrap_or(self.bits), self.v_bits.unwrap_or(self.bits))
    }

    fn footprint(&self, model: &Architecture, codec: CodecKind) -> anyhow::Result<CachedModel> {
        let (k_bits, v_bits) = self.side_bits();
        let base = match codec {
            CodecKind::CentredKeys => KvCacheConfig::recommended(k_bits, v_bits),
            codec => KvCacheConfig::plain(codec, k_bits, v_bits),
        };
        let config = KvCacheConfig { recent: self.recent, protected_layers: self.protected_layers, ..base };
        let memory = KvMemory::of(&model.kv_geometry(), &config, self.context_tokens).map_err(bad_input)?;
        let published_label = codec.published_label(k_bits).filter(|_| k_bits == v_bits);
        Ok(CachedModel { codec, k_bits, v_bits, memory, published_label })
    }

    /// The model asked for, or one with the shape of the options of dhurandhar 0.1.2.
    fn model(&self) -> anyhow::Result<Model> {
        if let Some(name) = &self.model {
            return inputs::model::load(name);
        }
        let yaml = format!(
            "name: geometry\nfamily: llama\nnum_hidden_layers: {}\nhidden_size: 2048\nintermediate_size: 8192\n\
             vocab_size: 32000\nnum_attention_heads: {heads}\nnum_key_value_heads: {heads}\nhead_dim: {}\n\
             shared_kv_last_n_layers: {}\n",
            self.num_layers,
            self.head_dim,
            self.shared_kv_last_n,
            heads = self.num_kv_heads
        );
        Model::from_yaml("the geometry options", &yaml).map_err(bad_input)
    }
}

/// KV heads and channels of the widest cache.
fn widest_cache(model: &Architecture) -> Option<(usize, usize)> {
    let owners = model.attention_layers().map(|(_, attention)| attention).filter(|a| a.owns_cache());
    let widest = owners.max_by_key(|attention| attention.k_head_dim)?;
    Some((usize::try_from(widest.kv_heads).ok()?, usize::try_from(widest.k_head_dim).ok()?))
}
