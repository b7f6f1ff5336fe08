//! libtorch: the networks as modules of `tch`, training by libtorch's operators, and what passes between its tensors and this
//! crate's plain numbers. The only room that names `tch`.

mod context;
mod cuda;
mod dataset;
mod device_engine;
mod down_sample;
mod error;
pub(crate) mod init;
mod lenet;
mod lenet_1998;
mod libtorch;
mod operations;
mod panicking;
mod parameters;
mod slices;
mod state_dict;
#[cfg(test)]
mod tests;
mod trainer;

pub(crate) use context::{Cudnn, driver_cuda};
pub(crate) use cuda::check_device;
pub(crate) use device_engine::DeviceEngine;
pub use down_sample::{DownSample, DownSampleConfig};
pub use lenet::{LeNet, Stage};
pub use lenet_1998::LeNet1998;
pub(crate) use libtorch::{BatchOutput, DeviceBatch, Libtorch, threads};
pub(crate) use parameters::Parameters;
use slices::numbers;
pub use state_dict::{load, save};
pub use tch::Device;
