use super::device::Device;
use serde::{Deserialize, Serialize};

/// Which implementation of forward and backward a [`Trainer`](crate::Trainer) uses. They give the same numbers, but for
/// rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Engine {
    /// The fastest one for the device: `Fused` on a CPU, `Libtorch` elsewhere.
    #[default]
    Auto,
    /// This crate's own kernels, on a CPU: many times as fast as libtorch's operators. They use AVX-512 or AVX2 where the CPU
    /// has them. Bit-identical from run to run, whatever the number of [threads](crate::TrainConfig::threads) and the CPU.
    Fused,
    /// libtorch's operators and its autograd, on any device, with libtorch's threads (feature `torch`).
    Libtorch,
}

impl Engine {
    /// The one that `Auto` stands for on a device; another is itself.
    pub(super) fn on(self, device: Device) -> Engine {
        match self {
            Engine::Auto if device == Device::Cpu => Engine::Fused,
            Engine::Auto => Engine::Libtorch,
            engine => engine,
        }
    }

    /// As `train_mnist --engine` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Engine::Auto => "auto",
            Engine::Fused => "fused",
            Engine::Libtorch => "libtorch",
        }
    }
}
