//! Where each named set comes from: mirrors, files and checksums.

use crate::{
    Error, Result, atomic_file,
    data::{NamedSet, hex, labels::LABELS_SHA256},
};
use flate2::{bufread::DeflateDecoder, read::MultiGzDecoder};
use md5::Md5;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// A file that mirrors serve.
pub(super) struct File {
    pub(super) name: &'static str,
    /// Bytes that it cannot exceed. A longer body is not the file, whatever it is.
    pub(super) most: u64,
    pub(super) checksum: Checksum,
}

/// What a file is known by, in hexadecimal.
pub(super) enum Checksum {
    /// What it unpacks to, and how many bytes these are: mirrors may compress differently.
    Unpacked { len: u64, sha256: &'static str },
    /// The file as it is, as torchvision knows it. To make another file of the same MD5 as one that exists is beyond anybody.
    Md5(&'static str),
}

/// Where a set comes from.
pub(super) struct Source {
    pub(super) mirrors: &'static [&'static str],
    pub(super) files: &'static [File],
    /// Where the first of the files is a zip: those of its entries that are kept, and no other file. They lie in `gzip/`.
    pub(super) entries: &'static [&'static str],
}

/// Of a gzip file of so many bytes, unpacked.
const fn unpacked(name: &'static str, len: u64, sha256: &'static str) -> File {
    File { name, most: len + GZIP_OVERHEAD, checksum: Checksum::Unpacked { len, sha256 } }
}

/// Of a file of at most so many bytes, or of so many and gzipped.
pub(super) const fn md5(name: &'static str, len: u64, md5: &'static str) -> File {
    File { name, most: len + GZIP_OVERHEAD, checksum: Checksum::Md5(md5) }
}

/// Files of MNIST's names and sizes, with these MD5s.
const fn like_mnist([train_images, train_labels, images, labels]: [&'static str; 4]) -> [File; 4] {
    [
        md5("train-images-idx3-ubyte.gz", TRAIN_IMAGES, train_images),
        md5("train-labels-idx1-ubyte.gz", TRAIN_LABELS, train_labels),
        md5("t10k-images-idx3-ubyte.gz", TEST_IMAGES, images),
        md5("t10k-labels-idx1-ubyte.gz", TEST_LABELS, labels),
    ]
}

/// Bytes of MNIST's files, unpacked: a header, and for each image its pixels, or its label.
const TRAIN_IMAGES: u64 = 16 + 60_000 * 28 * 28;
const TRAIN_LABELS: u64 = 8 + 60_000;
const TEST_IMAGES: u64 = 16 + 10_000 * 28 * 28;
const TEST_LABELS: u64 = 8 + 10_000;
/// QMNIST's eight columns of 32 bits.
const QMNIST_LABELS: u64 = 12 + 60_000 * 8 * 4;

/// In each the training set's images and labels come first, then the test set's. Mirrors, names and MD5s are torchvision's.
pub(super) static MNIST: Source = Source {
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://dataset.bj.bcebos.com/mnist/",
    ],
    files: &[
        unpacked(
            "train-images-idx3-ubyte.gz",
            TRAIN_IMAGES,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        unpacked("train-labels-idx1-ubyte.gz", TRAIN_LABELS, LABELS_SHA256[0]),
        unpacked(
            "t10k-images-idx3-ubyte.gz",
            TEST_IMAGES,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        unpacked("t10k-labels-idx1-ubyte.gz", TEST_LABELS, LABELS_SHA256[1]),
    ],
    entries: &[],
};

static FASHION_MNIST: Source = Source {
    mirrors: &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
    files: &like_mnist([
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ]),
    entries: &[],
};

static KMNIST: Source = Source {
    mirrors: &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    files: &like_mnist([
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ]),
    entries: &[],
};

/// All of EMNIST's splits in one archive, which goes once the four files of `digits` are taken out of it. The second mirror, NIST's
/// too, is not torchvision's: people write that the first answers with a page now. Both are said to have the same MD5.
static EMNIST_DIGITS: Source = Source {
    mirrors: &[
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
        "https://biometrics.nist.gov/cs_links/EMNIST/",
    ],
    files: &[md5("gzip.zip", 600 << 20, "58c8d27c78d21e728a6bc7b3cc06412e")],
    entries: &[
        "emnist-digits-train-images-idx3-ubyte.gz",
        "emnist-digits-train-labels-idx1-ubyte.gz",
        "emnist-digits-test-images-idx3-ubyte.gz",
        "emnist-digits-test-labels-idx1-ubyte.gz",
    ],
};

static QMNIST: Source = Source {
    mirrors: &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"],
    files: &[
        md5("qmnist-train-images-idx3-ubyte.gz", TRAIN_IMAGES, "ed72d4157d28c017586c42bc6afe6370"),
        md5("qmnist-train-labels-idx2-int.gz", QMNIST_LABELS, "0058f8dd561b90ffdd0f734c6a30e5e4"),
        md5("qmnist-test-images-idx3-ubyte.gz", TRAIN_IMAGES, "1394631089c404de565df7b7aeaf9412"),
        md5("qmnist-test-labels-idx2-int.gz", QMNIST_LABELS, "5b5b05890a5e13444e108efe57b788aa"),
    ],
    entries: &[],
};

impl Source {
    pub(super) fn of(set: NamedSet) -> &'static Source {
        match set {
            NamedSet::Mnist => &MNIST,
            NamedSet::FashionMnist => &FASHION_MNIST,
            NamedSet::Kmnist => &KMNIST,
            NamedSet::EmnistDigits => &EMNIST_DIGITS,
            NamedSet::Qmnist => &QMNIST,
        }
    }

    /// Whether all that is kept of an archive is there.
    pub(super) fn is_unpacked_in(&self, dir: &Path) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|name| dir.join(name).exists())
    }

    /// Takes what is kept out of the archive, which then goes.
    pub(super) fn unpack_in(&self, dir: &Path) -> Result<()> {
        let Some(archive) = self.files.first().filter(|_| !self.entries.is_empty()) else {
            return Ok(());
        };
        let path = dir.join(archive.name);
        for name in self.entries.iter().filter(|name| !dir.join(name).exists()) {
            let bytes = entry(&path, &format!("gzip/{name}"))
                .map_err(|reason| Error::malformed(&path, "zip", reason))?;
            atomic_file::write(&dir.join(name), &bytes)?;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The content of a zip's entry, its size and CRC checked.
fn entry(zip: &Path, name: &str) -> std::result::Result<Vec<u8>, String> {
    let file = fs::File::open(zip).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let failed = |error: rawzip::Error| format!("{name}: {error}");
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(failed)?;
    let mut entries = archive.entries(&mut buffer);
    while let Some(record) = entries.next_entry().map_err(failed)? {
        if record.file_path().as_ref() != name.as_bytes() {
            continue;
        }
        let method = record.compression_method();
        let entry = archive.get_entry(record.wayfinder()).map_err(failed)?;
        let packed = BufReader::new(entry.reader());
        let mut content = vec![];
        match method {
            CompressionMethod::STORE => entry.verifying_reader(packed).read_to_end(&mut content),
            _ => entry.verifying_reader(DeflateDecoder::new(packed)).read_to_end(&mut content),
        }
        .map_err(|error| format!("{name}: {error}"))?;
        return Ok(content);
    }
    Err(format!("it has no entry {name}"))
}

/// How much longer than its contents a gzip file may be. What does not compress is stored, in blocks that cost 5 bytes for
/// every 16 KiB or more: under 15 kB for the largest file.
const GZIP_OVERHEAD: u64 = 1 << 16;

impl File {
    /// Its name, without `.gz`.
    pub(super) fn title(&self) -> &'static str {
        self.name.strip_suffix(".gz").unwrap_or(self.name)
    }

    /// The file under way.
    pub(super) fn part(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.part", self.name))
    }

    /// Whether the file is at `path`, whole and right.
    pub(super) fn is_at(&self, path: &Path) -> Result<bool> {
        match fs::File::open(path) {
            Ok(file) => Ok(self.check(file).is_ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// What is wrong with a file's bytes, if anything. Reads, or unpacks, one byte more than is right at most.
    pub(super) fn check(&self, file: impl Read) -> std::result::Result<(), String> {
        let (checksum, expected) = match self.checksum {
            Checksum::Unpacked { len, sha256 } => {
                let unpacked = MultiGzDecoder::new(file).take(len + 1);
                let (read, checksum) = digest::<Sha256>(unpacked)
                    .map_err(|error| format!("sent no good gzip file: {error}"))?;
                if read > len {
                    return Err(format!("sent what unpacks to more than {len} bytes"));
                }
                (checksum, sha256)
            }
            Checksum::Md5(expected) => {
                let (_, checksum) =
                    digest::<Md5>(file.take(self.most + 1)).map_err(|error| error.to_string())?;
                (checksum, expected)
            }
        };
        if checksum != expected {
            return Err(format!("sent a file with the checksum {checksum}; expected {expected}"));
        }
        Ok(())
    }
}

/// How many bytes there are, and their checksum.
pub(super) fn digest<D: Digest>(mut bytes: impl Read) -> io::Result<(u64, String)> {
    let (mut digest, mut total) = (D::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok((total, hex(&digest.finalize()))),
            Ok(read) => {
                digest.update(&buffer[..read]);
                total += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
}
