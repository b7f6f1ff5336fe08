//! The networks: their layers, their initial values, and the arithmetic of their shapes.

mod down_sample;
mod formulas;
mod init;
mod lenet;
mod lenet_1998;
mod summary;

pub use down_sample::{DownSample, DownSampleConfig};
pub use formulas::{conv_output_size, conv_parameters, linear_parameters, pool_output_size};
pub use init::Init;
pub use lenet::{LeNet, Stage};
pub use lenet_1998::{
    C3, CODE_HEIGHT, CODE_WIDTH, InitBound, LeNet1998, LeNet1998Config, LeNet1998Row,
    LeNet1998Summary, OutputUnits, codes,
};
pub use summary::{Summary, SummaryRow, summary};
