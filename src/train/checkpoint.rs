//! A run's state in one safetensors file.
//!
//! Its tensors are the weights, by their names in the `state_dict`, and the optimizer's flat buffers as
//! `optimizer.exp_avg` and so on. Its metadata has [`State`] as JSON, and a checksum of the whole file. Nothing else is
//! needed: the order of an epoch follows from the seed and the number of epochs before it, and no other random number is
//! drawn after the initial weights.

use super::{
    best::Best, config::TrainConfig, schedule::MOST, stats::Sums, trained_set::TrainedSet,
};
use crate::{
    Error, Result,
    weights::{CHECKSUM, NonFinite, StateDict},
};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::{collections::HashMap, path::Path};
use tch::Tensor;

/// A run that stands still.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub state: State,
    pub weights: StateDict,
    /// The optimizer's buffers, by name.
    pub buffers: HashMap<String, Tensor>,
}

/// What a checkpoint says beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub config: TrainConfig,
    /// Epochs that were trained.
    pub epochs: usize,
    /// The optimizer's steps.
    pub steps: usize,
    /// The epoch under way: how far it has come, and its sums.
    pub epoch: Sums,
    /// The set of the epoch under way, else of the one before.
    pub set: Option<TrainedSet>,
    pub best: Option<Best>,
}

/// The metadata's key for [`State`]; those for the versions are the names of [`versions`].
const STATE: &str = "lenet.checkpoint";

/// What has to be the same for a run to go on with the same bits.
fn versions() -> [(&'static str, &'static str); 2] {
    // libtorch: the one version that tch 0.26 takes.
    [("lenet", env!("CARGO_PKG_VERSION")), ("libtorch", "2.13.0")]
}

impl State {
    /// Writes a checkpoint with these `weights` and `buffers` to `path`.
    pub fn write<'a>(
        &self,
        weights: StateDict,
        buffers: impl Iterator<Item = (&'static str, &'a Tensor)>,
        path: &Path,
    ) -> Result<()> {
        if let Some(NonFinite { name, .. }) = weights.non_finite()?.first() {
            let got = format!("a {name} that is not finite: training has diverged");
            return Err(Error::invalid("weights", "finite numbers to save", got));
        }
        let state = serde_json::to_string(self)
            .map_err(|error| Error::invalid("state", "what JSON can hold", error.to_string()))?;
        let mut weights = weights.with_optimizer(buffers)?;
        weights.metadata.insert(STATE.into(), state);
        weights.metadata.insert(CHECKSUM.into(), String::new());
        let versions = versions().map(|(name, version)| (name.into(), version.into()));
        weights.metadata.extend(versions);
        weights.write_safetensors(path)
    }

    /// Whether there is a run that comes to this.
    fn check(&self) -> std::result::Result<(), String> {
        let State { epochs, steps, ref epoch, .. } = *self;
        epoch.check()?;
        let images = self.set.as_ref().map_or(0, |set| set.images);
        let best = self.best.map_or(0, |best| best.epoch);
        if epochs > MOST || steps > 1 << 53 || steps < epochs + epoch.steps {
            Err(format!("{steps} steps in {epochs} epochs and {} steps", epoch.steps))
        } else if epoch.samples > images {
            Err(format!("{} images of an epoch that has {images}", epoch.samples))
        } else if best > epochs {
            Err(format!("epoch {best} the best of {epochs}"))
        } else {
            Ok(())
        }
    }

    /// Refuses to go on with another config than the checkpoint's, but for what changes neither the past of the run nor,
    /// rounding aside, its future.
    pub fn check_config(&self, config: &TrainConfig, path: &Path) -> Result<()> {
        let fields = |config| serde_json::to_value(config).unwrap_or_default();
        let (theirs, ours) = (fields(&self.config), fields(config));
        let names = theirs.as_object().into_iter().flat_map(Map::keys);
        let names = names.filter(|name| !FREE.contains(&name.as_str()));
        let differences = names
            .filter(|&name| theirs.get(name) != ours.get(name))
            .map(|name| format!("{name}: {} there, {} here", theirs[name], ours[name]));
        refuse(path, differences.collect())
    }
}

impl Checkpoint {
    pub fn read(path: &Path) -> Result<Checkpoint> {
        let mut weights = StateDict::read_whole(path)?;
        let malformed = |reason: String| Error::malformed(path, "checkpoint", reason);
        if !weights.metadata.contains_key(CHECKSUM) {
            return Err(malformed("it has no checksum".into()));
        }
        let mut differences = vec![];
        for (name, ours) in versions() {
            let theirs = weights.metadata.get(name).map_or("no version", String::as_str);
            if theirs != ours {
                differences.push(format!("{name}: {theirs} there, {ours} here"));
            }
        }
        refuse(path, differences)?;
        let state =
            weights.metadata.get(STATE).ok_or_else(|| malformed("it has no state".into()))?;
        let state: State =
            serde_json::from_str(state).map_err(|error| malformed(error.to_string()))?;
        state.check().map_err(malformed)?;
        let buffers = weights.take_optimizer();
        Ok(Checkpoint { state, weights, buffers })
    }
}

/// The fields of [`TrainConfig`] that may differ.
const FREE: [&str; 3] = ["epochs", "device", "engine"];

fn refuse(path: &Path, differences: Vec<String>) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::CheckpointMismatch { path: path.into(), differences })
}
