use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Kind, Tensor};

/// How the parameters are drawn at first: as the framework of that name does by default.
///
/// | layer | `PyTorch` | `Paddle` |
/// |---|---|---|
/// | convolution, weight | U(±1/√fan_in) | N(0, √(2/fan_in)) |
/// | linear, weight | U(±1/√fan_in) | U(±√(6/(fan_in + fan_out))) |
/// | convolution and linear, bias | U(±1/√fan_in) | 0 |
/// | [`DownSample`](crate::DownSample), weight | N(0, 1) | U(±√(3/channels)) |
/// | [`DownSample`](crate::DownSample), bias | N(0, 1) | 0 |
///
/// Values are drawn from libtorch's CPU generator in PyTorch's order, weight before bias, whatever the device: after
/// `tch::manual_seed(s)` a [`LeNet`](crate::LeNet) begins with the numbers that the post's gets after
/// `torch.manual_seed(s)`.
///
/// Sources: `torch.nn.Conv2d.reset_parameters`, `torch.nn.Linear.reset_parameters`; `paddle.nn.Conv2D`,
/// `paddle.nn.Linear` and `Layer.create_parameter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Init {
    /// PyTorch's defaults: what the post's PyTorch program trains from.
    #[default]
    PyTorch,
    /// PaddlePaddle's defaults: what the post's Paddle program trains from.
    Paddle,
}

/// Weight and bias of a convolution (`[out, in, k, k]`) or linear layer (`[out, in]`): zeros where there is no `init`.
pub(crate) fn affine(init: Option<Init>, weight: &[i64]) -> (Tensor, Tensor) {
    let fan_out = weight[0];
    let fan_in: i64 = weight[1..].iter().product();
    match init {
        Some(Init::PyTorch) => {
            // Kaiming's uniform with a = √5, step by step as torch.nn.init has it, for the same last bit.
            let gain = (2.0 / (1.0 + 5f64.sqrt().powi(2))).sqrt();
            let bound = 3f64.sqrt() * (gain / (fan_in as f64).sqrt());
            (uniform(weight, bound), uniform(&[fan_out], 1.0 / (fan_in as f64).sqrt()))
        }
        Some(Init::Paddle) => {
            let weight = match weight.len() {
                2 => uniform(weight, (6.0 / (fan_in + fan_out) as f64).sqrt()),
                _ => normal(weight) * (2.0 / fan_in as f64).sqrt(),
            };
            (weight, zeros(&[fan_out]))
        }
        None => (zeros(weight), zeros(&[fan_out])),
    }
}

/// Scale and bias of a `DownSample`, `[channels]` each: zeros where there is no `init`.
pub(crate) fn down_sample(init: Option<Init>, channels: i64) -> (Tensor, Tensor) {
    let size = &[channels];
    match init {
        Some(Init::PyTorch) => (normal(size), normal(size)),
        Some(Init::Paddle) => (uniform(size, (3.0 / channels as f64).sqrt()), zeros(size)),
        None => (zeros(size), zeros(size)),
    }
}

/// Held while a network's values are drawn: libtorch has one generator for the whole process, and two networks made at the
/// same time would otherwise take each other's numbers.
pub(crate) fn generator() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

fn uniform(size: &[i64], bound: f64) -> Tensor {
    Tensor::empty(size, CPU).uniform_(-bound, bound)
}

fn normal(size: &[i64]) -> Tensor {
    Tensor::randn(size, CPU)
}

fn zeros(size: &[i64]) -> Tensor {
    Tensor::zeros(size, CPU)
}

const CPU: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);
