//! Where to train.

use crate::{Error, Result};
use std::path::Path;

#[cfg(feature = "torch")]
pub use crate::torch::Device;

/// A device, as libtorch knows them. Without the feature `torch` only a CPU can be trained on; the others are here so that a
/// checkpoint of a run on one of them can be told.
#[cfg(not(feature = "torch"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// The CUDA device of that number.
    Cuda(usize),
    /// Metal.
    Mps,
    /// Vulkan.
    Vulkan,
}

/// Where to train when nobody says: the first CUDA device where a network can be trained on it, else the CPU. With it, where the
/// machine has an NVIDIA driver and yet it is the CPU, the [`Error::NoDevice`] that tells why: for a program to show.
///
/// ```
/// use lenet::{TrainConfig, train::auto_device};
///
/// let (device, why_not_cuda) = auto_device();
/// if let Some(reason) = why_not_cuda {
///     eprintln!("training on the CPU: {reason}");
/// }
/// assert_eq!(TrainConfig::pytorch().device, device);
/// ```
pub fn auto_device() -> (Device, Option<Error>) {
    chosen(check(Device::Cuda(0)), has_driver)
}

/// The first CUDA device, by whether it can be trained on, or the CPU.
fn chosen(cuda: Result<()>, has_driver: impl FnOnce() -> bool) -> (Device, Option<Error>) {
    match cuda {
        Ok(()) => (Device::Cuda(0), None),
        Err(error) => (Device::Cpu, has_driver().then_some(error)),
    }
}

/// Whether there is an NVIDIA driver, of whatever version.
fn has_driver() -> bool {
    #[cfg(feature = "torch")]
    if crate::torch::driver_cuda().is_some_and(|version| version > 0) {
        return true;
    }
    Path::new("/proc/driver/nvidia/version").exists()
}

/// The device of a name: `cpu`, `cuda`, which is `cuda:0`, or `cuda:N`. Whether it is there is not looked at.
///
/// ```
/// use lenet::train::{Device, device_named};
///
/// assert_eq!(device_named("cuda")?, Device::Cuda(0));
/// assert!(device_named("gpu").is_err());
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Invalid`] for another name.
pub fn device_named(name: &str) -> Result<Device> {
    match name {
        "cuda" => Ok(Device::Cuda(0)),
        _ => named(name).ok_or_else(|| Error::invalid("device", "cpu, cuda or cuda:N", name)),
    }
}

/// An [`Error::NoDevice`] where it can't be trained on.
#[cfg(feature = "torch")]
pub(super) use crate::torch::check_device as check;

/// An [`Error::NoDevice`] where it is not the CPU.
#[cfg(not(feature = "torch"))]
pub(super) fn check(device: Device) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        _ => Err(Error::NoDevice {
            device: name(device),
            reason:
                "this program was built without libtorch (the feature `torch`): train on the CPU"
                    .into(),
        }),
    }
}

/// The name that PyTorch has for a device: `cuda:0`.
pub(crate) fn name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".into(),
        Device::Cuda(index) => format!("cuda:{index}"),
        Device::Mps => "mps".into(),
        Device::Vulkan => "vulkan".into(),
    }
}

/// The device of that name.
fn named(name: &str) -> Option<Device> {
    match name {
        "cpu" => Some(Device::Cpu),
        "mps" => Some(Device::Mps),
        "vulkan" => Some(Device::Vulkan),
        _ => name.strip_prefix("cuda:")?.parse().ok().map(Device::Cuda),
    }
}

/// For serde: a device by its name.
pub(super) mod by_name {
    use super::Device;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(device: &Device, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::name(*device))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Device, D::Error> {
        let name = String::deserialize(from)?;
        super::named(&name).ok_or_else(|| de::Error::custom(format!("there is no device {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, chosen};
    use crate::Error;

    #[test]
    fn a_gpu_that_cannot_be_used_leaves_the_cpu_and_says_why() {
        let unusable =
            || Err(Error::NoDevice { device: "cuda:0".into(), reason: "it is busy".into() });
        let (device, reason) = chosen(unusable(), || true);
        assert_eq!(device, Device::Cpu);
        assert_eq!(reason.unwrap().to_string(), "no device cuda:0: it is busy");
        // Nobody who has no GPU wants to hear of it.
        assert!(matches!(chosen(unusable(), || false), (Device::Cpu, None)));
        let chosen = chosen(Ok(()), || unreachable!("there is a GPU"));
        assert!(matches!(chosen, (Device::Cuda(0), None)));
    }
}
