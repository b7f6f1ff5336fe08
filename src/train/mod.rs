//! Training: the recipes, the optimizers, the loop, and what it reports.

mod backend;
mod best;
mod checkpoint;
mod clip;
mod communicator;
mod config;
mod device;
mod distorted;
mod engine;
#[cfg(test)]
pub(crate) mod golden;
#[cfg(feature = "mpi")]
mod mpi;
mod optimizer;
mod parameters;
mod ranks;
mod require;
mod run;
mod schedule;
mod stats;
mod trained_set;
mod trainer;

pub use crate::kernels::InstructionSet;
pub use best::Best;
pub use checkpoint::{Checkpoints, Recipe, Resumable, Resumed};
pub use communicator::{Alone, Communicator};
pub use config::TrainConfig;
pub use device::{Device, auto_device, device_named};
pub use engine::Engine;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
pub use optimizer::{Adam, AdamW, Optimizer, Sgd};
#[cfg(all(test, feature = "torch"))]
pub(crate) use optimizer::{OptimizerState, golden_optimizers};
pub(crate) use require::{MOST, require};
pub(crate) use run::{EpochSums, Run, RunConfig, SavedRun};
pub use schedule::{AnnealStrategy, OneCycleLr, Schedule};
pub use stats::{BatchStats, EpochStats, Evaluation, Mistake};
#[cfg(test)]
pub(crate) use trained_set::TrainedSet;
pub use trainer::{Progress, Trainer};
#[cfg(feature = "torch")]
pub(crate) use {
    backend::Samples,
    device::name as device_name,
    optimizer::{Buffers, MOMENTS, MOMENTUM_BUFFER},
    schedule::Rates,
};
