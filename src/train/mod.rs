//! Training: the recipes, the optimizers, the loop, and what it reports.

mod best;
mod checkpoint;
mod checkpoints;
mod clip;
mod config;
mod engine;
mod fused;
#[cfg(test)]
mod golden;
mod optimizer;
mod schedule;
mod stats;
mod trained_set;
mod trainer;

pub use best::Best;
pub use checkpoints::{Checkpoints, Recipe, Resumable, Resumed};
pub use config::TrainConfig;
pub use optimizer::{Adam, AdamW, Optimizer, Sgd};
pub use schedule::{AnnealStrategy, OneCycleLr, Schedule};
pub use stats::{BatchStats, EpochStats, Evaluation, Mistake};
pub use trainer::{Progress, Trainer};

pub(crate) use checkpoint::{Checkpoint, State};
pub(crate) use config::require;
pub use engine::Engine;
pub(crate) use engine::Samples;
pub(crate) use schedule::MOST;
pub(crate) use trained_set::TrainedSet;
