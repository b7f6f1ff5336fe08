//! Weights, whatever wrote them: safetensors, PyTorch, NumPy, PaddlePaddle; and the whole network, as ONNX.
//!
//! [`load`] and [`save`] move the variables of a [`VarStore`] from and to a file; [`StateDict`] is what lies between, for
//! those who want to look at a file's tensors first. On reading the form is told from the content, on writing from the
//! extension:
//!
//! | form | extension | read | written |
//! |---|---|---|---|
//! | safetensors | `.safetensors` | with its metadata | with metadata |
//! | `torch.save` | `.pt` `.pth` `.bin` | `state_dict()`, alone or in a checkpoint; zip and legacy | for `torch.load(path, weights_only=True)` |
//! | npz | `.npz` | `numpy.savez`, `numpy.savez_compressed` | for `numpy.load` |
//! | `paddle.save` | `.pdparams` | `state_dict()`, alone or in a checkpoint | for `net.set_state_dict(paddle.load(path))` |
//! | ONNX | `.onnx` | no | LeNet's graph with its weights, with metadata, for `onnxruntime.InferenceSession(path)` |
//!
//! Names and shapes are PyTorch's. A file is not trusted: a pickle is read as data and never run, and what is damaged,
//! cut short or contradicts itself is an [`Error::Malformed`](crate::Error::Malformed) that says where.
//!
//! ```
//! use lenet::{tch::{Device, nn, nn::Init}, weights};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut vs = nn::VarStore::new(Device::Cpu);
//! (vs.root() / "fc").var("weight", &[10, 84], Init::Const(0.5));
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("net.pt");
//! weights::save(&vs, &path)?;
//! weights::load(&mut vs, &path)?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod dtype;
mod fault;
mod form;
mod npy;
mod npz;
mod onnx;
mod paddle;
mod pickle;
mod safetensors;
mod seal;
mod state_dict;
mod torch;

use std::path::Path;

use tch::nn::VarStore;

pub use form::Form;
pub(crate) use seal::CHECKSUM;
pub use state_dict::{NonFinite, StateDict};

use crate::Result;

/// Reads the file at `path`, of whatever form, into the variables of `vs`, in place.
///
/// All or nothing: names, shapes and types are compared before the first variable changes. Weights in f16, bf16 and f64
/// are converted. NaN and infinities are taken as they are; [`StateDict::non_finite`] tells of them.
///
/// # Errors
///
/// - [`Error::Io`](crate::Error::Io): the file cannot be read;
/// - [`Error::UnknownForm`](crate::Error::UnknownForm): it is of no form that is known;
/// - [`Error::WrittenOnly`](crate::Error::WrittenOnly): it is ONNX;
/// - [`Error::Malformed`](crate::Error::Malformed): it is damaged, or holds what is not weights;
/// - [`Error::StateDict`](crate::Error::StateDict): its names or shapes are not those of `vs`; the error lists them;
/// - [`Error::Torch`](crate::Error::Torch): the device cannot hold them.
pub fn load(vs: &mut VarStore, path: impl AsRef<Path>) -> Result<()> {
    StateDict::read(path)?.load_into(vs)
}

/// Writes the variables of `vs` to `path`, in the form that its extension stands for, as f32.
///
/// The file is written under another name, synced and renamed: whatever happens on the way, what was at `path` before is
/// either still there or wholly replaced. To keep metadata, too, see [`StateDict::metadata`].
///
/// # Errors
///
/// [`Error::UnknownForm`](crate::Error::UnknownForm) for an extension that stands for no form,
/// [`Error::Io`](crate::Error::Io) if the file cannot be written, [`Error::Invalid`](crate::Error::Invalid) for a variable
/// that is not of a floating-point type or has a name that the form cannot hold, and for variables that are not a LeNet's where
/// the form is ONNX, [`Error::Torch`](crate::Error::Torch) if one cannot be copied.
pub fn save(vs: &VarStore, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    Form::of_path(path)?;
    StateDict::from_var_store(vs)?.write(path)
}
