//! Where to train.

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

/// A GPU where there is one.
#[cfg(feature = "torch")]
pub(super) fn default() -> Device {
    Device::cuda_if_available()
}

/// The CPU: there is nothing else.
#[cfg(not(feature = "torch"))]
pub(super) fn default() -> Device {
    Device::Cpu
}

/// An [`Error::NoDevice`](crate::Error::NoDevice) where it can't be trained on.
#[cfg(feature = "torch")]
pub(super) use crate::torch::check_device as check;

/// An [`Error::NoDevice`](crate::Error::NoDevice) where it is not the CPU.
#[cfg(not(feature = "torch"))]
pub(super) fn check(device: Device) -> crate::Result<()> {
    match device {
        Device::Cpu => Ok(()),
        _ => Err(crate::Error::NoDevice {
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
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(device: &Device, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::name(*device))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Device, D::Error> {
        let name = String::deserialize(from)?;
        super::named(&name).ok_or_else(|| D::Error::custom(format!("there is no device {name:?}")))
    }
}
