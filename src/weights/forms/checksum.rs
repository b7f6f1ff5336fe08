//! A checksum in a safetensors file's metadata, of the whole file: with any one bit flipped it is refused.
//!
//! It is the SHA-256, in hexadecimal, of the file with zeros in the checksum's own place.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::fault::Parsed;

/// The metadata's key. A file that has it is checked whenever it is read.
pub(crate) const CHECKSUM: &str = "lenet.sha256";

/// What stands in the checksum's place while it is computed.
pub(super) const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Puts the checksum in the place of [`BLANK`], in a file that has it as the value of [`CHECKSUM`].
pub(super) fn put(file: &mut [u8]) -> Parsed<()> {
    let place = place(file, BLANK)?;
    let checksum = checksum(file, &place);
    file[place].copy_from_slice(checksum.as_bytes());
    Ok(())
}

/// Whether `value` is the checksum of the file that it stands in.
pub(super) fn check(file: &[u8], value: &str) -> Parsed<()> {
    if checksum(file, &place(file, value)?) != value {
        return Err("its checksum is wrong: it is damaged".into());
    }
    Ok(())
}

/// Where the value of [`CHECKSUM`] stands in the header.
fn place(file: &[u8], value: &str) -> Parsed<Range<usize>> {
    let entry = format!("{CHECKSUM:?}:{value:?}");
    let found = file.windows(entry.len()).position(|window| window == entry.as_bytes());
    let end = found.ok_or("its checksum can't be found: it is damaged")? + entry.len() - 1;
    if value.len() != BLANK.len() {
        return Err(
            format!("its checksum has {} characters, not {}", value.len(), BLANK.len()).into()
        );
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
