//! Faulty zips, as .pt and as .npz.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};
use lenet::weights::StateDict;

use super::{assert_refused, assert_tiny, golden_bytes, refusal};

/// An entry of an archive, with what can be lied about.
#[derive(Clone, Default)]
pub struct Entry {
    pub name: String,
    pub content: Vec<u8>,
    pub local_name: Option<String>,
    pub method: u16,
    pub flags: u16,
    pub crc: Option<u32>,
    pub size: Option<u32>,
    pub offset: Option<u32>,
}

pub fn entry(name: &str, content: impl Into<Vec<u8>>) -> Entry {
    Entry { name: name.into(), content: content.into(), ..Entry::default() }
}

/// An archive of these entries, byte for byte as they say.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(out.len() as u32);
        let stored =
            if entry.method == 8 { deflate(&entry.content) } else { entry.content.clone() };
        let crc = entry.crc.unwrap_or_else(|| flate2_crc(&entry.content));
        let size = entry.size.unwrap_or(entry.content.len() as u32);
        let fixed = |name: &str| {
            let mut fields = Vec::new();
            fields.extend(20_u16.to_le_bytes());
            fields.extend(entry.flags.to_le_bytes());
            fields.extend(entry.method.to_le_bytes());
            fields.extend([0; 4]);
            fields.extend(crc.to_le_bytes());
            fields.extend((stored.len() as u32).to_le_bytes());
            fields.extend(size.to_le_bytes());
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend([0; 2]);
            fields
        };
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        if entry.offset.is_none() {
            out.extend(b"PK\x03\x04");
            out.extend(fixed(local_name));
            out.extend(local_name.as_bytes());
            out.extend(&stored);
        }
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(fixed(&entry.name));
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([(entries.len() as u16).to_le_bytes(); 2].concat());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn flate2_crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn npy(shape: &str, elements: &[u8]) -> Vec<u8> {
    npy_with(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"), elements)
}

fn npy_with(header: &str, elements: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), elements]
        .concat()
}

/// The entries of a .pt of the real PyTorch, to be spoilt.
fn torch_entries() -> Vec<Entry> {
    let bytes = golden_bytes("state_dict.pt");
    let archive = rawzip::ZipArchive::from_slice(&bytes).unwrap();
    let mut records = archive.entries();
    let mut entries = Vec::new();
    while let Some(record) = records.next_entry().unwrap() {
        let name = String::from_utf8(record.file_path().as_ref().to_vec()).unwrap();
        entries.push(entry(&name, archive.get_entry(record.wayfinder()).unwrap().data()));
    }
    entries
}

fn changed(change: impl FnOnce(&mut Vec<Entry>)) -> Vec<u8> {
    let mut entries = torch_entries();
    change(&mut entries);
    zip(&entries)
}

fn find<'a>(entries: &'a mut [Entry], end: &str) -> &'a mut Entry {
    entries.iter_mut().find(|entry| entry.name.ends_with(end)).unwrap()
}

#[test]
fn an_archive_packed_anew_opens() {
    assert_tiny(&StateDict::from_bytes(&changed(|_| {})).unwrap(), "stored");
    let packed = changed(|entries| entries.iter_mut().for_each(|entry| entry.method = 8));
    assert_tiny(&StateDict::from_bytes(&packed).unwrap(), "deflated");
    let without = changed(|entries| entries.iter_mut().for_each(|entry| entry.crc = Some(0)));
    assert_tiny(&StateDict::from_bytes(&without).unwrap(), "without CRCs");
    let one = changed(|entries| find(entries, "/data/0").crc = Some(0));
    let error = StateDict::from_bytes(&one).unwrap_err().to_string();
    assert!(error.contains("the CRC of") && error.contains("/data/0"), "{error}");
    // As a big-endian machine writes it.
    let big = changed(|entries| {
        find(entries, "byteorder").content = b"big".into();
        let storages = entries.iter_mut().filter(|entry| entry.name.contains("/data/"));
        storages.for_each(|entry| {
            entry.content.as_chunks_mut::<4>().0.iter_mut().for_each(|float| float.reverse());
        });
    });
    assert_tiny(&StateDict::from_bytes(&big).unwrap(), "big-endian");
    // Unpacked and packed again by a program that keeps folders.
    let folders = changed(|entries| entries.insert(0, entry("state_dict/data/", "")));
    assert_tiny(&StateDict::from_bytes(&folders).unwrap(), "with a folder");
    // torch.utils.serialization.config.save.storage_alignment may be any.
    for alignment in ["1", "48", "65536"] {
        let aligned =
            changed(|entries| find(entries, ".storage_alignment").content = alignment.into());
        assert_tiny(&StateDict::from_bytes(&aligned).unwrap(), alignment);
    }
    // PyTorch before 2.1 wrote no byteorder.
    let old = changed(|entries| entries.retain(|entry| !entry.name.ends_with("byteorder")));
    assert_tiny(&StateDict::from_bytes(&old).unwrap(), "without byteorder");
}

#[test]
fn damaged_and_lying_entries() {
    let one = |change: fn(&mut Entry)| changed(|entries| change(find(entries, "data/0")));
    assert_refused(&one(|entry| entry.crc = Some(1)), "the CRC of");
    assert_refused(&changed(|entries| find(entries, "data.pkl").crc = Some(1)), "the CRC of");
    assert_refused(
        &changed(|entries| find(entries, "byteorder").crc = Some(1)),
        "neither little nor big",
    );
    assert_refused(&one(|entry| entry.size = Some(71)), "size is stated as 71 and is 72");
    assert_refused(&one(|entry| entry.content.push(0)), "data/0 is 73 bytes, not 72");
    assert_refused(&one(|entry| entry.size = Some(u32::MAX)), "stated as 4294967295 and is 72");
    assert_refused(
        &changed(|entries| find(entries, "data.pkl").size = Some(9)),
        "size is stated as 9 and is",
    );
    assert_refused(&one(|entry| entry.method = 12), "is packed by method 12");
    assert_refused(&one(|entry| entry.flags = 1), "is encrypted");
    assert_refused(&one(|entry| entry.local_name = Some("archive/data/9".into())), "another name");
    let deflated = |size| {
        changed(|entries| {
            let entry = find(entries, "data.pkl");
            (entry.method, entry.size) = (8, Some(size));
        })
    };
    assert_refused(&deflated(10), "should be 10 bytes");
    assert_refused(&deflated(100_000), "should be 100000 bytes");
}

#[test]
fn entries_that_are_missing_or_too_many() {
    assert_refused(
        &changed(|entries| entries.retain(|e| !e.name.ends_with("data/1"))),
        "there is no ",
    );
    assert_refused(
        &changed(|entries| entries.retain(|e| !e.name.ends_with("data.pkl"))),
        "a zip with neither",
    );
    assert_refused(
        &changed(|entries| entries.push(entry("other/data.pkl", "x"))),
        "more than one data.pkl",
    );
    let folder = |entries: &[Entry]| entries[0].name.split_once('/').unwrap().0.to_owned();
    assert_refused(
        &changed(|entries| entries.push(entry(&format!("{}/data/9", folder(entries)), [0; 4]))),
        "no tensor belongs to",
    );
    assert_refused(&changed(|entries| entries.push(entries[2].clone())), "two entries are named");
    assert_refused(
        &changed(|entries| find(entries, "byteorder").content = b"odd".into()),
        "byteorder",
    );
}

/// The file with these bytes at `offset`, counted from the end where it is negative.
fn patched(file: &[u8], offset: isize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let offset = if offset < 0 { file.len().strict_add_signed(offset) } else { offset as usize };
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn an_end_that_lies_about_the_directory() {
    // The last 22 bytes are the end record: PyTorch's has a zip64 one of 56 and its locator of 20 before it, NumPy's has not.
    for (file, zip64) in [("state_dict.pt", true), ("savez.npz", false)] {
        let good = golden_bytes(file);
        assert_tiny(&StateDict::from_bytes(&good).unwrap(), file);
        let number = |at: isize| {
            let at = good.len().strict_add_signed(at);
            u32::from_le_bytes(good[at..at + 4].try_into().unwrap())
        };
        let (size, start) = (number(-10), number(-6));
        for wrong in [0, size - 1, size + 1, u32::MAX - 1, u32::MAX] {
            // All ones say that the zip64 record has the number.
            if !(zip64 && wrong == u32::MAX) {
                let bytes = patched(&good, -10, &wrong.to_le_bytes());
                assert_refused(&bytes, &format!("is stated as {wrong}"));
            }
        }
        for wrong in [0, start - 1, start + 1, start + size] {
            refusal(&patched(&good, -6, &wrong.to_le_bytes()));
        }
        for disk in [-18, -16] {
            refusal(&patched(&good, disk, &[1, 0]));
        }
        for count in [-14, -12] {
            refusal(&patched(&good, count, &[3, 0]));
        }
        assert_refused(&patched(&good, -2, &[1, 0]), "length of the comment");
    }
    let good = golden_bytes("state_dict.pt");
    // The zip64 record: its own size, the version, disks, counts, the directory's size and offset; and its locator.
    let record = -22 - 20 - 56;
    for (at, wrong) in [
        (4, 45),
        (14, 46),
        (16, 1),
        (20, 1),
        (24, 9),
        (32, 9),
        (40, 0),
        (40, u64::MAX),
        (48, 0),
        (60, 1),
        (64, 0),
        (72, 2),
    ] {
        let width = if matches!(at, 14 | 16 | 20 | 60 | 72) { 2 } else { 8 };
        refusal(&patched(&good, record + at, &wrong.to_le_bytes()[..width]));
    }
}

#[test]
fn entries_that_need_a_version_that_there_is_not() {
    for file in ["state_dict.pt", "savez.npz"] {
        let good = golden_bytes(file);
        let directory = good.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        for version in [1_u16, 46, 63, 99, 255, 0xffff] {
            for at in [4, directory + 6] {
                let bytes = patched(&good, at as isize, &version.to_le_bytes());
                assert_refused(&bytes, &format!("version {version} of zip is needed"));
            }
        }
    }
}

#[test]
fn an_entry_that_is_not_used_is_checked_too() {
    assert_refused(&changed(|entries| find(entries, "id").crc = Some(1)), "the CRC of");
    for (record, content) in [
        ("/version", "11\n"),
        ("/version", "three"),
        ("format_version", "2"),
        ("alignment", "0"),
        ("alignment", "65600"),
    ] {
        refusal(&changed(|entries| find(entries, record).content = content.into()));
    }
}

#[test]
fn entries_that_overlap() {
    // A second name for the first entry's bytes: the quoted overlap that zip bombs are made of.
    let array = npy("(1,)", &[0; 4]);
    let mut second = entry("a.npy", array.clone());
    second.offset = Some(0);
    let mut entries = vec![entry("a.npy", array), second.clone()];
    assert_refused(&zip(&entries), "overlaps");
    second.name = "b.npy".into();
    entries[1] = second;
    assert_refused(&zip(&entries), "overlaps");
    // An archive inside the first entry, whose entry the directory lists, too.
    let inner = zip(&[entry("b.npy", npy("(1,)", &[0; 4]))]);
    let mut hidden = entry("b.npy", npy("(1,)", &[0; 4]));
    hidden.offset = Some(30 + 5);
    assert_refused(&zip(&[entry("a.npy", inner), hidden]), "overlaps");
}

#[test]
fn names_that_lead_out_of_a_folder() {
    for name in [
        "../a.npy",
        "/etc/a.npy",
        "a/../../b.npy",
        "..\\a.npy",
        "C:\\a.npy",
        "./a.npy",
        "a//b.npy",
        "",
    ] {
        assert_refused(&zip(&[entry(name, npy("(1,)", &[0; 4]))]), "no name for an entry");
    }
}

#[test]
fn zip_bombs() {
    let count = 64 << 20;
    let zeros = npy(&format!("({},)", count / 4), &vec![0; count]);
    let mut bomb = entry("a.npy", zeros);
    bomb.method = 8;
    let bytes = zip(&[bomb.clone()]);
    assert!(bytes.len() < 100_000);
    assert_refused(&bytes, "a zip bomb");
    // Announced as small: what it inflates to is cut off there.
    bomb.size = Some(100);
    assert_refused(&zip(&[bomb]), "should be 100 bytes");
    // Many small ones.
    let small = npy("(1048576,)", &vec![0; 4 << 20]);
    let many: Vec<_> =
        (0..64).map(|i| Entry { method: 8, ..entry(&format!("{i}.npy"), small.clone()) }).collect();
    assert_refused(&zip(&many), "a zip bomb");
}

#[test]
fn faulty_arrays() {
    let one = |array: Vec<u8>| zip(&[entry("a.npy", array)]);
    StateDict::from_bytes(&one(npy("(2,)", &[0; 8]))).unwrap();
    assert_refused(&one(npy("(2,)", &[0; 7])), "takes 8 bytes, there are 7");
    assert_refused(&one(npy("(2,)", &[0; 9])), "takes 8 bytes, there are 9");
    assert_refused(&one(npy("(4294967296, 4294967296)", &[])), "overflows");
    assert_refused(&one(npy("(9223372036854775807,)", &[])), "larger than memory");
    assert_refused(&one(npy("(-1,)", &[])), "cannot be read");
    assert_refused(&one(npy(&format!("({})", "1, ".repeat(33)), &[0; 4])), "33 dimensions");
    assert_refused(&one(b"\x93NUMPX\x01\0\0\0".into()), "does not begin with");
    assert_refused(&one(b"\x93NUMPY\x09\0\0\0".into()), "version 9.0");
    assert_refused(&one(b"\x93NUMPY\x01\0\xff\xff{}".into()), "the header is cut short");
    assert_refused(&one(b"\x93NUMPY\x02\0\xff\xff\xff\xff{}".into()), "the header is cut short");
    assert_refused(&one(npy_with("{'descr': '<f4'}", &[])), "cannot be read");
    for descr in ["<i4", "|b1", "<c8", "<f16", "|V4", "=f4", "f4"] {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}");
        assert_refused(&one(npy_with(&header, &[0; 4])), &format!("dtype {descr}"));
    }
    assert_refused(
        &zip(&[entry("a.npy", npy("()", &[0; 4])), entry("readme.txt", "x")]),
        "a zip with neither",
    );
    refusal(&zip(&[]));
}
