//! LeNet-5 in Rust: the network of a well-known PyTorch post, number for number, with its training, its data and its weights.
//!
//! ```no_run
//! use lenet::{Classifier, Mnist, TrainConfig, Trainer};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mnist = Mnist::find()?; // in the usual folders, or downloaded
//!     let mut trainer = Trainer::new(TrainConfig::pytorch())?;
//!     for epoch in 1..=trainer.config().epochs {
//!         let train = trainer.train_epoch(&mnist.train)?;
//!         let test = trainer.evaluate(&mnist.test)?;
//!         println!("{epoch}: loss {:.4}, test accuracy {:.4}", train.loss, test.accuracy);
//!     }
//!     trainer.save("lenet.safetensors")?;
//!
//!     let classifier = Classifier::open("lenet.safetensors")?;
//!     println!("{}", classifier.classify_file("digit.jpg")?.digit);
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! The module [`tutorial`] explains the network layer by layer, with the formulas. It says where the post is wrong, and where
//! the network differs from the one of the 1998 paper.
//!
//! | task | types |
//! |---|---|
//! | read a digit, or numbers, in a picture | [`Classifier`], [`Prepared`], [`Prediction`], [`classifier::Reading`] |
//! | get the images | [`Mnist`], [`Dataset`]; other sets by name, the formats and the download: module [`data`]; pictures in folders: [`Dataset::from_folder`] |
//! | train | [`Trainer`], [`TrainConfig`], with its [`Optimizer`] ([`Adam`], [`AdamW`], [`Sgd`]), [`Schedule`] ([`OneCycleLr`]), [`Engine`] and [`Init`] |
//! | look at the results | [`BatchStats`], [`EpochStats`], [`Evaluation`]; the mistakes: module [`train`] |
//! | train over several processes | [`Trainer::with_communicator`] |
//! | stop and resume a run | [`Checkpoints`], or [`Trainer::save_checkpoint`] and [`Trainer::resume`] |
//! | read, convert and write weights | module [`weights`]: safetensors, `torch.save`, npz, `paddle.save`, ONNX |
//! | calculate shapes and parameters | [`summary`], [`Summary`], [`conv_output_size`], [`pool_output_size`], [`conv_parameters`], [`linear_parameters`]; a row of the table: module [`network`] |
//! | train the network of the 1998 paper | module [`lenet_1998`] |
//! | handle an error | [`Error`], [`Result`] |
#![cfg_attr(
    feature = "report",
    doc = "| draw a run, or what each layer computes | [`Report`], [`EpochRecord`], [`Explanation`] |"
)]
#![cfg_attr(
    feature = "torch",
    doc = "| use the network with `tch` | [`LeNet`], [`Stage`], [`DownSample`], [`DownSampleConfig`]; conversions: module [`torch`] |"
)]
//!
//! [`image`] is the crate that pictures come from, re-exported so that its version matches. With the feature `torch`, so is
//! `tch`.
//!
//! # Features
//!
//! | feature | on by default | what it adds | what it needs |
//! |---|---|---|---|
//! | `torch` | yes | `LeNet` and `DownSample` as `tch::nn` modules, `Engine::Libtorch`, CUDA, `VarStore` to and from [`StateDict`](weights::StateDict) | libtorch 2.13.0, a C++ compiler, and a `build.rs` in your program |
//! | `download` | yes | [`Mnist::find`] downloads the files where it finds none | |
//! | `report` | yes | `Report` and `Explanation`: figures, pictures and a page of a run | |
//! | `mpi` | no | `train::Mpi`: training over several processes and machines, with the same bits as one | an MPI with its headers, and libclang |
//! | `download-libtorch` | no | the build downloads libtorch (a feature of `tch`) | |
//! | `doc-only` | no | builds the documentation without libtorch (a feature of `tch`) | |
//!
//! Without `torch` the crate reads digits, and trains on a CPU by its own kernels. It needs no libtorch, no Python and no C++
//! compiler:
//!
//! ```toml
//! lenet = { version = "0.2", default-features = false }
//! ```
//!
//! Both builds read each other's weights and checkpoints. The same seed gives the same weights in both, bit for bit, with any
//! number of threads, on any CPU.
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod atomic_file;
mod cephes;
pub mod classifier;
pub mod data;
mod error;
mod generator;
#[doc(hidden)] // for the benches, which measure the kernels one by one: no part of the interface
pub mod kernels;
pub mod lenet_1998;
mod mismatch;
pub mod network;
mod protobuf;
#[cfg(feature = "report")]
pub mod report;
mod seal;
#[cfg(feature = "torch")]
pub mod torch;
pub mod train;
pub mod tutorial;
pub mod weights;

pub use classifier::{Classifier, Prediction, Prepared};
pub use data::{Dataset, Mnist};
pub use error::{Error, Result};
pub use image;
pub use network::{
    Init, Summary, conv_output_size, conv_parameters, linear_parameters, pool_output_size, summary,
};
#[cfg(feature = "report")]
pub use report::{EpochRecord, Explanation, Report};
#[cfg(feature = "torch")]
pub use tch;
#[cfg(feature = "torch")]
pub use torch::{DownSample, DownSampleConfig, LeNet, Stage};
pub use train::{
    Adam, AdamW, BatchStats, Checkpoints, Engine, EpochStats, Evaluation, OneCycleLr, Optimizer,
    Schedule, Sgd, TrainConfig, Trainer,
};

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
