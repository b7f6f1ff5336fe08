//! The network: its layers, their initial values, and the arithmetic of their shapes.

mod down_sample;
mod formulas;
mod init;
mod lenet;
mod summary;

pub use down_sample::{DownSample, DownSampleConfig};
pub use formulas::{conv_output_size, conv_parameters, linear_parameters, pool_output_size};
pub use init::Init;
pub use lenet::{LeNet, Stage};
pub use summary::{Summary, SummaryRow, summary};
