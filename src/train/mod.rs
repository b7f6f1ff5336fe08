//! Training: the recipes, the optimizer, the loop, and what it reports.

mod adam;
mod config;
mod shuffle;
mod stats;
mod trainer;

pub use config::TrainConfig;
pub use stats::{BatchStats, EpochStats, Evaluation};
pub use trainer::{Progress, Trainer};
