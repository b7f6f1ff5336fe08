use super::metrics::Metrics;
use crate::{Error, Result, atomic_file, protobuf::Message};
use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

/// A TensorBoard event file. It grows by a record an epoch: a TensorBoard that is open goes on reading where it was, and
/// would not see a file that is put in its place.
///
/// Written by hand: the crate that does it, tensorboard-rs, has been given up.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    file: File,
    /// How much of it is good: what a write that failed has left behind is written over by the next.
    length: u64,
}

/// How our files' names end: no other program's files are removed.
const OURS: &str = ".lenet";

impl Events {
    /// A new file in `dir` with `epochs`, in the place of those that earlier runs left there.
    pub fn create(dir: &Path, epochs: &[Metrics]) -> Result<Events> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let name = format!("events.out.tfevents.{:010}.{}{OURS}", now.as_secs(), process::id());
        let path = dir.join(name);
        let mut bytes = record(&version(now.as_secs_f64()));
        for metrics in epochs {
            bytes.extend(record(&scalars(metrics)));
        }
        atomic_file::write(&path, &bytes)?;
        let file = OpenOptions::new().write(true).open(&path).map_err(Error::io("open", &path))?;
        remove_others(dir, &path)?;
        Ok(Events { path, file, length: bytes.len() as u64 })
    }

    pub fn append(&mut self, metrics: &Metrics) -> Result<()> {
        let bytes = record(&scalars(metrics));
        let start = SeekFrom::Start(self.length);
        let written = self.file.seek(start).and_then(|_| self.file.write_all(&bytes));
        written.map_err(Error::io("write", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn remove_others(dir: &Path, own: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("read", dir))? {
        let path = entry.map_err(Error::io("read", dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("events.out.tfevents.") && name.ends_with(OURS) && path != own {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The framing of TFRecord: length, its checksum, data, their checksum; little-endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// Masked, since a CRC of data that holds CRCs would be weak: `tensorflow/core/lib/hash/crc32c.h`.
fn masked_crc(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

// The messages, with the numbers of `tensorboard/compat/proto/{event,summary}.proto`.

/// `Event { wall_time, file_version }`: what the file begins with.
fn version(unix_time: f64) -> Vec<u8> {
    Message::default().double(1, unix_time).text(3, "brain.Event:2").into_bytes()
}

/// `Event { wall_time, step, summary }`, with a value for each scalar.
fn scalars(metrics: &Metrics) -> Vec<u8> {
    let values = metrics.scalars();
    let values = values.map(|(tag, value)| Message::default().text(1, tag).float(2, value as f32));
    let summary = Message::default().messages(1, values);
    let event = Message::default().double(1, metrics.unix_time).int(2, metrics.epoch as i64);
    event.message(5, summary).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::masked_crc;

    /// The checksum of an empty TFRecord's length, which is 0.
    #[test]
    fn the_checksum_is_the_documented_one() {
        assert_eq!(masked_crc(&[0; 8]), [0x29, 0x03, 0x98, 0x07]);
    }
}
