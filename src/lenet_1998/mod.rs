//! The network of the 1998 paper: its layers, its table of C3, its output units, its counts, its training, its pictures.

mod bound;
mod c3;
mod codes;
mod config;
pub(crate) mod kernels;
mod pass_stats;
#[cfg(feature = "report")]
mod pictures;
mod summary;
mod train_config;
mod trainer;

pub use bound::InitBound;
pub use c3::C3;
pub use codes::{CODE_HEIGHT, CODE_WIDTH, codes};
pub use config::{LeNet1998Config, OutputUnits};
pub use pass_stats::PassStats;
#[cfg(feature = "report")]
pub(crate) use pictures::PassErrors;
#[cfg(feature = "report")]
pub use pictures::{HeldOut, LeNet1998Pictures};
pub use summary::{LeNet1998Row, LeNet1998Summary};
pub use train_config::{EarlyEstimates, LeNet1998TrainConfig};
pub use trainer::LeNet1998Trainer;
