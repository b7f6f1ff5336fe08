use super::{
    activations::Activations,
    dense_gradient::Operands,
    layout::{SHARED, UNIT, take},
    panel::{Transpose, row_length},
    units::UnitSums,
    vector::Vector,
};
use crate::network::Layer;

/// What the gradients of all weights are made of, of the images of a batch, in their order. Its memory grows to what it has
/// held, and is not cleared.
#[derive(Debug)]
pub(super) struct Record<V> {
    images: usize,
    c5: Tape<V>,
    f6: Tape<V>,
    output: Tape<V>,
    /// `[units, SHARED]`: the gradients of C1 to S4, added up by units.
    shared: Vec<f32>,
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
    panel: Vec<V>,
    /// `[images, outputs]`
    output_gradient: Vec<f32>,
}

/// Some images of a [`Record`], to be filled.
#[derive(Debug)]
pub(super) struct Part<'a, V> {
    c5: TapePart<'a, V>,
    f6: TapePart<'a, V>,
    output: TapePart<'a, V>,
    shared: &'a mut [f32],
    losses: &'a mut [f32],
    right: &'a mut [bool],
}

/// Some images of a [`Tape`].
#[derive(Debug)]
struct TapePart<'a, V> {
    inputs: usize,
    outputs: usize,
    panel: &'a mut [V],
    output_gradient: &'a mut [f32],
}

impl<V: Vector> Tape<V> {
    fn new(layer: Layer) -> Tape<V> {
        let (inputs, outputs) = (layer.fan_in(), layer.bias().len());
        Tape { inputs, outputs, panel: vec![], output_gradient: vec![] }
    }

    fn part(&mut self, images: usize) -> TapePart<'_, V> {
        let Tape { inputs, outputs, ref mut panel, ref mut output_gradient } = *self;
        TapePart {
            inputs,
            outputs,
            panel: room(panel, images * row_length::<V>(inputs), V::splat(0.0)),
            output_gradient: room(output_gradient, images * outputs, 0.0),
        }
    }

    fn operands(&self, images: usize) -> Operands<'_, V> {
        Operands {
            panel: &self.panel[..images * row_length::<V>(self.inputs)],
            output_gradient: &self.output_gradient[..images * self.outputs],
        }
    }

    /// Appends an image's numbers, without what fills up the panel's row.
    fn pack(&self, image: usize, bytes: &mut Vec<u8>) {
        let row = row_length::<V>(self.inputs);
        let input = V::floats(&self.panel[image * row..][..row]);
        put(&input[..self.inputs], bytes);
        put(&self.output_gradient[image * self.outputs..][..self.outputs], bytes);
    }
}

/// The first `length` of the memory, which grows where it is smaller.
fn room<T: Copy>(memory: &mut Vec<T>, length: usize, blank: T) -> &mut [T] {
    if memory.len() < length {
        memory.resize(length, blank);
    }
    &mut memory[..length]
}

impl<'a, V: Vector> TapePart<'a, V> {
    fn take(&mut self, images: usize) -> TapePart<'a, V> {
        TapePart {
            inputs: self.inputs,
            outputs: self.outputs,
            panel: take(&mut self.panel, images * row_length::<V>(self.inputs)),
            output_gradient: take(&mut self.output_gradient, images * self.outputs),
        }
    }

    /// From a group's vectors.
    fn fill(&mut self, input: &[V], output_gradient: &[V]) {
        let row = row_length::<V>(self.inputs) * V::LANES;
        V::vectorize(Transpose { vectors: input, rows: V::floats_mut(self.panel), row });
        let (rows, row) = (&mut *self.output_gradient, self.outputs);
        V::vectorize(Transpose { vectors: output_gradient, rows, row });
    }

    /// An image's numbers, from the front of the bytes.
    fn unpack(self, bytes: &mut &[u8]) {
        get(bytes, &mut V::floats_mut(self.panel)[..self.inputs]);
        get(bytes, self.output_gradient);
    }
}

impl<'a, V: Vector> Part<'a, V> {
    /// Splits the first images off: whole units, or the last.
    fn take(&mut self, images: usize) -> Part<'a, V> {
        Part {
            c5: self.c5.take(images),
            f6: self.f6.take(images),
            output: self.output.take(images),
            shared: take(&mut self.shared, images.div_ceil(UNIT) * SHARED),
            losses: take(&mut self.losses, images),
            right: take(&mut self.right, images),
        }
    }

    /// One for each group.
    pub fn groups(mut self) -> Vec<Part<'a, V>> {
        let mut groups = vec![];
        while !self.losses.is_empty() {
            groups.push(self.take(V::LANES.min(self.losses.len())));
        }
        groups
    }

    /// Where the cross-entropy of each image goes, and whether the answer was right.
    pub fn losses(&mut self) -> impl Iterator<Item = (&mut f32, &mut bool)> {
        self.losses.iter_mut().zip(&mut *self.right)
    }

    /// From the first lanes of a group: what its layers gave on the way there and back.
    pub fn fill(&mut self, activations: &Activations<V>) {
        let Activations { s4, c5, f6, output, c5_gradient, f6_gradient, shared, .. } = activations;
        self.c5.fill(s4, c5_gradient);
        self.f6.fill(c5, f6_gradient);
        self.output.fill(f6, output);
        V::vectorize(UnitSums { lanes: shared, sums: self.shared });
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
            images: 0,
            c5: Tape::new(Layer::C5),
            f6: Tape::new(Layer::F6),
            output: Tape::new(Layer::OUTPUT),
            shared: vec![],
            losses: vec![],
            right: vec![],
        }
    }

    /// Begins a batch of so many images, all to be filled.
    pub fn begin(&mut self, images: usize) -> Part<'_, V> {
        self.images = images;
        Part {
            c5: self.c5.part(images),
            f6: self.f6.part(images),
            output: self.output.part(images),
            shared: room(&mut self.shared, images.div_ceil(UNIT) * SHARED, 0.0),
            losses: room(&mut self.losses, images, 0.0),
            right: room(&mut self.right, images, false),
        }
    }

    /// The cross-entropy of each image.
    pub fn losses(&self) -> &[f32] {
        &self.losses[..self.images]
    }

    /// How many images were right.
    pub fn correct(&self) -> usize {
        self.right[..self.images].iter().filter(|&&right| right).count()
    }

    /// `[units, SHARED]`: the gradients of C1 to S4.
    pub fn shared(&self) -> &[f32] {
        &self.shared[..self.images.div_ceil(UNIT) * SHARED]
    }

    /// What the gradients of C5, F6 and the output layer are made of.
    pub fn operands(&self) -> [Operands<'_, V>; 3] {
        [&self.c5, &self.f6, &self.output].map(|tape| tape.operands(self.images))
    }

    /// As [`packed_length`] bytes, unit by unit, little-endian. They do not depend on `V`, and those of the parts of a batch, one
    /// after another, are those of the batch.
    pub fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(packed_length(self.images));
        for (unit, shared) in self.shared().chunks_exact(SHARED).enumerate() {
            put(shared, &mut bytes);
            for image in (unit * UNIT..self.images).take(UNIT) {
                for tape in [&self.c5, &self.f6, &self.output] {
                    tape.pack(image, &mut bytes);
                }
                put(&self.losses[image..=image], &mut bytes);
                bytes.push(self.right[image].into());
            }
        }
        bytes
    }

    /// Overwrites it with what was packed of so many `images`: [`packed_length`] bytes.
    pub fn unpack(&mut self, mut bytes: &[u8], images: usize) {
        assert_eq!(bytes.len(), packed_length(images));
        let mut rest = self.begin(images);
        for image in 0..images {
            if image % UNIT == 0 {
                get(&mut bytes, take(&mut rest.shared, SHARED));
            }
            for tape in [&mut rest.c5, &mut rest.f6, &mut rest.output] {
                tape.take(1).unpack(&mut bytes);
            }
            get(&mut bytes, take(&mut rest.losses, 1));
            let (right, after) = bytes.split_at(1);
            take(&mut rest.right, 1)[0] = right == [1];
            bytes = after;
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

/// Gets so many numbers from the front of the bytes.
fn get(bytes: &mut &[u8], numbers: &mut [f32]) {
    let (front, rest) = bytes.split_at(4 * numbers.len());
    let (places, _) = front.as_chunks();
    for (number, &place) in numbers.iter_mut().zip(places) {
        *number = f32::from_le_bytes(place);
    }
    *bytes = rest;
}
