//! A safetensors header, whose length is made right, and the bytes behind it.
#![no_main]

mod read;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The header is what comes before the first zero byte, which JSON never holds.
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()) as u64;
    read::read(&[&length.to_le_bytes(), bytes].concat());
});
