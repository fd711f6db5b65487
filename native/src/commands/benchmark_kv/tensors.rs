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
    /// Built-in slug or model file; its geometry replaces the four options below
    #[arg(long, conflicts_with_all = ["head_dim", "num_kv_heads", "num_layers", "shared_kv_last_n"])]
    model: Option<String>,
    /// Channels of a head vector
    #[arg(long, default_value_t = 256)]
    head_dim: usize,
    /// KV heads
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    num_kv_heads: u32,
    /// Layers
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=4096))]
    num_layers: u32,
    /// Last layers that read an earlier layer's cache
    #[arg(long, default_value_t = 6)]
    shared_kv_last_n: u32,
    /// Tokens of context for the footprint
    #[arg(long, default_value_t = 32_768, value_parser = clap::value_parser!(u64).range(1..=4_294_967_296))]
    seq_len: u64,
    /// Bits of a code (residual bits for the seed's codecs)
    #[arg(long, visible_alias = "bits", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    residual_bits: u32,
    /// Bits of keys [default: as --residual-bits]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8))]
    k_bits: Option<u32>,
    /// Bits of values [default: as --residual-bits]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8))]
    v_bits: Option<u32>,
    /// Codecs, by name; repeat or separate by commas
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = args::codec(),
        default_value = "centred-keys,turboquant,rotorquant,seed-turbo,seed-rotor"
    )]
    codec: Vec<CodecKind>,
    /// Most recent tokens kept in f16
    #[arg(long, default_value_t = 0)]
    recent: usize,
    /// First and last layers with a cache that get 8 bits
    #[arg(long, default_value_t = 0)]
    protected_layers: usize,
    /// Vectors per head in the quality sample
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    samples: u32,
    #[command(flatten)]
    source: SourceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write JSON here
    #[arg(long, value_name = "PATH")]
    json_out: Option<PathBuf>,
}

impl TensorArgs {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let model = self.model()?;
        let (heads, dim) = widest_cache(&model.architecture)
            .ok_or_else(|| bad_input(format!("{} has no KV cache", model.architecture.name)))?;
        CodecError::check_dim(dim).map_err(bad_input)?;
        let vectors = self.source.vectors(dim, self.samples as usize * heads)?;
        let (k_bits, v_bits) = self.bits();
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
            context_tokens: self.seq_len,
            source: vectors.name.clone(),
            quality: rows,
            kv_cache: footprints,
        };
        let json = serde_json::to_string_pretty(&report)? + "\n";
        if let Some(path) = &self.json_out {
            files::save(path, &json)?;
        }
        if self.json {
            output::print(&json)?;
        } else {
            let mut answer = text::heading(&vectors.name, vectors.values.len() / vectors.dim, vectors.dim);
            answer += &text::quality(&report.quality);
            answer += "\n";
            answer += &text::caches(&model.architecture, self.seq_len, &report.kv_cache);
            output::print(&answer)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Bits of keys and of values.
    fn bits(&self) -> (u32, u32) {
        (self.k_bits.unwrap_or(self.residual_bits), self.v_bits.unwrap_or(self.residual_bits))
    }

    fn footprint(&self, model: &Architecture, codec: CodecKind) -> anyhow::Result<CachedModel> {
        let (k_bits, v_bits) = self.bits();
        let base = match codec {
            CodecKind::CentredKeys => KvCacheConfig::recommended(k_bits, v_bits),
            codec => KvCacheConfig::plain(codec, k_bits, v_bits),
        };
        let config = KvCacheConfig { recent: self.recent, protected_layers: self.protected_layers, ..base };
        let memory = KvMemory::of(model, &config, self.seq_len).map_err(bad_input)?;
        let published_label = codec.published_label(k_bits).filter(|_| k_bits == v_bits);
        Ok(CachedModel { codec, k_bits, v_bits, memory, published_label })
    }

    /// The model asked for, or one of the seed's geometry options.
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
