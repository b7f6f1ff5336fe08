//! This crate's own numbers against libtorch's: random numbers, and kernels against its autograd.

mod generator;
mod kernels;
mod kernels_1998;
