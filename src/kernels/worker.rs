use super::{
    activations::Activations,
    batch::Batch,
    cross_entropy::{Sample, cross_entropy},
    dense_gradient::Operands,
    images::Images,
    layout::{CLASSES, SHARED, UNIT},
    panel::{Transpose, row_length},
    units::UnitSums,
    vector::Vector,
};
use std::ops::Range;

/// What one thread has of a batch: some groups of images, one after the other through the network and back, and what the
/// gradients of all weights are then made of.
#[derive(Debug)]
pub(super) struct Worker<V> {
    activations: Activations<V>,
    c5: Tape<V>,
    f6: Tape<V>,
    output: Tape<V>,
    /// The gradients of C1 to S4 of a group, each lane by itself.
    shared_lanes: Vec<V>,
    /// `[units, SHARED]`: the same of all groups, added up by units.
    shared: Rows<f32>,
    /// One for each image.
    samples: Vec<Sample>,
    /// How many of them were right.
    correct: usize,
}

/// What went into a dense layer and the gradient of what came out, image by image.
#[derive(Debug)]
struct Tape<V> {
    /// `[images, row_length]`
    panel: Rows<V>,
    /// `[images, outputs]`
    output_gradient: Rows<f32>,
}

/// Memory that grows to what it has held, and is not cleared again.
#[derive(Debug)]
struct Rows<T> {
    memory: Vec<T>,
    used: usize,
}

impl<T: Copy> Rows<T> {
    fn new() -> Rows<T> {
        Rows { memory: vec![], used: 0 }
    }

    fn clear(&mut self) {
        self.used = 0;
    }

    /// Room for so many more: what was there before, or `blank`.
    fn push(&mut self, length: usize, blank: T) -> &mut [T] {
        let start = self.used;
        self.used += length;
        if self.memory.len() < self.used {
            self.memory.resize(self.used, blank);
        }
        &mut self.memory[start..self.used]
    }

    fn as_slice(&self) -> &[T] {
        &self.memory[..self.used]
    }
}

impl<V: Vector> Tape<V> {
    fn new() -> Tape<V> {
        Tape { panel: Rows::new(), output_gradient: Rows::new() }
    }

    fn clear(&mut self) {
        self.panel.clear();
        self.output_gradient.clear();
    }

    /// Takes a group's, of its first `images` lanes.
    fn push(&mut self, images: usize, input: &[V], output_gradient: &[V]) {
        let row = row_length::<V>(input.len());
        let rows = V::floats_mut(self.panel.push(images * row, V::splat(0.0)));
        V::vectorize(Transpose { vectors: input, rows, row: row * V::LANES });

        let row = output_gradient.len();
        let rows = self.output_gradient.push(images * row, 0.0);
        V::vectorize(Transpose { vectors: output_gradient, rows, row });
    }

    fn operands(&self) -> Operands<'_, V> {
        let (panel, output_gradient) = (self.panel.as_slice(), self.output_gradient.as_slice());
        Operands { panel, output_gradient }
    }
}

impl<V: Vector> Worker<V> {
    pub fn new() -> Worker<V> {
        Worker {
            activations: Activations::new(),
            c5: Tape::new(),
            f6: Tape::new(),
            output: Tape::new(),
            shared_lanes: vec![V::splat(0.0); SHARED],
            shared: Rows::new(),
            samples: vec![],
            correct: 0,
        }
    }

    /// Takes these groups of the batch through the network and back.
    pub fn train(&mut self, parameters: &[f32], batch: &Batch, groups: Range<usize>) {
        self.samples.clear();
        self.correct = 0;
        for tape in [&mut self.c5, &mut self.f6, &mut self.output] {
            tape.clear();
        }
        self.shared.clear();
        for group in groups {
            let images = V::LANES.min(batch.size() - group * V::LANES);
            self.activations.forward(parameters, batch.images(), group);
            self.loss(batch, group);
            self.activations.backward(parameters, &mut self.shared_lanes);
            let Activations { s4, c5, f6, output, c5_gradient, f6_gradient, .. } =
                &self.activations;
            self.c5.push(images, s4, c5_gradient);
            self.f6.push(images, c5, f6_gradient);
            self.output.push(images, f6, output);
            let sums = self.shared.push(images.div_ceil(UNIT) * SHARED, 0.0);
            V::vectorize(UnitSums { lanes: &self.shared_lanes, sums });
        }
    }

    /// Turns the logits of a group into their gradients in the batch's mean loss: zero where there is no image.
    fn loss(&mut self, batch: &Batch, group: usize) {
        let weight = 1.0 / batch.size() as f32;
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
                self.correct += usize::from(sample.answer == label);
                self.samples.push(sample);
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

    /// What each image came to, in order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How many images were right.
    pub fn correct(&self) -> usize {
        self.correct
    }

    /// `[units, SHARED]`: the gradients of C1 to S4, of this thread's images.
    pub fn shared(&self) -> &[f32] {
        self.shared.as_slice()
    }

    /// What the gradients of C5, F6 and the output layer are made of.
    pub fn operands(&self) -> [Operands<'_, V>; 3] {
        [&self.c5, &self.f6, &self.output].map(Tape::operands)
    }
}
