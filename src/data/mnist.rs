use super::{
    Dataset, Fit, NamedSet, Sets,
    labels::{LABELS_SHA256, labels_sha256},
};
use crate::Result;
use std::path::{Path, PathBuf};

/// MNIST: 60,000 digits to train on and 10,000 to test with, resized to 32x32. [`NamedSet`] has other sets of its form.
///
/// ```no_run
/// use lenet::Mnist;
///
/// let mnist = Mnist::find()?;
/// println!("train_data:{}, test_data:{}", mnist.train.len(), mnist.test.len());
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug)]
pub struct Mnist {
    /// The digits to train on.
    pub train: Dataset,
    /// The digits to test with.
    pub test: Dataset,
}

impl Mnist {
    /// Reads the first copy that is found, in this order:
    ///
    /// 1. the folder that the variable `LENET_DATA` names, and no other where it is set;
    /// 2. `data/mnist` of the checkout that this crate was built from;
    /// 3. `data` in the current folder, where programs with torchvision keep `MNIST/raw`;
    /// 4. `~/.cache/paddle/dataset/mnist`, where Paddle puts it;
    /// 5. `$XDG_CACHE_HOME/lenet/mnist` or `~/.cache/lenet/mnist`, which is downloaded to where there is none (feature
    ///    `download`).
    ///
    /// # Errors
    ///
    /// [`Error::MnistNotFound`](crate::Error::MnistNotFound) where there is no copy; otherwise as [`open`](Mnist::open): a copy that is damaged is not
    /// passed over.
    pub fn find() -> Result<Mnist> {
        Mnist::open(Mnist::dir()?)
    }

    /// The folder of the copy that [`find`](Mnist::find) reads, after downloading it where there is none: for
    /// [`open_fitted`](Mnist::open_fitted).
    ///
    /// # Errors
    ///
    /// As [`find`](Mnist::find), but for what is in the files.
    pub fn dir() -> Result<PathBuf> {
        NamedSet::Mnist.dir()
    }

    /// [`dir`](Mnist::dir), telling `on_progress` how far the download has come, where there is one.
    ///
    /// # Errors
    ///
    /// As [`dir`](Mnist::dir) and [`Download::fetch`](super::Download::fetch).
    #[cfg(feature = "download")]
    pub fn dir_with(on_progress: impl FnMut(super::DownloadProgress)) -> Result<PathBuf> {
        NamedSet::Mnist.dir_with(on_progress)
    }

    /// [`find`](Mnist::find), telling `on_progress` how far the download has come, where there is one.
    ///
    /// # Errors
    ///
    /// As [`find`](Mnist::find) and [`Download::fetch`](super::Download::fetch).
    #[cfg(feature = "download")]
    pub fn find_with(on_progress: impl FnMut(super::DownloadProgress)) -> Result<Mnist> {
        Mnist::open(Mnist::dir_with(on_progress)?)
    }

    /// Fetches the four files into `dir`, where they are not there yet, and reads them. [`Download`](super::Download) says
    /// how, and can tell how far it has come.
    ///
    /// # Errors
    ///
    /// As [`Download::fetch`](super::Download::fetch) and [`open`](Mnist::open).
    #[cfg(feature = "download")]
    pub fn download(dir: impl AsRef<Path>) -> Result<Mnist> {
        NamedSet::Mnist.download(dir).map(Mnist::from)
    }

    /// Reads the four files in `dir`, gzipped or not: in itself, in `MNIST/raw` (torchvision's layout) or in `mnist`
    /// (Paddle's).
    ///
    /// # Errors
    ///
    /// [`Error::MnistNotFound`](crate::Error::MnistNotFound) where they are not there; [`Error::MnistIncomplete`](crate::Error::MnistIncomplete) where only some of them are;
    /// [`Error::Io`](crate::Error::Io) where one can't be read; [`Error::Malformed`](crate::Error::Malformed) where one is not what it should be.
    pub fn open(dir: impl AsRef<Path>) -> Result<Mnist> {
        Mnist::open_fitted(dir, Fit::Resize)
    }

    /// [`open`](Mnist::open), with the images made 32x32 as `fit` says.
    ///
    /// # Errors
    ///
    /// As [`open`](Mnist::open).
    pub fn open_fitted(dir: impl AsRef<Path>, fit: Fit) -> Result<Mnist> {
        NamedSet::Mnist.open_fitted(dir, fit).map(Mnist::from)
    }

    /// Whether these are MNIST's digits, and not those of another set in files of the same names, such as Fashion-MNIST. Their
    /// labels tell, all 70,000, by a checksum.
    ///
    /// ```no_run
    /// use lenet::Mnist;
    ///
    /// assert!(Mnist::find()?.is_original());
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn is_original(&self) -> bool {
        let labels = [&self.train, &self.test].map(|set| labels_sha256(set.label_bytes()));
        labels == LABELS_SHA256
    }
}

impl From<Sets> for Mnist {
    fn from(Sets { train, test }: Sets) -> Mnist {
        Mnist { train, test }
    }
}
