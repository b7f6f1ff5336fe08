//! What computes a batch's loss and gradients.

mod libtorch;
mod parameters;

pub(crate) use libtorch::Libtorch;
pub(crate) use parameters::Parameters;

use serde::{Deserialize, Serialize};

/// Which implementation of forward and backward a [`Trainer`](crate::Trainer) uses. They give the same numbers, but for
/// rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Engine {
    /// The fastest one for the device.
    #[default]
    Auto,
    /// libtorch's operators and its autograd, on any device.
    Libtorch,
}
