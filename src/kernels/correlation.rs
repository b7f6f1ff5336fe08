use super::{
    ink::Ink,
    vector::{Kernel, Vector},
};

/// The gradient of a convolution's weight: `dw[o, i] = dz[o] ⋆ x[i]`, where `dz` is the gradient of what comes out of it,
/// before the tanh, of all its maps or some. Shapes as in [`Convolution`](super::convolution::Convolution).
///
/// The sums stay vectors, a lane for each image: `units` adds them up. A tile
/// of two maps × the five weights of a kernel's row goes over all pixels in registers.
#[derive(Debug)]
pub(crate) struct Correlation<'a, V, const IN: usize, const SIDE: usize, const PAD: usize> {
    /// `[IN, SIDE + 4, SIDE + 4]`
    pub input: &'a [V],
    /// Of the images, for C1.
    pub ink: &'a Ink,
    /// `[maps, SIDE, PAD + SIDE + PAD]`
    pub output_gradient: &'a [V],
    /// `[maps, IN, 5, 5]`: it is overwritten.
    pub weight_gradient: &'a mut [V],
}

/// C1's.
pub(crate) type C1Gradient<'a, V> = Correlation<'a, V, 1, 28, 0>;
/// C3's.
pub(crate) type C3Gradient<'a, V> = Correlation<'a, V, 6, 10, 1>;

impl<V: Vector, const IN: usize, const SIDE: usize, const PAD: usize> Kernel<V>
    for Correlation<'_, V, IN, SIDE, PAD>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { input, ink, output_gradient, weight_gradient } = self;
        let (in_side, stride) = (SIDE + 4, SIDE + 2 * PAD);
        let pairs = weight_gradient.len() / (2 * IN * 25);
        assert_eq!(input.len(), IN * in_side * in_side);
        assert_eq!(output_gradient.len(), pairs * 2 * SIDE * stride);
        assert_eq!(weight_gradient.len(), pairs * 2 * IN * 25);
        let of_pairs = output_gradient.chunks_exact(2 * SIDE * stride);
        for (dz, dw) in of_pairs.zip(weight_gradient.chunks_exact_mut(2 * IN * 25)) {
            for i in 0..IN {
                for ky in 0..5 {
                    // Row y + ky has ink.
                    let rows = match IN {
                        1 => {
                            ink.rows.start.saturating_sub(ky)
                                ..ink.rows.end.saturating_sub(ky).min(SIDE)
                        }
                        _ => 0..SIDE,
                    };
                    // SAFETY: y + ky and x + kx are below in_side, x below SIDE. So every place is within the lengths that were
                    // asserted, and those of a pair's parts.
                    unsafe {
                        let mut sums = [[V::splat(0.0); 5]; 2];
                        for y in rows {
                            let row = (i * in_side + y + ky) * in_side;
                            let dz_row = y * stride + PAD;
                            for x in 0..SIDE {
                                let dz = [
                                    *dz.get_unchecked(dz_row + x),
                                    *dz.get_unchecked(dz_row + SIDE * stride + x),
                                ];
                                let [lower, upper] = &mut sums;
                                for (kx, (lower, upper)) in lower.iter_mut().zip(upper).enumerate()
                                {
                                    let pixel = *input.get_unchecked(row + x + kx);
                                    *lower = pixel.mul_add(dz[0], *lower);
                                    *upper = pixel.mul_add(dz[1], *upper);
                                }
                            }
                        }
                        for (high, sums) in sums.iter().enumerate() {
                            let tap = (high * IN + i) * 25 + ky * 5;
                            for (kx, &sum) in sums.iter().enumerate() {
                                *dw.get_unchecked_mut(tap + kx) = sum;
                            }
                        }
                    }
                }
            }
        }
    }
}
