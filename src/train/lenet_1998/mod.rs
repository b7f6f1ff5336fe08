//! The paper's training: one image a step, each parameter at a rate of its own, by its second derivative.

mod config;
mod stats;
mod trainer;

pub use config::{EarlyEstimates, LeNet1998TrainConfig};
pub use stats::PassStats;
pub use trainer::LeNet1998Trainer;
