//! Images and labels: from MNIST's files to tensors, bit for bit as torchvision gives them.

mod dataset;
#[cfg(feature = "download")]
mod download;
mod idx;
mod mnist;
mod resize;

pub use dataset::Dataset;
#[cfg(feature = "download")]
pub use download::{Download, DownloadProgress};
pub use idx::Idx;
pub use mnist::Mnist;
pub(crate) use resize::{FROM as MNIST_SIDE, TO as INPUT_SIDE, resize};
