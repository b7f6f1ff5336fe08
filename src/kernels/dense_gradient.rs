use super::{
    panel::{BLOCK, row_length},
    vector::{Kernel, Vector},
};

/// The gradient of some rows of a dense layer's weight: `dw[o, i] = Σₙ dz[n, o] x[n, i]` over all images of the batch, in
/// their order.
///
/// Here the lanes go along a row of the weight, so that no sum has to go across them: `x` comes transposed, in panels. Two
/// rows × [`BLOCK`] vectors are summed in registers.
#[derive(Debug)]
pub(crate) struct DenseGradient<'a, V, const IN: usize, const OUT: usize> {
    /// What each thread has of the batch, in the order of the images.
    pub operands: &'a [Operands<'a, V>],
    /// Which output the first row is of.
    pub first: usize,
    /// `[rows, IN]`: it is overwritten.
    pub weight_gradient: &'a mut [f32],
}

/// What went into a dense layer, and the gradient of what came out, of some images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operands<'a, V> {
    /// `[images, row_length]`: `x`.
    pub panel: &'a [V],
    /// `[images, OUT]`: `dz`.
    pub output_gradient: &'a [f32],
}

/// C5's.
pub(crate) type C5Gradient<'a, V> = DenseGradient<'a, V, 400, 120>;
/// F6's.
pub(crate) type F6Gradient<'a, V> = DenseGradient<'a, V, 120, 84>;
/// The output layer's.
pub(crate) type OutputGradient<'a, V> = DenseGradient<'a, V, 84, 10>;

impl<V: Vector, const IN: usize, const OUT: usize> Kernel<V> for DenseGradient<'_, V, IN, OUT> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let rows = self.weight_gradient.len() / IN;
        for pair in 0..rows / 2 {
            self.rows::<2>(2 * pair);
        }
        if !rows.is_multiple_of(2) {
            self.rows::<1>(rows - 1);
        }
    }
}

impl<V: Vector, const IN: usize, const OUT: usize> DenseGradient<'_, V, IN, OUT> {
    /// `ROWS` rows from `row` on.
    #[inline(always)]
    fn rows<const ROWS: usize>(&mut self, row: usize) {
        let length = row_length::<V>(IN);
        let first = self.first + row;
        assert!(first + ROWS <= OUT);
        for block in (0..length).step_by(BLOCK) {
            let mut sums = [[V::splat(0.0); BLOCK]; ROWS];
            for &Operands { panel, output_gradient } in self.operands {
                let images = output_gradient.len() / OUT;
                assert_eq!(panel.len(), images * length);
                for image in 0..images {
                    let (start, place) = (image * length + block, image * OUT + first);
                    // SAFETY: the panel has a row of `length` for each image, and blocks divide it. `dz` has a row of OUT, and
                    // first + ROWS <= OUT. So every place is within the lengths that were asserted.
                    unsafe {
                        let mut inputs = [V::splat(0.0); BLOCK];
                        for (i, input) in inputs.iter_mut().enumerate() {
                            *input = *panel.get_unchecked(start + i);
                        }
                        for (high, sums) in sums.iter_mut().enumerate() {
                            let dz = V::splat(*output_gradient.get_unchecked(place + high));
                            for (sum, input) in sums.iter_mut().zip(inputs) {
                                *sum = input.mul_add(dz, *sum);
                            }
                        }
                    }
                }
            }
            // Without what fills up the panel's rows.
            let wide = IN.saturating_sub(block * V::LANES).min(BLOCK * V::LANES);
            for (high, sums) in sums.iter().enumerate() {
                let start = (row + high) * IN + block * V::LANES;
                self.weight_gradient[start..start + wide].copy_from_slice(&V::floats(sums)[..wide]);
            }
        }
    }
}
