#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod atomic_file;
mod classifier;
mod data;
mod engine;
mod error;
#[doc(hidden)] // for the benches, which measure the kernels one by one: no part of the interface
pub mod fused;
mod model;
#[cfg(feature = "report")]
mod report;
mod train;
pub mod weights;

pub use classifier::{Classifier, Prediction, Prepared};
pub use data::{Dataset, Idx, Mnist};
#[cfg(feature = "download")]
pub use data::{Download, DownloadProgress};
pub use engine::Engine;
pub use error::{Error, Result, StateDictMismatch};
pub use image;
pub use model::{
    DownSample, DownSampleConfig, Init, LeNet, Stage, Summary, SummaryRow, conv_output_size,
    conv_parameters, linear_parameters, pool_output_size, summary,
};
#[cfg(feature = "report")]
pub use report::{EpochRecord, Report};
pub use tch;
pub use train::{
    Adam, AdamW, AnnealStrategy, BatchStats, Best, Checkpoints, EpochStats, Evaluation, Mistake,
    OneCycleLr, Optimizer, Progress, Resumed, Schedule, Sgd, TrainConfig, Trainer,
};
