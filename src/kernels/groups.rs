use super::{
    activations::Activations,
    batch::Batch,
    convolution::{C1, C1Maps, C3},
    correlation::{C1Gradient, C3Gradient},
    cross_entropy::cross_entropy,
    dense::{C5, C5Backward},
    down_sample::{S2, S2Backward, S4, S4Backward},
    images::Images,
    ink::FindInk,
    layout::{CLASSES, take},
    record::Part,
    sharing::Sharing,
    tanh::Tanh,
    transposed::TransposedC3,
    vector::Vector,
};
use crate::network::Layer;
use std::ops::Range;

/// Groups of images that go through the network and back together, layer by layer. Threads that share them compute whole maps, rows
/// of maps or tiles of outputs of a layer each, so that every sum has the order that it has on one thread. F6 and the output layer, 2 %
/// of the multiply-adds, are not worth another meeting of the threads.
#[derive(Debug)]
pub(super) struct Groups<'a, V> {
    /// One for each group.
    pub activations: &'a mut [Activations<V>],
    /// The number of the first group.
    pub first: usize,
    /// In the order of the `state_dict`.
    pub parameters: &'a [f32],
    pub sharing: Sharing<'a>,
}

impl<V: Vector> Groups<'_, V> {
    /// Takes the groups of the batch through the network and back, and records of each what the gradients are made of.
    pub fn train(mut self, batch: &Batch, records: &mut [Part<V>]) {
        self.forward(batch.images());
        let parameters = self.parameters;
        let groups = self.activations.iter_mut().zip(&mut *records).zip(self.first..);
        self.sharing.each(groups.map(|((group, record), number)| {
            move || {
                group.output(parameters);
                loss(batch, number, record, V::floats_mut(&mut group.output));
                group.output_backward(parameters);
            }
        }));
        self.backward();
        let groups = self.activations.iter().zip(records);
        self.sharing.each(groups.map(|(group, record)| move || record.fill(group)));
    }

    /// Takes the groups of images through the network: of each, `[images, 10]`.
    pub fn logits(mut self, images: Images, logits: &mut [&mut [f32]]) {
        self.forward(images);
        let parameters = self.parameters;
        let groups = self.activations.iter_mut().zip(logits);
        self.sharing.each(groups.map(|(group, logits)| {
            move || {
                group.output(parameters);
                let output = V::floats(&group.output);
                for (lane, logits) in logits.chunks_exact_mut(CLASSES).enumerate() {
                    for (class, logit) in logits.iter_mut().enumerate() {
                        *logit = output[class * V::LANES + lane];
                    }
                }
            }
        }));
    }

    /// From the images to what C5 gives.
    fn forward(&mut self, batch: Images) {
        let Self { parameters, ref mut sharing, .. } = *self;
        let groups = self.activations.iter_mut().zip(self.first..);
        sharing.each(groups.map(|(group, number)| {
            move || {
                batch.interleave(number, &mut group.images);
                group.ink = V::vectorize(FindInk { images: &group.images });
            }
        }));

        let all = sharing.ranges(6, 1);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let Activations { images: input, ink, c1, s2, .. } = group;
            let (input, ink, mut c1, mut s2) = (&*input, &*ink, &mut c1[..], &mut s2[..]);
            all.clone().map(move |maps| {
                let c1 = take(&mut c1, maps.len() * 28 * 28);
                let s2 = take(&mut s2, maps.len() * 14 * 14);
                move || {
                    let (weight, bias) = outputs(Layer::C1, parameters, &maps);
                    match bias.len() {
                        6 => V::vectorize(C1 { weight, bias, input, ink, output: c1 }),
                        _ => V::vectorize(C1Maps { weight, bias, input, ink, output: c1 }),
                    }
                    let (weight, bias) = outputs(Layer::S2, parameters, &maps);
                    V::vectorize(S2 { weight, bias, input: c1, output: s2 });
                }
            })
        }));

        let all = sharing.ranges(16, 2);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let Activations { ink, s2: input, c3, s4, .. } = group;
            let (input, ink, mut c3, mut s4) = (&*input, &*ink, &mut c3[..], &mut s4[..]);
            all.clone().map(move |maps| {
                let c3 = take(&mut c3, maps.len() * 10 * 12);
                let s4 = take(&mut s4, maps.len() * 5 * 5);
                move || {
                    let (weight, bias) = outputs(Layer::C3, parameters, &maps);
                    V::vectorize(C3 { weight, bias, input, ink, output: c3 });
                    let (weight, bias) = outputs(Layer::S4, parameters, &maps);
                    V::vectorize(S4 { weight, bias, input: c3, output: s4 });
                }
            })
        }));

        let all = sharing.ranges(120, 12);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let Activations { s4: input, c5, .. } = group;
            let (input, mut c5) = (&*input, &mut c5[..]);
            all.clone().map(move |range| {
                let output = take(&mut c5, range.len());
                move || {
                    let (weight, bias) = outputs(Layer::C5, parameters, &range);
                    V::vectorize(C5 { weight, bias, input, output });
                    V::vectorize(Tanh(output));
                }
            })
        }));
    }

    /// From the gradient of what C5 gives, before its tanh, to those of the weights of C1 to S4.
    fn backward(&mut self) {
        let Self { parameters, ref mut sharing, .. } = *self;
        let all = sharing.ranges(16, 2);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let Activations { ink, s2, s4, c5_gradient, .. } = group;
            let (ink, s2, s4, c5_gradient) = (&*ink, &*s2, &*s4, &*c5_gradient);
            let (mut c3, mut s4_gradient) = (&mut group.c3[..], &mut group.s4_gradient[..]);
            let [_, _, [mut c3_weight, mut c3_bias], [mut s4_weight, mut s4_bias]] =
                by_layer(&mut group.shared);
            all.clone().map(move |maps| {
                let count = maps.len();
                let (c3, s4_gradient) =
                    (take(&mut c3, count * 10 * 12), take(&mut s4_gradient, count * 5 * 5));
                let (c3_weight, c3_bias) =
                    (take(&mut c3_weight, count * 6 * 25), take(&mut c3_bias, count));
                let (s4_weight, s4_bias) = (take(&mut s4_weight, count), take(&mut s4_bias, count));
                move || {
                    V::vectorize(C5Backward {
                        weight: &Layer::C5.of(parameters).0[maps.start * 5 * 5..],
                        output_gradient: c5_gradient,
                        input_gradient: s4_gradient,
                    });
                    V::vectorize(S4Backward {
                        weight: outputs(Layer::S4, parameters, &maps).0,
                        maps: c3,
                        output: &s4[maps.start * 5 * 5..maps.end * 5 * 5],
                        output_gradient: s4_gradient,
                        weight_gradient: s4_weight,
                        bias_gradient: s4_bias,
                        convolution_bias_gradient: c3_bias,
                    });
                    V::vectorize(C3Gradient {
                        input: s2,
                        ink,
                        output_gradient: c3,
                        weight_gradient: c3_weight,
                    });
                }
            })
        }));

        let all = sharing.ranges(14, 1);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let (c3, mut s2_gradient) = (&group.c3, &mut group.s2_gradient[..]);
            all.clone().map(move |rows| {
                let input_gradient = take(&mut s2_gradient, rows.len() * 6 * 14);
                move || {
                    V::vectorize(TransposedC3 {
                        weight: Layer::C3.of(parameters).0,
                        output_gradient: c3,
                        first: rows.start,
                        input_gradient,
                    });
                }
            })
        }));

        let all = sharing.ranges(6, 2);
        sharing.each(self.activations.iter_mut().flat_map(|group| {
            let Activations { images, ink, s2, s2_gradient, .. } = group;
            let (images, ink, s2, s2_gradient) = (&*images, &*ink, &*s2, &*s2_gradient);
            let mut c1 = &mut group.c1[..];
            let [[mut c1_weight, mut c1_bias], [mut s2_weight, mut s2_bias], ..] =
                by_layer(&mut group.shared);
            all.clone().map(move |maps| {
                let count = maps.len();
                let c1 = take(&mut c1, count * 28 * 28);
                let (c1_weight, c1_bias) =
                    (take(&mut c1_weight, count * 25), take(&mut c1_bias, count));
                let (s2_weight, s2_bias) = (take(&mut s2_weight, count), take(&mut s2_bias, count));
                move || {
                    V::vectorize(S2Backward {
                        weight: outputs(Layer::S2, parameters, &maps).0,
                        maps: c1,
                        output: &s2[maps.start * 14 * 14..maps.end * 14 * 14],
                        output_gradient: &s2_gradient[maps.start * 14..],
                        weight_gradient: s2_weight,
                        bias_gradient: s2_bias,
                        convolution_bias_gradient: c1_bias,
                    });
                    V::vectorize(C1Gradient {
                        input: images,
                        ink,
                        output_gradient: c1,
                        weight_gradient: c1_weight,
                    });
                }
            })
        }));
    }
}

/// Weight and bias of some of a layer's outputs or maps.
fn outputs<'a>(
    layer: Layer,
    parameters: &'a [f32],
    outputs: &Range<usize>,
) -> (&'a [f32], &'a [f32]) {
    let (weight, bias) = layer.of(parameters);
    let inputs = weight.len() / bias.len();
    (&weight[outputs.start * inputs..outputs.end * inputs], &bias[outputs.clone()])
}

/// The gradients of the shared weights: of weight and bias of C1, S2, C3 and S4.
fn by_layer<V>(mut shared: &mut [V]) -> [[&mut [V]; 2]; 4] {
    [Layer::C1, Layer::S2, Layer::C3, Layer::S4]
        .map(|layer| [layer.weight(), layer.bias()].map(|places| take(&mut shared, places.len())))
}

/// Turns the logits of a group, `[10, lanes]`, into their gradients in the batch's mean loss: zero where there is no image.
fn loss<V: Vector>(batch: &Batch, group: usize, record: &mut Part<V>, output: &mut [f32]) {
    let weight = 1.0 / batch.whole() as f32;
    let mut losses = record.losses();
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
