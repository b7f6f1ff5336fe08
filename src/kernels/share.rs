use super::{
    dense_gradient::{C5Gradient, F6Gradient, OutputGradient},
    layout::SHARED,
    record::Record,
    vector::Vector,
};
use crate::network::Layer;
use std::ops::Range;

/// The part of the gradients that one thread owns, and makes up from the records of all threads: whole rows of the dense layers'
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
    pub fn fill<V: Vector>(&mut self, records: &[&Record<V>]) {
        let (start, shared) = self.part(0..SHARED);
        let units = records.iter().flat_map(|record| record.shared().chunks_exact(SHARED));
        sum_in_order(units.map(|unit| &unit[start..]), shared);
        let operands = |layer: usize| records.iter().map(move |record| record.operands()[layer]);
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
            let images = operands.iter().flat_map(|of| of.output_gradient.chunks_exact(outputs));
            sum_in_order(images.map(|image| &image[start..]), bias_gradient);
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

/// The sum of all `parts`, number by number, in their order.
fn sum_in_order<'a>(parts: impl Iterator<Item = &'a [f32]>, sums: &mut [f32]) {
    sums.fill(0.0);
    for part in parts {
        for (sum, number) in sums.iter_mut().zip(part) {
            *sum += number;
        }
    }
}
