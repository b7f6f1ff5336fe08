use super::{
    MOST,
    best::Best,
    checkpoint::{Checkpoint, refuse},
    stats::Evaluation,
    trained_set::TrainedSet,
};
use crate::{Dataset, Error, Result, atomic_file, weights::StateDict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Map;
use std::{collections::BTreeMap, mem, path::Path};

/// What is trained, and how: what a run's config says to it.
pub(crate) trait RunConfig: Clone + Serialize + DeserializeOwned {
    /// What is trained: a checkpoint of another network is refused.
    const NETWORK: &'static str;

    /// The fields that may differ between the run that was saved and the one that resumes: those that change neither the past
    /// of the run nor, rounding aside, its future.
    const FREE: &'static [&'static str];

    /// What an epoch comes to.
    type Epoch: EpochSums;
}

/// Sums over the part of an epoch that was trained.
pub(crate) trait EpochSums: Default + Serialize + DeserializeOwned {
    /// Images that were trained on.
    fn samples(&self) -> usize;

    /// Steps that were taken.
    fn steps(&self) -> usize;

    /// Whether training on a set of so many images comes to this; otherwise what is wrong.
    fn check(&self, images: usize) -> std::result::Result<(), String>;
}

/// Where a run stands: what both trainers know beside their parameters, and what a checkpoint says beside its tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub(crate) struct Run<C: RunConfig> {
    pub config: C,
    /// Epochs that were trained.
    pub epochs: usize,
    /// Steps that were taken.
    pub steps: usize,
    /// The epoch under way.
    pub epoch: C::Epoch,
    /// The set of the epoch under way, else of the one before.
    pub set: Option<TrainedSet>,
    pub best: Option<Best>,
}

/// A run as a checkpoint has it.
pub(crate) struct SavedRun<C: RunConfig> {
    pub run: Run<C>,
    /// The config that it was saved with, whatever it is resumed with.
    pub saved_config: C,
    pub weights: StateDict,
    /// What the optimizer keeps, by name.
    pub buffers: BTreeMap<String, Vec<f32>>,
}

impl<C: RunConfig> Run<C> {
    pub fn new(config: C) -> Run<C> {
        Run { config, epochs: 0, steps: 0, epoch: C::Epoch::default(), set: None, best: None }
    }

    /// Begins an epoch through `data`, or resumes the one under way; the number of images that it has behind it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where `data` is another set than that of the epoch under way.
    pub fn begin(&mut self, data: &Dataset) -> Result<usize> {
        let done = self.epoch.samples();
        if done > 0 {
            self.check_data(data)?;
        }
        self.set = Some(TrainedSet::of(data));
        Ok(done)
    }

    /// Ends the epoch; what it came to.
    pub fn end(&mut self) -> C::Epoch {
        self.epochs += 1;
        mem::take(&mut self.epoch)
    }

    /// An [`Error::Invalid`] where `data` is another set than the one that was trained on last.
    pub fn check_data(&self, data: &Dataset) -> Result<()> {
        self.set.as_ref().map_or(Ok(()), |set| set.expect(&TrainedSet::of(data)))
    }

    /// Records an evaluation of a validation set after the last epoch. True where no epoch before was as good, and the loss is
    /// finite.
    pub fn note_validation(&mut self, validation: &Evaluation) -> bool {
        let new = Best::new(self.epochs, validation);
        let better = new.loss.is_finite() && self.best.is_none_or(|best| new.beats(&best));
        if better {
            self.best = Some(new);
        }
        better
    }

    /// Writes a checkpoint with these weights and buffers.
    pub fn save(
        &self,
        weights: StateDict,
        buffers: BTreeMap<&'static str, Vec<f32>>,
        path: &Path,
    ) -> Result<()> {
        atomic_file::write(path, &self.to_bytes(weights, buffers, path)?)
    }

    /// The checkpoint that [`save`](Run::save) writes to `path`.
    pub fn to_bytes(
        &self,
        weights: StateDict,
        buffers: BTreeMap<&'static str, Vec<f32>>,
        path: &Path,
    ) -> Result<Vec<u8>> {
        let state = serde_json::to_string(self)
            .map_err(|error| Error::invalid("state", "what JSON can hold", error.to_string()))?;
        Checkpoint::to_bytes(C::NETWORK, state, weights, buffers, path)
    }

    /// The run of a checkpoint; `config` in the place of the checkpoint's, where there is one.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::read`]; [`Error::CheckpointMismatch`] where `config` differs in what is not [free](RunConfig::FREE).
    pub fn read(config: Option<C>, path: &Path) -> Result<SavedRun<C>> {
        Run::of(config, Checkpoint::read(C::NETWORK, path)?, path)
    }

    /// [`read`](Run::read), from the bytes that [`to_bytes`](Run::to_bytes) gave; messages call them `path`.
    pub fn from_bytes(config: Option<C>, bytes: &[u8], path: &Path) -> Result<SavedRun<C>> {
        Run::of(config, Checkpoint::from_bytes(C::NETWORK, bytes, path)?, path)
    }

    fn of(config: Option<C>, checkpoint: Checkpoint, path: &Path) -> Result<SavedRun<C>> {
        let Checkpoint { state, weights, buffers } = checkpoint;
        let malformed = |reason: String| Error::malformed(path, "checkpoint", reason);
        let mut run: Run<C> =
            serde_json::from_str(&state).map_err(|error| malformed(error.to_string()))?;
        run.check().map_err(malformed)?;
        let saved_config = run.config.clone();
        if let Some(config) = config {
            refuse(path, run.differences(&config))?;
            run.config = config;
        }
        Ok(SavedRun { run, saved_config, weights, buffers })
    }

    /// Where `config` differs from the run's in what is not free.
    fn differences(&self, config: &C) -> Vec<String> {
        let fields = |config| serde_json::to_value(config).unwrap_or_default();
        let (theirs, ours) = (fields(&self.config), fields(config));
        let names = theirs.as_object().into_iter().flat_map(Map::keys);
        let names = names.filter(|name| !C::FREE.contains(&name.as_str()));
        names
            .filter(|&name| theirs.get(name) != ours.get(name))
            .map(|name| format!("{name}: {} there, {} here", theirs[name], ours[name]))
            .collect()
    }

    /// Whether there is a run that comes to this; otherwise what is wrong.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Run { epochs, steps, ref epoch, .. } = *self;
        let images = self.set.as_ref().map_or(0, |set| set.images);
        let best = self.best.map_or(0, |best| best.epoch);
        epoch.check(images)?;
        if epochs > MOST || steps as u64 > 1 << 53 || steps < epochs.saturating_add(epoch.steps()) {
            Err(format!("{steps} steps in {epochs} epochs and {} steps", epoch.steps()))
        } else if epoch.samples() > images {
            Err(format!("{} images of an epoch that has {images}", epoch.samples()))
        } else if best > epochs {
            Err(format!("epoch {best} the best of {epochs}"))
        } else {
            Ok(())
        }
    }
}
