//! An IDX file of bytes, and one of QMNIST's labels, gzipped or not.
#![no_main]

use lenet::data::Idx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // What is not refused has to be what it says it is.
    for idx in [Idx::from_bytes(bytes), Idx::first_column(bytes)].into_iter().flatten() {
        assert_eq!(idx.sizes.iter().product::<usize>(), idx.numbers.len());
    }
});
