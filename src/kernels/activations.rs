use super::{
    convolution,
    correlation::{C1Gradient, C3Gradient},
    dense,
    dense::{C5Backward, F6Backward, OutputBackward},
    down_sample,
    down_sample::{S2Backward, S4Backward, through_tanh},
    images::Images,
    ink::{FindInk, Ink},
    layout::{self, CLASSES, PIXELS},
    tanh::Tanh,
    transposed::TransposedC3,
    vector::{Kernel, Vector},
};
use crate::network::Layer;

/// What the layers give for one group of images, one in each lane, and the gradients on the way back. It stays in a core's
/// second cache while a group goes there and back.
#[derive(Debug)]
pub(crate) struct Activations<V> {
    /// `[32, 32]`
    pub images: Vec<V>,
    /// Where they have any.
    ink: Ink,
    /// `[6, 28, 28]`; on the way back the gradient before its tanh.
    pub c1: Vec<V>,
    /// `[6, 14, 14]`
    pub s2: Vec<V>,
    /// `[16, 10, 1 + 10 + 1]`; on the way back the gradient before its tanh.
    pub c3: Vec<V>,
    /// `[16, 5, 5]`
    pub s4: Vec<V>,
    /// `[120]`
    pub c5: Vec<V>,
    /// `[84]`
    pub f6: Vec<V>,
    /// `[10]`: the logits; on the way back their gradient.
    pub output: Vec<V>,
    /// `[6, 14, 14]`: the gradient of `s2`.
    pub s2_gradient: Vec<V>,
    /// `[16, 5, 5]`: the gradient of `s4`.
    pub s4_gradient: Vec<V>,
    /// `[120]`: the gradient before C5's tanh.
    pub c5_gradient: Vec<V>,
    /// `[84]`: the gradient before F6's tanh.
    pub f6_gradient: Vec<V>,
}

impl<V: Vector> Activations<V> {
    pub fn new() -> Activations<V> {
        let zeros = |length| vec![V::splat(0.0); length];
        Activations {
            images: zeros(PIXELS),
            ink: Ink::EVERYWHERE.clone(),
            c1: zeros(layout::C1),
            s2: zeros(layout::S2),
            c3: zeros(layout::C3_PADDED),
            s4: zeros(layout::S4),
            c5: zeros(layout::C5),
            f6: zeros(layout::F6),
            output: zeros(CLASSES),
            s2_gradient: zeros(layout::S2),
            s4_gradient: zeros(layout::S4),
            c5_gradient: zeros(layout::C5),
            f6_gradient: zeros(layout::F6),
        }
    }

    /// From the images of a group to their logits.
    pub fn forward(&mut self, parameters: &[f32], batch: Images, group: usize) {
        let Self { images, ink, c1, s2, c3, s4, c5, f6, output, .. } = self;
        batch.interleave(group, images);
        *ink = V::vectorize(FindInk { images });
        let (weight, bias) = Layer::C1.of(parameters);
        V::vectorize(convolution::C1 { weight, bias, input: images, ink, output: c1 });
        let (weight, bias) = Layer::S2.of(parameters);
        V::vectorize(down_sample::S2 { weight, bias, input: c1, output: s2 });
        let (weight, bias) = Layer::C3.of(parameters);
        V::vectorize(convolution::C3 { weight, bias, input: s2, ink, output: c3 });
        let (weight, bias) = Layer::S4.of(parameters);
        V::vectorize(down_sample::S4 { weight, bias, input: c3, output: s4 });
        let (weight, bias) = Layer::C5.of(parameters);
        V::vectorize(dense::C5 { weight, bias, input: s4, output: c5 });
        V::vectorize(Tanh(c5));
        let (weight, bias) = Layer::F6.of(parameters);
        V::vectorize(dense::F6 { weight, bias, input: c5, output: f6 });
        V::vectorize(Tanh(f6));
        let (weight, bias) = Layer::OUTPUT.of(parameters);
        V::vectorize(dense::Output { weight, bias, input: f6, output });
    }

    /// From the gradient of the logits to those of the layers before. The gradients of the shared weights, C1 to S4, overwrite
    /// `shared`, each lane by itself.
    pub fn backward(&mut self, parameters: &[f32], shared: &mut [V]) {
        let Self { images, ink, c1, s2, c3, s4, c5, f6, output, .. } = self;
        let (s2_gradient, s4_gradient) = (&mut self.s2_gradient, &mut self.s4_gradient);
        let (c5_gradient, f6_gradient) = (&mut self.c5_gradient, &mut self.f6_gradient);
        let weight = |layer: Layer| layer.of(parameters).0;

        V::vectorize(OutputBackward {
            weight: weight(Layer::OUTPUT),
            output_gradient: output,
            input_gradient: f6_gradient,
        });
        V::vectorize(ThroughTanh { gradient: f6_gradient, output: f6 });
        V::vectorize(F6Backward {
            weight: weight(Layer::F6),
            output_gradient: f6_gradient,
            input_gradient: c5_gradient,
        });
        V::vectorize(ThroughTanh { gradient: c5_gradient, output: c5 });
        V::vectorize(C5Backward {
            weight: weight(Layer::C5),
            output_gradient: c5_gradient,
            input_gradient: s4_gradient,
        });

        let (before_s4, s4_shared) = shared.split_at_mut(Layer::S4.weight().start);
        let (s4_weight_gradient, s4_bias_gradient) = s4_shared.split_at_mut(16);
        let (before_c3, c3_shared) = before_s4.split_at_mut(Layer::C3.weight().start);
        let (c3_weight_gradient, c3_bias_gradient) = c3_shared.split_at_mut(16 * 6 * 25);
        let (c1_shared, s2_shared) = before_c3.split_at_mut(Layer::S2.weight().start);
        let (s2_weight_gradient, s2_bias_gradient) = s2_shared.split_at_mut(6);
        let (c1_weight_gradient, c1_bias_gradient) = c1_shared.split_at_mut(6 * 25);

        V::vectorize(S4Backward {
            weight: weight(Layer::S4),
            maps: c3,
            output: s4,
            output_gradient: s4_gradient,
            weight_gradient: s4_weight_gradient,
            bias_gradient: s4_bias_gradient,
            convolution_bias_gradient: c3_bias_gradient,
        });
        V::vectorize(C3Gradient {
            input: s2,
            ink,
            output_gradient: c3,
            weight_gradient: c3_weight_gradient,
        });
        V::vectorize(TransposedC3 {
            weight: weight(Layer::C3),
            output_gradient: c3,
            input_gradient: s2_gradient,
        });
        V::vectorize(S2Backward {
            weight: weight(Layer::S2),
            maps: c1,
            output: s2,
            output_gradient: s2_gradient,
            weight_gradient: s2_weight_gradient,
            bias_gradient: s2_bias_gradient,
            convolution_bias_gradient: c1_bias_gradient,
        });
        V::vectorize(C1Gradient {
            input: images,
            ink,
            output_gradient: c1,
            weight_gradient: c1_weight_gradient,
        });
    }
}

/// The gradient before a layer's tanh from that after it, in place.
#[derive(Debug)]
struct ThroughTanh<'a, V> {
    gradient: &'a mut [V],
    output: &'a [V],
}

impl<V: Vector> Kernel<V> for ThroughTanh<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (gradient, &output) in self.gradient.iter_mut().zip(self.output) {
            *gradient = through_tanh(*gradient, output);
        }
    }
}
