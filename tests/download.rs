//! `Download` against a server on the loopback that misbehaves as it is told to by the first folder of the address.
#![cfg(feature = "download")]

use flate2::{Compression, write::GzEncoder};
use lenet::{
    Error,
    data::{Download, DownloadProgress, NamedSet},
};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    panic,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];
/// The second smallest file, which most tests leave to be fetched.
const LABELS: &str = "train-labels-idx1-ubyte";

/// What was asked: the file's name, and the byte from which on, if a range was asked for.
type Request = (String, Option<usize>);

struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = Arc::clone(&server.requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = Arc::clone(&requests);
                // A client that hangs up early is part of some tests.
                thread::spawn(move || answer(&stream, &requests));
            }
        });
        server
    }

    /// The address of a mirror that behaves so.
    fn mirror(&self, manner: &str) -> String {
        format!("http://{}/{manner}/", self.address)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, requests: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut start = [0];
    stream.peek(&mut start)?;
    if start == [22] {
        // A TLS handshake.
        let _ = stream.read(&mut [0; 4096])?;
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap()?;
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(from) =
            line.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-'))
        {
            range = Some(from.parse::<usize>().unwrap());
        }
    }
    // GET /MANNER/NAME.gz HTTP/1.1
    let path = first.split(' ').nth(1).unwrap();
    let (manner, name) = path[1..].split_once('/').unwrap();
    requests.lock().unwrap().push((name.trim_end_matches(".gz").into(), range));
    let file = fs::read(source(name)).unwrap_or_default(); // another set's file: none has it

    let send = |mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]| {
        write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n")?;
        stream.write_all(body)
    };
    let send_whole =
        |body: &[u8]| send(stream, "200 OK", &format!("Content-Length: {}\r\n", body.len()), body);
    let half_of = format!("Content-Length: {}\r\n", file.len());
    let half = &file[..file.len() / 2];
    match manner {
        "good" => match range {
            Some(from) if from < file.len() => {
                let headers = format!(
                    "Content-Range: bytes {from}-{}/{}\r\nContent-Length: {}\r\n",
                    file.len() - 1,
                    file.len(),
                    file.len() - from,
                );
                send(stream, "206 Partial Content", &headers, &file[from..])
            }
            Some(_) => send(stream, "416 Range Not Satisfiable", "Content-Length: 0\r\n", &[]),
            None => send_whole(&file),
        },
        "rangeless" => send_whole(&file),
        "wrong-range" if range.is_some() => {
            let headers =
                format!("Content-Range: bytes 0-{}/{}\r\n{half_of}", file.len() - 1, file.len());
            send(stream, "206 Partial Content", &headers, &file)
        }
        "wrong-range" => send_whole(&file),
        "short-range" => {
            let end = range.unwrap() + 10;
            let headers =
                format!("Content-Range: bytes {}-{}/{}\r\n", end - 10, end - 1, file.len());
            send(stream, "206 Partial Content", &headers, &file[end - 10..end])
        }
        "404" => send(stream, "404 Not Found", "Content-Length: 3\r\n", b"no\n"),
        "500" => send(stream, "500 Internal Server Error", "Content-Length: 0\r\n", &[]),
        "truncated" => send(stream, "200 OK", &half_of, half),
        "stalled" | "silent" => {
            if manner == "stalled" {
                send(stream, "200 OK", &half_of, half)?;
            }
            // Until the client gives up.
            stream.read(&mut [0]).map(drop)
        }
        "corrupt" => {
            let mut file = file;
            let middle = file.len() / 2;
            file[middle] ^= 1;
            send_whole(&file)
        }
        "other" => send_whole(&fs::read(source("t10k-labels-idx1-ubyte.gz"))?),
        "bomb" => send_whole(&gzip(&vec![0; 10 << 20])),
        "no-gzip" => send_whole(b"<html>You are not logged in</html>"),
        "huge" => send(stream, "200 OK", &format!("Content-Length: {}\r\n", 1_u64 << 40), &file),
        "trickling" => {
            send(stream, "200 OK", &half_of, &[])?;
            for byte in file {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        "slow-to-answer" => {
            for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain([b'x'].iter().cycle()) {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        "endless" => {
            send(stream, "200 OK", "", &[])?;
            loop {
                stream.write_all(&file)?;
            }
        }
        _ => unreachable!("{manner}"),
    }
}

/// The file that the repository holds.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist").join(name)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A folder that holds the files, but for one.
fn folder_without(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES.iter().filter(|file| **file != name) {
        fs::copy(source(&format!("{file}.gz")), gz(dir.path(), file)).unwrap();
    }
    dir
}

fn gz(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.gz"))
}

fn part(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.gz.part"))
}

fn labels() -> Vec<u8> {
    fs::read(source(&format!("{LABELS}.gz"))).unwrap()
}

fn download(mirrors: &[String]) -> Download {
    Download { mirrors: mirrors.to_vec(), ..Download::default() }
}

/// All four files are there, the right ones, and nothing half-way.
fn assert_complete(dir: &Path) {
    for file in FILES {
        assert!(
            fs::read(gz(dir, file)).unwrap() == fs::read(source(&format!("{file}.gz"))).unwrap(),
            "{file}"
        );
        assert!(!part(dir, file).exists(), "{file}");
    }
}

/// What each mirror is said to have answered.
fn attempts(result: lenet::Result<()>) -> Vec<String> {
    match result {
        Err(Error::Download { file, attempts }) => {
            assert_eq!(file, format!("{LABELS}.gz"));
            attempts
        }
        other => panic!("expected Error::Download, got {other:?}"),
    }
}

#[test]
fn a_new_folder_gets_the_four_files_and_progress_in_bytes() {
    let server = Server::start();
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("not/there/yet");
    let mut seen: Vec<DownloadProgress> = Vec::new();
    // A `Vec` behind a `Cell` is not `Send`: the callback need not be.
    let calls = std::rc::Rc::new(std::cell::Cell::new(0));
    download(&[server.mirror("good")])
        .fetch(&dir, |progress| {
            calls.set(calls.get() + 1);
            seen.push(progress);
        })
        .unwrap();

    assert_complete(&dir);
    assert_eq!(server.requests(), FILES.map(|file| (file.into(), None)));
    assert_eq!(calls.get(), seen.len());
    for file in FILES {
        let of_file: Vec<_> = seen.iter().filter(|progress| progress.file == file).collect();
        let len = fs::metadata(gz(&dir, file)).unwrap().len();
        assert!(of_file.is_sorted_by_key(|progress| progress.received), "{of_file:?}");
        assert_eq!(of_file.last().unwrap().received, len);
        assert!(of_file.iter().all(|progress| progress.total == Some(len)), "{of_file:?}");
    }
}

#[test]
fn files_in_place_cause_no_request() {
    let server = Server::start();
    let dir = folder_without("");
    download(&[server.mirror("good")]).fetch(&dir, |progress| panic!("{progress:?}")).unwrap();
    // Nor do they need a folder that can be written to, or any mirror.
    download(&[]).fetch(&dir, |progress| panic!("{progress:?}")).unwrap();
    assert_eq!(server.requests(), []);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 4);
}

#[test]
fn a_damaged_file_in_place_is_kept_until_its_successor_is_whole() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let mut damaged = labels();
    damaged[20_000] ^= 1;
    fs::write(gz(dir.path(), LABELS), &damaged).unwrap();

    attempts(download(&[server.mirror("truncated")]).fetch(&dir, |_| {}));
    assert!(fs::read(gz(dir.path(), LABELS)).unwrap() == damaged);
    download(&[server.mirror("good")]).fetch(&dir, |_| {}).unwrap();
    assert_complete(dir.path());
}

#[test]
fn each_mirrors_fault_is_named_and_the_next_one_tried() {
    let server = Server::start();
    // The near end of a connection: a port that is taken, and where nobody listens.
    let connection = TcpStream::connect(server.address).unwrap();
    let refused = format!("http://{}", connection.local_addr().unwrap());
    let faults = [
        (refused, "refused"),
        ("nonsense".into(), "builder error"),
        (server.mirror("404"), "answered 404 Not Found"),
        (server.mirror("500"), "answered 500 Internal Server Error"),
        (server.mirror("no-gzip"), "no good gzip file"),
        (server.mirror("bomb"), "unpacks to more than 60008 bytes"),
        (server.mirror("other"), "checksum"),
        (server.mirror("corrupt"), "no good gzip file"),
        (server.mirror("huge"), "more than 125544 bytes"),
        (server.mirror("endless"), "more than 125544 bytes"),
        (server.mirror("truncated"), "broke off after 14428 bytes"),
    ];
    let mut mirrors: Vec<_> = faults.iter().map(|(mirror, _)| mirror.clone()).collect();

    let dir = folder_without(LABELS);
    let attempts = attempts(download(&mirrors).fetch(&dir, |_| {}));
    assert_eq!(attempts.len(), faults.len());
    for ((mirror, fault), attempt) in faults.iter().zip(&attempts) {
        assert!(
            attempt.starts_with(mirror) && attempt.contains(fault),
            "expected {mirror}: {fault}; got {attempt}"
        );
    }
    assert!(!gz(dir.path(), LABELS).exists());
    assert!(fs::read(part(dir.path(), LABELS)).unwrap() == labels()[..14_428]);

    fs::remove_file(part(dir.path(), LABELS)).unwrap();
    mirrors.push(server.mirror("good"));
    download(&mirrors).fetch(&dir, |_| {}).unwrap();
    assert_complete(dir.path());
    assert_eq!(server.requests().last(), Some(&(LABELS.into(), Some(14_428))));
}

#[test]
fn a_stalled_mirror_is_given_up() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let impatient = Download {
        mirrors: vec![server.mirror("silent"), server.mirror("stalled")],
        stall_timeout: Duration::from_secs(1), // long enough for the half that does come
    };
    let attempts = attempts(impatient.fetch(&dir, |_| {}));
    assert!(attempts[0].ends_with(": nothing came within the stall timeout"), "{}", attempts[0]);
    assert!(
        attempts[1]
            .ends_with(": broke off after 14428 bytes: nothing came within the stall timeout"),
        "{}",
        attempts[1]
    );
    assert!(fs::read(part(dir.path(), LABELS)).unwrap() == labels()[..14_428]);
}

/// Neither ever stops sending.
#[test]
fn a_mirror_that_is_too_slow_is_given_up() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let impatient = Download {
        mirrors: vec![server.mirror("slow-to-answer"), server.mirror("trickling")],
        stall_timeout: Duration::from_millis(500),
    };
    let attempts = attempts(impatient.fetch(&dir, |_| {}));
    assert!(attempts[0].ends_with(": nothing came within the stall timeout"), "{attempts:?}");
    assert!(attempts[1].ends_with("it sent fewer than 1024 bytes a second"), "{attempts:?}");
    // What it did send is kept.
    let kept = fs::read(part(dir.path(), LABELS)).unwrap();
    assert!(!kept.is_empty() && labels().starts_with(&kept));
}

/// The other process is this test: it holds the lock.
#[test]
fn whoever_waits_is_told_how_far_the_other_has_come() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let lock = fs::File::create(dir.path().join(".download.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(part(dir.path(), LABELS), &labels()[..1000]).unwrap();
    let mut lock = Some(lock);
    let mut seen = vec![];
    download(&[server.mirror("good")])
        .fetch(&dir, |progress| {
            seen.push(progress);
            lock = None; // the other is killed
        })
        .unwrap();
    assert_complete(dir.path());
    let DownloadProgress { file, received, total, waiting, .. } = seen[0];
    assert_eq!((file, received, total, waiting), (LABELS, 1000, None, true));
    assert!(seen.last().is_some_and(|last| !last.waiting && last.received == 28_857), "{seen:?}");
}

#[test]
fn a_second_call_goes_on_where_the_first_one_broke_off() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    attempts(download(&[server.mirror("truncated")]).fetch(&dir, |_| {}));
    let mut seen = Vec::new();
    download(&[server.mirror("good")]).fetch(&dir, |progress| seen.push(progress)).unwrap();

    assert_complete(dir.path());
    assert_eq!(server.requests(), [(LABELS.into(), None), (LABELS.into(), Some(14_428))]);
    assert!(seen[0].received > 14_428 && seen[0].total == Some(28_857), "{:?}", seen[0]);
}

#[test]
fn a_mirror_that_sends_a_shorter_range_leaves_the_rest_to_the_next() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    fs::write(part(dir.path(), LABELS), &labels()[..1000]).unwrap();
    download(&["short-range", "good"].map(|manner| server.mirror(manner)))
        .fetch(&dir, |_| {})
        .unwrap();
    assert_complete(dir.path());
    assert_eq!(server.requests(), [(LABELS.into(), Some(1000)), (LABELS.into(), Some(1010))]);
}

#[test]
fn a_part_that_cannot_be_gone_on_with_is_started_over_at_the_same_mirror() {
    let right = labels();
    let junk = vec![7; 1000];
    let beyond = vec![7; right.len() + 1];
    // The mirror, what was kept, and whether a second request is needed.
    let cases = [
        ("rangeless", &right[..1000], false),
        ("rangeless", &beyond[..], false),
        ("wrong-range", &right[..1000], true),
        ("good", &junk[..], true),
        ("good", &beyond[..], true),
    ];
    for (manner, kept, again) in cases {
        let server = Server::start();
        let dir = folder_without(LABELS);
        fs::write(part(dir.path(), LABELS), kept).unwrap();
        let mut most = 0;
        download(&[server.mirror(manner)])
            .fetch(&dir, |progress| most = most.max(progress.received))
            .unwrap();
        assert_complete(dir.path());
        // Bytes from another place are not even written.
        assert_eq!(most, right.len() as u64, "{manner}");
        let mut expected = vec![(LABELS.into(), Some(kept.len()))];
        expected.extend(again.then(|| (LABELS.into(), None)));
        assert_eq!(server.requests(), expected, "{manner}");
    }
}

#[test]
fn two_at_once_fetch_each_file_once() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let download = download(&[server.mirror("good")]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| download.fetch(&dir, |_| {}).unwrap());
        }
    });
    assert_complete(dir.path());
    assert_eq!(server.requests(), FILES.map(|file| (file.into(), None)));
}

#[test]
fn works_within_an_async_runtime() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { download(&[server.mirror("good")]).fetch(&dir, |_| {}) }).unwrap();
    assert_complete(dir.path());
}

#[test]
fn a_panic_in_the_callback_ends_the_download() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let fetch = || download(&[server.mirror("endless")]).fetch(&dir, |_| panic!("enough"));
    let panicked = panic::catch_unwind(panic::AssertUnwindSafe(fetch)).unwrap_err();
    assert_eq!(panicked.downcast_ref(), Some(&"enough"));
    assert_eq!(server.requests().len(), 1);
}

/// Files, MD5s and mirrors of torchvision 0.28, `torchvision/datasets/mnist.py`. What is sent here is MNIST's, or nothing: a file
/// under the right name, but another one. src/data/download/mod.rs has a test that the right ones are kept.
#[test]
fn files_of_other_sets_are_known_by_their_md5() {
    let sets = [
        (
            NamedSet::FashionMnist,
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "train-images-idx3-ubyte.gz",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        (
            NamedSet::Kmnist,
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "train-images-idx3-ubyte.gz",
            "bdb82020997e1d708af4cf47b453dcf7",
        ),
        (
            NamedSet::EmnistDigits,
            "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
            "gzip.zip",
            "58c8d27c78d21e728a6bc7b3cc06412e",
        ),
        (
            NamedSet::Qmnist,
            "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
            "qmnist-train-images-idx3-ubyte.gz",
            "ed72d4157d28c017586c42bc6afe6370",
        ),
    ];
    for (set, mirror, name, md5) in sets {
        assert_eq!(Download::of(set).mirrors[0], mirror);
        let server = Server::start();
        let dir = tempfile::tempdir().unwrap();
        let download = download(&[server.mirror("good")]);
        let error = download.fetch_set(set, &dir, |_| {}).unwrap_err();
        let Error::Download { file, attempts } = &error else { panic!("{error:?}") };
        assert_eq!(file, name);
        let expected = format!("/good/{name}: sent a file with the checksum ");
        assert!(attempts[0].contains(&expected) && attempts[0].ends_with(md5), "{error}");
        assert_eq!(server.requests(), [(name.trim_end_matches(".gz").into(), None)]);
        assert!(!dir.path().join(name).exists());
    }
}

/// TLS is compiled in and has its provider: what fails is the server, which knows no TLS.
#[test]
fn https_is_spoken() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    let attempts =
        attempts(download(&[format!("https://{}/", server.address)]).fetch(&dir, |_| {}));
    assert!(attempts[0].contains("InvalidContentType"), "{}", attempts[0]);
}

#[test]
fn the_error_says_what_to_do_without_a_network() {
    let server = Server::start();
    let error =
        download(&[server.mirror("404")]).fetch(folder_without(LABELS), |_| {}).unwrap_err();
    let advice = "put the four *-ubyte.gz files in a folder and name it in LENET_DATA";
    assert!(error.to_string().ends_with(advice), "{error}");
}

#[test]
fn no_mirrors_are_refused() {
    let error = download(&[]).fetch(folder_without(LABELS), |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "Download::mirrors: expected at least one, got none");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = download(&[server.mirror("good")]).fetch(file.join("mnist"), |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.starts_with(&file)), "{error:?}");
    assert_eq!(server.requests(), []);
}

/// No other mirror is troubled: none could help.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_io_error_that_names_the_file() {
    let server = Server::start();
    let dir = folder_without(LABELS);
    std::os::unix::fs::symlink("/dev/full", part(dir.path(), LABELS)).unwrap();
    let error = download(&["good", "rangeless"].map(|manner| server.mirror(manner)))
        .fetch(&dir, |_| {})
        .unwrap_err();
    match error {
        Error::Io { action: "write", path, source } => {
            assert_eq!(path, part(dir.path(), LABELS));
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.requests().len(), 1);
}
