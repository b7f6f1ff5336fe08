//! Training: the recipes, the optimizers, the loop, and what it reports.

mod best;
mod checkpoint;
mod checkpoints;
mod clip;
mod config;
#[cfg(test)]
mod golden;
mod optimizer;
mod schedule;
mod shuffle;
mod stats;
mod trained_set;
mod trainer;

pub use best::Best;
pub use checkpoints::{Checkpoints, Resumed};
pub use config::TrainConfig;
pub use optimizer::{Adam, AdamW, Optimizer, Sgd};
pub use schedule::{AnnealStrategy, OneCycleLr, Schedule};
pub use stats::{BatchStats, EpochStats, Evaluation, Mistake};
pub use trainer::{Progress, Trainer};
