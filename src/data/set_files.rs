//! The files of a named set: where a copy of them is, and what is in it.

use super::{
    Dataset, Fit, Idx, NamedSet, Sets, labels::are_labels_of_mnist, named_set::Row, resize::FROM,
};
use crate::{Error, Result};
use std::{
    env,
    path::{Path, PathBuf},
    thread,
};

impl NamedSet {
    /// Reads the first copy that is found, as [`Mnist::find`](super::Mnist::find) does, with the set's own folders:
    ///
    /// 1. the folder that the variable `LENET_DATA` names, and no other where it is set;
    /// 2. `data/NAME` of the checkout that this crate was built from;
    /// 3. `data` in the current folder, where programs with torchvision keep `FashionMNIST/raw`, say;
    /// 4. `~/.cache/paddle/dataset/NAME`, where Paddle puts it;
    /// 5. `$XDG_CACHE_HOME/lenet/NAME` or `~/.cache/lenet/NAME`, which is downloaded to where there is none (feature
    ///    `download`).
    ///
    /// # Errors
    ///
    /// [`Error::SetNotFound`] ([`Error::MnistNotFound`] for MNIST) where there is no copy; otherwise as
    /// [`open`](NamedSet::open).
    pub fn find(self) -> Result<Sets> {
        self.open(self.dir()?)
    }

    /// The folder of the copy that [`find`](NamedSet::find) reads, after downloading it where there is none.
    ///
    /// # Errors
    ///
    /// As [`find`](NamedSet::find), but for what is in the files.
    pub fn dir(self) -> Result<PathBuf> {
        #[cfg(feature = "download")]
        return self.dir_with(|_| ());
        #[cfg(not(feature = "download"))]
        self.search().map_err(|searched| self.not_found(searched))
    }

    /// [`dir`](NamedSet::dir), telling `on_progress` how far the download has come, where there is one.
    ///
    /// # Errors
    ///
    /// As [`dir`](NamedSet::dir) and [`Download::fetch`](super::Download::fetch).
    #[cfg(feature = "download")]
    pub fn dir_with(self, on_progress: impl FnMut(super::DownloadProgress)) -> Result<PathBuf> {
        self.search().or_else(|searched| {
            let dir = self.cache().ok_or_else(|| self.not_found(searched))?;
            super::Download::of(self).fetch_set(self, &dir, on_progress)?;
            Ok(dir)
        })
    }

    /// Fetches the set's files into `dir`, where they are not there yet, and reads them.
    ///
    /// # Errors
    ///
    /// As [`Download::fetch_set`](super::Download::fetch_set) and [`open`](NamedSet::open).
    #[cfg(feature = "download")]
    pub fn download(self, dir: impl AsRef<Path>) -> Result<Sets> {
        super::Download::of(self).fetch_set(self, &dir, |_| ())?;
        self.open(dir)
    }

    /// Reads the set's four files in `dir`, gzipped or not: in itself, or where torchvision puts them in it
    /// (`FashionMNIST/raw`, say), in `raw`, or in a folder of the set's name.
    ///
    /// # Errors
    ///
    /// [`Error::SetNotFound`] ([`Error::MnistNotFound`] for MNIST) where they are not there; [`Error::MnistIncomplete`] where
    /// only some of them are; [`Error::Io`] where one can't be read; [`Error::Malformed`] where one is not what it should be:
    /// MNIST's, where another set in files of the same names was asked for.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Sets> {
        self.open_fitted(dir, Fit::Resize)
    }

    /// [`open`](NamedSet::open), with the images made 32x32 as `fit` says.
    ///
    /// # Errors
    ///
    /// As [`open`](NamedSet::open).
    pub fn open_fitted(self, dir: impl AsRef<Path>, fit: Fit) -> Result<Sets> {
        let dir = dir.as_ref();
        let folder = self.folder_in(dir).ok_or_else(|| self.not_in(dir))?;
        let [train, test] = self.row().files.map(|names| names.map(|name| file_in(&folder, name)));
        thread::scope(|scope| {
            let test = scope.spawn(|| self.read(&test, fit));
            let train = self.read(&train, fit);
            let test = test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(Sets { train: train?, test: test? })
        })
    }

    /// The first copy where [`find`](NamedSet::find) says; otherwise the folders that were looked into.
    fn search(self) -> std::result::Result<PathBuf, Vec<PathBuf>> {
        if let Some(dir) = variable("LENET_DATA") {
            return Ok(dir);
        }
        let Row { name, torchvision, .. } = self.row();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
        // MNIST's files may lie in `data` itself. Those of another set would be taken for them there.
        let here = Path::new("data");
        let here = if self == NamedSet::Mnist { here.into() } else { here.join(torchvision) };
        let mut searched = vec![checkout, here];
        let paddle = |home: PathBuf| home.join(".cache/paddle/dataset").join(name);
        searched.extend(variable("HOME").map(paddle));
        searched.extend(self.cache());
        searched.iter().find(|dir| self.folder_in(dir).is_some()).cloned().ok_or(searched)
    }

    /// Where this crate keeps its own copy.
    fn cache(self) -> Option<PathBuf> {
        let user_cache =
            variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        Some(user_cache?.join("lenet").join(self.name()))
    }

    /// Where the files may lie in a folder that somebody names.
    fn layouts(self, dir: &Path) -> Vec<PathBuf> {
        let Row { name, torchvision, .. } = self.row();
        let mut layouts = vec![dir.to_path_buf()];
        let within = [&format!("{torchvision}/raw"), "raw", *name];
        layouts.extend(within.map(|folder| dir.join(folder)));
        if self == NamedSet::EmnistDigits {
            layouts.push(dir.join("gzip")); // what its archive unpacks to
        }
        if self != NamedSet::Mnist {
            layouts.rotate_left(1); // what lies in the folder itself may be MNIST's files, which have the same names
        }
        layouts
    }

    /// The folder, of those in which they may lie, that has all four files.
    fn folder_in(self, dir: &Path) -> Option<PathBuf> {
        let has = |folder: &PathBuf| self.missing(folder).is_empty();
        self.layouts(dir).into_iter().find(has)
    }

    /// The names of the files that a folder lacks.
    fn missing(self, folder: &Path) -> Vec<String> {
        let names = self.row().files.into_iter().flatten();
        names.filter(|name| !file_in(folder, name).exists()).map(String::from).collect()
    }

    /// What is missing in a folder that has not all four files.
    fn not_in(self, dir: &Path) -> Error {
        let folders = self.layouts(dir).into_iter().map(|folder| (self.missing(&folder), folder));
        match folders.min_by_key(|(missing, _)| missing.len()) {
            Some((missing, folder)) if missing.len() < self.row().files.as_flattened().len() => {
                Error::MnistIncomplete { folder, missing }
            }
            _ => self.not_found(self.layouts(dir)),
        }
    }

    fn not_found(self, searched: Vec<PathBuf>) -> Error {
        if self == NamedSet::Mnist {
            return Error::MnistNotFound { searched };
        }
        let files = self.row().files.into_iter().flatten().map(String::from).collect();
        Error::SetNotFound { set: self.name(), files, searched }
    }

    /// Reads images and labels and fits the images.
    fn read(self, [images_path, labels_path]: &[PathBuf; 2], fit: Fit) -> Result<Dataset> {
        let mut images = Idx::read(images_path)?;
        let labels = match self {
            NamedSet::Qmnist => Idx::read_first_column(labels_path)?,
            _ => Idx::read(labels_path)?,
        };
        let malformed =
            |path: &Path, reason| Err(Error::malformed(path, self.row().torchvision, reason));
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
            return malformed(
                labels_path,
                format!("label {at} is {}, not 0 to 9", labels.numbers[at]),
            );
        }
        let has_mnist_s_names =
            self.row().files == NamedSet::Mnist.row().files && self != NamedSet::Mnist;
        if has_mnist_s_names && are_labels_of_mnist(&labels.numbers) {
            return malformed(labels_path, "its labels are MNIST's".into());
        }
        if self.row().transposed {
            images.numbers.as_chunks_mut().0.iter_mut().for_each(transpose);
        }
        let set = Dataset::from_mnist_pixels(images.numbers, labels.numbers, fit)?;
        Ok(set.with_classes(self.classes()).with_preparation(self.row().preparation))
    }
}

/// A variable of the environment, where it is set to something.
fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The file of that name, gzipped where it is not there as it is.
fn file_in(folder: &Path, name: &str) -> PathBuf {
    let raw = folder.join(name);
    if raw.exists() { raw } else { folder.join(format!("{name}.gz")) }
}

/// Makes rows of the columns.
fn transpose(image: &mut [u8; FROM * FROM]) {
    for row in 0..FROM {
        for column in 0..row {
            image.swap(row * FROM + column, column * FROM + row);
        }
    }
}
