//! An IDX file, gzipped or not.
#![no_main]

use lenet::data::Idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(idx) = Idx::from_bytes(bytes) else { return };
    // What is not refused has to be what it says it is.
    assert_eq!(idx.sizes.iter().product::<usize>(), idx.numbers.len());
});
