//! A convolution of 5x5, stride 1, no padding, over rows of pixels of some maps each, all in one line.
//!
//! Loops over lanes go by an index: written with iterators, or with another number of sums at once, they were not all unrolled
//! and took up to ten times as long. The bench `train_step/lenet_1998` tells.

use super::{
    multiply_add::{self, multiply_add},
    weights::Layer,
};

/// Height of the kernels.
const ROWS: usize = 5;

/// The sums at each place of the output: what the squash is yet to be applied to. They are summed for `BLOCK` neighbouring
/// places at once, as many as the vector registers hold.
#[inline(always)]
pub(super) fn forward<
    const FMA: bool,
    const BLOCK: usize,
    const LINE: usize,
    const HEIGHT: usize,
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
>(
    input: &[[f32; LINE]; HEIGHT],
    layer: &Layer<IN, OUT>,
    sums: &mut [[[f32; OUT]; SIDE]; SIDE],
) {
    let (maps, taps) = (IN / (ROWS * ROWS), IN / ROWS);
    for (y, sums) in sums.iter_mut().enumerate() {
        let (blocks, _) = sums.as_chunks_mut::<BLOCK>();
        for (block, sums) in blocks.iter_mut().enumerate() {
            let mut totals = [layer.bias; BLOCK];
            for row in 0..ROWS {
                let line = &input[y + row][block * BLOCK * maps..][..(BLOCK - 1) * maps + taps];
                for tap in 0..taps {
                    let weights = &layer.weight[row * taps + tap];
                    for (place, totals) in totals.iter_mut().enumerate() {
                        let value = line[place * maps + tap];
                        for lane in 0..OUT {
                            totals[lane] = multiply_add::<FMA>(value, weights[lane], totals[lane]);
                        }
                    }
                }
            }
            *sums = totals;
        }
    }
}

/// The derivative by the input, from that by the sums. `WIDE` is the length of a kernel's row, `IN` / 5, or more.
#[inline(always)]
pub(super) fn backward<
    const FMA: bool,
    const WIDE: usize,
    const LINE: usize,
    const HEIGHT: usize,
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
>(
    layer: &Layer<IN, OUT>,
    deltas: &[[[f32; OUT]; SIDE]; SIDE],
    input: &mut [[f32; LINE]; HEIGHT],
) {
    let (maps, taps) = (IN / (ROWS * ROWS), IN / ROWS);
    // By the output map, so that the lanes can be places and maps of the input.
    let mut turned = [[[0.0; WIDE]; OUT]; ROWS];
    for (row, turned) in turned.iter_mut().enumerate() {
        for tap in 0..taps {
            for (out, turned) in turned.iter_mut().enumerate() {
                turned[tap] = layer.weight[row * taps + tap][out];
            }
        }
    }
    *input = [[0.0; LINE]; HEIGHT];
    for (y, deltas) in deltas.iter().enumerate() {
        for (x, deltas) in deltas.iter().enumerate() {
            for (row, turned) in turned.iter().enumerate() {
                let place = &mut input[y + row][x * maps..][..WIDE];
                let mut totals = [0.0; WIDE];
                totals.copy_from_slice(place);
                for (delta, weights) in deltas.iter().zip(turned) {
                    for lane in 0..WIDE {
                        totals[lane] = multiply_add::<FMA>(*delta, weights[lane], totals[lane]);
                    }
                }
                place.copy_from_slice(&totals);
            }
        }
    }
}

/// Subtracts from each number of `target` its derivative, times its rate. The derivatives are summed for `BLOCK` neighbouring
/// weights of a kernel at once.
#[inline(always)]
pub(super) fn descend<
    const FMA: bool,
    const BLOCK: usize,
    const LINE: usize,
    const HEIGHT: usize,
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
>(
    target: &mut Layer<IN, OUT>,
    rates: &Layer<IN, OUT>,
    input: &[[f32; LINE]; HEIGHT],
    deltas: &[[[f32; OUT]; SIDE]; SIDE],
) {
    let (maps, taps) = (IN / (ROWS * ROWS), IN / ROWS);
    for row in 0..ROWS {
        for first in (0..taps).step_by(BLOCK) {
            let mut totals = [[0.0; OUT]; BLOCK];
            for (y, deltas) in deltas.iter().enumerate() {
                let line = &input[y + row][first..][..(SIDE - 1) * maps + BLOCK];
                for (x, deltas) in deltas.iter().enumerate() {
                    for (tap, totals) in totals.iter_mut().enumerate() {
                        let value = line[x * maps + tap];
                        for lane in 0..OUT {
                            totals[lane] = multiply_add::<FMA>(value, deltas[lane], totals[lane]);
                        }
                    }
                }
            }
            for (tap, totals) in totals.iter().enumerate() {
                let at = row * taps + first + tap;
                let (target, rates) = (&mut target.weight[at], &rates.weight[at]);
                for lane in 0..OUT {
                    target[lane] = multiply_add::<FMA>(-rates[lane], totals[lane], target[lane]);
                }
            }
        }
    }
    let mut totals = [0.0; OUT];
    for deltas in deltas.as_flattened() {
        for (total, delta) in totals.iter_mut().zip(deltas) {
            *total += delta;
        }
    }
    multiply_add::descend::<FMA, OUT>(&mut target.bias, &rates.bias, &totals);
}
