//! Zip archives, which both torch.save's form and .npz are.
//!
//! `rawzip` writes them. They are read here, because every zip reader passes over what it does not need, while an archive is
//! trusted here only where all its records agree. The entries lie one behind the other from the first byte to the
//! directory, and the directory ends where the end record begins. Every size, count, offset and version that a record
//! states is compared with what is there. A CRC of 0 means that none was written (torch.save has a switch for that).

use std::{
    borrow::Cow,
    cell::Cell,
    collections::BTreeMap,
    io::{Read, Write},
};

use flate2::bufread::DeflateDecoder;
use rawzip::{Header, ZipArchiveWriter, crc32, extra_fields::ExtraFieldId, path::ZipFilePath};

use super::fault::{Fault, Parsed};

/// The local header of a first entry: what an archive with entries begins with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// What the other records begin with.
const DIRECTORY_MAGIC: &[u8] = b"PK\x01\x02";
const DESCRIPTOR_MAGIC: &[u8] = b"PK\x07\x08";
const END_MAGIC: &[u8] = b"PK\x05\x06";
const END64_MAGIC: &[u8] = b"PK\x06\x06";
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";

/// The lengths of the end records, in bytes. A comment may follow [`END`].
const END: usize = 22;
const END64: usize = 56;
const LOCATOR: usize = 20;
const LONGEST_COMMENT: usize = 0xffff;

/// The versions of the form that a reader needs for what is read here: none stated (torch.save), 1.0, deflate, zip64.
const VERSIONS: [u64; 4] = [0, 10, 20, 45];

/// How an entry is packed.
const STORED: u64 = 0;
const DEFLATED: u64 = 8;

/// An entry's flags: encrypted; how well it was deflated; its CRC and sizes follow its data; its name is UTF-8.
const ENCRYPTED: u64 = 1;
const DEFLATE_LEVEL: u64 = 6;
const DESCRIBED: u64 = 8;
const UTF8: u64 = 0x800;

/// The extra field with the numbers that do not fit in 32 bits.
const ZIP64: u64 = 1;

/// What the deflated entries of an archive may come to, per byte of the archive. Weights hardly shrink at all (1.1 is
/// usual), while deflate can pack zeros a thousandfold.
const INFLATED_PER_BYTE: u64 = 32;

/// What they may come to in any case, so that a small model of zeros still opens.
const INFLATED_AT_LEAST: u64 = 16 << 20;

/// An archive in memory whose records agree.
pub(super) struct Archive<'a> {
    entries: BTreeMap<String, Entry<'a>>,
    inflatable: Cell<u64>,
    /// Whether the CRCs are not computed: all are 0.
    without_crcs: bool,
}

struct Entry<'a> {
    /// Where its local header begins in the archive.
    offset: usize,
    deflated: bool,
    data: &'a [u8],
    size: u64,
    crc: u32,
    /// Whether its content has been read, and so its size and CRC checked.
    checked: Cell<bool>,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Parsed<Archive<'a>> {
        let Directory { start, records } = Directory::open(bytes)?;
        let mut entries = BTreeMap::new();
        let mut end = 0;
        for (number, record) in records.iter().enumerate() {
            let name = entry_name(record.name)?;
            let next = records.get(number + 1).map_or(Some(start), |next| next.offset());
            let next = next.filter(|&next| next <= start);
            let place = |fault: Fault| Fault(format!("zip: {name}: {}", fault.0));
            let (entry, after) = record.entry(bytes, end, next).map_err(place)?;
            end = after;
            if name.ends_with('/') && entry.size > 0 {
                return Err(format!("zip: the folder {name} has {} bytes", entry.size).into());
            }
            if entries.insert(name.to_owned(), entry).is_some() {
                return Err(format!("zip: two entries are named {name}").into());
            }
        }
        if end != start {
            return Err("zip: bytes between the last entry and the directory".into());
        }
        entries.retain(|name, _| !name.ends_with('/'));
        let inflatable =
            (bytes.len() as u64).saturating_mul(INFLATED_PER_BYTE).max(INFLATED_AT_LEAST);
        Ok(Archive { entries, inflatable: Cell::new(inflatable), without_crcs: false })
    }

    /// With CRCs that may all be 0, as `torch.save` writes them after `torch.serialization.set_crc32_options(False)`.
    pub(super) fn or_without_crcs(mut self) -> Archive<'a> {
        self.without_crcs = self.entries.values().all(|entry| entry.crc == 0);
        self
    }

    /// The names of the entries, sorted. Folders are left out.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The names of the entries in the order in which they lie in the archive.
    pub(super) fn names_in_order(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.entries.iter().map(|(name, entry)| (entry.offset, name)).collect();
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
        let content = match entry.deflated {
            false => Cow::Borrowed(entry.data),
            true => Cow::Owned(self.inflate(entry).map_err(|fault| fault.at(name))?),
        };
        if content.len() as u64 != entry.size {
            return Err(format!(
                "zip: {name} should be {} bytes and is {}",
                entry.size,
                content.len()
            )
            .into());
        }
        if !self.without_crcs && crc32(&content) != entry.crc {
            return Err(format!("zip: the CRC of {name} is wrong: its bytes are damaged").into());
        }
        entry.checked.set(true);
        Ok(content)
    }

    /// Checks the sizes and CRCs of the entries that were not read.
    pub(super) fn check_rest(&self) -> Parsed<()> {
        let mut rest = self.entries.iter().filter(|(_, entry)| !entry.checked.get());
        rest.try_for_each(|(name, _)| self.read(name).map(drop))
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

/// The fields of a record: little-endian, one behind the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields behind the magic number at `offset`.
    fn of(bytes: &'a [u8], offset: usize, magic: &[u8]) -> Parsed<Fields<'a>> {
        let record = bytes.get(offset..).and_then(|rest| rest.strip_prefix(magic));
        record.map(Fields).ok_or_else(|| {
            Fault(format!("no \"{}\" record at byte {offset}", magic.escape_ascii()))
        })
    }

    fn bytes(&mut self, length: u64) -> Parsed<&'a [u8]> {
        let length = usize::try_from(length).ok();
        let taken = length.and_then(|length| self.0.split_off(..length));
        taken.ok_or_else(|| "a record is cut short".into())
    }

    /// A number of this many bytes, at most 8.
    fn number(&mut self, length: u64) -> Parsed<u64> {
        let bytes = self.bytes(length)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn numbers<const N: usize>(&mut self, lengths: [u64; N]) -> Parsed<[u64; N]> {
        let mut numbers = [0; N];
        for (number, length) in numbers.iter_mut().zip(lengths) {
            *number = self.number(length)?;
        }
        Ok(numbers)
    }
}

/// Fails unless `stated` is what is there.
fn agree(what: &str, stated: u64, there: u64) -> Parsed<()> {
    if stated == there {
        return Ok(());
    }
    Err(format!("{what} is stated as {stated} and is {there}").into())
}

fn check_version(version: u64) -> Parsed<()> {
    if VERSIONS.contains(&version) {
        return Ok(());
    }
    Err(format!("version {version} of zip is needed, known are {VERSIONS:?}").into())
}

/// The directory: where it begins, and its records in the order in which their entries lie in the archive.
struct Directory<'a> {
    start: usize,
    records: Vec<Record<'a>>,
}

impl<'a> Directory<'a> {
    fn open(bytes: &'a [u8]) -> Parsed<Directory<'a>> {
        let (range, count) = directory(bytes).map_err(|fault| fault.at("zip"))?;
        let start = range.start;
        let mut fields = Fields(bytes.get(range).unwrap_or_default());
        let mut records = Vec::new();
        while !fields.0.is_empty() {
            records.push(Record::parse(&mut fields).map_err(|fault| fault.at("zip"))?);
        }
        agree("zip: the number of entries", count, records.len() as u64)?;
        records.sort_by_key(|record| record.offset);
        Ok(Directory { start, records })
    }
}

/// Where the directory lies, and how many records it should have.
fn directory(bytes: &[u8]) -> Parsed<(std::ops::Range<usize>, u64)> {
    let last = bytes.len().checked_sub(END).ok_or("the end record is cut short")?;
    let first = last.saturating_sub(LONGEST_COMMENT);
    let found = bytes.get(first..last + END_MAGIC.len()).unwrap_or_default();
    let found = found.windows(END_MAGIC.len()).rposition(|window| window == END_MAGIC);
    let end = first + found.ok_or("no end record")?;

    let mut fields = Fields::of(bytes, end, END_MAGIC)?;
    let stated = fields.numbers([2, 2, 2, 2, 4, 4])?;
    let comment = fields.number(2)?;
    agree("the length of the comment", comment, fields.0.len() as u64)?;

    // Disk, the directory's disk, entries on this disk, entries, the directory's size and offset.
    let mut numbers = stated;
    let mut behind_directory = end;
    if let Some(locator) = end.checked_sub(LOCATOR)
        && let Ok(mut fields) = Fields::of(bytes, locator, LOCATOR_MAGIC)
    {
        let [disk, offset, disks] = fields.numbers([4, 8, 4])?;
        behind_directory = locator.checked_sub(END64).ok_or("the zip64 end record is cut short")?;
        agree("the zip64 end record's disk", disk, 0)?;
        agree("the zip64 end record's offset", offset, behind_directory as u64)?;
        agree("the number of disks", disks, 1)?;
        let mut fields = Fields::of(bytes, behind_directory, END64_MAGIC)?;
        let [size, _made_by, needed] = fields.numbers([8, 2, 2])?;
        agree("the zip64 end record's size", size, END64 as u64 - 12)?;
        check_version(needed)?;
        numbers = fields.numbers([4, 4, 8, 8, 8, 8])?;
        // The short record has the same numbers, or all ones where they do not fit.
        let ones = [0xffff, 0xffff, 0xffff, 0xffff, 0xffff_ffff, 0xffff_ffff];
        for ((short, ones), number) in stated.into_iter().zip(ones).zip(numbers) {
            if short != ones {
                agree("a number of the end record", short, number)?;
            }
        }
    }
    let [disk, directory_disk, on_disk, entries, size, offset] = numbers;
    agree("the disk", disk, 0)?;
    agree("the directory's disk", directory_disk, 0)?;
    agree("the number of entries on this disk", on_disk, entries)?;
    let start = usize::try_from(offset).ok().filter(|&start| start <= behind_directory);
    let start = start.ok_or("the directory begins behind its end")?;
    agree("the directory's size", size, (behind_directory - start) as u64)?;
    Ok((start..behind_directory, entries))
}

/// What the directory says of an entry.
struct Record<'a> {
    name: &'a [u8],
    flags: u64,
    method: u64,
    crc: u64,
    packed: u64,
    size: u64,
    offset: u64,
}

impl<'a> Record<'a> {
    fn parse(fields: &mut Fields<'a>) -> Parsed<Record<'a>> {
        *fields = Fields::of(fields.0, 0, DIRECTORY_MAGIC)?;
        let [_made_by, needed, flags, method, _time, crc] = fields.numbers([2, 2, 2, 2, 4, 4])?;
        let [mut packed, mut size] = fields.numbers([4, 4])?;
        let lengths = fields.numbers([2, 2, 2])?;
        let [disk, _internal, _external, mut offset] = fields.numbers([2, 2, 4, 4])?;
        let [name, extra, _comment] = lengths;
        let (name, extra) = (fields.bytes(name)?, fields.bytes(extra)?);
        fields.bytes(lengths[2])?;
        check_version(needed)?;
        agree("an entry's disk", disk, 0)?;
        widen(extra, [&mut size, &mut packed, &mut offset])?;
        Ok(Record { name, flags, method, crc, packed, size, offset })
    }

    fn offset(&self) -> Option<usize> {
        usize::try_from(self.offset).ok()
    }

    /// The entry, whose local header should begin at `start` and what follows it at `next`, and where it ends.
    fn entry(
        &self,
        bytes: &'a [u8],
        start: usize,
        next: Option<usize>,
    ) -> Parsed<(Entry<'a>, usize)> {
        let offset = self.offset().ok_or("it begins outside the archive")?;
        if offset < start {
            return Err("it overlaps another entry".into());
        }
        agree("where it begins", self.offset, start as u64)?;
        let mut fields = Fields::of(bytes, offset, MAGIC)?;
        let [needed, flags, method, _time, crc] = fields.numbers([2, 2, 2, 4, 4])?;
        let [mut packed, mut size] = fields.numbers([4, 4])?;
        let [name, extra] = fields.numbers([2, 2])?;
        if fields.bytes(name)? != self.name {
            return Err("it has another name in its local header".into());
        }
        widen(fields.bytes(extra)?, [&mut size, &mut packed])?;
        check_version(needed)?;
        agree("its flags", flags, self.flags)?;
        agree("its method", method, self.method)?;
        if flags & ENCRYPTED != 0 {
            return Err("it is encrypted".into());
        }
        agree("its flags", flags & !(DEFLATE_LEVEL | DESCRIBED | UTF8), 0)?;
        if method != STORED && method != DEFLATED {
            return Err(
                format!("it is packed by method {method}: stored and deflated are read").into()
            );
        }
        let described = flags & DESCRIBED != 0;
        for (what, stated, there) in [
            ("its CRC", crc, self.crc),
            ("its packed size", packed, self.packed),
            ("its size", size, self.size),
        ] {
            if !(described && stated == 0) {
                agree(what, stated, there)?;
            }
        }
        if method == STORED {
            agree("its size", self.size, self.packed)?;
        }
        let data = fields.bytes(self.packed)?;
        let end = bytes.len() - fields.0.len();
        let next = next.filter(|&next| next >= end).ok_or("it overlaps what follows it")?;
        let behind = bytes.get(end..next).unwrap_or_default();
        if described { self.check_descriptor(behind) } else { agree_empty(behind) }?;
        let entry = Entry {
            offset,
            deflated: method == DEFLATED,
            data,
            size: self.size,
            crc: self.crc as u32,
            checked: Cell::new(false),
        };
        Ok((entry, next))
    }

    /// What lies behind the data: perhaps a magic number, then the CRC and both sizes, in 32 or 64 bits.
    fn check_descriptor(&self, descriptor: &[u8]) -> Parsed<()> {
        let (fields, magic) = match descriptor.len() {
            16 | 24 => (descriptor.strip_prefix(DESCRIPTOR_MAGIC), DESCRIPTOR_MAGIC.len()),
            _ => (Some(descriptor), 0),
        };
        let width = match descriptor.len() - magic {
            12 => 4,
            20 => 8,
            _ => {
                return Err(
                    format!("{} bytes behind it are no data descriptor", descriptor.len()).into()
                );
            }
        };
        let mut fields = Fields(fields.ok_or("bytes behind it are no data descriptor")?);
        let [crc, packed, size] = fields.numbers([4, width, width])?;
        agree("its CRC, behind its data,", crc, self.crc)?;
        agree("its packed size, behind its data,", packed, self.packed)?;
        agree("its size, behind its data,", size, self.size)
    }
}

fn agree_empty(bytes: &[u8]) -> Parsed<()> {
    match bytes.len() {
        0 => Ok(()),
        more => Err(format!("{more} bytes behind it belong to no entry").into()),
    }
}

/// Puts the zip64 numbers in the place of those that are all ones. Every extra field has to end where it says.
fn widen<const N: usize>(extra: &[u8], numbers: [&mut u64; N]) -> Parsed<()> {
    let mut fields = Fields(extra);
    let mut zip64 = None;
    while !fields.0.is_empty() {
        let [id, length] = fields.numbers([2, 2])?;
        let content = fields.bytes(length)?;
        if id == ZIP64 && zip64.replace(content).is_some() {
            return Err("it has two zip64 fields".into());
        }
    }
    let Some(zip64) = zip64 else { return Ok(()) };
    let mut fields = Fields(zip64);
    for number in numbers.into_iter().filter(|number| **number == 0xffff_ffff) {
        *number = fields.number(8)?;
    }
    agree(
        "the length of the zip64 field",
        zip64.len() as u64,
        (zip64.len() - fields.0.len()) as u64,
    )
}

/// The name of an entry, if it is one that stays inside the folder it would be unpacked in. Nothing is ever unpacked here;
/// but who writes `../` into a file of weights means no good. A folder's name ends in a slash.
fn entry_name(bytes: &[u8]) -> Parsed<&str> {
    let name = str::from_utf8(bytes).map_err(|_| "zip: an entry's name is not UTF-8")?;
    if name.is_empty() || ZipFilePath::from_str(name).as_str() != name {
        return Err(format!("zip: {name:?} is no name for an entry").into());
    }
    Ok(name)
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
