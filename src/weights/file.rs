use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use super::{Form, StateDict, forms::Fault};
use crate::{Error, Result, atomic_file};

/// What the names begin with of tensors that a training program keeps beside the weights in a safetensors file.
pub(crate) const OPTIMIZER: &str = "optimizer.";

/// How the bytes given to [`StateDict::from_bytes`] are called in messages.
const IN_MEMORY: &str = "(bytes in memory)";

impl StateDict {
    /// Reads a file of any [`Form`].
    ///
    /// What a training program keeps beside the weights is passed over: other entries of a pickled checkpoint, and tensors of
    /// a safetensors file whose names begin with `optimizer.`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::UnknownForm`] if it is of no form that is known, [`Error::WrittenOnly`]
    /// if it is ONNX, [`Error::Malformed`] if it is damaged or holds what is not weights.
    pub fn read(path: impl AsRef<Path>) -> Result<StateDict> {
        StateDict::read_whole(path.as_ref()).map(StateDict::without_optimizer)
    }

    /// [`read`](StateDict::read) with the tensors of a safetensors file that it passes over.
    pub(crate) fn read_whole(path: &Path) -> Result<StateDict> {
        let bytes = read_file(path).map_err(Error::io("read", path))?;
        StateDict::parse(&bytes, path)
    }

    /// [`StateDict::read`] for a file that is already in memory.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`], [`Error::WrittenOnly`] and [`Error::Malformed`], as there.
    pub fn from_bytes(bytes: &[u8]) -> Result<StateDict> {
        StateDict::parse(bytes, Path::new(IN_MEMORY)).map(StateDict::without_optimizer)
    }

    /// [`read_whole`](StateDict::read_whole) of bytes that messages call `path`.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<StateDict> {
        let form = Form::of_bytes(bytes).ok_or_else(|| Form::unknown(path, bytes))?;
        let read = form
            .reader()
            .ok_or_else(|| Error::WrittenOnly { path: path.to_owned(), form: form.name() })?;
        let mut weights =
            read(bytes).map_err(|Fault(reason)| Error::malformed(path, form.name(), reason))?;
        weights.origin = Some((path.to_owned(), form));
        Ok(weights)
    }

    fn without_optimizer(mut self) -> StateDict {
        if self.form() == Some(Form::Safetensors) {
            self.take(OPTIMIZER);
        }
        self
    }

    /// Writes the arrays to `path`, in the form that its extension stands for. A file that is there already is replaced in
    /// one step, or left as it was.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`] for an extension that stands for no form, [`Error::Io`] if the file cannot be written, and
    /// [`Error::Invalid`] if a name is not fit for the form, or for ONNX if it is not a LeNet's: it lists what differs.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.write_as(Form::of_path(path)?, path)
    }

    /// [`write`](StateDict::write) in a form of one's choice, whatever the extension.
    pub(crate) fn write_as(&self, form: Form, path: &Path) -> Result<()> {
        atomic_file::write(path, &self.to_bytes(form, path)?)
    }

    /// What [`write_as`](StateDict::write_as) writes to `path`.
    pub(crate) fn to_bytes(&self, form: Form, path: &Path) -> Result<Vec<u8>> {
        form.writer()(self).map_err(|Fault(reason)| {
            Error::invalid("state_dict", format!("what {} can hold", path.display()), reason)
        })
    }
}

/// A file's content. What has no length of its own, such as a pipe or `/dev/zero`, is refused.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(metadata.len()).read_to_end(&mut bytes)?;
    Ok(bytes)
}
