//! One request to one mirror, from the bytes that an earlier one left.

use super::{progress::DownloadProgress, source::File};
use crate::Error;
use reqwest::{Client, Response, StatusCode, header};
use std::{
    error::Error as _,
    fs,
    io::{self, Seek, Write},
    path::Path,
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

/// A mirror that sends fewer bytes a second, over a whole `stall_timeout`, is given up: at
/// this rate the four files would take three hours.
const LEAST_RATE: u64 = 1024;

/// Why an attempt failed, by what helps.
pub(super) enum Fault {
    /// What an earlier attempt left does not belong to the mirror's file. It is removed: the same mirror, from the start.
    Part(String),
    /// The mirror's fault: the next one.
    Mirror(String),
    /// The disk's, say: no mirror helps.
    Here(Error),
}

type Result<T> = std::result::Result<T, Fault>;

/// What an attempt needs.
pub(super) struct Attempt<'a> {
    pub(super) client: &'a Client,
    pub(super) url: &'a str,
    pub(super) file: &'static File,
    /// The file under way, which it completes.
    pub(super) part: &'a Path,
    pub(super) stall_timeout: Duration,
    pub(super) progress: &'a Sender<DownloadProgress>,
}

/// An answer that continues the file.
struct Body {
    response: Response,
    /// Bytes of the file that come before it.
    kept: u64,
    /// Bytes of the whole file, where the mirror tells.
    total: Option<u64>,
}

impl Attempt<'_> {
    /// Completes the part and checks it.
    pub(super) async fn run(&self) -> Result<()> {
        let body = self.request(self.kept()?).await?;
        let kept = body.kept;
        self.receive(body).await?;
        let sent = fs::File::open(self.part).map_err(self.here("read"))?;
        self.file.check(sent).map_err(|reason| self.spoilt(kept, reason))
    }

    /// Bytes that an earlier attempt left.
    fn kept(&self) -> Result<u64> {
        match fs::metadata(self.part) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.here("read")(error)),
        }
    }

    /// Asks for the bytes from `kept` on.
    async fn request(&self, kept: u64) -> Result<Body> {
        let mut request = self.client.get(self.url);
        if kept > 0 {
            request = request.header(header::RANGE, format!("bytes={kept}-"));
        }
        let response = request.send().await.map_err(|error| Fault::Mirror(describe(error)))?;
        let (start, total) = content_range(&response).unzip();
        match response.status() {
            StatusCode::OK => Ok(Body { kept: 0, total: response.content_length(), response }),
            StatusCode::PARTIAL_CONTENT if kept > 0 && start == Some(kept) => {
                Ok(Body { kept, total: total.flatten(), response })
            }
            status @ (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
                if kept > 0 =>
            {
                let reason = format!("answered {status}, but not with the bytes from {kept} on");
                Err(self.spoilt(kept, reason))
            }
            status => Err(Fault::Mirror(format!("answered {status}"))),
        }
    }

    /// Writes the body as it comes, as long as it can be the file and comes fast enough.
    async fn receive(&self, Body { mut response, kept, total }: Body) -> Result<()> {
        let mut out = self.open(kept).map_err(self.here("write"))?;
        let mut received = kept;
        let mut rate = Rate { since: Instant::now(), bytes: 0, period: self.stall_timeout };
        let cut_short = |received, reason: String| {
            Fault::Mirror(format!("broke off after {received} bytes: {reason}"))
        };
        while let Some(chunk) =
            response.chunk().await.map_err(|error| cut_short(received, describe(error)))?
        {
            received += chunk.len() as u64;
            let most = self.file.most;
            if received.max(total.unwrap_or(0)) > most {
                let reason = format!("sent more than {most} bytes, which cannot be the file");
                return Err(self.spoilt(kept, reason));
            }
            out.write_all(&chunk).map_err(self.here("write"))?;
            if rate.is_too_low_with(chunk.len()) && Some(received) != total {
                let reason = format!("it sent fewer than {LEAST_RATE} bytes a second");
                return Err(cut_short(received, reason));
            }
            // Nobody listens once `on_progress` has panicked.
            let file = self.file.title();
            let news = DownloadProgress { file, received, total, waiting: false };
            let gone = |_| self.here("resume")(io::ErrorKind::BrokenPipe.into());
            self.progress.send(news).map_err(gone)?;
        }
        if let Some(total) = total.filter(|&total| received < total) {
            return Err(cut_short(received, format!("{total} were promised")));
        }
        out.sync_all().map_err(self.here("write"))
    }

    /// The part, to be written from `kept` on.
    fn open(&self, kept: u64) -> io::Result<fs::File> {
        let mut options = fs::OpenOptions::new();
        let mut out = options.write(true).create(true).truncate(kept == 0).open(self.part)?;
        out.seek(io::SeekFrom::Start(kept))?;
        Ok(out)
    }

    /// Removes the part, which is not the file. Says whether what was kept is to blame, or the mirror.
    fn spoilt(&self, kept: u64, reason: String) -> Fault {
        match fs::remove_file(self.part) {
            Ok(()) if kept > 0 => Fault::Part(reason),
            Ok(()) => Fault::Mirror(reason),
            Err(error) => self.here("remove")(error),
        }
    }

    /// What went wrong with the part on this machine.
    fn here(&self, action: &'static str) -> impl Fn(io::Error) -> Fault {
        move |source| Fault::Here(Error::io(action, self.part)(source))
    }
}

/// The bytes of a period.
struct Rate {
    since: Instant,
    bytes: u64,
    period: Duration,
}

impl Rate {
    /// Adds so many bytes. At the end of a period, whether there were too few in it.
    fn is_too_low_with(&mut self, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        let elapsed = self.since.elapsed();
        if elapsed < self.period {
            return false;
        }
        let too_low = (self.bytes as f64) < elapsed.as_secs_f64() * LEAST_RATE as f64;
        (self.since, self.bytes) = (Instant::now(), 0);
        too_low
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
