use super::{
    activations::Activations,
    dense_gradient::Operands,
    layout::{SHARED, UNIT},
    panel::{Transpose, row_length},
    units::UnitSums,
    vector::Vector,
};
use crate::network::Layer;

/// What the gradients of all weights are made of, of some images of a batch, in their order.
#[derive(Debug)]
pub(super) struct Record<V> {
    c5: Tape<V>,
    f6: Tape<V>,
    output: Tape<V>,
    /// `[units, SHARED]`: the gradients of C1 to S4, added up by units.
    shared: Rows<f32>,
    /// `[images]`: the cross-entropy of each.
    losses: Vec<f32>,
    /// `[images]`: whether the answer was right.
    right: Vec<bool>,
}

/// What went into a dense layer and the gradient of what came out, image by image.
#[derive(Debug)]
struct Tape<V> {
    inputs: usize,
    outputs: usize,
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
    fn new(layer: Layer) -> Tape<V> {
        let (inputs, outputs) = (layer.fan_in(), layer.bias().len());
        Tape { inputs, outputs, panel: Rows::new(), output_gradient: Rows::new() }
    }

    fn clear(&mut self) {
        self.panel.clear();
        self.output_gradient.clear();
    }

    /// Takes a group's, of its first `images` lanes.
    fn push(&mut self, images: usize, input: &[V], output_gradient: &[V]) {
        let row = row_length::<V>(self.inputs);
        let rows = V::floats_mut(self.panel.push(images * row, V::splat(0.0)));
        V::vectorize(Transpose { vectors: input, rows, row: row * V::LANES });

        let rows = self.output_gradient.push(images * self.outputs, 0.0);
        V::vectorize(Transpose { vectors: output_gradient, rows, row: self.outputs });
    }

    fn operands(&self) -> Operands<'_, V> {
        let (panel, output_gradient) = (self.panel.as_slice(), self.output_gradient.as_slice());
        Operands { panel, output_gradient }
    }

    /// Appends an image's numbers, without what fills up the panel's row.
    fn pack(&self, image: usize, bytes: &mut Vec<u8>) {
        let Operands { panel, output_gradient } = self.operands();
        let row = row_length::<V>(self.inputs);
        let input = V::floats(&panel[image * row..][..row]);
        put(&input[..self.inputs], bytes);
        put(&output_gradient[image * self.outputs..][..self.outputs], bytes);
    }

    /// Takes the next image's numbers.
    fn unpack(&mut self, bytes: &mut &[u8]) {
        let row = self.panel.push(row_length::<V>(self.inputs), V::splat(0.0));
        take(bytes, &mut V::floats_mut(row)[..self.inputs]);
        take(bytes, self.output_gradient.push(self.outputs, 0.0));
    }
}

/// Bytes of an image in a packed record: of its tapes, its loss, and whether the answer was right.
const IMAGE_BYTES: usize = 4 * (400 + 120 + 120 + 84 + 84 + 10 + 1) + 1;

/// Bytes of a packed record of so many images.
pub fn packed_length(images: usize) -> usize {
    4 * SHARED * images.div_ceil(UNIT) + IMAGE_BYTES * images
}

impl<V: Vector> Record<V> {
    pub fn new() -> Record<V> {
        Record {
            c5: Tape::new(Layer::C5),
            f6: Tape::new(Layer::F6),
            output: Tape::new(Layer::OUTPUT),
            shared: Rows::new(),
            losses: vec![],
            right: vec![],
        }
    }

    pub fn clear(&mut self) {
        for tape in [&mut self.c5, &mut self.f6, &mut self.output] {
            tape.clear();
        }
        self.shared.clear();
        self.losses.clear();
        self.right.clear();
    }

    /// Takes the first `images` lanes of a group: what its layers gave on the way there and back, and the gradients of C1 to
    /// S4, each lane by itself.
    pub fn push(&mut self, images: usize, activations: &Activations<V>, shared_lanes: &[V]) {
        let Activations { s4, c5, f6, output, c5_gradient, f6_gradient, .. } = activations;
        self.c5.push(images, s4, c5_gradient);
        self.f6.push(images, c5, f6_gradient);
        self.output.push(images, f6, output);
        let sums = self.shared.push(images.div_ceil(UNIT) * SHARED, 0.0);
        V::vectorize(UnitSums { lanes: shared_lanes, sums });
    }

    /// Takes the cross-entropy of the next image, and whether the answer was right.
    pub fn push_loss(&mut self, loss: f32, right: bool) {
        self.losses.push(loss);
        self.right.push(right);
    }

    /// The cross-entropy of each image.
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// How many images were right.
    pub fn correct(&self) -> usize {
        self.right.iter().filter(|&&right| right).count()
    }

    /// `[units, SHARED]`: the gradients of C1 to S4.
    pub fn shared(&self) -> &[f32] {
        self.shared.as_slice()
    }

    /// What the gradients of C5, F6 and the output layer are made of.
    pub fn operands(&self) -> [Operands<'_, V>; 3] {
        [&self.c5, &self.f6, &self.output].map(Tape::operands)
    }

    /// Appends it as bytes, unit by unit, little-endian. They do not depend on `V`, and those of the parts of a batch, one
    /// after another, are those of the batch.
    pub fn pack(&self, bytes: &mut Vec<u8>) {
        for (unit, shared) in self.shared().chunks_exact(SHARED).enumerate() {
            put(shared, bytes);
            for image in (unit * UNIT..self.losses.len()).take(UNIT) {
                for tape in [&self.c5, &self.f6, &self.output] {
                    tape.pack(image, bytes);
                }
                put(&self.losses[image..=image], bytes);
                bytes.push(self.right[image].into());
            }
        }
    }

    /// Overwrites it with what was packed of so many `images`: [`packed_length`] bytes.
    pub fn unpack(&mut self, mut bytes: &[u8], images: usize) {
        assert_eq!(bytes.len(), packed_length(images));
        self.clear();
        for image in 0..images {
            if image % UNIT == 0 {
                take(&mut bytes, self.shared.push(SHARED, 0.0));
            }
            for tape in [&mut self.c5, &mut self.f6, &mut self.output] {
                tape.unpack(&mut bytes);
            }
            let mut loss = [0.0];
            take(&mut bytes, &mut loss);
            let (right, rest) = bytes.split_at(1);
            self.push_loss(loss[0], right == [1]);
            bytes = rest;
        }
    }
}

/// Appends numbers, little-endian.
fn put(numbers: &[f32], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.resize(start + 4 * numbers.len(), 0);
    let (places, _) = bytes[start..].as_chunks_mut();
    for (place, number) in places.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
}

/// Takes so many numbers from the front of the bytes.
fn take(bytes: &mut &[u8], numbers: &mut [f32]) {
    let (front, rest) = bytes.split_at(4 * numbers.len());
    let (places, _) = front.as_chunks();
    for (number, &place) in numbers.iter_mut().zip(places) {
        *number = f32::from_le_bytes(place);
    }
    *bytes = rest;
}
