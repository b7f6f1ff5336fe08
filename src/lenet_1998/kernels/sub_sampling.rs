//! A coefficient times the sum of 2x2 places, plus a bias, one of each a map.

use super::{
    multiply_add::{self, multiply_add},
    squash::Squash,
    weights::Layer,
};

/// The sum of each window, and what the squash is yet to be applied to.
#[inline(always)]
pub(super) fn forward<const FMA: bool, const MAPS: usize, const FROM: usize, const TO: usize>(
    input: &[[[f32; MAPS]; FROM]; FROM],
    layer: &Layer<1, MAPS>,
    windows: &mut [[[f32; MAPS]; TO]; TO],
    sums: &mut [[[f32; MAPS]; TO]; TO],
) {
    let (rows, _) = input.as_chunks::<2>();
    for (([upper, lower], windows), sums) in rows.iter().zip(windows).zip(sums) {
        let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
        let places = windows.iter_mut().zip(sums);
        for (([a, b], [c, d]), (window, sum)) in upper.iter().zip(lower).zip(places) {
            for map in 0..MAPS {
                window[map] = (a[map] + c[map]) + (b[map] + d[map]);
                sum[map] = multiply_add::<FMA>(layer.weight[0][map], window[map], layer.bias[map]);
            }
        }
    }
}

/// The derivative by the sums of the layer before, whose values are `input`.
#[inline(always)]
pub(super) fn backward<
    const FMA: bool,
    const SQUARED: bool,
    const MAPS: usize,
    const FROM: usize,
    const TO: usize,
>(
    layer: &Layer<1, MAPS>,
    deltas: &[[[f32; MAPS]; TO]; TO],
    squash: Squash,
    input: &[[[f32; MAPS]; FROM]; FROM],
    before: &mut [[[f32; MAPS]; FROM]; FROM],
) {
    let rows = input.as_chunks::<2>().0.iter().zip(before.as_chunks_mut::<2>().0);
    for ((inputs, befores), deltas) in rows.zip(deltas) {
        for (input, before) in inputs.iter().zip(befores) {
            let pairs = input.as_chunks::<2>().0.iter().zip(before.as_chunks_mut::<2>().0);
            for ((inputs, befores), delta) in pairs.zip(deltas) {
                for (input, before) in inputs.iter().zip(befores) {
                    for map in 0..MAPS {
                        let factor = squash.factor::<FMA, SQUARED>(input[map]);
                        before[map] = delta[map] * layer.weight[0][map] * factor;
                    }
                }
            }
        }
    }
}

/// Subtracts from each number of `target` its derivative, times its rate.
#[inline(always)]
pub(super) fn descend<const FMA: bool, const MAPS: usize, const TO: usize>(
    target: &mut Layer<1, MAPS>,
    rates: &Layer<1, MAPS>,
    windows: &[[[f32; MAPS]; TO]; TO],
    deltas: &[[[f32; MAPS]; TO]; TO],
) {
    let (mut weight, mut bias) = ([0.0; MAPS], [0.0; MAPS]);
    for (windows, deltas) in windows.as_flattened().iter().zip(deltas.as_flattened()) {
        for map in 0..MAPS {
            weight[map] = multiply_add::<FMA>(windows[map], deltas[map], weight[map]);
            bias[map] += deltas[map];
        }
    }
    multiply_add::descend::<FMA, MAPS>(&mut target.weight[0], &rates.weight[0], &weight);
    multiply_add::descend::<FMA, MAPS>(&mut target.bias, &rates.bias, &bias);
}
