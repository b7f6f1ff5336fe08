//! The network of the 1998 paper: its layers, its table of C3, its output units, its counts, its training, its pictures.

mod bound;
mod c3;
mod codes;
mod config;
pub(crate) mod kernels;
mod layers;
mod pass_stats;
#[cfg(feature = "report")]
mod pictures;
mod summary;
mod train_config;
mod trainer;

#[cfg(feature = "torch")]
pub use crate::torch::LeNet1998;
pub use bound::InitBound;
pub use c3::C3;
pub use codes::{CODE_HEIGHT, CODE_WIDTH, codes};
pub use config::{LeNet1998Config, OutputUnits};
#[cfg(feature = "torch")]
pub(crate) use layers::Layer;
pub use pass_stats::PassStats;
#[cfg(feature = "report")]
pub use pictures::{HeldOut, LeNet1998Pictures};
pub use summary::{LeNet1998Row, LeNet1998Summary};
pub use train_config::{EarlyEstimates, LeNet1998TrainConfig};
pub use trainer::LeNet1998Trainer;
