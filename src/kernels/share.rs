use super::{
    dense_gradient::{C5Gradient, F6Gradient, OutputGradient},
    layout::SHARED,
    record::Record,
    vector::Vector,
};
use crate::network::Layer;
use std::ops::Range;

/// The part of the gradients that one thread owns, and makes up from what all threads recorded: whole rows of the dense layers'
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
    pub fn fill<V: Vector>(&mut self, record: &Record<V>) {
        let (start, shared) = self.part(0..SHARED);
        sum_in_order(record.shared(), SHARED, start, shared);
        let [c5, f6, output] = record.operands();

        let (start, weight_gradient) = self.part(Layer::C5.weight());
        let first = start / Layer::C5.fan_in();
        V::vectorize(C5Gradient { operands: c5, first, weight_gradient });
        let (start, weight_gradient) = self.part(Layer::F6.weight());
        let first = start / Layer::F6.fan_in();
        V::vectorize(F6Gradient { operands: f6, first, weight_gradient });
        let (start, weight_gradient) = self.part(Layer::OUTPUT.weight());
        let first = start / Layer::OUTPUT.fan_in();
        V::vectorize(OutputGradient { operands: output, first, weight_gradient });

        for (layer, operands) in [(Layer::C5, c5), (Layer::F6, f6), (Layer::OUTPUT, output)] {
            let outputs = layer.bias().len();
            let (start, bias_gradient) = self.part(layer.bias());
            sum_in_order(operands.output_gradient, outputs, start, bias_gradient);
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

/// The sums over all `rows` of `length` numbers, from number `start` on, in the rows' order.
fn sum_in_order(rows: &[f32], length: usize, start: usize, sums: &mut [f32]) {
    sums.fill(0.0);
    for row in rows.chunks_exact(length) {
        for (sum, number) in sums.iter_mut().zip(&row[start..]) {
            *sum += number;
        }
    }
}
