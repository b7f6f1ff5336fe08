//! Reading a digit in any picture: the picture made into what MNIST's are, then the network.

mod activation;
mod background;
mod bounds;
#[allow(clippy::module_inception)] // the noun is the folder's
mod classifier;
mod histogram;
mod ink;
mod jpeg;
mod luminance;
mod piece;
mod prediction;
mod prepared;

pub use activation::Activation;
pub use classifier::Classifier;
pub use jpeg::check_jpeg;
pub use prediction::Prediction;
pub use prepared::Prepared;
