//! A run's state in one safetensors file.
//!
//! Its tensors are the weights, by their names in the `state_dict`, and the optimizer's buffers as `optimizer.exp_avg` and so
//! on. Its metadata has the run's position as JSON, and a checksum of the whole file. Nothing else is needed: the order of an
//! epoch follows from the seed and the number of epochs before it, and no other random number is drawn after the initial weights.

use crate::{
    Error, Result, seal,
    weights::{Array, BESIDE_WEIGHTS, CHECKPOINT, Form, NonFinite, StateDict},
};
use std::{collections::BTreeMap, path::Path};

/// What a checkpoint has.
#[derive(Debug)]
pub(in crate::train) struct Checkpoint {
    /// The run's position, in JSON.
    pub state: String,
    pub weights: StateDict,
    /// The optimizer's buffers, by name.
    pub buffers: BTreeMap<String, Vec<f32>>,
}

/// What has to be the same for a run to resume with the same bits: names, which are keys of the metadata, and values.
fn versions(network: &'static str) -> [(&'static str, &'static str); 3] {
    // libtorch: the version whose random numbers and optimizers these are.
    [("lenet", env!("CARGO_PKG_VERSION")), ("libtorch", "2.13.0"), ("network", network)]
}

impl Checkpoint {
    /// The bytes of the file `path`.
    pub fn to_bytes(
        network: &'static str,
        state: String,
        mut weights: StateDict,
        buffers: BTreeMap<&'static str, Vec<f32>>,
        path: &Path,
    ) -> Result<Vec<u8>> {
        if let Some(NonFinite { name, .. }) = weights.non_finite().first() {
            let got = format!("a {name} that is not finite: training has diverged");
            return Err(Error::invalid("weights", "finite numbers to save", got));
        }
        for (name, buffer) in buffers {
            let buffer = Array::new(vec![buffer.len()], buffer)?;
            weights.insert(format!("{BESIDE_WEIGHTS}{name}"), buffer)?;
        }
        weights.metadata.insert(CHECKPOINT.into(), state);
        weights.metadata.insert(seal::KEY.into(), seal::BLANK.into());
        let versions = versions(network).map(|(name, version)| (name.into(), version.into()));
        weights.metadata.extend(versions);
        let mut file = weights.to_bytes(Form::Safetensors, path)?;
        seal::put(&mut file).map_err(|reason| Error::malformed(path, "checkpoint", reason))?;
        Ok(file)
    }

    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Malformed`] where there is no whole checkpoint; [`Error::CheckpointMismatch`] where another
    /// version wrote it, or it is another network's.
    pub fn read(network: &'static str, path: &Path) -> Result<Checkpoint> {
        Checkpoint::of(network, StateDict::read_whole(path)?, path)
    }

    /// [`read`](Checkpoint::read), from the bytes that [`to_bytes`](Checkpoint::to_bytes) gave; messages call them `path`.
    pub fn from_bytes(network: &'static str, bytes: &[u8], path: &Path) -> Result<Checkpoint> {
        Checkpoint::of(network, StateDict::parse(bytes, path)?, path)
    }

    fn of(network: &'static str, mut weights: StateDict, path: &Path) -> Result<Checkpoint> {
        let malformed = |reason: &str| Error::malformed(path, "checkpoint", reason);
        if !weights.sealed {
            return Err(malformed("it has no checksum"));
        }
        let mut differences = vec![];
        for (name, ours) in versions(network) {
            let theirs = weights.metadata.get(name).map_or("none", String::as_str);
            if theirs != ours {
                differences.push(format!("{name}: {theirs} there, {ours} here"));
            }
        }
        refuse(path, differences)?;
        let state = weights.metadata.get(CHECKPOINT).ok_or_else(|| malformed("it has no state"))?;
        let state = state.clone();
        let buffers = weights.take(BESIDE_WEIGHTS).into_iter();
        let buffers = buffers.map(|(name, buffer)| (name, buffer.values().to_vec())).collect();
        Ok(Checkpoint { state, weights, buffers })
    }
}

/// An [`Error::CheckpointMismatch`], where there are differences.
pub(in crate::train) fn refuse(path: &Path, differences: Vec<String>) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::CheckpointMismatch { path: path.into(), differences })
}
