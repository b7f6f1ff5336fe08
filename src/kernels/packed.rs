use super::{
    instruction_set::InstructionSet,
    layout::{CLASSES, PIXELS},
    portable::Portable,
    tanh::Tanh,
    vector::{Kernel, Vector},
};
use crate::network::{LAYERS, Layer, PARAMETERS};

/// The network for one image at a time, where lanes over images would idle: they go over a layer's outputs instead, for which
/// the weights are packed once.
///
/// It does not change, so that threads can share it.
#[derive(Debug, Clone)]
pub struct Packed {
    c1: Weights,
    s2: Weights,
    c3: Weights,
    s4: Weights,
    c5: Weights,
    f6: Weights,
    output: Weights,
}

/// Lanes of a vector: eight with every instruction set, since C1 has six outputs. AVX-512 would gain nothing.
const LANES: usize = 8;

/// Weights and bias of a layer, as vectors for their alignment: [`LANES`] outputs, or zeros where there are fewer.
#[derive(Debug, Clone)]
struct Weights {
    /// `[inputs, vectors]`, the inputs in the order of the `state_dict`: sums have the bits that they have among many images.
    weight: Vec<Portable>,
    /// `[vectors]`
    bias: Vec<Portable>,
}

impl Weights {
    /// `place(input, output)` is where a weight stands in the layer's own order.
    fn pack(
        (weight, bias): (&[f32], &[f32]),
        inputs: usize,
        place: impl Fn(usize, usize) -> usize,
    ) -> Weights {
        let vectors = bias.len().div_ceil(LANES);
        let zeros = |length| vec![Portable::splat(0.0); length];
        let mut packed = Weights { weight: zeros(inputs * vectors), bias: zeros(vectors) };
        Portable::floats_mut(&mut packed.bias)[..bias.len()].copy_from_slice(bias);
        let rows = Portable::floats_mut(&mut packed.weight).chunks_exact_mut(vectors * LANES);
        for (input, row) in rows.enumerate() {
            for (output, packed) in row[..bias.len()].iter_mut().enumerate() {
                *packed = weight[place(input, output)];
            }
        }
        packed
    }
}

impl Packed {
    /// Packs `parameters`, in the order of the `state_dict`.
    pub fn new(parameters: &[f32; PARAMETERS]) -> Packed {
        let of = |layer: Layer| layer.of(parameters);
        let sums = |layer: Layer| {
            let inputs = layer.fan_in();
            Weights::pack(of(layer), inputs, move |input, output| output * inputs + input)
        };
        let down_sample = |layer| Weights::pack(of(layer), 1, |_, output| output);
        Packed {
            c1: sums(Layer::C1),
            s2: down_sample(Layer::S2),
            c3: sums(Layer::C3),
            s4: down_sample(Layer::S4),
            c5: sums(Layer::C5),
            f6: sums(Layer::F6),
            output: sums(Layer::OUTPUT),
        }
    }

    /// The logits of an image, `[32, 32]` from 0 (background) to 1 (ink).
    pub fn logits(&self, image: &[f32; PIXELS]) -> [f32; CLASSES] {
        best().run(Pass { packed: self, image, outputs: None })
    }

    /// The output of each of [`LAYERS`] for an image, after its tanh: `[maps, side, side]`.
    pub fn outputs(&self, image: &[f32; PIXELS]) -> Vec<Vec<f32>> {
        let mut outputs = vec![];
        let pass = Pass { packed: self, image, outputs: Some(&mut outputs) };
        best().run(pass);
        outputs
    }
}

/// The fastest that this CPU has with so many lanes.
fn best() -> InstructionSet {
    sets().next().unwrap_or(InstructionSet::Portable)
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::available().filter(|set| set.lanes() == LANES)
}

/// One image on its way through the network.
struct Pass<'a> {
    packed: &'a Packed,
    image: &'a [f32; PIXELS],
    /// Where each layer's output is recorded, if anywhere.
    outputs: Option<&'a mut Vec<Vec<f32>>>,
}

impl<V: Vector> Kernel<V> for Pass<'_> {
    type Output = [f32; CLASSES];

    #[inline(always)]
    fn run(self) -> [f32; CLASSES] {
        let Packed { c1, s2, c3, s4, c5, f6, output } = self.packed;
        let zero = V::splat(0.0);
        // Rows of pixels of maps.
        let mut maps1 = [zero; 28 * 28];
        convolution::<V, 1, 1, 1, 28, 14>(c1, self.image, &mut maps1);
        let mut maps2 = [zero; 14 * 14];
        down_sample::<V, 1, 14>(s2, &maps1, &mut maps2);
        let mut maps3 = [zero; 10 * 10 * 2];
        convolution::<V, 6, LANES, 2, 10, 5>(c3, V::floats(&maps2), &mut maps3);
        let mut maps4 = [zero; 5 * 5 * 2];
        down_sample::<V, 2, 5>(s4, &maps3, &mut maps4);
        let mut features5 = [zero; 15];
        // Maps are the innermost in `maps4`, and the outermost among C5's inputs.
        let mut inputs5 = [0.0; 16 * 25];
        for (place, maps) in V::floats(&maps4).as_chunks::<16>().0.iter().enumerate() {
            for (map, &value) in maps.iter().enumerate() {
                inputs5[map * 25 + place] = value;
            }
        }
        dense::<V, 15>(c5, &inputs5, &mut features5);
        Tanh(&mut features5).run();
        let mut features6 = [zero; 11];
        dense::<V, 11>(f6, V::floats(&features5), &mut features6);
        Tanh(&mut features6).run();
        let mut sums = [zero; 2];
        dense::<V, 2>(output, &V::floats(&features6)[..84], &mut sums);
        let mut logits = [0.0; CLASSES];
        logits.copy_from_slice(&V::floats(&sums)[..CLASSES]);
        if let Some(outputs) = self.outputs {
            let all: [&[V]; LAYERS.len()] =
                [&maps1, &maps2, &maps3, &maps4, &features5, &features6, &sums];
            for (layer, output) in LAYERS.iter().zip(all) {
                outputs.push(by_map(layer, V::floats(output)));
            }
        }
        logits
    }
}

/// A layer's output with the maps outermost. It comes with the maps innermost, or as a vector.
fn by_map(layer: &Layer, output: &[f32]) -> Vec<f32> {
    let stride = if layer.side > 1 { layer.maps().next_multiple_of(LANES) } else { 1 };
    let places = if layer.side > 1 { layer.side * layer.side } else { layer.maps() };
    let maps = if layer.side > 1 { layer.maps() } else { 1 };
    let of_map = |map| output[map..].iter().step_by(stride).take(places).copied();
    (0..maps).flat_map(of_map).collect()
}

/// A convolution 5×5 and tanh: `IN` maps, `STRIDE` numbers from pixel to pixel, to `OUT` vectors of maps of `SIDE`². `WIDE` pixels
/// are summed in registers.
#[inline(always)]
fn convolution<
    V: Vector,
    const IN: usize,
    const STRIDE: usize,
    const OUT: usize,
    const SIDE: usize,
    const WIDE: usize,
>(
    weights: &Weights,
    input: &[f32],
    output: &mut [V],
) {
    let weight = Portable::floats(&weights.weight);
    let bias = Portable::floats(&weights.bias);
    assert!(V::LANES == LANES && SIDE.is_multiple_of(WIDE));
    assert_eq!(input.len(), (SIDE + 4) * (SIDE + 4) * STRIDE);
    assert_eq!(weight.len(), 25 * IN * OUT * LANES);
    assert_eq!(bias.len(), OUT * LANES);
    assert_eq!(output.len(), SIDE * SIDE * OUT);
    for y in 0..SIDE {
        for x in (0..SIDE).step_by(WIDE) {
            // SAFETY: y + ky and x + wide + kx are below SIDE + 4, as WIDE divides SIDE, and IN is STRIDE at most. So every place
            // is within the lengths that were asserted.
            unsafe {
                let mut sums = [[V::splat(0.0); OUT]; WIDE];
                for sums in &mut sums {
                    for (out, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(bias, out * LANES);
                    }
                }
                for i in 0..IN {
                    for ky in 0..5 {
                        for kx in 0..5 {
                            let start = ((y + ky) * (SIDE + 4) + x + kx) * STRIDE;
                            let tap = ((i * 5 + ky) * 5 + kx) * OUT * LANES;
                            let mut taps = [V::splat(0.0); OUT];
                            for (out, weights) in taps.iter_mut().enumerate() {
                                *weights = V::load(weight, tap + out * LANES);
                            }
                            for (wide, sums) in sums.iter_mut().enumerate() {
                                let pixel =
                                    V::splat(*input.get_unchecked(start + i + wide * STRIDE));
                                for (sum, weights) in sums.iter_mut().zip(taps) {
                                    *sum = weights.mul_add(pixel, *sum);
                                }
                            }
                        }
                    }
                }
                for (wide, sums) in sums.iter().enumerate() {
                    for (out, &sum) in sums.iter().enumerate() {
                        *output.get_unchecked_mut((y * SIDE + x + wide) * OUT + out) = sum;
                    }
                }
            }
        }
        Tanh(&mut output[y * SIDE * OUT..(y + 1) * SIDE * OUT]).run();
    }
}

/// `DownSample` and tanh: `MAPS` vectors of maps of (2 `SIDE`)² to as many of `SIDE`².
#[inline(always)]
fn down_sample<V: Vector, const MAPS: usize, const SIDE: usize>(
    weights: &Weights,
    input: &[V],
    output: &mut [V],
) {
    let weight = Portable::floats(&weights.weight);
    let bias = Portable::floats(&weights.bias);
    assert!(V::LANES == LANES && weight.len() == MAPS * LANES && bias.len() == MAPS * LANES);
    assert_eq!(input.len(), 4 * SIDE * SIDE * MAPS);
    assert_eq!(output.len(), SIDE * SIDE * MAPS);
    for y in 0..SIDE {
        for x in 0..SIDE {
            for map in 0..MAPS {
                let corner = (4 * y * SIDE + 2 * x) * MAPS + map;
                // SAFETY: y and x are below SIDE, and map below MAPS. So every place is within the lengths that were asserted.
                unsafe {
                    let upper = *input.get_unchecked(corner) + *input.get_unchecked(corner + MAPS);
                    let below = corner + 2 * SIDE * MAPS;
                    let lower = *input.get_unchecked(below) + *input.get_unchecked(below + MAPS);
                    let average = (upper + lower) * V::splat(0.25);
                    let (weight, bias) = (V::load(weight, map * LANES), V::load(bias, map * LANES));
                    *output.get_unchecked_mut((y * SIDE + x) * MAPS + map) =
                        average.mul_add(weight, bias);
                }
            }
        }
    }
    Tanh(output).run();
}

/// A dense layer, without its tanh, to `OUT` vectors of outputs.
#[inline(always)]
fn dense<V: Vector, const OUT: usize>(weights: &Weights, input: &[f32], output: &mut [V; OUT]) {
    let weight = Portable::floats(&weights.weight);
    let bias = Portable::floats(&weights.bias);
    assert!(V::LANES == LANES && bias.len() == OUT * LANES);
    assert_eq!(weight.len(), input.len() * OUT * LANES);
    let mut sums = [V::splat(0.0); OUT];
    // SAFETY: there are OUT vectors of biases, and as many of weights for each input, as was asserted.
    unsafe {
        for (out, sum) in sums.iter_mut().enumerate() {
            *sum = V::load(bias, out * LANES);
        }
        for (i, &value) in input.iter().enumerate() {
            let value = V::splat(value);
            for (out, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(weight, (i * OUT + out) * LANES).mul_add(value, *sum);
            }
        }
    }
    *output = sums;
}

#[cfg(test)]
mod tests {
    use super::{PARAMETERS, PIXELS, Packed, Pass, sets};
    use crate::kernels::{Images, Network};
    use rand_mt::Mt;

    /// Miri takes minutes an image.
    const COUNT: usize = if cfg!(miri) { 1 } else { 9 };

    #[test]
    fn one_image_has_the_logits_that_it_has_among_many() {
        let mut generator = Mt::new(1);
        let mut draw = || generator.next_u32() as f32 / u32::MAX as f32;
        let mut parameters = vec![0.0; PARAMETERS];
        parameters.fill_with(|| draw() * 0.4 - 0.2);
        let mut image = || std::array::from_fn(|_| draw());
        let images: Vec<[f32; PIXELS]> = (0..COUNT).map(|_| image()).collect();
        let parameters = parameters.as_array().unwrap();
        let expected = Network::new(1).logits(parameters, Images::new(&images));

        let packed = Packed::new(parameters);
        for (image, expected) in images.iter().zip(&expected) {
            for set in sets() {
                let got = set.run(Pass { packed: &packed, image, outputs: None });
                assert_eq!(got.map(f32::to_bits), expected.map(f32::to_bits), "{set:?}");
            }
        }
        let mut wrong = *parameters;
        wrong[PARAMETERS - 10] += 1e-3;
        assert_ne!(Packed::new(&wrong).logits(&images[0]), expected[0]);
    }
}
