use super::{
    dense::{F6, F6Backward, Output, OutputBackward},
    down_sample::through_tanh,
    ink::Ink,
    layout::{self, CLASSES, PIXELS, SHARED},
    tanh::Tanh,
    vector::{Kernel, Vector},
};
use crate::network::Layer;

/// What the layers give for one group of images, one in each lane, and the gradients on the way back. It stays in the
/// second cache of the core that takes a group there and back.
#[derive(Debug)]
pub(crate) struct Activations<V> {
    /// `[32, 32]`
    pub images: Vec<V>,
    /// Where they have any.
    pub ink: Ink,
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
    /// `[14, 6, 14]`, rows outermost: the gradient of `s2`.
    pub s2_gradient: Vec<V>,
    /// `[16, 5, 5]`: the gradient of `s4`.
    pub s4_gradient: Vec<V>,
    /// `[120]`: the gradient before C5's tanh.
    pub c5_gradient: Vec<V>,
    /// `[84]`: the gradient before F6's tanh.
    pub f6_gradient: Vec<V>,
    /// `[SHARED]`: the gradients of C1 to S4.
    pub shared: Vec<V>,
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
            shared: zeros(SHARED),
        }
    }

    /// From what C5 gives to the logits.
    pub fn output(&mut self, parameters: &[f32]) {
        let Self { c5, f6, output, .. } = self;
        let (weight, bias) = Layer::F6.of(parameters);
        V::vectorize(F6 { weight, bias, input: c5, output: f6 });
        V::vectorize(Tanh(f6));
        let (weight, bias) = Layer::OUTPUT.of(parameters);
        V::vectorize(Output { weight, bias, input: f6, output });
    }

    /// From the gradient of the logits to that of what C5 gives, before its tanh.
    pub fn output_backward(&mut self, parameters: &[f32]) {
        let Self { c5, f6, output, c5_gradient, f6_gradient, .. } = self;
        V::vectorize(OutputBackward {
            weight: Layer::OUTPUT.of(parameters).0,
            output_gradient: output,
            input_gradient: f6_gradient,
        });
        V::vectorize(ThroughTanh { gradient: f6_gradient, output: f6 });
        V::vectorize(F6Backward {
            weight: Layer::F6.of(parameters).0,
            output_gradient: f6_gradient,
            input_gradient: c5_gradient,
        });
        V::vectorize(ThroughTanh { gradient: c5_gradient, output: c5 });
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
