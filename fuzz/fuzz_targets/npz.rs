//! One array of an .npz: its header and its elements.
#![no_main]

mod archive;
mod read;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|array: &[u8]| read::read(&archive::archive(&[("array.npy", array)])));
