//! `.npz`, as `numpy.savez` and `numpy.savez_compressed` write it: a zip of one `.npy` for each array.

use super::{
    super::StateDict,
    archive::{Archive, ArchiveWriter, MAGIC},
    fault::{Fault, Parsed},
    npy,
};

/// What the name of an array's entry ends with.
const SUFFIX: &str = ".npy";

/// Whether `bytes` are a good zip in which everything is an array.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    let all_arrays = |archive: Archive<'_>| archive.names().all(|name| name.ends_with(SUFFIX));
    bytes.starts_with(MAGIC) && Archive::open(bytes).is_ok_and(all_arrays)
}

pub(super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    let archive = Archive::open(bytes)?;
    let mut weights = StateDict::default();
    for entry in archive.names_in_order() {
        let name = entry
            .strip_suffix(SUFFIX)
            .ok_or_else(|| Fault(format!("{entry} is not a .npy file")))?;
        let array = npy::read(&archive.read(entry)?).map_err(|fault| fault.at(entry))?;
        weights.insert(name, array)?;
    }
    Ok(weights)
}

pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let mut archive = ArchiveWriter::new();
    for (name, array) in weights.iter() {
        archive.add(&format!("{name}{SUFFIX}"), &npy::write(array)?, 1)?;
    }
    archive.finish()
}
