//! libtorch: the networks as modules, and what trains them where this crate's kernels do not.

mod down_sample;
mod engine;
pub(crate) mod init;
mod lenet;
mod lenet_1998;
mod parameters;
mod slices;
mod state_dict;

pub use down_sample::{DownSample, DownSampleConfig};
pub(crate) use engine::{BatchOutput, Libtorch};
pub use init::Init;
pub use lenet::{LeNet, Stage};
pub use lenet_1998::LeNet1998;
pub(crate) use parameters::Parameters;
pub(crate) use slices::{numbers, numbers_mut};
pub use state_dict::{load, save};
