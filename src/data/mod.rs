//! Images and labels: from the files of MNIST and sets like it, and from folders of pictures, to a [`Dataset`], bit for bit as
//! torchvision gives them.

mod classes;
mod dataset;
mod distortion;
mod domain;
#[cfg(feature = "download")]
mod download;
mod draws;
mod fit;
mod idx;
mod labels;
mod mnist;
mod named_set;
mod preparation;
mod resize;
mod set_files;
mod sets;

pub use classes::Classes;
pub use dataset::Dataset;
pub use distortion::Distortion;
pub(crate) use domain::Domain;
#[cfg(feature = "download")]
pub use download::{Download, DownloadProgress};
pub(crate) use draws::Draws;
pub use fit::Fit;
pub use idx::Idx;
pub use mnist::Mnist;
pub use named_set::NamedSet;
pub use preparation::Preparation;
pub(crate) use resize::{FROM as MNIST_SIDE, TO as INPUT_SIDE, resize, scaled};
pub use sets::Sets;

/// A checksum in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
