//! A coefficient times the sum of 2x2 places, plus a bias, one of each a map.

use super::{cpu::multiply_add, squash::Squash, weights::Layer};

/// The sum of each window, and what the squash is yet to be applied to.
#[inline(always)]
pub(super) fn forward<const FMA: bool, const MAPS: usize, const FROM: usize, const TO: usize>(
    input: &[[[f32; MAPS]; FROM]; FROM],
    layer: &Layer<1, MAPS>,
    windows: &mut [[[f32; MAPS]; TO]; TO],
    sums: &mut [[[f32; MAPS]; TO]; TO],
) {
    for y in 0..TO {
        let (upper, lower) = (&input[2 * y], &input[2 * y + 1]);
        for x in 0..TO {
            for map in 0..MAPS {
                let [left, right] = [2 * x, 2 * x + 1].map(|x| upper[x][map] + lower[x][map]);
                windows[y][x][map] = left + right;
                sums[y][x][map] =
                    multiply_add::<FMA>(layer.weight[0][map], left + right, layer.bias[map]);
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
    for y in 0..TO {
        for x in 0..TO {
            for map in 0..MAPS {
                let delta = deltas[y][x][map] * layer.weight[0][map];
                for (y, x) in
                    [(2 * y, 2 * x), (2 * y, 2 * x + 1), (2 * y + 1, 2 * x), (2 * y + 1, 2 * x + 1)]
                {
                    before[y][x][map] = delta * squash.factor::<FMA, SQUARED>(input[y][x][map]);
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
    for map in 0..MAPS {
        let coefficient = &mut target.weight[0][map];
        *coefficient = multiply_add::<FMA>(-rates.weight[0][map], weight[map], *coefficient);
        target.bias[map] = multiply_add::<FMA>(-rates.bias[map], bias[map], target.bias[map]);
    }
}
