use std::{fmt, path::Path};

use crate::{Error, Result};

/// The forms that weights are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `.safetensors`, which every framework reads, with metadata.
    Safetensors,
    /// `.pt`, `.pth`, `.bin`: what `torch.save` writes.
    Torch,
    /// `.npz`: what `numpy.savez` writes.
    Npz,
    /// `.pdparams`: what `paddle.save` writes.
    Paddle,
    /// `.onnx`: LeNet's graph and weights, with metadata, for onnxruntime and other runtimes.
    Onnx,
}

/// What [`Error::UnknownForm`] lists.
const KNOWN: &str = ".safetensors, .pt, .pth, .bin, .npz, .pdparams, .onnx";

impl Form {
    /// The form that the extension of `path` stands for.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`] if it stands for none, or there is none.
    pub fn of_path(path: impl AsRef<Path>) -> Result<Form> {
        let path = path.as_ref();
        let extension =
            path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("safetensors") => Ok(Form::Safetensors),
            Some("pt" | "pth" | "bin") => Ok(Form::Torch),
            Some("npz") => Ok(Form::Npz),
            Some("pdparams") => Ok(Form::Paddle),
            Some("onnx") => Ok(Form::Onnx),
            other => Err(Error::UnknownForm {
                path: path.to_owned(),
                got: other.map_or("no extension".into(), |extension| format!(".{extension}")),
                known: KNOWN,
            }),
        }
    }

    /// Whether a file of this form says something about itself: see [`StateDict::metadata`](super::StateDict::metadata).
    pub fn keeps_metadata(self) -> bool {
        matches!(self, Form::Safetensors | Form::Onnx)
    }

    /// The [`Error::UnknownForm`] of a file that is of no form.
    pub(super) fn unknown(path: &Path, bytes: &[u8]) -> Error {
        let got = match bytes.get(..bytes.len().min(8)) {
            None | Some([]) => "it is empty".into(),
            Some(start) => format!("it begins with \"{}\"", start.escape_ascii()),
        };
        Error::UnknownForm { path: path.to_owned(), got, known: KNOWN }
    }

    /// The name that messages use.
    pub(super) fn name(self) -> &'static str {
        match self {
            Form::Safetensors => "safetensors",
            Form::Torch => "torch.save",
            Form::Npz => "npz",
            Form::Paddle => "paddle.save",
            Form::Onnx => "ONNX",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
