use super::{
    dense_gradient::{C5Gradient, F6Gradient, Operands, OutputGradient},
    layout::SHARED,
    vector::Vector,
    worker::Worker,
};
use crate::network::Layer;
use std::ops::Range;

/// The part of the gradients that one thread owns, and makes up from what all threads have: whole rows of the dense layers'
/// weights, so that these, 95 % of all parameters, need not be added up between threads.
#[derive(Debug)]
pub(super) struct Share<'a> {
    /// Its place among all parameters.
    pub range: Range<usize>,
    /// Its part of them.
    pub gradients: &'a mut [f32],
}

impl Share<'_> {
    /// Fills it.
    pub fn fill<V: Vector>(&mut self, workers: &[Worker<V>]) {
        let shared = self.part(0..SHARED).1;
        for (at, gradient) in shared.iter_mut().enumerate() {
            *gradient = workers.iter().map(|worker| worker.shared()[at]).sum();
        }
        let operands = |layer: usize| workers.iter().map(move |worker| worker.operands()[layer]);
        let [c5, f6, output] = [0, 1, 2].map(|layer| operands(layer).collect::<Vec<_>>());

        let (start, weight_gradient) = self.part(Layer::C5.weight());
        V::vectorize(C5Gradient {
            operands: &c5,
            first: start / Layer::C5.fan_in(),
            weight_gradient,
        });
        let (start, weight_gradient) = self.part(Layer::F6.weight());
        V::vectorize(F6Gradient {
            operands: &f6,
            first: start / Layer::F6.fan_in(),
            weight_gradient,
        });
        let (start, weight_gradient) = self.part(Layer::OUTPUT.weight());
        V::vectorize(OutputGradient {
            operands: &output,
            first: start / Layer::OUTPUT.fan_in(),
            weight_gradient,
        });

        for (layer, operands) in [(Layer::C5, c5), (Layer::F6, f6), (Layer::OUTPUT, output)] {
            let outputs = layer.bias().len();
            let (start, bias_gradient) = self.part(layer.bias());
            for (at, gradient) in bias_gradient.iter_mut().enumerate() {
                *gradient = bias_sum(&operands, outputs, start + at);
            }
        }
    }

    /// What lies in both the share and `layer`: where that starts, counted from the start of the layer, and the gradients.
    fn part(&mut self, layer: Range<usize>) -> (usize, &mut [f32]) {
        let start = self.range.start.clamp(layer.start, layer.end);
        let end = self.range.end.clamp(start, layer.end);
        let gradients = if start < end {
            &mut self.gradients[start - self.range.start..end - self.range.start]
        } else {
            &mut []
        };
        (start - layer.start, gradients)
    }
}

/// The gradient of one of a dense layer's biases: the sum of its output's over all images.
fn bias_sum<V: Vector>(operands: &[Operands<V>], outputs: usize, output: usize) -> f32 {
    let groups = operands.iter().flat_map(|of| of.output_gradient.chunks_exact(outputs));
    groups.map(|group| group[output].sum()).sum()
}
