//! `.npz`, as `numpy.savez` and `numpy.savez_compressed` write it: a zip of one `.npy` for each array.

use super::{
    super::StateDict,
    archive::{Archive, ArchiveWriter},
    fault::{Fault, Parsed},
    npy,
};

/// What the name of an array's entry ends with.
pub(super) const SUFFIX: &str = ".npy";

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
