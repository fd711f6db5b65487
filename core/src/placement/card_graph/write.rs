//! llama.cpp's graph of a model, operation by operation (`llama-graph.cpp`). What scales a tensor in its place is left out.

use super::blocks::Block;
use super::tensors::{Graph, Op, Side};
use crate::model::architecture::Ffn;

/// What the graph of all layers depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) hidden: u64,
    pub(super) vocabulary: u64,
    /// Tokens of the micro-batch.
    pub(super) tokens: u64,
    /// Tokens whose logits are wanted.
    pub(super) outputs: u64,
    /// Queries, keys and values are one product, and so are gate and up.
    pub(super) is_fused: bool,
    /// Where the output is computed.
    pub(super) output: Side,
    pub(super) output_norm: Option<u64>,
    /// Values are normed, and embeddings scaled beside a table for each layer (Gemma 4).
    pub(super) norms_values: bool,
    pub(super) ple: Option<Ple>,
}

/// The table that has a vector for each layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ple {
    pub(super) width: u64,
    /// Of all layers together.
    pub(super) row: u64,
    /// Bytes and side of the matrix that brings it into the stream, and of its norm.
    pub(super) projection: (u64, Side),
    pub(super) norm: (u64, Side),
}

/// The graph of these layers.
pub(super) fn write(blocks: &[Block<'_>], size: Size) -> Graph {
    let mut graph = Graph::default();
    let tokens = size.tokens;
    let mut input = |bytes: u64| graph.leaf(bytes, Some(Side::Host));
    let [positions, outputs, ids] =
        [tokens, size.outputs, tokens].map(|count| input(count.saturating_mul(4)));
    // For windows and for the rest: indices of rows for keys and values, and a mask.
    let caches = [false, true].map(|is_windowed| {
        let found = blocks.iter().find(|block| block.cache.is_windowed == is_windowed);
        let cells = found.map_or(0, |block| block.cache.cells);
        let rows = tokens.saturating_mul(8);
        [rows, rows, cells.saturating_mul(tokens).saturating_mul(2)].map(&mut input)
    });
    let table = graph.weight(0, Side::Host);
    let two_caches =
        [false, true].map(|is_windowed| blocks.iter().any(|b| b.cache.is_windowed == is_windowed));
    let mut writer =
        Writer { graph, size, positions, two_caches: two_caches == [true; 2], tokens, held: [None; 2] };
    let mut stream = writer.graph.compute(Op::GetRows, size.hidden, tokens, &[table, ids]);
    let of_layers = size.ple.map(|ple| (ple, writer.table_of_layers(ple, &mut stream, [table, ids])));
    for (index, block) in blocks.iter().enumerate() {
        let inputs = caches[usize::from(block.cache.is_windowed)];
        let mut mixed = writer.attention(block, stream, inputs);
        if index + 1 == blocks.len() {
            writer.tokens = size.outputs;
            [mixed, stream] =
                [mixed, stream].map(|rows| writer.compute(Op::GetRows, size.hidden, &[rows, outputs]));
        }
        mixed = writer.norm_if(block, "post_attention_norm", mixed, size.hidden);
        let between = writer.compute(Op::Add, size.hidden, &[mixed, stream]);
        let normed = writer.norm_if(block, "ffn_norm", between, size.hidden);
        let out = match *block.ffn {
            Ffn::Experts { experts, active, width, .. } => {
                writer.mixture(block, normed, [experts, active, width])
            }
            Ffn::Dense { width, .. } => writer.dense(block, normed, width),
            Ffn::None => normed,
        };
        let out = writer.norm_if(block, "post_ffw_norm", out, size.hidden);
        let operands = if size.is_fused { [between, out] } else { [out, between] };
        stream = writer.compute(Op::Add, size.hidden, &operands);
        if let Some((ple, table)) = of_layers {
            let gate = writer.product(block, "inp_gate", ple.width, stream);
            let gate = writer.compute(Op::Activation, ple.width, &[gate]);
            let mut row = writer.graph.view(Op::View, table);
            writer.graph.tensors[row].bytes = ple.width.saturating_mul(tokens).saturating_mul(4);
            if index + 1 == blocks.len() {
                row = writer.compute(Op::GetRows, ple.width, &[row, outputs]);
            }
            let gated = writer.compute(Op::Multiply, ple.width, &[gate, row]);
            let brought = writer.product(block, "proj", size.hidden, gated);
            let brought = writer.norm_if(block, "post_norm", brought, size.hidden);
            stream = writer.compute(Op::Add, size.hidden, &[stream, brought]);
        }
        if let Some((bytes, side)) = block.weight("layer_output_scale", "weight") {
            let scalar = writer.graph.weight(bytes, side);
            stream = writer.compute(Op::Multiply, size.hidden, &[stream, scalar]);
        }
    }
    stream = writer.compute(Op::Norm, size.hidden, &[stream]);
    if let Some(bytes) = size.output_norm {
        let weight = writer.graph.weight(bytes, size.output);
        stream = writer.compute(Op::Multiply, size.hidden, &[stream, weight]);
    }
    let head = writer.graph.weight(0, size.output);
    writer.compute(Op::Product, size.vocabulary, &[head, stream]);
    writer.graph
}

struct Writer {
    graph: Graph,
    size: Size,
    positions: usize,
    /// One for windows, one for the rest.
    two_caches: bool,
    /// Tokens that are computed at this point.
    tokens: u64,
    /// Keys and values of the last layer that holds some, without a window and with one.
    held: [Option<[usize; 2]>; 2],
}

impl Writer {
    fn compute(&mut self, op: Op, channels: u64, sources: &[usize]) -> usize {
        self.graph.compute(op, channels, self.tokens, sources)
    }

    /// Vectors for all layers: those of the table, added to what the stream gives.
    fn table_of_layers(&mut self, ple: Ple, stream: &mut usize, [table, ids]: [usize; 2]) -> usize {
        *stream = self.compute(Op::Scale, self.size.hidden, &[*stream]);
        let rows = self.compute(Op::GetRows, ple.row, &[table, ids]);
        let rows = self.graph.view(Op::Reshape, rows);
        let rows = self.compute(Op::Scale, ple.row, &[rows]);
        let [matrix, norm] = [ple.projection, ple.norm].map(|(bytes, side)| self.graph.weight(bytes, side));
        let own = self.compute(Op::Product, ple.row, &[matrix, *stream]);
        let own = self.compute(Op::Scale, ple.row, &[own]);
        let own = self.graph.view(Op::Reshape, own);
        let own = self.compute(Op::Norm, ple.row, &[own]);
        let own = self.compute(Op::Multiply, ple.row, &[own, norm]);
        let both = self.compute(Op::Add, ple.row, &[own, rows]);
        let both = self.compute(Op::Scale, ple.row, &[both]);
        let both = self.graph.view(Op::Permute, both);
        self.compute(Op::Copy, ple.row, &[both])
    }

    /// A norm, if the layer has its weight.
    fn norm_if(&mut self, block: &Block<'_>, name: &str, input: usize, channels: u64) -> usize {
        let Some((bytes, side)) = block.weight(name, "weight") else { return input };
        let normed = self.compute(Op::Norm, channels, &[input]);
        let weight = self.graph.weight(bytes, side);
        self.compute(Op::Multiply, channels, &[normed, weight])
    }

    fn weight(&mut self, block: &Block<'_>, name: &str) -> usize {
        let (bytes, side) = block.weight(name, "weight").unwrap_or((0, Side::Card));
        self.graph.weight(bytes, side)
    }

    fn product(&mut self, block: &Block<'_>, name: &str, channels: u64, input: usize) -> usize {
        let weight = self.weight(block, name);
        let product = self.compute(Op::Product, channels, &[weight, input]);
        let Some((bytes, side)) = block.weight(name, "bias") else { return product };
        let bias = self.graph.weight(bytes, side);
        self.compute(Op::Add, channels, &[product, bias])
    }

    fn attention(
        &mut self,
        block: &Block<'_>,
        stream: usize,
        [key_rows, value_rows, mask]: [usize; 3],
    ) -> usize {
        let (attention, cache) = (block.attention, block.cache);
        let normed = self.norm_if(block, "attn_norm", stream, self.size.hidden);
        let [queries, keys] =
            [attention.query_heads, attention.kv_heads].map(|heads| heads * attention.k_head_dim);
        let values = attention.kv_heads * attention.v_head_dim;
        let whole = block
            .weight("attn_qkv", "weight")
            .map(|_| self.product(block, "attn_qkv", queries + keys + values, normed));
        let q = self.product_of(block, "attn_q", whole, queries, normed);
        let q = self.rotated(block, "attn_q_norm", q, queries);
        let slot = usize::from(cache.is_windowed);
        let [held_keys, held_values] = self.held[slot].filter(|_| cache.is_shared).unwrap_or_else(|| {
            let rows = self.keys_and_values(block, whole, [keys, values], normed);
            let held = [cache.keys, cache.values].map(|bytes| self.graph.leaf(bytes, Some(cache.side)));
            for ((rows, at), held) in rows.into_iter().zip([key_rows, value_rows]).zip(held) {
                let rows = self.graph.view(Op::View, rows);
                self.graph.write(rows, at, held);
            }
            self.held[slot] = Some(held);
            held
        });
        let [q, k, v] = [q, held_keys, held_values].map(|rows| {
            let view = self.graph.view(Op::View, rows);
            self.graph.view(Op::Permute, view)
        });
        let seen = attention.query_heads * attention.v_head_dim;
        let seen = self.compute(Op::Attention, seen, &[q, k, v, mask]);
        let seen = self.graph.view(Op::Reshape, seen);
        self.product(block, "attn_output", self.size.hidden, seen)
    }

    /// A product of its own, or the part of one.
    fn product_of(
        &mut self,
        block: &Block<'_>,
        name: &str,
        whole: Option<usize>,
        channels: u64,
        input: usize,
    ) -> usize {
        if let Some(whole) = whole {
            return self.graph.view(Op::View, whole);
        }
        let rows = self.product(block, name, channels, input);
        self.graph.view(Op::Reshape, rows)
    }

    fn rotated(&mut self, block: &Block<'_>, norm: &str, rows: usize, channels: u64) -> usize {
        let rows = self.norm_if(block, norm, rows, channels);
        self.compute(Op::Rope, channels, &[rows, self.positions])
    }

    /// Values come first where there is one cache.
    fn keys_and_values(
        &mut self,
        block: &Block<'_>,
        whole: Option<usize>,
        [keys, values]: [u64; 2],
        input: usize,
    ) -> [usize; 2] {
        if !self.two_caches {
            let v = self.product_of(block, "attn_v", whole, values, input);
            let k = self.product_of(block, "attn_k", whole, keys, input);
            return [self.rotated(block, "attn_k_norm", k, keys), v];
        }
        let product = self.product_of(block, "attn_k", whole, keys, input);
        let k = self.rotated(block, "attn_k_norm", product, keys);
        let mut v = if block.attention.values_from_keys {
            let product = self.graph.base(product);
            self.graph.view(Op::Reshape, product)
        } else {
            self.product_of(block, "attn_v", whole, values, input)
        };
        if self.size.norms_values {
            v = self.compute(Op::Norm, values, &[v]);
        }
        [k, v]
    }

    fn dense(&mut self, block: &Block<'_>, normed: usize, width: u64) -> usize {
        let unit = if block.weight("ffn_gate", "weight").is_some() {
            let [gate, up] = ["ffn_gate", "ffn_up"].map(|name| self.product(block, name, width, normed));
            self.compute(Op::GatedUnit, width, &[gate, up])
        } else {
            let both = self.product(block, "ffn_up", width.saturating_mul(2), normed);
            self.compute(Op::GatedUnit, width, &[both])
        };
        self.product(block, "ffn_down", self.size.hidden, unit)
    }

    fn mixture(&mut self, block: &Block<'_>, normed: usize, [experts, active, width]: [u64; 3]) -> usize {
        let hidden = self.size.hidden;
        let logits = self.product(block, "ffn_gate_inp", experts, normed);
        let shares = self.compute(Op::Softmax, experts, &[logits]);
        let of_one = self.graph.view(Op::Reshape, shares);
        let sorted = self.compute(Op::Sort, experts, &[shares]);
        let chosen = self.graph.view(Op::View, sorted);
        let chosen_shares = self.compute(Op::GetRows, active, &[of_one, chosen]);
        let in_row = self.graph.view(Op::Reshape, chosen_shares);
        let sum = self.compute(Op::Sum, 1, &[in_row]);
        let sum = self.compute(Op::Clamp, 1, &[sum]);
        let shares = self.compute(Op::Divide, active, &[in_row, sum]);
        let shares = self.graph.view(Op::Reshape, shares);
        let rows = self.graph.view(Op::Reshape, normed);
        let [inner, outer] = [width, hidden].map(|channels| channels.saturating_mul(active));
        let [gate, up] = ["ffn_gate_exps", "ffn_up_exps"].map(|name| {
            let weight = self.weight(block, name);
            self.compute(Op::ExpertProduct, inner, &[weight, rows, chosen])
        });
        let unit = self.compute(Op::GatedUnit, inner, &[gate, up]);
        let weight = self.weight(block, "ffn_down_exps");
        let out = self.compute(Op::ExpertProduct, outer, &[weight, unit, chosen]);
        let out = self.compute(Op::Multiply, outer, &[out, shares]);
        let each: Vec<usize> = (0..active).map(|_| self.graph.view(Op::View, out)).collect();
        let sum = each.into_iter().reduce(|sum, next| self.compute(Op::Add, hidden, &[sum, next]));
        sum.unwrap_or(out)
    }
}
