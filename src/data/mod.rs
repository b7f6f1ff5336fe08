//! Images and labels: from MNIST's files to a [`Dataset`], bit for bit as torchvision gives them.

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

/// A checksum in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Images and labels of the training set, then of the test set, as they have been named since 1998.
const NAMES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];
