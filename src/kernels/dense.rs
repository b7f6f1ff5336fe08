use super::vector::{Kernel, Vector};

/// A dense layer, forward, without its tanh: `y[o] = b[o] + Σᵢ w[o, i] x[i]`, for all outputs or some. `TILE` outputs at a time
/// are summed in registers; it divides their number.
#[derive(Debug)]
pub(crate) struct Dense<'a, V, const IN: usize, const TILE: usize> {
    /// `[outputs, IN]`
    pub weight: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
    /// `[IN]`
    pub input: &'a [V],
    /// `[outputs]`
    pub output: &'a mut [V],
}

/// C5, a convolution whose window is all of its input: 400 to 120.
pub(crate) type C5<'a, V> = Dense<'a, V, 400, 12>;
/// F6: 120 to 84.
pub(crate) type F6<'a, V> = Dense<'a, V, 120, 12>;
/// The output layer: 84 to 10.
pub(crate) type Output<'a, V> = Dense<'a, V, 84, 10>;

impl<V: Vector, const IN: usize, const TILE: usize> Kernel<V> for Dense<'_, V, IN, TILE> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, bias, input, output } = self;
        let outputs = output.len();
        assert!(outputs.is_multiple_of(TILE));
        assert_eq!(weight.len(), outputs * IN);
        assert!(bias.len() == outputs && input.len() == IN);
        for o in (0..outputs).step_by(TILE) {
            // SAFETY: o + TILE <= outputs, as TILE divides it, so every place is within the lengths that were asserted.
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

/// The gradient of a dense layer's input: `dx[i] = Σₒ w[o, i] dz[o]`, for all inputs or some. `TILE` inputs at a time are
/// summed in registers; it divides their number.
#[derive(Debug)]
pub(crate) struct DenseBackward<'a, V, const IN: usize, const OUT: usize, const TILE: usize> {
    /// `[OUT, IN]`, from the first of these inputs on.
    pub weight: &'a [f32],
    /// `[OUT]`
    pub output_gradient: &'a [V],
    /// `[inputs]`: it is overwritten.
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
        let inputs = input_gradient.len();
        assert!(inputs.is_multiple_of(TILE) && output_gradient.len() == OUT);
        assert!(weight.len() >= (OUT - 1) * IN + inputs);
        for i in (0..inputs).step_by(TILE) {
            // SAFETY: i + TILE <= inputs, as TILE divides it, and o < OUT, so every place is within the lengths that were asserted.
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
