//! The network's forward and backward passes and the optimizers' steps in this crate's own kernels, for a CPU: over slices, in
//! plain Rust, near what the machine's multipliers can do.
//!
//! # How
//!
//! - **Lanes are images.** Images go through the network in groups of 8 (16 with AVX-512), interleaved: a value is one vector
//!   over the images of a group. A convolution is then a weight, the same in all lanes, times a vector of pixels, with no
//!   matrix to build and no edge to look after (`convolution`, `correlation`, `transposed`). Only the gradients of the
//!   dense weights are summed over images, for which the lanes go along a row of the weight (`dense_gradient`).
//! - **Tiles of registers.** Each of these loops keeps 10 or 12 sums in registers, which hide each other's latency; 7 where a map of C1 has
//!   a thread of its own.
//! - **Caches.** A group goes forward and back while what its layers gave (`activations`) is in a core's second cache, or in
//!   those of the threads that share it.
//! - **Threads.** Each has some groups of the batch, or shares one with others (`groups`, `sharing`), and then owns part of the
//!   gradients (`share`): whole rows of the dense weights, so that only the first layers' 2,616 gradients are added up between threads, in the order
//!   of the images.
//! - **The same bits.** No result depends on the threads, the vectors or the CPU: a multiplication and an addition round once
//!   (`multiply_add`, where the CPU has no instruction for it), shared gradients are summed by `units` of eight images and then in
//!   the order of the images, and so are all others. exp and ln come from the crate libm.
//! - **Ranks.** Several processes train on parts of a batch. They exchange what each thread has recorded (`record`), and each
//!   makes all gradients of it.
//! - **One image.** Where there is a single image, lanes go over a layer's outputs instead (`packed`).
//! - **Instruction sets.** A kernel is written once, over a `vector`, and compiled for each `instruction_set`; the CPU's
//!   is chosen at run time.
//!
//! All of the crate's `unsafe` is here, but for two files of `torch/`, `slices.rs` and `context.rs`: the instructions of the CPU,
//! unchecked places in slices whose lengths a kernel has asserted, and the `pool`'s borrowed work.

#![allow(unsafe_code)]

mod activations;
mod adam;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod batch;
mod benchmark;
mod convolution;
mod correlation;
mod cross_entropy;
mod dense;
mod dense_gradient;
mod down_sample;
mod groups;
mod images;
mod ink;
mod instruction_set;
mod layout;
mod multiply_add;
mod network;
mod packed;
mod panel;
mod pool;
mod portable;
mod record;
mod sgd;
mod share;
mod sharing;
mod signal;
mod tanh;
mod transposed;
mod units;
mod vector;

pub use crate::network::PARAMETERS;
pub(crate) use adam::Adam;
pub use batch::Batch;
pub use benchmark::{Benchmark, kernels};
pub(crate) use cross_entropy::{Sample, cross_entropy};
pub use images::Images;
pub use instruction_set::InstructionSet;
pub(crate) use instruction_set::Work;
pub use layout::{CLASSES, PIXELS, part};
pub(crate) use multiply_add::multiply_add;
pub use network::{Network, Outcome};
pub use packed::Packed;
pub use pool::Pool;
pub use record::packed_length;
pub(crate) use sgd::{Momentum, Sgd};
