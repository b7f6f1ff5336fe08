//! A checksum of a whole safetensors file, in its own metadata: with any one bit flipped the file is refused.
//!
//! It is the SHA-256, in hexadecimal, of the file with zeros in the checksum's own place. Checkpoints are sealed when they are
//! written; whoever reads a file that says it is sealed checks it.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// The metadata's key.
pub(crate) const KEY: &str = "lenet.sha256";

/// What stands in the checksum's place while it is computed.
pub(crate) const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Puts the checksum in the place of [`BLANK`], in a file that has it as the value of [`KEY`].
pub(crate) fn put(file: &mut [u8]) -> Result<(), String> {
    let place = place(file, BLANK)?;
    let checksum = checksum(file, &place);
    file[place].copy_from_slice(checksum.as_bytes());
    Ok(())
}

/// Whether `value` is the checksum of the file that it stands in.
pub(crate) fn check(file: &[u8], value: &str) -> Result<(), String> {
    if checksum(file, &place(file, value)?) != value {
        return Err("its checksum is wrong: it is damaged".into());
    }
    Ok(())
}

/// Where the value of [`KEY`] stands in the header.
fn place(file: &[u8], value: &str) -> Result<Range<usize>, String> {
    let entry = format!("{KEY:?}:{value:?}");
    let found = file.windows(entry.len()).position(|window| window == entry.as_bytes());
    let end = found.ok_or("its checksum can't be found: it is damaged")? + entry.len() - 1;
    if value.len() != BLANK.len() {
        return Err(format!("its checksum has {} characters, not {}", value.len(), BLANK.len()));
    }
    Ok(end - value.len()..end)
}

fn checksum(file: &[u8], place: &Range<usize>) -> String {
    let digest = Sha256::new()
        .chain_update(&file[..place.start])
        .chain_update(BLANK)
        .chain_update(&file[place.end..])
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
