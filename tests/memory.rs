//! No file of weights makes its reader take more memory than a small multiple of the file, and no picture more than is said. Each
//! test in a process of its own, since it looks at what the whole process took at most.
#![cfg(target_os = "linux")]

use std::{env, fs, io::Write, process::Command};

use flate2::{Compression, write::DeflateEncoder};
use lenet::{
    Classifier, Prepared,
    image::{GrayImage, Luma},
    weights::StateDict,
};

/// What a file may cost: per byte of it, and beside that.
const PER_BYTE: usize = 64;
const BESIDE: usize = 48 << 20;

/// Bytes of memory that the process has held at most since the last call of `forget`.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn forget() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A zip of one deflated entry.
fn deflated(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    let method = rawzip::CompressionMethod::DEFLATE;
    let (mut entry, config) = zip.new_file(name).compression_method(method).start().unwrap();
    let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
    writer.write_all(content).unwrap();
    let (encoder, descriptor) = writer.finish().unwrap();
    encoder.finish().unwrap();
    entry.finish(descriptor).unwrap();
    zip.finish().unwrap()
}

fn npy(count: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + 4 * count, 0);
    bytes
}

/// Has glibc give every larger block back when it is freed: what is kept for later would hide what the next file takes.
const GIVE_BACK: &str = "MALLOC_MMAP_THRESHOLD_";

/// Whether this is the process that a test has for itself; otherwise starts it.
fn is_alone(test: &str) -> bool {
    if env::var_os(GIVE_BACK).is_some() {
        return true;
    }
    let mut again = Command::new(env::current_exe().unwrap());
    again.env(GIVE_BACK, "65536").args(["--exact", test, "--nocapture"]);
    assert!(again.status().unwrap().success());
    false
}

/// What `Prepared::new` says that a picture costs at most beside itself.
const PICTURE: usize = 256 << 20;

#[test]
fn no_picture_costs_more_than_is_said() {
    if !is_alone("no_picture_costs_more_than_is_said") {
        return;
    }
    for (width, height, cell) in
        [(1 << 28, 1, 999), (1 << 13, 1 << 11, 40), (2048, 1024, 9), (2048, 1024, 3)]
    {
        // Blots all over: as much ink, and as many pieces of it, as there can be.
        let blot = |at: u32| 3 * (at % cell) < 2 * cell;
        let shade = |x, y| Luma([if blot(x) && blot(y) { 20 } else { 235 }]);
        let image = GrayImage::from_fn(width, height, shade).into();
        for what in ["prepared", "read"] {
            forget();
            let before = peak();
            // Whatever is found there.
            let _ = match what {
                "read" => Classifier::pretrained().unwrap().read(&image).map(|all| all.len()),
                _ => Prepared::new(&image).map(|_| 1),
            };
            let took = peak() - before;
            println!("{width}x{height}, {what}: {} MiB", took >> 20);
            assert!(took < PICTURE, "{width}x{height}, {what}: {} MiB", took >> 20);
        }
    }
}

#[test]
fn hostile_files_cost_little() {
    if !is_alone("hostile_files_cost_little") {
        return;
    }
    let pickle = |parts: &[&[u8]]| [b"\x80\x02", &parts.concat()[..]].concat();
    let dict = br#"{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,17179869184]}}"#;
    let files = [
        ("a bomb of zeros", deflated("a.npy", &npy(64 << 20))),
        ("a bomb as data.pkl", deflated("a/data.pkl", &vec![b'N'; 256 << 20])),
        ("a million objects", pickle(&[&vec![b']'; 1 << 20], b"."])),
        ("more objects than that", pickle(&[&vec![b'}'; 8 << 20], b"."])),
        ("one object often", pickle(&[b"]q\0", &b"h\0".repeat(4 << 20), b"."])),
        ("many remembered", pickle(&[b"]", &b"r\0\0\x01\0".repeat(1 << 20), b"."])),
        ("open marks", pickle(&[&vec![b'('; 8 << 20]])),
        ("a length of 2 GB", pickle(&[b"X\xff\xff\xff\x7f."])),
        ("a tensor of 16 GiB", [&(dict.len() as u64).to_le_bytes(), &dict[..]].concat()),
        ("a header of 16 EiB", [&u64::MAX.to_le_bytes(), &b"{"[..]].concat()),
        (
            "brackets",
            [&(8_u64 << 20).to_le_bytes(), &b"{"[..], &vec![b'['; (8 << 20) - 1]].concat(),
        ),
    ];
    // Once before anything is measured: whatever is set up when it is first used.
    let small = deflated("a.npy", &npy(1));
    assert_eq!(StateDict::from_bytes(&small).unwrap().len(), 1);
    for (what, file) in files {
        forget();
        let before = peak();
        let result = StateDict::from_bytes(&file);
        let cost = peak().saturating_sub(before);
        assert!(result.is_err(), "{what} is taken");
        let limit = PER_BYTE * file.len() + BESIDE;
        assert!(cost <= limit, "{what}: {cost} bytes for a file of {}", file.len());
        println!("{what}: {} bytes of file, {cost} of memory", file.len());
    }
}
