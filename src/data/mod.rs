//! Images and labels: from MNIST's files to tensors, bit for bit as torchvision gives them.

mod dataset;
mod idx;
mod mnist;
mod resize;

pub use dataset::Dataset;
pub use idx::Idx;
pub use mnist::Mnist;
