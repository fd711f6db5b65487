//! One decoder for all families: shapes from `Architecture`, the rest from a [`Recipe`].
//!
//! Sequences are not batched: tensors are `[tokens, hidden]`. Weights are frozen; nothing here tracks gradients
//! unless the device does.

mod adapter;
mod altup;
mod attention;
mod backend;
mod block;
mod cache;
mod error;
mod ffn;
mod hook;
mod host;
mod keys;
mod kinds;
mod load;
mod loss;
mod mask;
mod nf4;
mod norm;
mod packed;
mod ple;
mod projection;
mod recipe;
mod rope;
mod row;
mod settings;
use dhurandhar_core::leaf::cast::to_f32;

#[cfg(test)]
mod tests;

pub use adapter::{Adapters, Dropout, LowRank, Magnitude};
pub use backend::{Backend, BackendChoice};
pub use cache::KvCache;
pub use error::DecoderError;
pub use hook::{KvHook, Site};
pub use load::Keep;
pub(crate) use recipe::interleaves;
pub use recipe::{Activation, FAMILIES, Recipe};
pub(crate) use row::Row;

use crate::checkpoint::Checkpoint;
use altup::{Streams, stream};
use block::Block;
use burn::tensor::{Tensor, TensorData};
use dhurandhar_core::training::Target;
use load::Loader;
use mask::Masks;
use norm::Norm;
use ple::Ple;
use projection::{Projection, Weight};
use rope::{Rope, Rotation};
use settings::Settings;
use std::sync::Arc;

const EMBEDDING: &str = "token_embd.weight";

/// A model ready to run.
#[derive(Debug)]
pub struct Decoder {
    checkpoint: Arc<Checkpoint>,
    backend: Backend,
    recipe: Recipe,
    hidden: usize,
    vocab: usize,
    ple: Option<Ple>,
    streams: Option<Streams>,
    blocks: Vec<Block>,
    ropes: Vec<(usize, bool, Rope)>,
    output_norm: Norm,
    head: Weight,
    adapters: Option<Adapters>,
}

/// What the layers of one forward pass share.
pub(crate) struct Pass<'a, 'h> {
    backend: &'a Backend,
    ropes: &'a [(usize, bool, Rope)],
    positions: &'a [usize],
    /// Lengths of sequences that lie side by side and do not see each other; one sequence when empty.
    segments: &'a [usize],
    shared: &'a mut Shared,
    adapters: Option<&'a Adapters>,
    cache: &'a mut KvCache,
    hook: Option<&'a mut (dyn KvHook + 'h)>,
}

/// What is built once for all layers of a pass.
#[derive(Debug)]
pub(crate) struct Shared {
    masks: Masks,
    rotations: Vec<(usize, bool, Rotation)>,
}

impl Decoder {
    /// Bring a checkpoint onto a backend. Embedding tables stay on disk, on the CPU all matrices do.
    pub fn load(checkpoint: &Arc<Checkpoint>, backend: Backend) -> Result<Self, DecoderError> {
        Self::load_keeping(checkpoint, backend, Keep::Backend)
    }

    /// The same, with matrices kept as `keep` says.
    pub fn load_keeping(
        checkpoint: &Arc<Checkpoint>,
        backend: Backend,
        keep: Keep,
    ) -> Result<Self, DecoderError> {
        let built = Self::build(checkpoint, backend, keep);
        built.map_err(|problem| problem.of(&checkpoint.settings_path()))
    }

    fn build(checkpoint: &Arc<Checkpoint>, backend: Backend, keep: Keep) -> Result<Self, DecoderError> {
        let settings = Settings::of(checkpoint);
        let recipe = Recipe::new(checkpoint, settings)?;
        let architecture = checkpoint.architecture();
        let loader = Loader::new(checkpoint, &backend, keep)?;
        let (hidden, layers) = (word(architecture.hidden_size), architecture.layers.len());
        let vocab = word(architecture.embeddings.vocab_size);
        loader.stays_on_disk(EMBEDDING, [vocab, hidden])?;
        let gated = architecture.ple.as_ref();
        let ple = gated.map(|ple| Ple::load(&loader, &recipe, ple, layers, hidden)).transpose()?;
        let streams = word(architecture.extras.altup_streams);
        let streams = (streams > 1).then(|| Streams::load(&loader, streams, hidden)).transpose()?;
        let blocks = (0..layers).map(|index| Block::load(&loader, &recipe, architecture, index));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let mut ropes: Vec<(usize, bool, Rope)> = Vec::new();
        for (layer, attention) in architecture.attention_layers() {
            let (head_dim, sliding) = (word(attention.k_head_dim), recipe.local[layer]);
            if !ropes.iter().any(|(dim, kind, _)| (*dim, *kind) == (head_dim, sliding)) {
                ropes.push((head_dim, sliding, Rope::new(checkpoint, settings, head_dim, sliding)?));
            }
        }
        let output_norm = loader.norm("output_norm.weight", hidden, &recipe)?;
        let head = if architecture.embeddings.tied { EMBEDDING } else { "output.weight" };
        let head = loader.matrix(head, [vocab, hidden], None)?;
        loader.finish()?;
        Ok(Self {
            checkpoint: checkpoint.clone(),
            backend,
            recipe,
            hidden,
            vocab,
            ple,
            streams,
            blocks,
            ropes,
            output_norm,
            head,
            adapters: None,
        })
    }

    /// Add adapters to every forward pass from now on.
    pub fn attach(&mut self, adapters: Adapters) {
        self.adapters = Some(adapters);
    }

    /// The checkpoint behind it.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Bytes of weights in memory beside the checkpoint's mapping and the device.
    pub fn packed_bytes(&self) -> usize {
        self.blocks.iter().map(Block::packed_bytes).sum()
    }

    /// Where it runs.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Rows of the output head.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Layers there are.
    pub fn layers(&self) -> usize {
        self.blocks.len()
    }

    /// Squared length of each row of a projection, `[out]`, on the backend's device.
    pub(crate) fn row_squares(&self, layer: usize, target: Target) -> Option<Tensor<1>> {
        let projection = self.blocks.get(layer)?.projection(target)?;
        Some(projection.row_squares(&self.backend.device))
    }

    /// What a layer multiplies its attention scores by.
    pub fn attention_scale(&self, layer: usize) -> f64 {
        self.blocks.get(layer).map_or(1.0, Block::attention_scale)
    }

    /// An empty cache for this model.
    pub fn new_cache(&self) -> KvCache {
        KvCache::new(self.blocks.len())
    }

    /// Run tokens after those cached; gives normed hidden states `[tokens, hidden]`.
    ///
    /// A hook sees every key and value on its way into the cache.
    pub fn forward(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        hook: Option<&mut dyn KvHook>,
    ) -> Result<Tensor<2>, DecoderError> {
        self.forward_with(self.adapters.as_ref(), tokens, cache, hook)
    }

    /// The same with these adapters in place of those attached.
    pub(crate) fn forward_with(
        &self,
        adapters: Option<&Adapters>,
        tokens: &[u32],
        cache: &mut KvCache,
        hook: Option<&mut dyn KvHook>,
    ) -> Result<Tensor<2>, DecoderError> {
        let start = cache.len();
        let limit = word(self.checkpoint.architecture().max_context_tokens);
        if start + tokens.len() > limit {
            return Err(DecoderError::Context { position: limit, limit });
        }
        let (mut x, inputs) = self.open(tokens)?;
        let positions: Vec<usize> = (start..start + tokens.len()).collect();
        let mut pass = Pass {
            backend: &self.backend,
            ropes: &self.ropes,
            positions: &positions,
            segments: &[],
            shared: &mut Shared::new(start, &self.backend),
            adapters,
            cache,
            hook,
        };
        for (index, block) in self.blocks.iter().enumerate() {
            let input = inputs.as_ref().map(|inputs| stream(inputs, index));
            x = block.apply(x, input, &mut pass)?;
        }
        cache.advance(tokens.len());
        Ok(self.close(&x))
    }

    /// What the first layer takes, `[streams, tokens, hidden]`, and the per-layer inputs of all, where there are any.
    fn open(&self, tokens: &[u32]) -> Result<(Tensor<3>, Option<Tensor<3>>), DecoderError> {
        let embedded = self.embed(tokens)?;
        let inputs = self.ple.as_ref();
        let inputs = inputs
            .map(|ple| ple.inputs(&self.checkpoint, tokens, embedded.clone(), &self.backend))
            .transpose()?;
        let x = match &self.streams {
            Some(streams) => streams.open(&embedded),
            None => embedded.reshape([1, tokens.len(), self.hidden]),
        };
        Ok((x, inputs))
    }

    /// Normed hidden states `[tokens, hidden]` from what the last layer gives.
    fn close(&self, x: &Tensor<3>) -> Tensor<2> {
        let [_, tokens, hidden] = x.dims();
        let x = match &self.streams {
            Some(streams) => streams.close(x),
            None => x.clone().reshape([tokens, hidden]),
        };
        self.output_norm.apply(x)
    }

    /// Logits `[tokens, vocab]` of hidden states.
    pub fn logits(&self, hidden: &Tensor<2>) -> Tensor<2> {
        self.finished(self.head.apply(hidden.clone()))
    }

    /// Logits of the last token on the host.
    pub fn next_logits(&self, hidden: &Tensor<2>) -> Result<Vec<f32>, DecoderError> {
        let [tokens, _] = hidden.dims();
        self.backend.host(self.logits(&hidden.clone().narrow(0, tokens - 1, 1)))
    }

    /// Scaled token embeddings `[tokens, hidden]`, rows read through the mapping.
    fn embed(&self, tokens: &[u32]) -> Result<Tensor<2>, DecoderError> {
        let mut rows = vec![0.0; tokens.len() * self.hidden];
        for (token, out) in tokens.iter().zip(rows.chunks_exact_mut(self.hidden)) {
            let row = usize::try_from(*token).unwrap_or(usize::MAX);
            if row >= self.vocab {
                return Err(DecoderError::Token { token: *token, vocab: self.vocab });
            }
            self.checkpoint.read_row(EMBEDDING, row, out)?;
        }
        let rows = TensorData::new(rows, [tokens.len(), self.hidden]);
        Ok(Tensor::from_data(rows, &self.backend.device) * self.recipe.embedding_scale)
    }
}

impl Shared {
    /// For queries from position `start` on.
    fn new(start: usize, backend: &Backend) -> Self {
        Self { masks: Masks::new(start, &backend.device), rotations: Vec::new() }
    }
}

impl Pass<'_, '_> {
    /// A projection with what is added to it.
    fn project(&self, layer: usize, target: Target, projection: &Projection, x: Tensor<2>) -> Tensor<2> {
        match self.adapters {
            Some(adapters) => adapters.project(layer, target, projection, x),
            None => projection.apply(x),
        }
    }

    /// Rotation of this pass's positions for a kind of layer, computed once.
    fn rotation(&mut self, head_dim: usize, sliding: bool) -> Result<Rotation, DecoderError> {
        let is = |dim: usize, kind: bool| (dim, kind) == (head_dim, sliding);
        if let Some((.., known)) = self.shared.rotations.iter().find(|(dim, kind, _)| is(*dim, *kind)) {
            return Ok(known.clone());
        }
        let rope = self.ropes.iter().find(|(dim, kind, _)| is(*dim, *kind));
        let (.., rope) = rope.ok_or_else(|| {
            DecoderError::setting("head_dim", head_dim.to_string(), "that of a listed layer".into())
        })?;
        let rotation = rope.rotation(self.positions, &self.backend.device);
        self.shared.rotations.push((head_dim, sliding, rotation.clone()));
        Ok(rotation)
    }
}

/// A count as a machine word.
pub(crate) fn word(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A setting as what the backends compute in.
fn single(value: f64) -> f32 {
    to_f32(value)
}
