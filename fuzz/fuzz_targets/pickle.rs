//! A pickle, as paddle.save's file and as the data.pkl of torch.save's, beside the storages that the seeds name.
#![no_main]

mod archive;
mod read;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|pickle: &[u8]| {
    read::read(pickle);
    read::read(&archive::archive(&[
        ("archive/data.pkl", pickle),
        ("archive/data/0", &[1; 72]),
        ("archive/data/1", &[1; 8]),
        ("archive/data/2", &[1; 48]),
        ("archive/data/3", &[1; 12]),
    ]));
});
