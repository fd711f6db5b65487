//! Block-diagonal rotations of two, three or four channels each.

/// One small rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    size: usize,
    /// Row-major; only the leading `size * size` entries count.
    matrix: [f32; 16],
}

impl Block {
    pub(crate) fn new<const N: usize>(rows: [[f64; N]; N]) -> Self {
        let mut matrix = [0.0; 16];
        for (slot, value) in matrix.iter_mut().zip(rows.iter().flatten()) {
            *slot = *value as f32;
        }
        Self { size: N, matrix }
    }

    /// Channels the block turns.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// Blocks side by side; together they cover a vector exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockRotation {
    blocks: Vec<Block>,
}

impl BlockRotation {
    pub(crate) fn new(blocks: Vec<Block>) -> Self {
        Self { blocks }
    }

    /// The blocks in channel order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    #[inline(always)]
    pub(crate) fn forward(&self, x: &mut [f32]) {
        self.apply(x, false);
    }

    #[inline(always)]
    pub(crate) fn inverse(&self, x: &mut [f32]) {
        self.apply(x, true);
    }

    #[inline(always)]
    fn apply(&self, x: &mut [f32], transposed: bool) {
        let mut rest = x;
        for block in &self.blocks {
            let Some((head, tail)) = rest.split_at_mut_checked(block.size) else { return };
            match block.size {
                2 => turn::<2>(block, head, transposed),
                3 => turn::<3>(block, head, transposed),
                4 => turn::<4>(block, head, transposed),
                _ => {}
            }
            rest = tail;
        }
    }
}

#[inline(always)]
fn turn<const N: usize>(block: &Block, x: &mut [f32], transposed: bool) {
    let Some(x) = x.first_chunk_mut::<N>() else { return };
    let entry = |row: usize, column: usize| {
        if transposed { block.matrix[column * N + row] } else { block.matrix[row * N + column] }
    };
    let v = *x;
    for (row, out) in x.iter_mut().enumerate() {
        let mut sum = entry(row, 0) * v[0];
        for (column, v) in v.iter().enumerate().skip(1) {
            sum += entry(row, column) * v;
        }
        *out = sum;
    }
}

/// How a width splits into blocks of `size` with the tails made of other sizes; a width of 1 stays as it is.
pub(crate) fn block_sizes(dim: usize, size: usize) -> Vec<usize> {
    if dim < size {
        return if dim == 1 { vec![1] } else { vec![dim] };
    }
    let whole = vec![size; dim / size];
    let replaced = |keep: usize, tail: &[usize]| [&whole[..keep], tail].concat();
    match (size, dim % size) {
        (_, 0) => whole,
        (2, _) => replaced(whole.len() - 1, &[3]),
        (3, 1) => replaced(whole.len() - 1, &[4]),
        (4, 1) => replaced(whole.len() - 1, &[3, 2]),
        (_, tail) => replaced(whole.len(), &[tail]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_covered_exactly() {
        for size in 2..=4 {
            for dim in 1..200 {
                let sizes = block_sizes(dim, size);
                assert_eq!(sizes.iter().sum::<usize>(), dim);
                assert!(dim == 1 || sizes.iter().all(|size| (2..=4).contains(size)));
            }
        }
        let of = |dim, size, want| block_sizes(dim, size).iter().filter(|&&s| s == want).count();
        assert_eq!((of(128, 3, 3), of(128, 3, 2)), (42, 1));
        assert_eq!((of(256, 3, 3), of(256, 3, 4)), (84, 1));
        assert_eq!((of(64, 3, 3), of(64, 3, 4)), (20, 1));
    }
}
