//! What computes a batch's loss and gradients.

mod fused;
mod libtorch;
mod parameters;

pub(crate) use parameters::Parameters;

use crate::{Error, LeNet, Result, data::Dataset, fused::Pool};
use fused::Fused;
use libtorch::{BatchOutput, Libtorch};
use serde::{Deserialize, Serialize};
use std::ops::Range;
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

    /// The logits `[n, 10]` of the images `range` of a set.
    pub fn logits(
        &self,
        model: &LeNet,
        parameters: &Parameters,
        data: &Dataset,
        range: Range<i64>,
    ) -> Result<Tensor> {
        match self {
            Running::Fused(fused) => fused.logits(parameters, data, range),
            Running::Libtorch(libtorch) => Ok(libtorch.logits(model, data, range)),
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
