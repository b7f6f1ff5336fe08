use super::{
    tanh::Tanh,
    vector::{Kernel, Vector},
};

/// `DownSample` and tanh, forward: `y[c] = tanh(w[c] · average + b[c])` over windows of 2×2.
///
/// Maps of (2 `SIDE`)² go in, all of the layer's or some, with `PAD` vectors at either side of each row; as many of `SIDE`² come
/// out.
#[derive(Debug)]
pub(crate) struct DownSample<'a, V, const SIDE: usize, const PAD: usize> {
    /// `[maps]`
    pub weight: &'a [f32],
    /// `[maps]`
    pub bias: &'a [f32],
    /// `[maps, 2 SIDE, PAD + 2 SIDE + PAD]`
    pub input: &'a [V],
    /// `[maps, SIDE, SIDE]`
    pub output: &'a mut [V],
}

/// S2: 6@28×28 to 6@14×14.
pub(crate) type S2<'a, V> = DownSample<'a, V, 14, 0>;
/// S4: 16@10×10 to 16@5×5.
pub(crate) type S4<'a, V> = DownSample<'a, V, 5, 1>;

/// The place of a window's upper left corner.
#[inline(always)]
fn corner<const SIDE: usize, const PAD: usize>(map: usize, y: usize, x: usize) -> usize {
    (map * 2 * SIDE + 2 * y) * (2 * SIDE + 2 * PAD) + PAD + 2 * x
}

/// The average of four numbers.
#[inline(always)]
fn average<V: Vector>([a, b, c, d]: [V; 4]) -> V {
    ((a + b) + (c + d)) * V::splat(0.25)
}

impl<V: Vector, const SIDE: usize, const PAD: usize> Kernel<V> for DownSample<'_, V, SIDE, PAD> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, bias, input, output } = self;
        let (maps, stride) = (bias.len(), 2 * SIDE + 2 * PAD);
        assert_eq!(weight.len(), maps);
        assert_eq!(input.len(), maps * 2 * SIDE * stride);
        assert_eq!(output.len(), maps * SIDE * SIDE);
        for map in 0..maps {
            let (weight, bias) = (V::splat(weight[map]), V::splat(bias[map]));
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let at = corner::<SIDE, PAD>(map, y, x);
                    // SAFETY: map, y and x are below maps, SIDE and SIDE, and so is every place within the lengths that were
                    // asserted.
                    unsafe {
                        let window = [
                            *input.get_unchecked(at),
                            *input.get_unchecked(at + 1),
                            *input.get_unchecked(at + stride),
                            *input.get_unchecked(at + stride + 1),
                        ];
                        *output.get_unchecked_mut((map * SIDE + y) * SIDE + x) =
                            average(window).mul_add(weight, bias);
                    }
                }
            }
            Tanh(&mut output[map * SIDE * SIDE..(map + 1) * SIDE * SIDE]).run();
        }
    }
}

/// `DownSample` and tanh, backward, on through the tanh before it. With `h` what came out and `dh` its gradient, `x` what
/// went in, the tanh of the convolution before:
///
/// ```text
/// dz = dh (1 - h²)                  dw[c] = Σ dz · average      db[c] = Σ dz
/// dx = w[c] dz / 4                  in each of the window's four places
/// x  = dx (1 - x²)                  d(convolution's bias)[c] = Σ of these
/// ```
///
/// The gradient of what came out has `MAP` vectors from map to map, and `ROW` from row to row.
#[derive(Debug)]
pub(crate) struct DownSampleBackward<
    'a,
    V,
    const SIDE: usize,
    const PAD: usize,
    const MAP: usize,
    const ROW: usize,
> {
    /// `[maps]`
    pub weight: &'a [f32],
    /// `[maps, 2 SIDE, PAD + 2 SIDE + PAD]`: the convolution's output, and then the gradient of what its tanh was taken of.
    pub maps: &'a mut [V],
    /// `[maps, SIDE, SIDE]`
    pub output: &'a [V],
    /// From the first of these maps on.
    pub output_gradient: &'a [V],
    /// `[maps]`: it is overwritten.
    pub weight_gradient: &'a mut [V],
    /// `[maps]`: it is overwritten.
    pub bias_gradient: &'a mut [V],
    /// `[maps]`, of the convolution's bias: it is overwritten.
    pub convolution_bias_gradient: &'a mut [V],
}

/// S2's, whose gradient comes as `[14, 6, 14]`.
pub(crate) type S2Backward<'a, V> = DownSampleBackward<'a, V, 14, 0, 14, { 6 * 14 }>;
/// S4's.
pub(crate) type S4Backward<'a, V> = DownSampleBackward<'a, V, 5, 1, 25, 5>;

impl<V: Vector, const SIDE: usize, const PAD: usize, const MAP: usize, const ROW: usize> Kernel<V>
    for DownSampleBackward<'_, V, SIDE, PAD, MAP, ROW>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (maps, stride) = (self.weight.len(), 2 * SIDE + 2 * PAD);
        assert_eq!(self.maps.len(), maps * 2 * SIDE * stride);
        assert_eq!(self.output.len(), maps * SIDE * SIDE);
        assert!(self.output_gradient.len() + MAP >= maps * MAP + (SIDE - 1) * ROW + SIDE);
        for map in 0..maps {
            let share = V::splat(self.weight[map] * 0.25);
            let zero = V::splat(0.0);
            let (mut weight, mut bias, mut convolution_bias) = (zero, zero, [zero; 4]);
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let at = corner::<SIDE, PAD>(map, y, x);
                    let place = (map * SIDE + y) * SIDE + x;
                    let window = [at, at + 1, at + stride, at + stride + 1];
                    // SAFETY: map, y and x are below maps, SIDE and SIDE, and so is every place within the lengths that were
                    // asserted.
                    unsafe {
                        let dz = through_tanh(
                            *self.output_gradient.get_unchecked(map * MAP + y * ROW + x),
                            *self.output.get_unchecked(place),
                        );
                        let mut inputs = [zero; 4];
                        for i in 0..4 {
                            inputs[i] = *self.maps.get_unchecked(window[i]);
                        }
                        weight = dz.mul_add(average(inputs), weight);
                        bias = bias + dz;
                        let dx = dz * share;
                        for i in 0..4 {
                            let before_tanh = through_tanh(dx, inputs[i]);
                            convolution_bias[i] = convolution_bias[i] + before_tanh;
                            *self.maps.get_unchecked_mut(window[i]) = before_tanh;
                        }
                    }
                }
            }
            let [a, b, c, d] = convolution_bias;
            self.weight_gradient[map] = weight;
            self.bias_gradient[map] = bias;
            self.convolution_bias_gradient[map] = (a + b) + (c + d);
        }
    }
}

/// The gradient before a tanh from that after it, `dh`, and the tanh itself: `dh (1 - h²)`.
#[inline(always)]
pub(super) fn through_tanh<V: Vector>(dh: V, h: V) -> V {
    dh * (V::splat(1.0) - h * h)
}
