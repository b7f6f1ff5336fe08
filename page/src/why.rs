//! Why it is this digit and not that one.

use crate::network::Network;
use lenet::{
    classifier::Activation,
    network::{KERNEL, LAYERS, Layer, LayerKind, WINDOW},
};

#[derive(Default)]
pub struct Why {
    /// By how much the digit's lead over the other changes with ink at a pixel: 32x32.
    pub ink: Vec<f32>,
    /// What each unit of F6 adds to the lead.
    pub units: Vec<f32>,
    /// What the biases of the two classes add to it.
    pub bias: f32,
}

impl Why {
    /// `stages` is what the network makes of the image; the classes are 0 to 9.
    pub fn new(network: &Network, stages: &[Activation], digit: usize, towards: usize) -> Why {
        let (output, inputs) = (Layer::OUTPUT, Layer::F6.maps());
        let (weight, bias) = network.of(&output);
        let row = |class: usize| &weight[class * inputs..][..inputs];
        let weights = row(digit).iter().zip(row(towards)).map(|(a, b)| a - b);
        let f6 = &stages[LAYERS.len() - 2].values;
        let mut lead = vec![0.0; output.maps()];
        lead[digit] += 1.0;
        lead[towards] -= 1.0;
        Why {
            ink: gradient(network, stages, lead),
            units: weights.zip(f6).map(|(weight, unit)| weight * unit).collect(),
            bias: bias[digit] - bias[towards],
        }
    }
}

/// The gradient in the input of what has the gradient `outputs` in the logits.
fn gradient(network: &Network, stages: &[Activation], outputs: Vec<f32>) -> Vec<f32> {
    stages.iter().rev().fold(outputs, |mut gradient, Activation { layer, values, .. }| {
        if layer.tanh {
            for (gradient, value) in gradient.iter_mut().zip(values) {
                *gradient *= 1.0 - value * value;
            }
        }
        before(layer, network.of(layer).0, &gradient)
    })
}

/// From the gradient in a layer's sums to that in its inputs.
fn before(layer: &Layer, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (side, wide) = (layer.side, layer.input_side);
    match layer.kind {
        LayerKind::Convolution { inputs, outputs } => {
            let mut before = vec![0.0; inputs * wide * wide];
            let maps = gradient.chunks_exact(side * side);
            for (map, kernels) in maps.zip(weight.chunks_exact(weight.len() / outputs)) {
                for (place, &weight) in kernels.iter().enumerate() {
                    let (input, y, x) =
                        (place / (KERNEL * KERNEL), place / KERNEL % KERNEL, place % KERNEL);
                    for (row, sums) in map.chunks_exact(side).enumerate() {
                        let start = (input * wide + y + row) * wide + x;
                        for (before, sum) in before[start..start + side].iter_mut().zip(sums) {
                            *before += weight * sum;
                        }
                    }
                }
            }
            before
        }
        LayerKind::DownSample { channels } => {
            let share = 1.0 / (WINDOW * WINDOW) as f32;
            let at = |place: usize| {
                let (map, y, x) = (place / (wide * wide), place / wide % wide, place % wide);
                weight[map] * share * gradient[(map * side + y / WINDOW) * side + x / WINDOW]
            };
            (0..channels * wide * wide).map(at).collect()
        }
        LayerKind::Linear { inputs, .. } => {
            let mut before = vec![0.0; inputs];
            for (row, sum) in weight.chunks_exact(inputs).zip(gradient) {
                for (before, weight) in before.iter_mut().zip(row) {
                    *before += weight * sum;
                }
            }
            before
        }
    }
}
