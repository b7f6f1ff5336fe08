use super::{LAYERS, Layer, LayerKind};
use crate::generator::Generator;
use serde::{Deserialize, Serialize};

/// How the parameters are drawn at first: as the framework of that name does by default.
///
/// | layer | `PyTorch` | `Paddle` |
/// |---|---|---|
/// | convolution, weight | U(±1/√fan_in) | N(0, √(2/fan_in)) |
/// | linear, weight | U(±1/√fan_in) | U(±√(6/(fan_in + fan_out))) |
/// | convolution and linear, bias | U(±1/√fan_in) | 0 |
/// | `DownSample`, weight | N(0, 1) | U(±√(3/channels)) |
/// | `DownSample`, bias | N(0, 1) | 0 |
///
/// Values are drawn in PyTorch's order, weight before bias: those of a seed are the numbers that the post's network gets after
/// `torch.manual_seed(seed)`, bit for bit on an x86-64 CPU with AVX2 or AVX-512. On other CPUs PyTorch computes the logarithms
/// and cosines of normal values (`con_sam.6`) otherwise, and the last bits differ; here they are the same everywhere.
///
/// Sources: `reset_parameters` of `torch.nn.Conv2d` and `torch.nn.Linear`; `paddle.nn.Conv2D`, `paddle.nn.Linear` and
/// `Layer.create_parameter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Init {
    /// PyTorch's defaults: what the post's PyTorch program trains from.
    #[default]
    PyTorch,
    /// PaddlePaddle's defaults: what the post's Paddle program trains from.
    Paddle,
}

/// Where the values of a tensor come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Draw {
    /// U(±bound).
    Uniform(f64),
    /// N(0, deviation).
    Normal(f64),
    Zero,
}

impl Init {
    /// How a layer's weight and bias are drawn.
    pub(crate) fn draws(self, layer: &Layer) -> [Draw; 2] {
        let fan_in = layer.fan_in() as f64;
        match (self, layer.kind) {
            (Init::PyTorch, LayerKind::DownSample { .. }) => [Draw::Normal(1.0); 2],
            (Init::PyTorch, _) => {
                // Kaiming's uniform with a = √5, step by step as torch.nn.init has it, for the same last bit.
                let gain = (2.0 / (1.0 + 5f64.sqrt().powi(2))).sqrt();
                let weight = 3f64.sqrt() * (gain / fan_in.sqrt());
                [Draw::Uniform(weight), Draw::Uniform(1.0 / fan_in.sqrt())]
            }
            (Init::Paddle, LayerKind::Convolution { .. }) => {
                [Draw::Normal((2.0 / fan_in).sqrt()), Draw::Zero]
            }
            (Init::Paddle, LayerKind::DownSample { channels }) => {
                [Draw::Uniform((3.0 / channels as f64).sqrt()), Draw::Zero]
            }
            (Init::Paddle, LayerKind::Linear { outputs, .. }) => {
                [Draw::Uniform((6.0 / (fan_in + outputs as f64)).sqrt()), Draw::Zero]
            }
        }
    }

    /// All parameters of a new network, in the order of the `state_dict`.
    pub(crate) fn parameters(self, seed: u64) -> Vec<f32> {
        let mut generator = Generator::manual_seed(seed);
        let mut parameters = vec![];
        for layer in &LAYERS {
            let lengths = [layer.weight().len(), layer.bias().len()];
            for (draw, length) in self.draws(layer).into_iter().zip(lengths) {
                parameters.extend(draw.values(length, &mut generator));
            }
        }
        parameters
    }
}

impl Draw {
    fn values(self, length: usize, generator: &mut Generator) -> Vec<f32> {
        match self {
            Draw::Uniform(bound) => generator.uniform(length, -bound as f32, bound as f32),
            Draw::Normal(deviation) => {
                let normal = generator.normal(length).into_iter();
                normal.map(|value| value * deviation as f32).collect()
            }
            Draw::Zero => vec![0.0; length],
        }
    }
}
