//! Weights, whatever wrote them: safetensors, PyTorch, NumPy, PaddlePaddle; and the whole network, as ONNX.
//!
//! A [`StateDict`] holds a file's arrays by their names. With the feature `torch`, `load` and `save` move them from and to the
//! variables of a libtorch model. On reading the form is told from the content, on writing from the extension:
//!
//! | form | extension | read | written |
//! |---|---|---|---|
//! | safetensors | `.safetensors` | with its metadata | with metadata |
//! | `torch.save` | `.pt` `.pth` `.bin` | `state_dict()`, alone or in a checkpoint; zip and legacy | for `torch.load(path, weights_only=True)` |
//! | npz | `.npz` | `numpy.savez`, `numpy.savez_compressed` | for `numpy.load` |
//! | `paddle.save` | `.pdparams` | `state_dict()`, alone or in a checkpoint | for `net.set_state_dict(paddle.load(path))` |
//! | ONNX | `.onnx` | where the graph is LeNet's: what is written here, and `torch.onnx.export`'s | LeNet's graph with its weights, with metadata, for `onnxruntime.InferenceSession(path)` |
//!
//! Names and shapes are PyTorch's. A file is not trusted: a pickle is read as data and never run, and what is damaged,
//! cut short or contradicts itself is an [`Error::Malformed`](crate::Error::Malformed) that says where.
//!
//! ```
//! use lenet::weights::StateDict;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors");
//! let weights = StateDict::read(shipped)?;
//! for (name, array) in weights.iter() {
//!     println!("{name}: {:?}", array.shape());
//! }
//! let folder = tempfile::tempdir()?;
//! weights.write(folder.path().join("lenet.pt"))?; // for PyTorch
//! # Ok(())
//! # }
//! ```

// Three floors, each knowing only those before it: the container (array, state_dict), the forms, the files.
mod array;
mod form;
mod state_dict;

mod forms;

mod file;

pub use crate::mismatch::StateDictMismatch;
pub use array::Array;
pub(crate) use file::{BESIDE_WEIGHTS, CHECKPOINT};
pub use form::Form;
pub use state_dict::{NonFinite, StateDict};

#[cfg(feature = "torch")]
pub use crate::torch::{load, save};
