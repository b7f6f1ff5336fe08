//! Folders of pictures, one folder a class, as torchvision's `ImageFolder` reads them.

use super::picture::has_extension;
use crate::{
    Dataset, Error, Result,
    data::{Classes, Preparation, Sets},
    kernels::PIXELS,
};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};
use walkdir::WalkDir;

/// Of the pictures of a class one in so many is kept to test with, where no folder says which: MNIST's share.
const TESTED: usize = 7;

/// Pictures that are in memory at a time, each of which may take 768 MiB.
const MOST_AT_ONCE: usize = 4;

/// A folder with one folder a class: the classes, and the pictures with their labels, class by class.
struct ImageFolder {
    dir: PathBuf,
    classes: Classes,
    pictures: Vec<(PathBuf, u8)>,
}

impl Dataset {
    /// Reads a folder of pictures, in which each of ten folders is a class: what is in `cats/`, and in folders within it, has the
    /// class `cats`. Classes, pictures and their order are those of torchvision's `ImageFolder`, which sorts the names of the
    /// folders, and those of the files. Pictures are PNG, JPEG, BMP or PNM files of any size. Files without an image's extension,
    /// and those whose names begin with a dot, are passed over; so are folders of such names.
    ///
    /// Each picture is made into an image as `preparation` says, four at a time, each of which may take 768 MiB of memory.
    ///
    /// ```no_run
    /// use lenet::{Dataset, data::Preparation};
    ///
    /// let letters = Dataset::from_folder("letters/train", Preparation::Centred)?;
    /// println!("{} pictures of {}", letters.len(), letters.classes().names().join(", "));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are not ten folders, or one has no pictures; [`Error::Malformed`] for the first picture that
    /// can't be read or, centred, has nothing in it; [`Error::Io`] where a file or folder can't be read, or a symbolic link leads
    /// back to where it is.
    pub fn from_folder(dir: impl AsRef<Path>, preparation: Preparation) -> Result<Dataset> {
        ImageFolder::find(dir.as_ref())?.read(preparation)
    }
}

impl Sets {
    /// Reads a folder of pictures: `train/`, and to test with `test/`, or else `val/`, each of them one folder a class, as
    /// [`Dataset::from_folder`] reads it.
    ///
    /// Without such folders a seventh of the pictures of each class (one at least) is kept to test with, as in MNIST. Which
    /// these are follows from their names alone, so that every run of the folder has the same ones. Pictures that belong
    /// together, of one writer or of one series, end up in both sets: put them into `train/` and `test/` where that matters.
    ///
    /// The pictures to train on come in an order that follows from their names, in which the classes are mixed, so that the last
    /// of them can be [split off](Dataset::split) to choose by.
    ///
    /// # Errors
    ///
    /// As [`Dataset::from_folder`]; [`Error::Invalid`] where the folders for training and testing differ in their classes, or a class
    /// has but one picture for both.
    pub fn from_folder(dir: impl AsRef<Path>, preparation: Preparation) -> Result<Sets> {
        let dir = dir.as_ref();
        // Only a folder that has folders: a class may have such a name.
        let has_classes = |part: &PathBuf| {
            part.is_dir() && !class_folders(part).is_ok_and(|folders| folders.is_empty())
        };
        let part = |name| Some(dir.join(name)).filter(has_classes);
        let (mut train, test) = match (part("train"), part("test").or_else(|| part("val"))) {
            (Some(train), Some(test)) => (ImageFolder::find(&train)?, ImageFolder::find(&test)?),
            (Some(train), None) => ImageFolder::find(&train)?.split()?,
            (None, Some(test)) => {
                let got = format!("{} and no train/ beside it", test.display());
                return Err(Error::invalid(
                    "folder of pictures",
                    "train/ with one folder a class",
                    got,
                ));
            }
            (None, None) => ImageFolder::find(dir)?.split()?,
        };
        if train.classes != test.classes {
            let [expected, got] = [&train, &test].map(|set| set.classes.names().join(", "));
            return Err(Error::invalid("classes to test with", expected, got));
        }
        train.pictures.sort_by_cached_key(|(path, _)| key(&train.dir, path));
        Ok(Sets { train: train.read(preparation)?, test: test.read(preparation)? })
    }
}

impl ImageFolder {
    fn find(dir: &Path) -> Result<ImageFolder> {
        let folders = class_folders(dir)?;
        if folders.is_empty() {
            let expected = format!("one folder a class in {}", dir.display());
            return Err(Error::invalid("folder of pictures", expected, "no folders"));
        }
        let classes = Classes::new(folders.iter().cloned())?;
        let mut pictures = vec![];
        for (label, name) in (0..).zip(&folders) {
            let found = pictures_in(&dir.join(name))?;
            pictures.extend(found.into_iter().map(|path| (path, label)));
        }
        Ok(ImageFolder { dir: dir.into(), classes, pictures })
    }

    /// What to train on, and what to test with.
    fn split(self) -> Result<(ImageFolder, ImageFolder)> {
        let ImageFolder { dir, classes, pictures } = self;
        let (mut train, mut test) = (vec![], vec![]);
        for class in pictures.chunk_by(|(_, a), (_, b)| a == b) {
            if let [(path, _)] = class {
                let expected = "two pictures of each class, one of them to test with";
                let got = format!("only {}", path.display());
                return Err(Error::invalid("folder of pictures", expected, got));
            }
            let mut class = class.to_vec();
            class.sort_by_cached_key(|(path, _)| key(&dir, path));
            let trained = class.split_off((class.len() / TESTED).max(1));
            train.extend(trained);
            test.extend(class);
        }
        let set = |pictures| ImageFolder { dir: dir.clone(), classes: classes.clone(), pictures };
        Ok((set(train), set(test)))
    }

    /// Prepares all pictures. Of several that can't be read the first is told.
    fn read(&self, preparation: Preparation) -> Result<Dataset> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE);
        let parts = self.pictures.chunks(self.pictures.len().div_ceil(threads).max(1));
        let images = thread::scope(|scope| {
            let read = |part| move || prepared(part, preparation);
            let parts: Vec<_> = parts.map(|part| scope.spawn(read(part))).collect();
            let images = parts
                .into_iter()
                .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            images.collect::<Result<Vec<_>>>()
        })?;
        let labels = self.pictures.iter().map(|&(_, label)| label).collect();
        let set = Dataset::from_images(images.concat(), labels)?;
        Ok(set.with_classes(self.classes.clone()).with_preparation(preparation))
    }
}

fn prepared(pictures: &[(PathBuf, u8)], preparation: Preparation) -> Result<Vec<[u8; PIXELS]>> {
    let prepared = pictures.iter().map(|(path, _)| {
        let prepared = preparation.prepare_file(path).map_err(|error| match error {
            Error::NoInk { .. } | Error::Invalid { .. } => {
                Error::malformed(path, "picture", error.to_string())
            }
            error => error, // which names the file
        })?;
        let image = prepared.input().as_raw().as_slice().try_into();
        image.map_err(|_| Error::malformed(path, "picture", "it did not become 32x32"))
    });
    prepared.collect()
}

/// The names of the folders in one, sorted.
fn class_folders(dir: &Path) -> Result<Vec<String>> {
    let failed = || Error::io("read", dir);
    let mut folders = vec![];
    for entry in fs::read_dir(dir).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().map_err(|name| {
            let got = format!("{:?} in {}", name, dir.display());
            Error::invalid("name of a class", "a folder's name in UTF-8", got)
        })?;
        folders.extend(Some(name).filter(|name| !name.starts_with('.')));
    }
    folders.sort_unstable();
    Ok(folders)
}

/// The pictures in a folder and in those within it: one at least.
fn pictures_in(class: &Path) -> Result<Vec<PathBuf>> {
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(class).follow_links(true).into_iter();
    let walk = walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let mut pictures = vec![];
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(class).to_path_buf();
            Error::io("read", path)(io::Error::other(error))
        })?;
        if entry.file_type().is_file() && has_extension(entry.path()) {
            pictures.push(entry.into_path());
        }
    }
    if pictures.is_empty() {
        let expected = format!("pictures in {}, whose name is a class", class.display());
        return Err(Error::invalid("folder of pictures", expected, "none"));
    }
    // A folder's own pictures before those of the folders in it.
    pictures.sort_by_cached_key(|path| {
        (path.parent().map(|it| it.as_os_str().to_owned()), path.clone())
    });
    Ok(pictures)
}

/// What decides where a picture goes: its name in the folder, scrambled.
fn key(dir: &Path, path: &Path) -> [u8; 32] {
    let name = path.strip_prefix(dir).unwrap_or(path);
    Sha256::digest(name.as_os_str().as_encoded_bytes()).into()
}
