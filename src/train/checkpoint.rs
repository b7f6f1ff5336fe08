//! A run's state in one safetensors file.
//!
//! Its tensors are the weights, by their names in the `state_dict`, and the optimizer's flat buffers as
//! `optimizer.exp_avg` and so on. Its metadata has a [`State`] as JSON, and a checksum of the whole file. Nothing else is
//! needed: the order of an epoch follows from the seed and the number of epochs before it, and no other random number is
//! drawn after the initial weights.

use crate::{
    Error, Result,
    weights::{Array, CHECKSUM, Form, NonFinite, OPTIMIZER, StateDict},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Map;
use std::{collections::HashMap, path::Path};
use tch::Tensor;

/// A run that stands still.
#[derive(Debug)]
pub(crate) struct Checkpoint<S> {
    pub state: S,
    pub weights: StateDict,
    /// The optimizer's buffers, by name.
    pub buffers: HashMap<String, Tensor>,
}

/// What a checkpoint says beside its tensors.
pub(crate) trait State: Serialize + DeserializeOwned {
    type Config: Serialize;

    /// What is trained: a checkpoint of another network is refused.
    const NETWORK: &'static str;

    /// The fields of the config that may differ between the run that was saved and the one that goes on: what changes neither
    /// the past of the run nor, rounding aside, its future.
    const FREE: &'static [&'static str];

    fn config(&self) -> &Self::Config;

    /// Whether there is a run that comes to this; otherwise what is wrong.
    fn check(&self) -> std::result::Result<(), String>;

    /// Writes a checkpoint with these `weights` and `buffers` to `path`.
    fn write<'a>(
        &self,
        mut weights: StateDict,
        buffers: impl Iterator<Item = (&'static str, &'a Tensor)>,
        path: &Path,
    ) -> Result<()> {
        if let Some(NonFinite { name, .. }) = weights.non_finite().first() {
            let got = format!("a {name} that is not finite: training has diverged");
            return Err(Error::invalid("weights", "finite numbers to save", got));
        }
        let state = serde_json::to_string(self)
            .map_err(|error| Error::invalid("state", "what JSON can hold", error.to_string()))?;
        for (name, buffer) in buffers {
            weights.insert(format!("{OPTIMIZER}{name}"), Array::try_from(buffer)?)?;
        }
        weights.metadata.insert(STATE.into(), state);
        weights.metadata.insert(CHECKSUM.into(), String::new());
        let versions = versions::<Self>().map(|(name, version)| (name.into(), version.into()));
        weights.metadata.extend(versions);
        weights.write_as(Form::Safetensors, path)
    }

    /// Refuses to go on with another config than the checkpoint's, but for [`FREE`](State::FREE).
    fn check_config(&self, config: &Self::Config, path: &Path) -> Result<()> {
        let fields = |config| serde_json::to_value(config).unwrap_or_default();
        let (theirs, ours) = (fields(self.config()), fields(config));
        let names = theirs.as_object().into_iter().flat_map(Map::keys);
        let names = names.filter(|name| !Self::FREE.contains(&name.as_str()));
        let differences = names
            .filter(|&name| theirs.get(name) != ours.get(name))
            .map(|name| format!("{name}: {} there, {} here", theirs[name], ours[name]));
        refuse(path, differences.collect())
    }
}

/// The metadata's key for [`State`]; those for the versions are the names of [`versions`].
const STATE: &str = "lenet.checkpoint";

/// What has to be the same for a run to go on with the same bits.
fn versions<S: State>() -> [(&'static str, &'static str); 3] {
    // libtorch: the one version that tch 0.26 takes.
    [("lenet", env!("CARGO_PKG_VERSION")), ("libtorch", "2.13.0"), ("network", S::NETWORK)]
}

impl<S: State> Checkpoint<S> {
    pub fn read(path: &Path) -> Result<Checkpoint<S>> {
        let mut weights = StateDict::read_whole(path)?;
        let malformed = |reason: String| Error::malformed(path, "checkpoint", reason);
        if !weights.metadata.contains_key(CHECKSUM) {
            return Err(malformed("it has no checksum".into()));
        }
        let mut differences = vec![];
        for (name, ours) in versions::<S>() {
            let theirs = weights.metadata.get(name).map_or("none", String::as_str);
            if theirs != ours {
                differences.push(format!("{name}: {theirs} there, {ours} here"));
            }
        }
        refuse(path, differences)?;
        let state =
            weights.metadata.get(STATE).ok_or_else(|| malformed("it has no state".into()))?;
        let state: S = serde_json::from_str(state).map_err(|error| malformed(error.to_string()))?;
        state.check().map_err(malformed)?;
        let buffers = weights.take(OPTIMIZER).into_iter();
        let buffers = buffers.map(|(name, array)| Ok((name, Tensor::try_from(&array)?)));
        let buffers = buffers.collect::<Result<_>>()?;
        Ok(Checkpoint { state, weights, buffers })
    }
}

fn refuse(path: &Path, differences: Vec<String>) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::CheckpointMismatch { path: path.into(), differences })
}
