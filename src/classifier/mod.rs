//! Reading a digit in any picture: the picture made into what MNIST's are, then the network. Folders of pictures become sets.

mod activation;
mod background;
mod bounds;
mod boxes;
#[allow(clippy::module_inception)] // the noun is the folder's
mod classifier;
mod enclosure;
mod envelopes;
mod grid;
mod heif;
mod histogram;
mod image_folder;
mod jpeg;
mod luminance;
mod no_digit;
mod picture;
mod piece;
mod plate;
mod prediction;
mod prepared;
mod reading;
mod rulings;
mod segments;
mod sheet;
mod writing;

pub use activation::Activation;
pub use classifier::Classifier;
pub use prediction::Prediction;
pub use prepared::Prepared;
pub use reading::Reading;
