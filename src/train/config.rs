use crate::{Engine, Error, Init, Result};
use tch::{Cuda, Device};

/// How to train. [`pytorch`](TrainConfig::pytorch) and [`paddle`](TrainConfig::paddle) are the post's two recipes:
///
/// ```
/// use lenet::TrainConfig;
///
/// let config = TrainConfig { epochs: 1, ..TrainConfig::pytorch() };
/// assert_eq!(config.batch_size, 32);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TrainConfig {
    /// How many times to go through the training set. The [`Trainer`](crate::Trainer) goes through it once at each call of
    /// `train_epoch`: this is for the loop around it.
    pub epochs: usize,
    /// Images a step. The last batch of an epoch has what is left.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// What the initial values and the order of the images follow from. libtorch takes 64 bits of it, the shuffle 32.
    pub seed: u64,
    /// How the parameters are drawn at first.
    pub init: Init,
    /// Where to train.
    pub device: Device,
    /// What computes loss and gradients.
    pub engine: Engine,
}

impl TrainConfig {
    /// The post's PyTorch program: 10 epochs, batches of 32, Adam at 1e-3, PyTorch's initial values, on CUDA where there is
    /// a GPU.
    pub fn pytorch() -> TrainConfig {
        TrainConfig {
            epochs: 10,
            batch_size: 32,
            learning_rate: 1e-3,
            seed: 0,
            init: Init::PyTorch,
            device: Device::cuda_if_available(),
            engine: Engine::Auto,
        }
    }

    /// The post's Paddle program: as [`pytorch`](TrainConfig::pytorch), but batches of 64, and Paddle's initial values.
    pub fn paddle() -> TrainConfig {
        TrainConfig { batch_size: 64, init: Init::Paddle, ..TrainConfig::pytorch() }
    }

    /// Whether it can be trained with.
    pub(super) fn check(&self) -> Result<()> {
        if self.batch_size == 0 {
            return Err(Error::invalid("batch_size", "1 or more", "0"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let got = self.learning_rate.to_string();
            return Err(Error::invalid("learning_rate", "a number above 0", got));
        }
        match self.device {
            Device::Cuda(index) if index as i64 >= Cuda::device_count() => {
                Err(Error::NoDevice { device: self.device, cuda_devices: Cuda::device_count() })
            }
            _ => Ok(()),
        }
    }
}
