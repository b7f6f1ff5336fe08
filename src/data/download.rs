//! MNIST's files from the mirrors.

use super::{NAMES, mnist::LABELS_SHA256};
use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use reqwest::{Client, Response, StatusCode, header};
use rustls_platform_verifier::BuilderVerifierExt;
use sha2::{Digest, Sha256};
use std::{
    error::Error as _,
    fs::{self, TryLockError},
    io,
    io::{Read, Seek, Write},
    panic,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// One of MNIST's files, known by what it unpacks to: mirrors may compress differently.
pub(super) struct File {
    /// Without `.gz`.
    pub(super) name: &'static str,
    /// Bytes, unpacked.
    pub(super) len: u64,
    /// Of the unpacked bytes, in hexadecimal.
    pub(super) sha256: &'static str,
}

/// The training set's images and labels, then the test set's.
pub(super) const FILES: [File; 4] = [
    File {
        name: NAMES[0][0],
        len: 47_040_016,
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    File { name: NAMES[0][1], len: 60_008, sha256: LABELS_SHA256[0] },
    File {
        name: NAMES[1][0],
        len: 7_840_016,
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    File { name: NAMES[1][1], len: 10_008, sha256: LABELS_SHA256[1] },
];

/// How much longer than its contents a gzip file may be. What does not compress is stored, in blocks that cost 5 bytes for
/// every 16 KiB or more: under 15 kB for the largest file. A longer body is not the file, whatever it is.
const GZIP_OVERHEAD: u64 = 1 << 16;

/// A mirror that sends fewer bytes a second, over a whole [`stall_timeout`](Download::stall_timeout), is given up: at this rate
/// the four files would take three hours.
const LEAST_RATE: u64 = 1024;

/// How often a process that waits for another one looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Two processes that download into one folder take turns by locking this file. It stays, empty: to remove it while
/// another process waits for it would let a third one in.
const LOCK: &str = ".download.lock";

/// Fetches MNIST's four files, verified and resumable.
///
/// ```no_run
/// # fn main() -> lenet::Result<()> {
/// lenet::data::Download::default().fetch("mnist", |progress| println!("{progress:?}"))
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Folders of the four `*-ubyte.gz` files, as `http://` or `https://` addresses, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// A mirror that sends not a byte for so long, or fewer than 1,024 bytes a second over so long, or takes so long to accept
    /// a connection or to begin its answer, is given up for the next.
    pub stall_timeout: Duration,
}

impl Default for Download {
    /// Three public mirrors, and 30 seconds.
    fn default() -> Self {
        let mirrors = [
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://dataset.bj.bcebos.com/mnist/",
        ];
        Download {
            mirrors: mirrors.map(String::from).to_vec(),
            stall_timeout: Duration::from_secs(30),
        }
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
    /// Sees to it that `dir` holds the four files, as `*-ubyte.gz`, and that they are the right ones.
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
        mut on_progress: impl FnMut(DownloadProgress),
    ) -> Result<()> {
        let dir = dir.as_ref();
        let mut missing = Vec::new();
        for file in &FILES {
            if !file.is_at(&dir.join(file.gzipped()))? {
                missing.push(file);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if self.mirrors.is_empty() {
            return Err(Error::invalid("Download::mirrors", "at least one", "none"));
        }
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let _lock = lock(&dir.join(LOCK), || {
            // The one that the other process is at.
            let file = missing.iter().find(|file| !dir.join(file.gzipped()).exists());
            if let Some(file) = file.or(missing.first()) {
                let received = fs::metadata(file.part(dir)).map_or(0, |metadata| metadata.len());
                let (file, total) = (file.name, None);
                on_progress(DownloadProgress { file, received, total, waiting: true });
            }
        })?;

        let (sender, progress) = mpsc::channel();
        thread::scope(|scope| {
            let worker = thread::Builder::new()
                .name("mnist-download".into())
                .spawn_scoped(scope, move || self.fetch_files(&missing, dir, &sender))
                .map_err(Error::io("download into", dir))?;
            progress.into_iter().for_each(&mut on_progress);
            worker.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })
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
        let whole = dir.join(file.gzipped());
        let part = file.part(dir);
        // Another process may have fetched it while this one waited for the lock.
        if file.is_at(&whole)? {
            return Ok(());
        }
        let mut attempts = Vec::new();
        for mirror in &self.mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.gzipped());
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
        Err(Error::Download { file: file.gzipped(), attempts })
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
            if received.max(total.unwrap_or(0)) > file.limit() {
                return Err(spoilt(
                    kept,
                    format!("sent more than {} bytes, which cannot be the file", file.limit()),
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
            let news = DownloadProgress { file: file.name, received, total, waiting: false };
            progress
                .send(news)
                .map_err(|_| here("go on with")(io::ErrorKind::BrokenPipe.into()))?;
        }
        if let Some(total) = total.filter(|&total| received < total) {
            return Err(cut_short(received, format!("{total} were promised")));
        }
        out.sync_all().map_err(here("write"))?;

        let gzip = fs::read(part).map_err(here("read"))?;
        file.check(&gzip).map_err(|reason| spoilt(kept, reason))
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
    fn gzipped(&self) -> String {
        format!("{}.gz", self.name)
    }

    /// The file under way.
    fn part(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.gz.part", self.name))
    }

    /// Bytes that the gzipped file cannot exceed.
    fn limit(&self) -> u64 {
        self.len + GZIP_OVERHEAD
    }

    /// Whether the gzipped file is at `path`, whole and right.
    fn is_at(&self, path: &Path) -> Result<bool> {
        let mut gzip = Vec::new();
        match fs::File::open(path)
            .and_then(|file| file.take(self.limit() + 1).read_to_end(&mut gzip))
        {
            Ok(_) => Ok(self.check(&gzip).is_ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// What is wrong with the gzipped bytes, if anything. Unpacks one byte more than is right at most.
    fn check(&self, gzip: &[u8]) -> std::result::Result<(), String> {
        let mut raw = Vec::new();
        MultiGzDecoder::new(gzip)
            .take(self.len + 1)
            .read_to_end(&mut raw)
            .map_err(|error| format!("sent no good gzip file: {error}"))?;
        if raw.len() as u64 > self.len {
            return Err(format!("sent what unpacks to more than {} bytes", self.len));
        }
        let sha256 = super::hex(&Sha256::digest(&raw));
        if sha256 != self.sha256 {
            return Err(format!(
                "sent a file with the checksum {sha256}; expected {}",
                self.sha256
            ));
        }
        Ok(())
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
