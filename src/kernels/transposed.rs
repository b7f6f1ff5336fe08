use super::{
    layout::C3_PADDED,
    vector::{Kernel, Vector},
};

/// The gradient of C3's input: `dx[i] = Σₒ w[o, i] ∗ dz[o]`, the transposed convolution, 16@10×10 to 6@14×14.
///
/// A pixel at (y, x) has gone into the outputs at (y - ky, x - kx), those that exist. Two neighbours of all six maps are
/// summed in registers; rows that do not exist are left out, and the columns at either side of `dz` are zero. The rows of `dx`
/// are outermost, so that some of them lie together.
#[derive(Debug)]
pub(crate) struct TransposedC3<'a, V> {
    /// `[16, 6, 5, 5]`
    pub weight: &'a [f32],
    /// `[16, 10, 1 + 10 + 1]`
    pub output_gradient: &'a [V],
    /// Which row of `dx` the first is.
    pub first: usize,
    /// `[rows, 6, 14]`: it is overwritten.
    pub input_gradient: &'a mut [V],
}

impl<V: Vector> Kernel<V> for TransposedC3<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, output_gradient, first, input_gradient } = self;
        assert_eq!(weight.len(), 16 * 6 * 25);
        assert_eq!(output_gradient.len(), C3_PADDED);
        let rows = input_gradient.len() / (6 * 14);
        assert!(input_gradient.len() == rows * 6 * 14 && first + rows <= 14);
        for y in first..first + rows {
            for x in (0usize..14).step_by(2) {
                // SAFETY: y - ky is in 0..10. x - kx, of the left neighbour, is in -1..=9, and the columns of `dz` are those
                // from -1 to 10. So every place is within the lengths that were asserted.
                unsafe {
                    let mut sums = [[V::splat(0.0); 2]; 6];
                    for o in 0..16 {
                        for ky in y.saturating_sub(9)..5.min(y + 1) {
                            let row = (o * 10 + y - ky) * 12 + 1 + x;
                            let tap = o * 6 * 25 + ky * 5;
                            for kx in x.saturating_sub(9)..5.min(x + 2) {
                                let dz = [
                                    *output_gradient.get_unchecked(row - kx),
                                    *output_gradient.get_unchecked(row - kx + 1),
                                ];
                                for (i, sums) in sums.iter_mut().enumerate() {
                                    let weight = V::splat(*weight.get_unchecked(tap + kx + i * 25));
                                    sums[0] = dz[0].mul_add(weight, sums[0]);
                                    sums[1] = dz[1].mul_add(weight, sums[1]);
                                }
                            }
                        }
                    }
                    for (i, sums) in sums.iter().enumerate() {
                        let place = ((y - first) * 6 + i) * 14 + x;
                        *input_gradient.get_unchecked_mut(place) = sums[0];
                        *input_gradient.get_unchecked_mut(place + 1) = sums[1];
                    }
                }
            }
        }
    }
}
