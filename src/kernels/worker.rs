use super::{
    activations::Activations,
    batch::Batch,
    cross_entropy::cross_entropy,
    images::Images,
    layout::{CLASSES, SHARED},
    record::Part,
    vector::Vector,
};
use std::ops::Range;

/// What one thread works with: it takes groups of images, one after the other, through the network and back.
#[derive(Debug)]
pub(super) struct Worker<V> {
    activations: Activations<V>,
    /// The gradients of C1 to S4 of a group, each lane by itself.
    shared_lanes: Vec<V>,
}

impl<V: Vector> Worker<V> {
    pub fn new() -> Worker<V> {
        Worker { activations: Activations::new(), shared_lanes: vec![V::splat(0.0); SHARED] }
    }

    /// Takes these groups of the batch through the network and back, and records in `part` what the gradients are made of.
    pub fn train(
        &mut self,
        parameters: &[f32],
        batch: &Batch,
        groups: Range<usize>,
        part: &mut Part<V>,
    ) {
        for group in groups {
            let images = V::LANES.min(batch.size() - group * V::LANES);
            let mut part = part.take(images);
            self.activations.forward(parameters, batch.images(), group);
            self.loss(batch, group, &mut part);
            self.activations.backward(parameters, &mut self.shared_lanes);
            part.fill(&self.activations, &self.shared_lanes);
        }
    }

    /// Turns the logits of a group into their gradients in the batch's mean loss: zero where there is no image.
    fn loss(&mut self, batch: &Batch, group: usize, part: &mut Part<V>) {
        let weight = 1.0 / batch.whole() as f32;
        let output = V::floats_mut(&mut self.activations.output);
        let mut losses = part.losses();
        for lane in 0..V::LANES {
            let mut logits = [0.0; CLASSES];
            if let Some((loss, right)) = losses.next() {
                for (class, logit) in logits.iter_mut().enumerate() {
                    *logit = output[class * V::LANES + lane];
                }
                let label = batch.label(group * V::LANES + lane);
                let sample = cross_entropy(&mut logits, label);
                (*loss, *right) = (sample.loss, sample.answer == label);
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
}
