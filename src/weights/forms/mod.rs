//! The forms of weights: each file's bytes to a [`StateDict`], and back.

mod archive;
mod checksum;
mod dtype;
mod fault;
mod npy;
mod npz;
mod onnx;
mod paddle;
mod pickle;
mod safetensors;
mod torch_save;

pub(crate) use checksum::CHECKSUM;
pub(super) use fault::Fault;
use fault::Parsed;

use super::{Form, StateDict};

/// What reads a form, and what writes it.
type Reader = fn(&[u8]) -> Parsed<StateDict>;
type Writer = fn(&StateDict) -> Parsed<Vec<u8>>;

impl Form {
    /// The form that `bytes`, a whole file, are of, as far as can be told without reading it.
    pub fn of_bytes(bytes: &[u8]) -> Option<Form> {
        if bytes.starts_with(archive::MAGIC) {
            let names = archive::Archive::open(bytes).ok();
            match names
                .is_some_and(|archive| archive.names().all(|name| name.ends_with(npz::SUFFIX)))
            {
                true => Some(Form::Npz),
                false => Some(Form::Torch),
            }
        } else if torch_save::is_legacy(bytes) {
            Some(Form::Torch)
        } else if paddle::is_pickle(bytes) {
            Some(Form::Paddle)
        } else if safetensors::has_header(bytes) {
            Some(Form::Safetensors)
        } else if onnx::is_model(bytes) {
            Some(Form::Onnx)
        } else {
            None
        }
    }

    /// `None` for a form that is written only.
    pub(super) fn reader(self) -> Option<Reader> {
        match self {
            Form::Safetensors => Some(safetensors::read),
            Form::Torch => Some(torch_save::read),
            Form::Npz => Some(npz::read),
            Form::Paddle => Some(paddle::read),
            Form::Onnx => None,
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
