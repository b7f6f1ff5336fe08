//! Images and labels: from MNIST's files to tensors, bit for bit as torchvision gives them.

mod dataset;
mod distortion;
#[cfg(feature = "download")]
mod download;
mod draws;
mod fit;
mod idx;
mod mnist;
mod resize;

pub use dataset::Dataset;
pub use distortion::Distortion;
#[cfg(feature = "download")]
pub use download::{Download, DownloadProgress};
pub(crate) use draws::Draws;
pub use fit::Fit;
pub use idx::Idx;
pub use mnist::Mnist;
pub(crate) use resize::{FROM as MNIST_SIDE, TO as INPUT_SIDE, resize};
