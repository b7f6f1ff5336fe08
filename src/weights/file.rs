use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use super::{
    Form, StateDict,
    forms::{Fault, PREFIXES},
};
use crate::{Error, Result, atomic_file, seal};

/// The metadata's key by which a safetensors file says that it is a training program's checkpoint.
pub(crate) const CHECKPOINT: &str = "lenet.checkpoint";

/// What the names of tensors in a checkpoint begin with that are not weights.
pub(crate) const BESIDE_WEIGHTS: &str = "optimizer.";

/// How the bytes given to [`StateDict::from_bytes`] are called in messages.
const IN_MEMORY: &str = "(bytes in memory)";

impl StateDict {
    /// Reads a file of any [`Form`].
    ///
    /// What a training program keeps beside the weights is passed over: other entries of a pickled checkpoint, and in a
    /// safetensors file whose metadata says that it is a checkpoint of this crate the tensors under `optimizer.`. Such a file
    /// has a checksum of itself: with one bit flipped it is refused here, too. A prefix that all names share, as
    /// `nn.DataParallel` (`module.`) and `torch.compile` (`_orig_mod.`) put there, is taken away.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::UnknownForm`] if it is of no form that is known,
    /// [`Error::Malformed`] if it is damaged or holds what is not weights, or as ONNX what is not a LeNet.
    pub fn read(path: impl AsRef<Path>) -> Result<StateDict> {
        StateDict::read_whole(path.as_ref())?.weights()
    }

    /// [`read`](StateDict::read) with all tensors of a checkpoint, by the names that they have there.
    pub(crate) fn read_whole(path: &Path) -> Result<StateDict> {
        let bytes = read_file(path).map_err(Error::io("read", path))?;
        StateDict::parse(&bytes, path)
    }

    /// [`StateDict::read`] for a file that is already in memory.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`] and [`Error::Malformed`], as there.
    pub fn from_bytes(bytes: &[u8]) -> Result<StateDict> {
        StateDict::parse(bytes, Path::new(IN_MEMORY))?.weights()
    }

    /// [`read_whole`](StateDict::read_whole) of bytes that messages call `path`.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<StateDict> {
        let form = Form::of_bytes(bytes).ok_or_else(|| Form::unknown(path, bytes))?;
        let mut weights = form.reader()(bytes)
            .map_err(|Fault(reason)| Error::malformed(path, form.name(), reason))?;
        weights.origin = Some((path.to_owned(), form));
        Ok(weights)
    }

    /// The weights alone, by the names that the model has.
    fn weights(mut self) -> Result<StateDict> {
        if let Some((path, Form::Safetensors)) = &self.origin
            && self.metadata.contains_key(CHECKPOINT)
        {
            if !self.sealed {
                let reason = "it is a checkpoint without a checksum: it is damaged";
                return Err(Error::malformed(path, Form::Safetensors.name(), reason));
            }
            // What is written of it is no checkpoint.
            self.metadata.remove(CHECKPOINT);
            self.take(BESIDE_WEIGHTS);
        }
        self.strip(&PREFIXES);
        Ok(self)
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
        if let Some(key) =
            [CHECKPOINT, seal::KEY].iter().find(|key| self.metadata.contains_key(**key))
        {
            return Err(Error::invalid("metadata", "no key that only a checkpoint has", *key));
        }
        atomic_file::write(path, &self.to_bytes(Form::of_path(path)?, path)?)
    }

    /// Whether [`write`](StateDict::write) could write to `path`: its extension stands for a form, and a file can be made in its
    /// folder. To be asked before hours of training, and not after them.
    ///
    /// ```
    /// use lenet::weights::StateDict;
    ///
    /// let error = StateDict::check_target("no/such/folder/lenet.pt").unwrap_err();
    /// assert_eq!(error.to_string(), "cannot write no/such/folder/lenet.pt");
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`] and [`Error::Io`], as there. No file is left behind, and one that is there is unchanged.
    pub fn check_target(path: impl AsRef<Path>) -> Result<()> {
        Form::of_path(path.as_ref())?;
        atomic_file::check(path.as_ref())
    }

    /// The bytes of a file of this form, to be written to `path`.
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
