use super::{
    layout::UNIT,
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
    /// Of the whole batch.
    pub operands: Operands<'a, V>,
    /// Which output the first row is of.
    pub first: usize,
    /// `[rows, IN]`: it is overwritten.
    pub weight_gradient: &'a mut [f32],
}

/// What went into a dense layer, and the gradient of what came out, of all images, in their order.
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
        let (rows, length) = (self.weight_gradient.len() / IN, row_length::<V>(IN));
        let Operands { panel, output_gradient } = self.operands;
        let images = output_gradient.len() / OUT;
        assert!(self.first + rows <= OUT && panel.len() == images * length);
        // Blocks outermost: the part of the panel that all rows need stays in the first cache.
        for block in (0..length).step_by(BLOCK) {
            for pair in 0..rows / 2 {
                // SAFETY: these are rows of the layer, and a block of the panel's rows. So below.
                unsafe { self.tile::<2>(images, 2 * pair, block) };
            }
            if !rows.is_multiple_of(2) {
                unsafe { self.tile::<1>(images, rows - 1, block) };
            }
        }
    }
}

impl<V: Vector, const IN: usize, const OUT: usize> DenseGradient<'_, V, IN, OUT> {
    /// A block of `ROWS` rows from `row` on.
    ///
    /// # Safety
    ///
    /// The panel has a row for each of the `images`, as `dz` has; the rows and the block are there.
    #[inline(always)]
    unsafe fn tile<const ROWS: usize>(&mut self, images: usize, row: usize, block: usize) {
        let length = row_length::<V>(IN);
        let Operands { panel, output_gradient } = self.operands;
        let mut sums = [[V::splat(0.0); BLOCK]; ROWS];
        let input = |image: usize| panel.as_ptr().wrapping_add(image * length + block);
        let dz =
            |image: usize| output_gradient.as_ptr().wrapping_add(image * OUT + self.first + row);
        for row in self.weight_gradient[row * IN..].chunks_exact(IN).take(ROWS) {
            V::prefetch(&row[block * V::LANES..IN.min((block + BLOCK) * V::LANES)]);
        }
        // A unit at a time, which the compiler unrolls: it takes a third less.
        let units = images - images % UNIT;
        for unit in (0..units).step_by(UNIT) {
            for image in unit..unit + UNIT {
                // SAFETY: the caller sees to it. So below.
                unsafe { add(input(image), dz(image), &mut sums) };
            }
        }
        for image in units..images {
            unsafe { add(input(image), dz(image), &mut sums) };
        }
        for (high, sums) in sums.iter().enumerate() {
            let row = &mut self.weight_gradient[(row + high) * IN..][..IN];
            for (i, &sum) in sums.iter().enumerate() {
                // What fills up the panel's rows is no part of the gradient.
                if (block + i) * V::LANES < IN {
                    sum.store_part(row, (block + i) * V::LANES);
                }
            }
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
