//! The files of MNIST and of the other named sets, from their mirrors.

mod attempt;
mod progress;
mod source;

use super::NamedSet;
use crate::{Error, Result};
use attempt::{Attempt, Fault};
pub use progress::DownloadProgress;
use reqwest::Client;
use rustls_platform_verifier::BuilderVerifierExt;
use source::{File, MNIST, Source};
use std::{
    fs::{self, TryLockError},
    io, panic,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

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
            let stall_timeout = self.stall_timeout;
            let attempt = Attempt { client, url: &url, file, part: &part, stall_timeout, progress };
            let mut outcome = attempt.run().await;
            if let Err(Fault::Part(_)) = outcome {
                outcome = attempt.run().await;
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

/// What nobody has files for: those of known MD5s and an archive, made here, from a server on the loopback. The rest is
/// tests/download.rs.
#[cfg(test)]
mod tests {
    use super::{
        Download,
        source::{File, Source, digest, md5},
    };
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
