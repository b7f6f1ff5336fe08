//! A [`LeNet1998`](crate::lenet_1998::LeNet1998) at one image a step: outputs, derivatives and second derivatives, without libtorch, whose
//! calls cost more than what they do for one image.
//!
//! The lanes of a vector are the units of one place in neighbouring maps, so the maps come last in each array.

mod activations;
mod convolution;
mod deltas;
mod dense;
mod multiply_add;
mod network;
mod output;
#[cfg(test)]
mod reference;
mod squash;
mod sub_sampling;
mod weights;

pub(crate) use network::{Network, Pixels};
#[cfg(test)]
pub(crate) use reference::Reference;
