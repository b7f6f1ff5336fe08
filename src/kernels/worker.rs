use super::{
    activations::Activations,
    batch::Batch,
    cross_entropy::cross_entropy,
    images::Images,
    layout::{CLASSES, SHARED},
    record::Record,
    vector::Vector,
};
use std::ops::Range;

/// What one thread has of a batch: some groups of images, one after the other through the network and back, and what the
/// gradients of all weights are then made of.
#[derive(Debug)]
pub(super) struct Worker<V> {
    activations: Activations<V>,
    /// The gradients of C1 to S4 of a group, each lane by itself.
    shared_lanes: Vec<V>,
    record: Record<V>,
}

impl<V: Vector> Worker<V> {
    pub fn new() -> Worker<V> {
        Worker {
            activations: Activations::new(),
            shared_lanes: vec![V::splat(0.0); SHARED],
            record: Record::new(),
        }
    }

    /// Forgets what it recorded.
    pub fn clear(&mut self) {
        self.record.clear();
    }

    /// Takes these groups of the batch through the network and back, and records what the gradients are made of.
    pub fn train(&mut self, parameters: &[f32], batch: &Batch, groups: Range<usize>) {
        for group in groups {
            let images = V::LANES.min(batch.size() - group * V::LANES);
            self.activations.forward(parameters, batch.images(), group);
            self.loss(batch, group);
            self.activations.backward(parameters, &mut self.shared_lanes);
            self.record.push(images, &self.activations, &self.shared_lanes);
        }
    }

    /// Turns the logits of a group into their gradients in the batch's mean loss: zero where there is no image.
    fn loss(&mut self, batch: &Batch, group: usize) {
        let weight = 1.0 / batch.whole() as f32;
        let output = V::floats_mut(&mut self.activations.output);
        for lane in 0..V::LANES {
            let image = group * V::LANES + lane;
            let mut logits = [0.0; CLASSES];
            if image < batch.size() {
                for (class, logit) in logits.iter_mut().enumerate() {
                    *logit = output[class * V::LANES + lane];
                }
                let label = batch.label(image);
                let sample = cross_entropy(&mut logits, label);
                self.record.push_loss(sample.loss, sample.answer == label);
            }
            for (class, gradient) in logits.into_iter().enumerate() {
                output[class * V::LANES + lane] = gradient * weight;
            }
        }
    }

    /// Takes these groups of images through the network: `logits` `[images, 10]`.
    pub fn logits(
        &mut self,
        parameters: &[f32],
        images: Images,
        groups: Range<usize>,
        logits: &mut [f32],
    ) {
        for (group, logits) in groups.zip(logits.chunks_mut(V::LANES * CLASSES)) {
            self.activations.forward(parameters, images, group);
            let output = V::floats(&self.activations.output);
            for (lane, logits) in logits.chunks_exact_mut(CLASSES).enumerate() {
                for (class, logit) in logits.iter_mut().enumerate() {
                    *logit = output[class * V::LANES + lane];
                }
            }
        }
    }

    /// What it has recorded.
    pub fn record(&self) -> &Record<V> {
        &self.record
    }
}
