//! A layer in which each unit sees all of the layer before.

use super::{
    multiply_add::{self, multiply_add},
    weights::Layer,
};

/// Inputs that are gone through at once, so that sums are fetched and put back once for all of them.
const AT_ONCE: usize = 4;

/// What the squash is yet to be applied to.
#[inline(always)]
pub(super) fn forward<const FMA: bool, const IN: usize, const OUT: usize>(
    input: &[f32; IN],
    layer: &Layer<IN, OUT>,
    sums: &mut [f32; OUT],
) {
    *sums = layer.bias;
    let (inputs, _) = input.as_chunks::<AT_ONCE>();
    let (weights, _) = layer.weight.as_chunks::<AT_ONCE>();
    for (&[a, b, c, d], [of_a, of_b, of_c, of_d]) in inputs.iter().zip(weights) {
        for out in 0..OUT {
            let sum = multiply_add::<FMA>(a, of_a[out], sums[out]);
            let sum = multiply_add::<FMA>(b, of_b[out], sum);
            let sum = multiply_add::<FMA>(c, of_c[out], sum);
            sums[out] = multiply_add::<FMA>(d, of_d[out], sum);
        }
    }
}

/// The derivative by the input, from that by the sums.
#[inline(always)]
pub(super) fn backward<const FMA: bool, const IN: usize, const OUT: usize>(
    layer: &Layer<IN, OUT>,
    deltas: &[f32; OUT],
    input: &mut [f32; IN],
) {
    const LANES: usize = 8;
    let (deltas, last_deltas) = deltas.as_chunks::<LANES>();
    for (input, weights) in input.iter_mut().zip(&layer.weight) {
        let (weights, last_weights) = weights.as_chunks::<LANES>();
        let mut totals = [0.0; LANES];
        for (deltas, weights) in deltas.iter().zip(weights) {
            for lane in 0..LANES {
                totals[lane] = multiply_add::<FMA>(deltas[lane], weights[lane], totals[lane]);
            }
        }
        for (lane, (delta, weight)) in last_deltas.iter().zip(last_weights).enumerate() {
            totals[lane] = multiply_add::<FMA>(*delta, *weight, totals[lane]);
        }
        let [a, b, c, d, e, f, g, h] = totals;
        *input = ((a + e) + (b + f)) + ((c + g) + (d + h));
    }
}

/// Subtracts from each number of `target` its derivative, times its rate.
#[inline(always)]
pub(super) fn descend<const FMA: bool, const IN: usize, const OUT: usize>(
    target: &mut Layer<IN, OUT>,
    rates: &Layer<IN, OUT>,
    input: &[f32; IN],
    deltas: &[f32; OUT],
) {
    for ((weights, rates), value) in target.weight.iter_mut().zip(&rates.weight).zip(input) {
        for out in 0..OUT {
            weights[out] = multiply_add::<FMA>(-rates[out], value * deltas[out], weights[out]);
        }
    }
    multiply_add::descend::<FMA, OUT>(&mut target.bias, &rates.bias, deltas);
}
