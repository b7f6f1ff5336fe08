//! What computes a batch's loss and gradients.

use super::fused::Fused;
use crate::{
    Error, LeNet, Result,
    data::Dataset,
    kernels::Pool,
    torch::{BatchOutput, Libtorch, Parameters},
};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

/// Which implementation of forward and backward a [`Trainer`](crate::Trainer) uses. They give the same numbers, but for
/// rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Engine {
    /// The fastest one for the device: `Fused` on a CPU, `Libtorch` elsewhere.
    #[default]
    Auto,
    /// This crate's own kernels, on a CPU: many times as fast as libtorch's operators. They use AVX-512 or AVX2 where the CPU
    /// has them, and the threads that `tch::get_num_threads` tells when the trainer is made. Bit-identical from run to run
    /// for a given number of threads and instruction set.
    Fused,
    /// libtorch's operators and its autograd, on any device.
    Libtorch,
}

impl Engine {
    /// An engine of this kind, for that device.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it can't compute there.
    pub(crate) fn start(self, device: Device) -> Result<Running> {
        match (self, device) {
            (Engine::Auto | Engine::Fused, Device::Cpu) => Ok(Running::Fused(Fused::new())),
            (Engine::Fused, device) => {
                let expected = "auto or libtorch on a device other than a CPU";
                Err(Error::invalid("engine", expected, format!("fused on {device:?}")))
            }
            (Engine::Auto | Engine::Libtorch, _) => Ok(Running::Libtorch(Libtorch::new())),
        }
    }
}

/// An engine at work.
#[derive(Debug)]
pub(crate) enum Running {
    Fused(Fused),
    Libtorch(Libtorch),
}

/// Images and labels to train on, on the engine's device.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Samples<'a> {
    /// Those of a set at `indices`, `i64`.
    Of { data: &'a Dataset, indices: &'a Tensor },
    /// `f32` `[n, 1, 32, 32]` and `i64` `[n]`.
    Own { images: &'a Tensor, labels: &'a Tensor },
}

impl Running {
    /// Loss, right answers and gradients of a batch.
    pub fn batch(
        &mut self,
        model: &LeNet,
        parameters: &Parameters,
        samples: Samples,
    ) -> Result<BatchOutput> {
        match self {
            Running::Fused(fused) => fused.batch(parameters, samples),
            Running::Libtorch(libtorch) => libtorch.batch(model, parameters, samples),
        }
    }

    /// The logits `[n, 10]` of a set's images.
    pub fn logits(&self, model: &LeNet, parameters: &Parameters, data: &Dataset) -> Result<Tensor> {
        match self {
            Running::Fused(fused) => fused.logits(parameters, data),
            Running::Libtorch(libtorch) => Ok(libtorch.logits(model, data)),
        }
    }

    /// The threads for an optimizer's step on a CPU.
    pub fn pool(&mut self) -> &mut Pool {
        match self {
            Running::Fused(fused) => fused.pool(),
            Running::Libtorch(libtorch) => libtorch.pool(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Engine, Running};
    use tch::Device;

    #[test]
    fn auto_is_fused_on_a_cpu_and_only_there() {
        assert!(matches!(Engine::Auto.start(Device::Cpu), Ok(Running::Fused(_))));
        assert!(matches!(Engine::Auto.start(Device::Cuda(0)), Ok(Running::Libtorch(_))));
        assert!(matches!(Engine::Fused.start(Device::Cpu), Ok(Running::Fused(_))));
        assert!(matches!(Engine::Libtorch.start(Device::Cpu), Ok(Running::Libtorch(_))));
        let error = Engine::Fused.start(Device::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("engine") && error.contains("Cuda(0)"), "{error}");
    }
}
