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
mod one_image;
mod protobuf;
#[cfg(feature = "report")]
mod report;
mod train;
pub mod weights;

pub use classifier::{Classifier, Prediction, Prepared};
pub use data::{Dataset, Distortion, Fit, Idx, Mnist};
#[cfg(feature = "download")]
pub use data::{Download, DownloadProgress};
pub use engine::Engine;
pub use error::{Error, Result, StateDictMismatch};
pub use image;
pub use model::{
    C3, CODE_HEIGHT, CODE_WIDTH, DownSample, DownSampleConfig, Init, InitBound, LeNet, LeNet1998,
    LeNet1998Config, LeNet1998Row, LeNet1998Summary, OutputUnits, Stage, Summary, SummaryRow,
    codes, conv_output_size, conv_parameters, linear_parameters, pool_output_size, summary,
};
#[cfg(feature = "report")]
pub use report::{EpochRecord, Explanation, HeldOut, LeNet1998Pictures, Report};
pub use tch;
pub use train::{
    Adam, AdamW, AnnealStrategy, BatchStats, Best, Checkpoints, EarlyEstimates, EpochStats,
    Evaluation, LeNet1998TrainConfig, LeNet1998Trainer, Mistake, OneCycleLr, Optimizer, PassStats,
    Progress, Recipe, Resumable, Resumed, Schedule, Sgd, TrainConfig, Trainer,
};
