use super::vector::{Kernel, Vector};

/// A dense layer, forward, without its tanh: `y[o] = b[o] + Σᵢ w[o, i] x[i]`. `TILE` outputs at a time are summed in
/// registers; it divides `OUT`.
#[derive(Debug)]
pub(crate) struct Dense<'a, V, const IN: usize, const OUT: usize, const TILE: usize> {
    /// `[OUT, IN]`
    pub weight: &'a [f32],
    /// `[OUT]`
    pub bias: &'a [f32],
    /// `[IN]`
    pub input: &'a [V],
    /// `[OUT]`
    pub output: &'a mut [V],
}

/// C5, a convolution whose window is all of its input: 400 to 120.
pub(crate) type C5<'a, V> = Dense<'a, V, 400, 120, 12>;
/// F6: 120 to 84.
pub(crate) type F6<'a, V> = Dense<'a, V, 120, 84, 12>;
/// The output layer: 84 to 10.
pub(crate) type Output<'a, V> = Dense<'a, V, 84, 10, 10>;

impl<V: Vector, const IN: usize, const OUT: usize, const TILE: usize> Kernel<V>
    for Dense<'_, V, IN, OUT, TILE>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, bias, input, output } = self;
        assert!(OUT.is_multiple_of(TILE));
        assert_eq!(weight.len(), OUT * IN);
        assert!(bias.len() == OUT && input.len() == IN && output.len() == OUT);
        for o in (0..OUT).step_by(TILE) {
            // SAFETY: o + TILE <= OUT, as TILE divides it, so every place is within the lengths that were asserted.
            unsafe {
                let mut sums = [V::splat(0.0); TILE];
                for (tile, sum) in sums.iter_mut().enumerate() {
                    *sum = V::splat(*bias.get_unchecked(o + tile));
                }
                for (i, input) in input.iter().enumerate() {
                    for (tile, sum) in sums.iter_mut().enumerate() {
                        let weight = V::splat(*weight.get_unchecked((o + tile) * IN + i));
                        *sum = input.mul_add(weight, *sum);
                    }
                }
                for (tile, &sum) in sums.iter().enumerate() {
                    *output.get_unchecked_mut(o + tile) = sum;
                }
            }
        }
    }
}

/// The gradient of a dense layer's input: `dx[i] = Σₒ w[o, i] dz[o]`. `TILE` inputs at a time are summed in registers; it
/// divides `IN`.
#[derive(Debug)]
pub(crate) struct DenseBackward<'a, V, const IN: usize, const OUT: usize, const TILE: usize> {
    /// `[OUT, IN]`
    pub weight: &'a [f32],
    /// `[OUT]`
    pub output_gradient: &'a [V],
    /// `[IN]`: it is overwritten.
    pub input_gradient: &'a mut [V],
}

/// C5's.
pub(crate) type C5Backward<'a, V> = DenseBackward<'a, V, 400, 120, 10>;
/// F6's.
pub(crate) type F6Backward<'a, V> = DenseBackward<'a, V, 120, 84, 12>;
/// The output layer's.
pub(crate) type OutputBackward<'a, V> = DenseBackward<'a, V, 84, 10, 12>;

impl<V: Vector, const IN: usize, const OUT: usize, const TILE: usize> Kernel<V>
    for DenseBackward<'_, V, IN, OUT, TILE>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, output_gradient, input_gradient } = self;
        assert!(IN.is_multiple_of(TILE));
        assert_eq!(weight.len(), OUT * IN);
        assert!(output_gradient.len() == OUT && input_gradient.len() == IN);
        for i in (0..IN).step_by(TILE) {
            // SAFETY: i + TILE <= IN, as TILE divides it, so every place is within the lengths that were asserted.
            unsafe {
                let mut sums = [V::splat(0.0); TILE];
                for (o, dz) in output_gradient.iter().enumerate() {
                    for (tile, sum) in sums.iter_mut().enumerate() {
                        let weight = V::splat(*weight.get_unchecked(o * IN + i + tile));
                        *sum = dz.mul_add(weight, *sum);
                    }
                }
                for (tile, &sum) in sums.iter().enumerate() {
                    *input_gradient.get_unchecked_mut(i + tile) = sum;
                }
            }
        }
    }
}
