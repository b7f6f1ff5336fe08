//! The network of the 1998 paper: its layers, its table of C3, its output units, its counts.

mod bound;
mod c3;
mod codes;
mod config;
mod net;
mod summary;

pub use bound::InitBound;
pub use c3::C3;
pub use codes::{CODE_HEIGHT, CODE_WIDTH, codes};
pub use config::{LeNet1998Config, OutputUnits};
pub use net::LeNet1998;
pub use summary::{LeNet1998Row, LeNet1998Summary};
