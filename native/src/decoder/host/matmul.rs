//! Products of small matrices on the host.

use gemm::Parallelism;

/// A matrix within a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mat<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Mat<'a> {
    /// Rows of `columns` numbers, `stride` apart.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(
            rows == 0 || columns == 0 || (rows - 1) * stride + columns <= values.len(),
            "a matrix of {rows} x {columns}, rows {stride} apart, in {} numbers",
            values.len()
        );
        Self { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// With rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Where a product goes, shared by threads that each write columns of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    start: *mut f32,
    length: usize,
}

#[expect(unsafe_code, reason = "one buffer is written by several threads, each its own columns")]
// SAFETY: writing through it is what is unsafe, and says what it asks for.
unsafe impl Send for Target {}
#[expect(unsafe_code, reason = "one buffer is written by several threads, each its own columns")]
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// All of a buffer.
    pub(super) fn new(out: &mut [f32]) -> Self {
        Self { start: out.as_mut_ptr(), length: out.len() }
    }

    /// Put `scale a b` at `offset`, rows `stride` apart, or add it to what is there.
    ///
    /// # Safety
    ///
    /// The buffer still exists, what is added to has been written, and nobody else reads or writes the product's
    /// elements meanwhile.
    #[expect(unsafe_code, reason = "one buffer is written by several threads, each its own columns")]
    pub(super) unsafe fn multiply(
        self,
        [a, b]: [Mat<'_>; 2],
        scale: f32,
        add: bool,
        [offset, stride]: [usize; 2],
    ) {
        assert_eq!(a.columns, b.rows, "inner sizes of a product");
        if a.rows == 0 || b.columns == 0 {
            return;
        }
        let end = offset + (a.rows - 1) * stride + b.columns;
        assert!(end <= self.length && b.columns <= stride, "{end} of {} numbers", self.length);
        let signed = usize::cast_signed;
        // SAFETY: both matrices lie within their slices by construction, the product within the buffer by the check
        // above; the caller answers for the rest.
        unsafe {
            gemm::gemm(
                a.rows,
                b.columns,
                a.columns,
                self.start.add(offset),
                1,
                signed(stride),
                add,
                a.values.as_ptr(),
                signed(a.column_stride),
                signed(a.row_stride),
                b.values.as_ptr(),
                signed(b.column_stride),
                signed(b.row_stride),
                1.0,
                scale,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// `scale a b` into `out`, rows `stride` apart, or added to what is there.
pub(super) fn multiply(factors: [Mat<'_>; 2], scale: f32, add: bool, out: &mut [f32], stride: usize) {
    let target = Target::new(out);
    #[expect(unsafe_code, reason = "the exclusive borrow keeps everybody else out")]
    // SAFETY: `out` is borrowed alone until this returns, and holds numbers.
    unsafe {
        target.multiply(factors, scale, add, [0, stride]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_parts_are_those_of_the_definition() {
        let a: Vec<f32> = (0_u8..12).map(f32::from).collect();
        let b: Vec<f32> = (0_u8..12).map(|x| f32::from(x) - 5.0).collect();
        // The first two columns of three rows of four, times rows of three of which two count.
        let (left, right) = (Mat::new(&a, 3, 2, 4), Mat::new(&b, 2, 2, 3));
        let mut out = vec![1.0; 9];
        multiply([left, right], 2.0, true, &mut out, 3);
        for (row, out) in out.chunks_exact(3).enumerate() {
            for (column, out) in out[..2].iter().enumerate() {
                let exact: f32 = (0..2).map(|k| a[row * 4 + k] * b[k * 3 + column]).sum();
                assert!((out - (2.0 * exact + 1.0)).abs() < 1e-5);
            }
            assert!((out[2] - 1.0).abs() < f32::EPSILON);
        }
        let mut turned = vec![0.0; 4];
        multiply([right.transposed(), right], 1.0, false, &mut turned, 2);
        assert!((turned[1] - (b[0] * b[1] + b[3] * b[4])).abs() < 1e-5);
    }

    #[test]
    #[should_panic(expected = "numbers")]
    fn a_product_that_does_not_fit_is_refused() {
        let a = [1.0; 4];
        let square = Mat::new(&a, 2, 2, 2);
        multiply([square, square], 1.0, false, &mut [0.0; 3], 2);
    }
}
