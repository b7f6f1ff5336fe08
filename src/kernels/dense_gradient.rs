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
        assert!(self.first + rows <= OUT);
        // Blocks outermost: the part of the panels that all rows need stays in the first cache.
        for block in (0..row_length::<V>(IN)).step_by(BLOCK) {
            for pair in 0..rows / 2 {
                self.tile::<2>(2 * pair, block);
            }
            if !rows.is_multiple_of(2) {
                self.tile::<1>(rows - 1, block);
            }
        }
    }
}

impl<V: Vector, const IN: usize, const OUT: usize> DenseGradient<'_, V, IN, OUT> {
    /// A block of `ROWS` rows from `row` on.
    #[inline(always)]
    fn tile<const ROWS: usize>(&mut self, row: usize, block: usize) {
        let (length, first) = (row_length::<V>(IN), self.first + row);
        assert!(first + ROWS <= OUT && block + BLOCK <= length);
        let mut sums = [[V::splat(0.0); BLOCK]; ROWS];
        for &Operands { panel, output_gradient } in self.operands {
            let images = output_gradient.len() / OUT;
            assert_eq!(panel.len(), images * length);
            // SAFETY: the panel has a row of `length` for each image, and `output_gradient` one of OUT; that the block and the rows
            // are within them was asserted.
            unsafe {
                // Eight at a time, which the compiler unrolls: it takes a third less.
                let eights = images - images % 8;
                for eight in (0..eights).step_by(8) {
                    for image in eight..eight + 8 {
                        let input = panel.as_ptr().add(image * length + block);
                        add(input, output_gradient.as_ptr().add(image * OUT + first), &mut sums);
                    }
                }
                for image in eights..images {
                    let input = panel.as_ptr().add(image * length + block);
                    add(input, output_gradient.as_ptr().add(image * OUT + first), &mut sums);
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

/// Adds an image's products: of [`BLOCK`] vectors from `input` on with `ROWS` numbers from `dz` on.
///
/// # Safety
///
/// They are there.
#[inline(always)]
unsafe fn add<V: Vector, const ROWS: usize>(
    input: *const V,
    dz: *const f32,
    sums: &mut [[V; BLOCK]; ROWS],
) {
    let mut inputs = [V::splat(0.0); BLOCK];
    for (i, value) in inputs.iter_mut().enumerate() {
        // SAFETY: the caller sees to it. So below.
        *value = unsafe { *input.add(i) };
    }
    for (high, sums) in sums.iter_mut().enumerate() {
        let dz = V::splat(unsafe { *dz.add(high) });
        for (sum, input) in sums.iter_mut().zip(inputs) {
            *sum = input.mul_add(dz, *sum);
        }
    }
}
