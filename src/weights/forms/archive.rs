//! Zip archives, which both torch.save's form and .npz are.
//!
//! `rawzip` finds the records; what makes an archive trustworthy is decided here. Entries have to lie one behind the other
//! from the first byte on, must not overlap or share a name, and their names must not lead out of a folder. An entry's
//! size and CRC are checked when it is read; a CRC of 0 means that none was written (torch.save has a switch for that).

use std::{
    borrow::Cow,
    cell::Cell,
    collections::BTreeMap,
    io::{Read, Write},
};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, Header, ZipArchive, ZipArchiveWriter, crc32, extra_fields::ExtraFieldId,
    path::ZipFilePath,
};

use super::fault::{Fault, Parsed};

/// The local header of a first entry: what an archive with entries begins with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// A data descriptor (CRC and two 64-bit sizes behind a signature): all that may lie between two entries.
const LONGEST_DESCRIPTOR: u64 = 24;

/// What the deflated entries of an archive may come to, per byte of the archive. Weights hardly shrink at all (1.1 is
/// usual), while deflate can pack zeros a thousandfold.
const INFLATED_PER_BYTE: u64 = 32;

/// What they may come to in any case, so that a small model of zeros still opens.
const INFLATED_AT_LEAST: u64 = 16 << 20;

/// An archive in memory whose records are in order.
pub(super) struct Archive<'a> {
    entries: BTreeMap<String, Entry<'a>>,
    inflatable: Cell<u64>,
}

struct Entry<'a> {
    /// Where its local header begins in the archive, and where its data ends.
    extent: (u64, u64),
    method: CompressionMethod,
    data: &'a [u8],
    size: u64,
    crc: u32,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Parsed<Archive<'a>> {
        let zip = ZipArchive::from_slice(bytes)?;
        if zip.end_offset() != bytes.len() as u64 {
            return Err("zip: bytes after the end of the archive".into());
        }
        let mut entries = BTreeMap::new();
        let mut records = zip.entries();
        while let Some(record) = records.next_entry()? {
            let name = entry_name(record.file_path().as_ref())?;
            let local =
                zip.get_entry(record.wayfinder()).map_err(|error| Fault::from(error).at(&name))?;
            let header = local.local_header();
            if header.file_path().as_ref() != name.as_bytes() {
                return Err(format!("zip: {name} has another name in its local header").into());
            }
            if header.flags().is_encrypted() {
                return Err(format!("zip: {name} is encrypted").into());
            }
            let (start, end) = local.compressed_data_range();
            let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
            let data = range.and_then(|(start, end)| bytes.get(start..end));
            let entry = Entry {
                extent: (record.local_header_offset(), end),
                method: record.compression_method(),
                data: data.ok_or_else(|| Fault(format!("zip: {name} ends outside the archive")))?,
                size: record.uncompressed_size_hint(),
                crc: record.crc32(),
            };
            if entries.insert(name.clone(), entry).is_some() {
                return Err(format!("zip: two entries are named {name}").into());
            }
        }
        if entries.len() as u64 != zip.entries_hint() {
            return Err(format!(
                "zip: {} entries, {} announced",
                entries.len(),
                zip.entries_hint()
            )
            .into());
        }
        check_order(&entries, zip.directory_offset())?;
        let inflatable =
            (bytes.len() as u64).saturating_mul(INFLATED_PER_BYTE).max(INFLATED_AT_LEAST);
        Ok(Archive { entries, inflatable: Cell::new(inflatable) })
    }

    /// The names of the entries, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names of the entries in the order in which they lie in the archive.
    pub(super) fn names_in_order(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.entries.iter().map(|(name, entry)| (entry.extent, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.as_str()).collect()
    }

    /// An entry's bytes as they will be once inflated, or `None` where there is no such entry.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.size)
    }

    /// The content of an entry, its size and CRC checked.
    pub(super) fn read(&self, name: &str) -> Parsed<Cow<'a, [u8]>> {
        let entry = self.entries.get(name).ok_or_else(|| Fault(format!("zip: no entry {name}")))?;
        let content = match entry.method {
            CompressionMethod::STORE => Cow::Borrowed(entry.data),
            CompressionMethod::DEFLATE => {
                Cow::Owned(self.inflate(entry).map_err(|fault| fault.at(name))?)
            }
            method => return Err(format!("zip: {name} is packed with {method:?}").into()),
        };
        if content.len() as u64 != entry.size {
            return Err(format!(
                "zip: {name} should be {} bytes and is {}",
                entry.size,
                content.len()
            )
            .into());
        }
        if entry.crc != 0 && crc32(&content) != entry.crc {
            return Err(format!("zip: the CRC of {name} is wrong: its bytes are damaged").into());
        }
        Ok(content)
    }

    fn inflate(&self, entry: &Entry<'_>) -> Parsed<Vec<u8>> {
        let left = self.inflatable.get().checked_sub(entry.size).ok_or_else(|| {
            Fault(format!("zip: {} bytes inflate to {}: a zip bomb", entry.data.len(), entry.size))
        })?;
        self.inflatable.set(left);
        let mut content = Vec::new();
        let mut decoder = DeflateDecoder::new(entry.data);
        // One byte more than announced is enough to see that the size is a lie.
        (&mut decoder)
            .take(entry.size.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| Fault(format!("zip: {error}")))?;
        if content.len() as u64 == entry.size && decoder.total_in() != entry.data.len() as u64 {
            return Err("zip: bytes after the end of the deflated data".into());
        }
        Ok(content)
    }
}

/// The name of an entry, if it is one that stays inside the folder it would be unpacked in. Nothing is ever unpacked here;
/// but who writes `../` into a file of weights means no good.
fn entry_name(bytes: &[u8]) -> Parsed<String> {
    let name = str::from_utf8(bytes).map_err(|_| "zip: an entry's name is not UTF-8")?;
    if name.is_empty() || ZipFilePath::from_str(name).as_str() != name {
        return Err(format!("zip: {name:?} is no name for an entry").into());
    }
    Ok(name.to_owned())
}

fn check_order(entries: &BTreeMap<String, Entry<'_>>, directory: u64) -> Parsed<()> {
    let mut extents: Vec<_> = entries.iter().map(|(name, entry)| (entry.extent, name)).collect();
    extents.sort_unstable();
    let mut end = 0;
    let mut slack = 0;
    for ((start, next_end), name) in extents {
        if start < end {
            return Err(format!("zip: {name} overlaps another entry").into());
        }
        if start - end > slack {
            return Err(
                format!("zip: {} bytes before {name} belong to no entry", start - end).into()
            );
        }
        (end, slack) = (next_end, LONGEST_DESCRIPTOR);
    }
    match directory.checked_sub(end) {
        Some(gap) if gap <= slack => Ok(()),
        Some(gap) => {
            Err(format!("zip: {gap} bytes before the directory belong to no entry").into())
        }
        None => Err("zip: the last entry overlaps the directory".into()),
    }
}

/// Builds an archive of stored entries in memory: weights are not worth deflating.
pub(super) struct ArchiveWriter {
    zip: ZipArchiveWriter<Vec<u8>>,
}

impl ArchiveWriter {
    pub(super) fn new() -> ArchiveWriter {
        ArchiveWriter { zip: ZipArchiveWriter::new(Vec::new()) }
    }

    /// Adds an entry whose content begins at a multiple of `alignment` bytes, 1 for anywhere.
    pub(super) fn add(&mut self, name: &str, content: &[u8], alignment: u64) -> Parsed<()> {
        entry_name(name.as_bytes())?;
        let offset = self.zip.stream_offset();
        let mut builder = self.zip.new_file(name);
        if alignment > 1 {
            let unpadded = offset + LOCAL_HEADER + name.len() as u64 + PADDING_HEADER;
            let padding = unpadded.next_multiple_of(alignment) - unpadded;
            builder = builder.extra_field(PADDING, &vec![b'Z'; padding as usize], Header::LOCAL)?;
        }
        let (mut entry, config) = builder.start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(content).map_err(|error| Fault(error.to_string()))?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
        Ok(())
    }

    pub(super) fn finish(self) -> Parsed<Vec<u8>> {
        Ok(self.zip.finish()?)
    }
}

/// The fixed part of a local header, and an extra field's id and length, in bytes.
const LOCAL_HEADER: u64 = 30;
const PADDING_HEADER: u64 = 4;

/// The extra field that torch.save pads with (`FB`).
const PADDING: ExtraFieldId = ExtraFieldId::new(0x4246);
