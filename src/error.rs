use crate::mismatch::StateDictMismatch;
use std::{io, path::PathBuf};

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate. Match on the variant to tell the cases apart; the message is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read, written or moved. What the operating system said is the `source`, which the
    /// message leaves to whoever prints the chain of sources (anyhow's `{:#}`, say).
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A file is not what it should be: damaged, cut short, of another kind, or made to do harm.
    #[error("{} is not a good {form} file: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it was read as: `IDX`, `safetensors`, `torch.save`, …
        form: &'static str,
        /// What is wrong, and where.
        reason: String,
    },

    /// A file is of none of the forms that can be read, or its name's extension of none that can be written.
    #[error("{}: unknown form of weights ({got}); known are {known}", path.display())]
    UnknownForm {
        /// The file.
        path: PathBuf,
        /// What it begins with, or its extension.
        got: String,
        /// The forms that are known.
        known: &'static str,
    },

    /// A file's tensors are not the model's: see the lists. The model was left as it was.
    #[error("{}", .0)]
    StateDict(Box<StateDictMismatch>),

    /// The four MNIST files are in none of the places where they are looked for.
    #[error(
        "no MNIST files found in {}: put the four *-ubyte.gz files in one of these folders, or name theirs in LENET_DATA",
        searched.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    MnistNotFound {
        /// The folders that were looked into, in this order.
        searched: Vec<PathBuf>,
    },

    /// The four files of another set of [`NamedSet`](crate::data::NamedSet) are in none of the places where they are looked for.
    #[error(
        "no {set} files found in {}: put {} there, as they are or gzipped, or name their folder in LENET_DATA",
        searched.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        files.join(", ")
    )]
    SetNotFound {
        /// The set's name.
        set: &'static str,
        /// Its files.
        files: Vec<String>,
        /// The folders that were looked into, in this order.
        searched: Vec<PathBuf>,
    },

    /// A folder has some of the four files of MNIST, or of another set, and not the others.
    #[error("{} is missing in {}: add it, or name another folder", missing.join(", "), folder.display())]
    MnistIncomplete {
        /// The folder.
        folder: PathBuf,
        /// The names of the files that it lacks, without `.gz`.
        missing: Vec<String>,
    },

    /// No mirror gave a file that is whole and right. What arrived so far is kept, and the next call goes on from there.
    #[error(
        "could not download {file}: {}. Try again later, or put {} in a folder and name it in LENET_DATA",
        attempts.join("; "),
        wanted(file)
    )]
    Download {
        /// The file's name.
        file: String,
        /// What each mirror answered, in turn.
        attempts: Vec<String>,
    },

    /// An image has nothing in it that could be a digit: one colour, faint traces, or specks.
    #[error(
        "there is nothing to read in the image ({width}x{height}): it is blank, or what is in it is too faint or too small"
    )]
    NoInk {
        /// The image's width, in pixels.
        width: u32,
        /// Its height.
        height: u32,
    },

    /// One of several images that were to be read together has a fault.
    #[error("image {index}, counted from 0: {error}")]
    InBatch {
        /// Its place among them, from 0.
        index: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },

    /// A tensor, an image or an argument does not fit.
    #[error("{what}: expected {expected}, got {got}")]
    Invalid {
        /// What was looked at, by the name it has in the API.
        what: &'static str,
        /// What would have been right.
        expected: String,
        /// What was there.
        got: String,
    },

    /// There is no such device to train on.
    #[error("no device {device}: {reason}")]
    NoDevice {
        /// The device that was asked for, as PyTorch names it: `cuda:0`.
        device: String,
        /// What was found, and what to do.
        reason: String,
    },

    /// The loss of a batch was infinite or NaN, and training stopped. After `train_epoch` the weights are spoilt: start from
    /// saved ones, with a lower learning rate. `train_batch` leaves them as they were.
    #[error(
        "loss is {loss} in epoch {epoch}, step {step}: training has diverged; try a lower learning rate"
    )]
    NonFiniteLoss {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The optimizer's step within the epoch, counted from 1.
        step: usize,
        /// The loss.
        loss: f32,
    },

    /// A checkpoint is another version's or another config's, so that the run would not go on as it was.
    #[error(
        "cannot go on from {}: {}; its weights alone can be taken over as those of any file",
        path.display(),
        differences.join("; ")
    )]
    CheckpointMismatch {
        /// The checkpoint.
        path: PathBuf,
        /// What differs: name, what is there, what is here.
        differences: Vec<String>,
    },

    /// The processes that train one network together can't: one of them has something else than the first, or can't be
    /// reached. See [`Communicator`](crate::train::Communicator).
    #[error("rank {rank} can't train with the others: {reason}")]
    Rank {
        /// That process.
        rank: usize,
        /// What is wrong with it.
        reason: String,
    },

    /// libtorch refused an operation (feature `torch`).
    #[error("libtorch: {message}{}", advice(message))]
    Torch {
        /// The first line of what it said.
        message: String,
        /// All of it, with libtorch's backtrace.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What somebody needs who fetches the files of a set in another way; `file` is one of those that are downloaded.
fn wanted(file: &str) -> &'static str {
    match file {
        "gzip.zip" => "its four emnist-digits-*.gz files",
        _ if file.starts_with("qmnist") => "the four qmnist-*.gz files",
        _ => "the four *-ubyte.gz files",
    }
}

/// What to do about what libtorch said, where somebody who trains can do something.
fn advice(said: &str) -> &'static str {
    match said.contains("out of memory") {
        true => ". Choose a smaller batch size, or the CPU (--device cpu, Device::Cpu)",
        false => "",
    }
}

impl Error {
    /// An [`Error::Io`], for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    /// An [`Error::Malformed`].
    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        form: &'static str,
        reason: impl Into<String>,
    ) -> Error {
        Error::Malformed { path: path.into(), form, reason: reason.into() }
    }

    /// An [`Error::Invalid`].
    pub(crate) fn invalid(
        what: &'static str,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Error {
        Error::Invalid { what, expected: expected.into(), got: got.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn where_libtorch_has_no_memory_left_the_message_says_what_to_do() {
        let said = |message: &str| {
            Error::Torch { message: message.into(), source: message.into() }.to_string()
        };
        let advice = "Choose a smaller batch size, or the CPU (--device cpu, Device::Cpu)";
        for full in [
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1.00 GiB",
            "CUDA error: out of memory",
        ] {
            assert_eq!(said(full), format!("libtorch: {full}. {advice}"));
        }
        let other = "The size of tensor a (2) must match the size of tensor b (3)";
        assert_eq!(said(other), format!("libtorch: {other}"));
    }
}
