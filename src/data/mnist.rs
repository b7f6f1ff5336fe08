use super::{Dataset, Fit, Idx, NAMES, resize::FROM};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{
    env,
    path::{Path, PathBuf},
    thread,
};

/// MNIST: 60,000 digits to train on and 10,000 to test with, resized to 32x32.
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
    /// [`Error::MnistNotFound`] where there is no copy; otherwise as [`open`](Mnist::open): a copy that is damaged is not
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
        #[cfg(feature = "download")]
        return Mnist::dir_with(|_| ());
        #[cfg(not(feature = "download"))]
        search().map_err(|searched| Error::MnistNotFound { searched })
    }

    /// [`dir`](Mnist::dir), telling `on_progress` how far the download has come, where there is one.
    ///
    /// # Errors
    ///
    /// As [`dir`](Mnist::dir) and [`Download::fetch`](super::Download::fetch).
    #[cfg(feature = "download")]
    pub fn dir_with(on_progress: impl FnMut(super::DownloadProgress)) -> Result<PathBuf> {
        search().or_else(|searched| {
            let dir = cache().ok_or(Error::MnistNotFound { searched })?;
            super::Download::default().fetch(&dir, on_progress)?;
            Ok(dir)
        })
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
        super::Download::default().fetch(&dir, |_| ())?;
        Mnist::open(dir)
    }

    /// Reads the four files in `dir`, gzipped or not: in itself, in `MNIST/raw` (torchvision's layout) or in `mnist`
    /// (Paddle's).
    ///
    /// # Errors
    ///
    /// [`Error::MnistNotFound`] where they are not there; [`Error::MnistIncomplete`] where only some of them are;
    /// [`Error::Io`] where one can't be read; [`Error::Malformed`] where one is not what it should be.
    pub fn open(dir: impl AsRef<Path>) -> Result<Mnist> {
        Mnist::open_fitted(dir, Fit::Resize)
    }

    /// [`open`](Mnist::open), with the images made 32x32 as `fit` says.
    ///
    /// # Errors
    ///
    /// As [`open`](Mnist::open).
    pub fn open_fitted(dir: impl AsRef<Path>, fit: Fit) -> Result<Mnist> {
        let dir = dir.as_ref();
        let folder = folder_of(dir).ok_or_else(|| not_in(dir))?;
        let [train, test] = NAMES.map(|names| names.map(|name| file_in(&folder, name)));
        thread::scope(|scope| {
            let test = scope.spawn(|| read(&test, fit));
            let train = read(&train, fit);
            let test = test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(Mnist { train: train?, test: test? })
        })
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

/// The first copy where [`Mnist::find`] says; otherwise the folders that were looked into.
fn search() -> std::result::Result<PathBuf, Vec<PathBuf>> {
    if let Some(dir) = variable("LENET_DATA") {
        return Ok(dir);
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let mut searched = vec![checkout, "data".into()];
    searched.extend(variable("HOME").map(|home| home.join(".cache/paddle/dataset/mnist")));
    searched.extend(cache());
    searched.iter().find(|dir| folder_of(dir).is_some()).cloned().ok_or(searched)
}

/// Where this crate keeps its own copy.
fn cache() -> Option<PathBuf> {
    let user_cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    Some(user_cache?.join("lenet/mnist"))
}

/// A variable of the environment, where it is set to something.
fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where the files may lie in a folder that somebody names.
fn layouts(dir: &Path) -> [PathBuf; 4] {
    [dir.into(), dir.join("MNIST/raw"), dir.join("raw"), dir.join("mnist")]
}

/// The folder, of those in which they may lie, that has all four files.
fn folder_of(dir: &Path) -> Option<PathBuf> {
    layouts(dir)
        .into_iter()
        .find(|folder| NAMES.iter().flatten().all(|name| file_in(folder, name).exists()))
}

/// What is missing in a folder that has not all four files.
fn not_in(dir: &Path) -> Error {
    let missing = |folder: &Path| {
        let names = NAMES.into_iter().flatten().filter(|name| !file_in(folder, name).exists());
        names.map(String::from).collect::<Vec<_>>()
    };
    let folders = layouts(dir).map(|folder| (missing(&folder), folder));
    match folders.into_iter().min_by_key(|(missing, _)| missing.len()) {
        Some((missing, folder)) if missing.len() < NAMES.as_flattened().len() => {
            Error::MnistIncomplete { folder, missing }
        }
        _ => Error::MnistNotFound { searched: layouts(dir).into() },
    }
}

/// Of the files of labels, unpacked, in hexadecimal: of the training set's, then of the test set's.
pub(super) const LABELS_SHA256: [&str; 2] = [
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
];

/// Of the file that holds these labels.
fn labels_sha256(labels: &[u8]) -> String {
    let count = labels.len() as u32;
    let header = [[0, 0, 8, 1], count.to_be_bytes()].concat();
    super::hex(&Sha256::new().chain_update(header).chain_update(labels).finalize())
}

/// The file of that name, gzipped where it is not there as it is.
fn file_in(folder: &Path, name: &str) -> PathBuf {
    let raw = folder.join(name);
    if raw.exists() { raw } else { folder.join(format!("{name}.gz")) }
}

/// Reads images and labels and fits the images.
fn read([images_path, labels_path]: &[PathBuf; 2], fit: Fit) -> Result<Dataset> {
    let images = Idx::read(images_path)?;
    let labels = Idx::read(labels_path)?;
    let malformed = |path: &Path, reason| Err(Error::malformed(path, "MNIST", reason));
    let [n, FROM, FROM] = images.sizes[..] else {
        return malformed(images_path, format!("sizes {:?}, not [n, 28, 28]", images.sizes));
    };
    if n == 0 {
        return malformed(images_path, "it has no images".into());
    }
    if labels.sizes != [n] {
        return malformed(labels_path, format!("sizes {:?} for {n} images", labels.sizes));
    }
    if let Some(at) = labels.numbers.iter().position(|&label| label > 9) {
        return malformed(labels_path, format!("label {at} is {}, not 0 to 9", labels.numbers[at]));
    }
    Dataset::from_mnist_pixels(images.numbers, labels.numbers, fit)
}
