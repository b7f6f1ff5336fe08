use super::{optimizer::Optimizer, schedule::Schedule};
use crate::{Engine, Error, Init, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use tch::{Cuda, Device, Kind, Tensor};

/// How to train. [`pytorch`](TrainConfig::pytorch) and [`paddle`](TrainConfig::paddle) are the post's two recipes:
///
/// ```
/// use lenet::TrainConfig;
///
/// let config = TrainConfig { epochs: 1, ..TrainConfig::pytorch() };
/// assert_eq!(config.batch_size, 32);
/// ```
///
/// It can be written and read with serde; the device is `cpu`, `cuda:0` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// How many times to go through the training set. The [`Trainer`](crate::Trainer) goes through it once at each call of
    /// `train_epoch`: this is for the loop around it.
    pub epochs: usize,
    /// Images a step. The last batch of an epoch has what is left.
    pub batch_size: usize,
    /// The optimizer's step size: what the schedule starts from, unless it is [`OneCycleLr`](crate::OneCycleLr), which has
    /// its own.
    pub learning_rate: f64,
    /// How the parameters follow their gradients.
    pub optimizer: Optimizer,
    /// How the learning rate goes over the run.
    pub schedule: Schedule,
    /// The longest that the gradients of a step may be, taken as one vector: longer ones are scaled down, as
    /// `torch.nn.utils.clip_grad_norm_(parameters, max_norm)` does it. `None` leaves them as they are.
    pub clip_norm: Option<f64>,
    /// What the initial values and the order of the images follow from. libtorch takes 64 bits of it, the shuffle 32.
    pub seed: u64,
    /// How the parameters are drawn at first.
    pub init: Init,
    /// Where to train.
    #[serde(with = "device")]
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
            optimizer: Optimizer::default(),
            schedule: Schedule::Constant,
            clip_norm: None,
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
    pub(crate) fn check(&self) -> Result<()> {
        require("batch_size", "1 or more", self.batch_size, self.batch_size > 0)?;
        let positive = |what, value: f64| {
            require(what, "a number above 0", value, value > 0.0 && value.is_finite())
        };
        positive("learning_rate", self.learning_rate)?;
        self.clip_norm.map_or(Ok(()), |max_norm| positive("clip_norm", max_norm))?;
        self.optimizer.check()?;
        self.schedule.check()?;
        match self.device {
            Device::Cpu => Ok(()),
            Device::Cuda(index) if i64::try_from(index).is_ok_and(|i| i < Cuda::device_count()) => {
                Ok(())
            }
            // Of the others tch can't tell whether they are there.
            device @ (Device::Mps | Device::Vulkan)
                if Tensor::f_zeros(1, (Kind::Float, device)).is_ok() =>
            {
                Ok(())
            }
            device => Err(Error::NoDevice { device, cuda_devices: Cuda::device_count() }),
        }
    }
}

/// A device as PyTorch writes it.
mod device {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use tch::Device;

    pub fn serialize<S: Serializer>(device: &Device, to: S) -> Result<S::Ok, S::Error> {
        match device {
            Device::Cpu => to.serialize_str("cpu"),
            Device::Cuda(index) => to.collect_str(&format_args!("cuda:{index}")),
            Device::Mps => to.serialize_str("mps"),
            Device::Vulkan => to.serialize_str("vulkan"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Device, D::Error> {
        let name = String::deserialize(from)?;
        match name.as_str() {
            "cpu" => Ok(Device::Cpu),
            "mps" => Ok(Device::Mps),
            "vulkan" => Ok(Device::Vulkan),
            _ => name
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Device::Cuda)
                .ok_or_else(|| D::Error::custom(format!("there is no device {name:?}"))),
        }
    }
}

/// An [`Error::Invalid`] unless `what` `holds`.
pub(crate) fn require(
    what: &'static str,
    expected: &str,
    got: impl Display,
    holds: bool,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(what, expected, got.to_string())) }
}
