//! Training: the recipes, the optimizers, the loop, and what it reports.

mod best;
mod checkpoint;
mod checkpoints;
mod clip;
mod config;
#[cfg(test)]
mod golden;
mod lenet_1998;
mod optimizer;
mod schedule;
mod shuffle;
mod stats;
mod trained_set;
mod trainer;

pub use best::Best;
pub use checkpoints::{Checkpoints, Recipe, Resumable, Resumed};
pub use config::TrainConfig;
pub use lenet_1998::{EarlyEstimates, LeNet1998TrainConfig, LeNet1998Trainer, PassStats};
pub use optimizer::{Adam, AdamW, Optimizer, Sgd};
pub use schedule::{AnnealStrategy, OneCycleLr, Schedule};
pub use stats::{BatchStats, EpochStats, Evaluation, Mistake};
pub use trainer::{Progress, Trainer};
