//! LeNet-5 on libtorch.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod error;
pub mod weights;

pub use error::{Error, Result, StateDictMismatch};
pub use image;
pub use tch;
