//! The files of MNIST and of the other named sets, from their mirrors.

use super::{NamedSet, mnist::LABELS_SHA256};
use crate::{Error, Result, atomic_file};
use flate2::{bufread::DeflateDecoder, read::MultiGzDecoder};
use md5::Md5;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};
use reqwest::{Client, Response, StatusCode, header};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use std::{
    error::Error as _,
    fs::{self, TryLockError},
    io,
    io::{BufReader, Read, Seek, Write},
    panic,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// A file that mirrors serve.
struct File {
    name: &'static str,
    /// Bytes that it cannot exceed. A longer body is not the file, whatever it is.
    most: u64,
    checksum: Checksum,
}

/// What a file is known by, in hexadecimal.
enum Checksum {
    /// What it unpacks to, and how many bytes these are: mirrors may compress differently.
    Unpacked { len: u64, sha256: &'static str },
    /// The file as it is, as torchvision knows it. To make another file of the same MD5 as one that exists is beyond anybody.
    Md5(&'static str),
}

/// Where a set comes from.
struct Source {
    mirrors: &'static [&'static str],
    files: &'static [File],
    /// Where the first of the files is a zip: those of its entries that are kept, and no other file. They lie in `gzip/`.
    entries: &'static [&'static str],
}

/// Of a gzip file of so many bytes, unpacked.
const fn unpacked(name: &'static str, len: u64, sha256: &'static str) -> File {
    File { name, most: len + GZIP_OVERHEAD, checksum: Checksum::Unpacked { len, sha256 } }
}

/// Of a file of at most so many bytes, or of so many and gzipped.
const fn md5(name: &'static str, len: u64, md5: &'static str) -> File {
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
static MNIST: Source = Source {
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
    fn of(set: NamedSet) -> &'static Source {
        match set {
            NamedSet::Mnist => &MNIST,
            NamedSet::FashionMnist => &FASHION_MNIST,
            NamedSet::Kmnist => &KMNIST,
            NamedSet::EmnistDigits => &EMNIST_DIGITS,
            NamedSet::Qmnist => &QMNIST,
        }
    }

    /// Whether all that is kept of an archive is there.
    fn is_unpacked_in(&self, dir: &Path) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|name| dir.join(name).exists())
    }

    /// Takes what is kept out of the archive, which then goes.
    fn unpack_in(&self, dir: &Path) -> Result<()> {
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

/// A mirror that sends fewer bytes a second, over a whole [`stall_timeout`](Download::stall_timeout), is given up: at this rate
/// the four files would take three hours.
const LEAST_RATE: u64 = 1024;

/// How often a process that waits for another one looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Two processes that download into one folder take turns by locking this file. It stays, empty: to remove it while
/// another process waits for it would let a third one in.
const LOCK: &str = ".download.lock";

/// Fetches the files of MNIST, or of another named set, verified and resumable.
///
/// ```no_run
/// # fn main() -> lenet::Result<()> {
/// lenet::data::Download::default().fetch("mnist", |progress| println!("{progress:?}"))
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Folders of the set's files, `*-ubyte.gz` for MNIST, as `http://` or `https://` addresses, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// A mirror that sends not a byte for so long, or fewer than 1,024 bytes a second over so long, or takes so long to accept
    /// a connection or to begin its answer, is given up for the next.
    pub stall_timeout: Duration,
}

impl Default for Download {
    /// MNIST's three public mirrors, and 30 seconds.
    fn default() -> Self {
        Download::of(NamedSet::Mnist)
    }
}

/// How far the download of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress {
    /// The file's name, without `.gz`.
    pub file: &'static str,
    /// Bytes that are there, those of an earlier call included. Falls back to little where a mirror has to start over.
    pub received: u64,
    /// Bytes of the whole, where the mirror tells.
    pub total: Option<u64>,
    /// Whether another process or thread downloads into the folder, and this call waits for it: the figures are the other's.
    pub waiting: bool,
}

impl Download {
    /// The set's public mirrors, and 30 seconds.
    pub fn of(set: NamedSet) -> Download {
        let mirrors = Source::of(set).mirrors.iter().copied().map(String::from).collect();
        Download { mirrors, stall_timeout: Duration::from_secs(30) }
    }

    /// Sees to it that `dir` holds MNIST's four files, as `*-ubyte.gz`, and that they are the right ones.
    ///
    /// A file that is there and right is left alone, and with all four there nothing is asked of the network; one that is
    /// there and damaged is replaced, once its successor is whole. A file under way is called `*-ubyte.gz.part`. It stays
    /// when the download fails or is interrupted, and the next mirror, or the next call, goes on from there. It becomes
    /// `*-ubyte.gz` only when what it unpacks to has the right SHA-256.
    ///
    /// Any number of processes and threads may do this in one folder: they take turns, and whoever comes later finds the
    /// files. Meanwhile it is told how far the other has come. `on_progress` runs on the calling thread, which is blocked meanwhile; the network has a thread of its own, so
    /// a call from within an async runtime works, but belongs into the likes of `spawn_blocking`. Proxies are taken from
    /// `HTTPS_PROXY` and its kin, the certificates to trust from the system.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] where a file came from no mirror, with what each one answered; [`Error::Io`] where a file or
    /// folder cannot be read or written, the disk being full for one, or where the system has no certificates to trust;
    /// [`Error::Invalid`] without mirrors.
    pub fn fetch(
        &self,
        dir: impl AsRef<Path>,
        on_progress: impl FnMut(DownloadProgress),
    ) -> Result<()> {
        self.fetch_source(&MNIST, dir.as_ref(), on_progress)
    }

    /// [`fetch`](Download::fetch) for the files of another set, from mirrors of its own: see [`of`](Download::of). Beside those of
    /// MNIST a file is known by the MD5 of what is sent. EMNIST comes as one archive with all its splits, about 560 MB, of which the
    /// four files of `digits` are kept; the archive may be put there by hand, as `gzip.zip`.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Download::fetch), and [`Error::Malformed`] where the archive lacks a file.
    pub fn fetch_set(
        &self,
        set: NamedSet,
        dir: impl AsRef<Path>,
        on_progress: impl FnMut(DownloadProgress),
    ) -> Result<()> {
        self.fetch_source(Source::of(set), dir.as_ref(), on_progress)
    }

    fn fetch_source(
        &self,
        source: &'static Source,
        dir: &Path,
        mut on_progress: impl FnMut(DownloadProgress),
    ) -> Result<()> {
        if source.is_unpacked_in(dir) {
            return Ok(());
        }
        let mut missing = Vec::new();
        for file in source.files {
            if !file.is_at(&dir.join(file.name))? {
                missing.push(file);
            }
        }
        if missing.is_empty() && source.entries.is_empty() {
            return Ok(());
        }
        if self.mirrors.is_empty() && !missing.is_empty() {
            return Err(Error::invalid("Download::mirrors", "at least one", "none"));
        }
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let _lock = lock(&dir.join(LOCK), || {
            // The one that the other process is at.
            let file = missing.iter().find(|file| !dir.join(file.name).exists());
            if let Some(file) = file.or(missing.first()) {
                let received = fs::metadata(file.part(dir)).map_or(0, |metadata| metadata.len());
                let (file, total) = (file.title(), None);
                on_progress(DownloadProgress { file, received, total, waiting: true });
            }
        })?;
        // Another process may have done it all while this one waited for the lock.
        if source.is_unpacked_in(dir) {
            return Ok(());
        }

        let (sender, progress) = mpsc::channel();
        thread::scope(|scope| {
            let worker = thread::Builder::new()
                .name("mnist-download".into())
                .spawn_scoped(scope, move || self.fetch_files(&missing, dir, &sender))
                .map_err(Error::io("download into", dir))?;
            progress.into_iter().for_each(&mut on_progress);
            worker.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })?;
        source.unpack_in(dir)
    }

    fn fetch_files(
        &self,
        files: &[&'static File],
        dir: &Path,
        progress: &Sender<DownloadProgress>,
    ) -> Result<()> {
        let client = self.client().map_err(Error::io("download into", dir))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("download into", dir))?;
        files
            .iter()
            .try_for_each(|file| runtime.block_on(self.fetch_file(&client, file, dir, progress)))
    }

    async fn fetch_file(
        &self,
        client: &Client,
        file: &'static File,
        dir: &Path,
        progress: &Sender<DownloadProgress>,
    ) -> Result<()> {
        let whole = dir.join(file.name);
        let part = file.part(dir);
        // Another process may have fetched it while this one waited for the lock.
        if file.is_at(&whole)? {
            return Ok(());
        }
        let mut attempts = Vec::new();
        for mirror in &self.mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            let mut outcome = self.attempt(client, &url, file, &part, progress).await;
            if let Err(Fault::Part(_)) = outcome {
                outcome = self.attempt(client, &url, file, &part, progress).await;
            }
            match outcome {
                Ok(()) => return fs::rename(&part, &whole).map_err(Error::io("rename", part)),
                Err(Fault::Part(reason) | Fault::Mirror(reason)) => {
                    attempts.push(format!("{url}: {reason}"))
                }
                Err(Fault::Here(error)) => return Err(error),
            }
        }
        Err(Error::Download { file: file.name.into(), attempts })
    }

    /// Without a TLS backend of our own reqwest would want a process-wide default, which is not a library's to install.
    fn client(&self) -> io::Result<Client> {
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| io::Error::other(format!("{error}: is ca-certificates installed?")))?
        .with_no_client_auth();
        Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.stall_timeout)
            .read_timeout(self.stall_timeout)
            .build()
            .map_err(io::Error::other)
    }

    /// Completes `part` from `url`, and checks it.
    async fn attempt(
        &self,
        client: &Client,
        url: &str,
        file: &'static File,
        part: &Path,
        progress: &Sender<DownloadProgress>,
    ) -> std::result::Result<(), Fault> {
        let here = |action| move |source| Fault::Here(Error::io(action, part)(source));
        let kept = match fs::metadata(part) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(here("read")(error)),
        };
        // Whether to blame what was kept or the mirror, once `part` has turned out to be no good.
        let spoilt = |kept: u64, reason: String| match fs::remove_file(part) {
            Ok(()) if kept > 0 => Fault::Part(reason),
            Ok(()) => Fault::Mirror(reason),
            Err(error) => here("remove")(error),
        };

        let mut request = client.get(url);
        if kept > 0 {
            request = request.header(header::RANGE, format!("bytes={kept}-"));
        }
        let mut response = request.send().await.map_err(|error| Fault::Mirror(describe(error)))?;
        let (kept, total) = match (response.status(), content_range(&response)) {
            (StatusCode::OK, _) => (0, response.content_length()),
            (StatusCode::PARTIAL_CONTENT, Some((start, total))) if kept > 0 && start == kept => {
                (kept, total)
            }
            (status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE), _)
                if kept > 0 =>
            {
                return Err(spoilt(
                    kept,
                    format!("answered {status}, but not with the bytes from {kept} on"),
                ));
            }
            (status, _) => return Err(Fault::Mirror(format!("answered {status}"))),
        };

        let mut out = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(kept == 0)
            .open(part)
            .map_err(here("write"))?;
        out.seek(io::SeekFrom::Start(kept)).map_err(here("write"))?;
        let mut received = kept;
        // The rate is measured from here on.
        let (mut before, mut measured) = (kept, Instant::now());
        let cut_short = |received, reason: String| {
            Fault::Mirror(format!("broke off after {received} bytes: {reason}"))
        };
        while let Some(chunk) =
            response.chunk().await.map_err(|error| cut_short(received, describe(error)))?
        {
            received += chunk.len() as u64;
            if received.max(total.unwrap_or(0)) > file.most {
                return Err(spoilt(
                    kept,
                    format!("sent more than {} bytes, which cannot be the file", file.most),
                ));
            }
            out.write_all(&chunk).map_err(here("write"))?;
            let seconds = measured.elapsed().as_secs_f64();
            if measured.elapsed() >= self.stall_timeout && Some(received) != total {
                if ((received - before) as f64) < seconds * LEAST_RATE as f64 {
                    let reason = format!("it sent fewer than {LEAST_RATE} bytes a second");
                    return Err(cut_short(received, reason));
                }
                (before, measured) = (received, Instant::now());
            }
            // Nobody listens once `on_progress` has panicked.
            let news = DownloadProgress { file: file.title(), received, total, waiting: false };
            progress
                .send(news)
                .map_err(|_| here("go on with")(io::ErrorKind::BrokenPipe.into()))?;
        }
        if let Some(total) = total.filter(|&total| received < total) {
            return Err(cut_short(received, format!("{total} were promised")));
        }
        out.sync_all().map_err(here("write"))?;

        let sent = fs::File::open(part).map_err(here("read"))?;
        file.check(sent).map_err(|reason| spoilt(kept, reason))
    }
}

/// Why an attempt came to nothing, by what helps.
enum Fault {
    /// What an earlier attempt left does not go with what this mirror has. It is removed: the same mirror, from the start.
    Part(String),
    /// The mirror's fault: the next one.
    Mirror(String),
    /// The disk's, say: no mirror helps.
    Here(Error),
}

impl File {
    /// Its name, without `.gz`.
    fn title(&self) -> &'static str {
        self.name.strip_suffix(".gz").unwrap_or(self.name)
    }

    /// The file under way.
    fn part(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.part", self.name))
    }

    /// Whether the file is at `path`, whole and right.
    fn is_at(&self, path: &Path) -> Result<bool> {
        match fs::File::open(path) {
            Ok(file) => Ok(self.check(file).is_ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// What is wrong with a file's bytes, if anything. Reads, or unpacks, one byte more than is right at most.
    fn check(&self, file: impl Read) -> std::result::Result<(), String> {
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
fn digest<D: Digest>(mut bytes: impl Read) -> io::Result<(u64, String)> {
    let (mut digest, mut total) = (D::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok((total, super::hex(&digest.finalize()))),
            Ok(read) => {
                digest.update(&buffer[..read]);
                total += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
}

/// Waits until no other process or thread downloads into the folder, and keeps them waiting while the file is held. Calls
/// `on_wait` again and again.
fn lock(path: &Path, mut on_wait: impl FnMut()) -> Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(Error::io("write", path))?;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                on_wait();
                thread::sleep(LOOK_AGAIN);
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => (),
            // Where the file system has no locks the checksum still catches what two writers mix up.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Start and total of `Content-Range: bytes START-END/TOTAL`.
fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

/// The error and its causes in one line; reqwest's own message is the address and little else.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came within the stall timeout".into();
    }
    let error = error.without_url();
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

/// What nobody has files for: those of known MD5s and an archive, made here, from a server on the loopback. The rest is
/// tests/download.rs.
#[cfg(test)]
mod tests {
    use super::{Download, File, Source, digest, md5};
    use crate::Error;
    use flate2::{Compression, write::DeflateEncoder};
    use md5::Md5;
    use rawzip::{CompressionMethod, ZipArchiveWriter};
    use std::{
        fs,
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    /// Serves these files, as often as is asked; the mirror's address.
    fn serve(files: Vec<(&'static str, Vec<u8>)>) -> Download {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap();
                let request = String::from_utf8_lossy(&request[..read]);
                let name = request.split(['/', ' ']).nth(2).unwrap();
                let (_, file) = files.iter().find(|(file, _)| *file == name).unwrap();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", file.len());
                write!(stream, "{head}Connection: close\r\n\r\n").unwrap();
                stream.write_all(file).unwrap();
            }
        });
        Download { mirrors: vec![mirror], ..Download::default() }
    }

    fn file(name: &'static str, content: &[u8]) -> File {
        let (len, checksum) = digest::<Md5>(content).unwrap();
        md5(name, len, checksum.leak())
    }

    fn source(files: Vec<File>, entries: &'static [&'static str]) -> &'static Source {
        Box::leak(Box::new(Source { mirrors: &[], files: files.leak(), entries }))
    }

    fn zip(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut archive = ZipArchiveWriter::new(vec![]);
        for (name, content) in entries {
            let new = archive.new_file(*name).compression_method(method);
            let (mut entry, config) = new.start().unwrap();
            let descriptor = {
                let mut encoder;
                let packed: &mut dyn Write = if method == CompressionMethod::STORE {
                    &mut entry
                } else {
                    encoder = DeflateEncoder::new(&mut entry, Compression::default());
                    &mut encoder
                };
                let mut writer = config.wrap(packed);
                writer.write_all(content).unwrap();
                writer.finish().unwrap().1
            };
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap()
    }

    #[test]
    fn files_of_the_right_md5_are_kept() {
        let (a, b) = (b"images".to_vec(), b"labels".to_vec());
        let source = source(vec![file("a.gz", &a), file("b.gz", &b)], &[]);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.gz"), b"damage").unwrap();
        let download = serve(vec![("a.gz", a.clone()), ("b.gz", b.clone())]);
        download.fetch_source(source, dir.path(), |_| ()).unwrap();
        assert_eq!(fs::read(dir.path().join("a.gz")).unwrap(), a);
        assert_eq!(fs::read(dir.path().join("b.gz")).unwrap(), b);
        // Nothing more is asked for.
        let nowhere = Download { mirrors: vec![], ..download };
        nowhere.fetch_source(source, dir.path(), |_| ()).unwrap();

        let dir = tempfile::tempdir().unwrap();
        let other = serve(vec![("a.gz", b"imagez".to_vec())]);
        let error = other.fetch_source(source, dir.path(), |_| ()).unwrap_err().to_string();
        assert!(error.contains("expected 59b514174bffe4ae402b3d63aad79fe0"), "{error}");
        assert!(!dir.path().join("a.gz").exists());
    }

    #[test]
    fn of_an_archive_a_set_s_own_files_are_kept() {
        const KEPT: &[&str] = &["digits.gz", "labels.gz"];
        let entries: [(&str, &[u8]); 3] = [
            ("gzip/letters.gz", b"letters"),
            ("gzip/digits.gz", b"digits"),
            ("gzip/labels.gz", b"labels"),
        ];
        for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
            let archive = zip(&entries, method);
            let source = source(vec![file("gzip.zip", &archive)], KEPT);
            let dir = tempfile::tempdir().unwrap();
            let download = serve(vec![("gzip.zip", archive.clone())]);
            let nowhere = Download { mirrors: vec![], ..Download::default() };
            let files = || {
                let mut names: Vec<_> = fs::read_dir(dir.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort();
                names
            };
            download.fetch_source(source, dir.path(), |_| ()).unwrap();
            assert_eq!(files(), [super::LOCK, "digits.gz", "labels.gz"]);
            assert_eq!(fs::read(dir.path().join("digits.gz")).unwrap(), b"digits");
            nowhere.fetch_source(source, dir.path(), |_| ()).unwrap();
            // Put there by hand, after a stop between the two files.
            fs::remove_file(dir.path().join("labels.gz")).unwrap();
            fs::write(dir.path().join("gzip.zip"), &archive).unwrap();
            nowhere.fetch_source(source, dir.path(), |_| ()).unwrap();
            assert_eq!(files(), [super::LOCK, "digits.gz", "labels.gz"]);
        }
        // One that is whole, but for its contents.
        let mut damaged = zip(&entries, CompressionMethod::STORE);
        // The second place: the first is in the entry's name.
        let found = |(_, bytes): &(usize, &[u8])| *bytes == b"labels";
        let (at, _) = damaged.windows(6).enumerate().filter(found).nth(1).unwrap();
        damaged[at] ^= 1;
        for (archive, reason) in [
            (zip(&entries[..2], CompressionMethod::STORE), "it has no entry gzip/labels.gz"),
            (damaged, "gzip/labels.gz: "),
            (b"no zip".to_vec(), "gzip/digits.gz: "),
        ] {
            let source = source(vec![file("gzip.zip", &archive)], KEPT);
            let dir = tempfile::tempdir().unwrap();
            let download = serve(vec![("gzip.zip", archive)]);
            let error = download.fetch_source(source, dir.path(), |_| ()).unwrap_err();
            assert!(matches!(&error, Error::Malformed { form: "zip", .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
            assert!(!dir.path().join("labels.gz").exists());
        }
    }
}
