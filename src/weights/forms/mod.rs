//! The forms of weights: each file's bytes to a [`StateDict`], and back.
//!
//! What all forms accept is said in one place each: the element types in `dtype.rs`, the keys under which a dict holds the
//! state_dict in `pickle/mod.rs` (only pickles nest), and what may stand before all names in [`PREFIXES`].

mod archive;
mod dtype;
mod fault;
mod npy;
mod npz;
mod numpy;
mod onnx;
mod paddle;
mod pickle;
mod safetensors;
mod torch_save;

pub(super) use fault::Fault;
use fault::Parsed;

use super::{Form, StateDict};

/// What wrapping a model puts before its names: `nn.DataParallel`, `torch.compile`, or one around the other.
pub(super) const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];

/// What tells a form, what reads it, and what writes it.
type Sign = fn(&[u8]) -> bool;
type Reader = fn(&[u8]) -> Parsed<StateDict>;
type Writer = fn(&StateDict) -> Parsed<Vec<u8>>;

impl Form {
    /// The form that `bytes`, a whole file, are of, as far as can be told without reading it.
    pub fn of_bytes(bytes: &[u8]) -> Option<Form> {
        let signs: [(Form, Sign); 5] = [
            (Form::Npz, npz::is_archive), // before torch.save's, whose zips are all others
            (Form::Torch, torch_save::is_file),
            (Form::Paddle, paddle::is_pickle),
            (Form::Safetensors, safetensors::has_header),
            (Form::Onnx, onnx::is_model),
        ];
        signs.into_iter().find(|(_, is)| is(bytes)).map(|(form, _)| form)
    }

    pub(super) fn reader(self) -> Reader {
        match self {
            Form::Safetensors => safetensors::read,
            Form::Torch => torch_save::read,
            Form::Npz => npz::read,
            Form::Paddle => paddle::read,
            Form::Onnx => onnx::read,
        }
    }

    pub(super) fn writer(self) -> Writer {
        match self {
            Form::Safetensors => safetensors::write,
            Form::Torch => torch_save::write,
            Form::Npz => npz::write,
            Form::Paddle => paddle::write,
            Form::Onnx => onnx::write,
        }
    }
}
