use super::{
    ink::{Ink, taps},
    tanh::Tanh,
    vector::{Kernel, Vector},
};

/// A convolution 5×5 and tanh, forward: `y[o] = tanh(b[o] + Σᵢ w[o, i] ⋆ x[i])`, as `torch.nn.Conv2d` and `torch.tanh`.
///
/// `IN` maps of (`SIDE` + 4)² go in, maps of `SIDE`² come out, all of the layer's or some, with `PAD` vectors at either side of
/// each row left alone. A weight is in all lanes, so there is neither a matrix to be built nor an edge to look after. A tile of
/// `HIGH` maps × `WIDE` pixels is summed in registers: for each of the 25 `IN` steps `HIGH` + `WIDE` loads and
/// `HIGH` · `WIDE` multiplications, which hide each other's latency.
#[derive(Debug)]
pub(crate) struct Convolution<
    'a,
    V,
    const IN: usize,
    const SIDE: usize,
    const PAD: usize,
    const HIGH: usize,
    const WIDE: usize,
> {
    /// `[maps, IN, 5, 5]`
    pub weight: &'a [f32],
    /// `[maps]`
    pub bias: &'a [f32],
    /// `[IN, SIDE + 4, SIDE + 4]`
    pub input: &'a [V],
    /// Of the images, for C1.
    pub ink: &'a Ink,
    /// `[maps, SIDE, PAD + SIDE + PAD]`
    pub output: &'a mut [V],
}

/// C1: 1@32×32 to 6@28×28.
pub(crate) type C1<'a, V> = Convolution<'a, V, 1, 28, 0, 6, 2>;
/// Some of C1's maps, each by itself: 7 sums and 7 pixels fit into 16 registers.
pub(crate) type C1Maps<'a, V> = Convolution<'a, V, 1, 28, 0, 1, 7>;
/// C3: 6@14×14 to 16@10×10.
pub(crate) type C3<'a, V> = Convolution<'a, V, 6, 10, 1, 2, 5>;

impl<
    V: Vector,
    const IN: usize,
    const SIDE: usize,
    const PAD: usize,
    const HIGH: usize,
    const WIDE: usize,
> Kernel<V> for Convolution<'_, V, IN, SIDE, PAD, HIGH, WIDE>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { weight, bias, input, ink, output } = self;
        let (maps, in_side, stride) = (bias.len(), SIDE + 4, SIDE + 2 * PAD);
        assert!(maps.is_multiple_of(HIGH) && SIDE.is_multiple_of(WIDE));
        assert_eq!(weight.len(), maps * IN * 25);
        assert_eq!(input.len(), IN * in_side * in_side);
        assert_eq!(output.len(), maps * SIDE * stride);
        // Rows outermost: the input's five rows and all weights stay in the first cache.
        for y in 0..SIDE {
            let rows = if IN == 1 { taps(&ink.rows, y) } else { 0..5 };
            for o in (0..maps).step_by(HIGH) {
                for x in (0..SIDE).step_by(WIDE) {
                    let blank =
                        IN == 1 && (x + WIDE + 4 <= ink.columns.start || x >= ink.columns.end);
                    let rows = if blank { 0..0 } else { rows.clone() };
                    // SAFETY: o + HIGH <= maps and x + WIDE <= SIDE, as they divide them; y + 4 < in_side; and taps are below 5.
                    // So every place is within the lengths that were asserted.
                    unsafe {
                        let mut sums = [[V::splat(0.0); WIDE]; HIGH];
                        for (high, sums) in sums.iter_mut().enumerate() {
                            *sums = [V::splat(*bias.get_unchecked(o + high)); WIDE];
                        }
                        for i in 0..IN {
                            for ky in rows.clone() {
                                let row = (i * in_side + y + ky) * in_side + x;
                                let tap = (o * IN + i) * 25 + ky * 5;
                                for kx in 0..5 {
                                    let mut pixels = [V::splat(0.0); WIDE];
                                    for (wide, pixel) in pixels.iter_mut().enumerate() {
                                        *pixel = *input.get_unchecked(row + kx + wide);
                                    }
                                    for (high, sums) in sums.iter_mut().enumerate() {
                                        let weight = V::splat(
                                            *weight.get_unchecked(tap + kx + high * IN * 25),
                                        );
                                        for (sum, pixel) in sums.iter_mut().zip(pixels) {
                                            *sum = pixel.mul_add(weight, *sum);
                                        }
                                    }
                                }
                            }
                        }
                        for (high, sums) in sums.iter().enumerate() {
                            let row = ((o + high) * SIDE + y) * stride + PAD + x;
                            for (wide, &sum) in sums.iter().enumerate() {
                                *output.get_unchecked_mut(row + wide) = sum;
                            }
                        }
                    }
                }
            }
            for o in 0..maps {
                let row = (o * SIDE + y) * stride + PAD;
                Tanh(&mut output[row..row + SIDE]).run();
            }
        }
    }
}
