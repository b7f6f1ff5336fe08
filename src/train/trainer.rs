use super::{
    best::Best,
    checkpoint::{Checkpoint, State},
    checkpoints::{Recipe, Resumable},
    clip::clip_grad_norm,
    config::TrainConfig,
    engine::{Running, Samples},
    optimizer::OptimizerState,
    schedule::MOST,
    stats::{BatchStats, EpochStats, Evaluation, Sums, Tally},
    trained_set::TrainedSet,
};
use crate::{
    Error, LeNet, Result,
    data::Dataset,
    generator::permutation,
    torch::Parameters,
    weights::{self, StateDict},
};
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, mem, ops::ControlFlow, path::Path};
use tch::{Device, Kind, Reduction, Tensor, nn, no_grad_guard};

/// Trains a [`LeNet`] as a [`TrainConfig`] says. It returns numbers and prints nothing.
///
/// ```no_run
/// use lenet::{Mnist, TrainConfig, Trainer};
///
/// let mnist = Mnist::find()?;
/// let config = TrainConfig::pytorch();
/// let epochs = config.epochs;
/// let mut trainer = Trainer::new(config)?;
/// for epoch in 1..=epochs {
///     let train = trainer.train_epoch(&mnist.train)?;
///     let test = trainer.evaluate(&mnist.test)?;
///     println!("epoch {epoch}: loss {:.4}, test accuracy {:.4}", train.loss, test.accuracy);
/// }
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// The same seed, number of threads and CPU give the same weights, bit for bit. On a GPU cuDNN may choose kernels that sum
/// in no fixed order.
#[derive(Debug)]
pub struct Trainer {
    config: TrainConfig,
    var_store: nn::VarStore,
    model: LeNet,
    parameters: Parameters,
    engine: Running,
    optimizer: OptimizerState,
    /// How many epochs were trained.
    epochs: usize,
    /// The sums of the epoch under way.
    tally: Tally,
    /// The set of the epoch under way, else of the one before.
    set: Option<TrainedSet>,
    best: Option<Best>,
}

/// What a checkpoint of it says beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunState {
    config: TrainConfig,
    /// Epochs that were trained.
    epochs: usize,
    /// The optimizer's steps.
    steps: usize,
    /// The epoch under way: how far it has come, and its sums.
    epoch: Sums,
    /// The set of the epoch under way, else of the one before.
    set: Option<TrainedSet>,
    best: Option<Best>,
}

impl State for RunState {
    type Config = TrainConfig;

    const NETWORK: &'static str = "LeNet";
    const FREE: &'static [&'static str] = &["epochs", "device", "engine"];

    fn config(&self) -> &TrainConfig {
        &self.config
    }

    fn check(&self) -> std::result::Result<(), String> {
        let RunState { epochs, steps, ref epoch, .. } = *self;
        epoch.check()?;
        let images = self.set.as_ref().map_or(0, |set| set.images);
        let best = self.best.map_or(0, |best| best.epoch);
        if epochs > MOST || steps > 1 << 53 || steps < epochs.saturating_add(epoch.steps) {
            Err(format!("{steps} steps in {epochs} epochs and {} steps", epoch.steps))
        } else if epoch.samples > images {
            Err(format!("{} images of an epoch that has {images}", epoch.samples))
        } else if best > epochs {
            Err(format!("epoch {best} the best of {epochs}"))
        } else {
            Ok(())
        }
    }
}

impl Recipe for TrainConfig {
    type Trainer = Trainer;
}

impl Resumable for Trainer {
    type Config = TrainConfig;

    fn steps(&self) -> usize {
        self.steps()
    }

    fn save_checkpoint(&self, path: &Path) -> Result<()> {
        self.save_checkpoint(path)
    }

    fn resume_with(config: TrainConfig, path: &Path) -> Result<Trainer> {
        Trainer::resume_with(config, path)
    }
}

/// How far an epoch has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Images trained on in this epoch.
    pub samples: usize,
    /// Images of the epoch.
    pub total: usize,
    /// The epoch's figures so far; none on a GPU, which is not made to wait within an epoch.
    pub stats: Option<EpochStats>,
}

impl Trainer {
    /// A trainer with a new network, drawn from the config's seed.
    ///
    /// It seeds libtorch's global generator, as `torch.manual_seed` does in the post's program.
    ///
    /// # Errors
    ///
    /// [`Error::NoDevice`] where there is no such device; [`Error::Invalid`] where the config can't be trained with: a batch
    /// size of 0, an optimizer or a schedule that PyTorch would refuse.
    pub fn new(config: TrainConfig) -> Result<Trainer> {
        config.check()?;
        let mut var_store = nn::VarStore::new(Device::Cpu);
        let model = LeNet::seeded(&var_store.root(), config.init, config.seed);
        var_store.set_device(config.device);
        let parameters = Parameters::flatten(&var_store);
        let engine = config.engine.start(config.device)?;
        let optimizer = OptimizerState::new(config.optimizer);
        let tally = Tally::default();
        Ok(Trainer {
            config,
            var_store,
            model,
            parameters,
            engine,
            optimizer,
            epochs: 0,
            tally,
            set: None,
            best: None,
        })
    }

    /// A trainer that starts from saved weights, of any form that [`weights::load`] reads.
    ///
    /// # Errors
    ///
    /// As [`new`](Trainer::new) and [`weights::load`].
    pub fn with_weights(config: TrainConfig, path: impl AsRef<Path>) -> Result<Trainer> {
        let mut trainer = Trainer::new(config)?;
        weights::load(&mut trainer.var_store, path)?;
        Ok(trainer)
    }

    /// Goes once through `data`, in an order that follows from the seed and the number of epochs before. An epoch that was
    /// broken off, or saved in its midst, is gone on with.
    ///
    /// In PyTorch's words the order is `torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epochs))`.
    ///
    /// # Errors
    ///
    /// [`Error::NonFiniteLoss`] where a batch's loss is not finite, and the weights are spoilt. [`Error::Invalid`] where the
    /// schedule has no step left, or `data` is another set than that of the epoch that is gone on with.
    ///
    /// # Panics
    ///
    /// As all of tch does, where the device's memory runs out.
    pub fn train_epoch(&mut self, data: &Dataset) -> Result<EpochStats> {
        let never = |_: &Trainer, _| Ok(ControlFlow::<Infallible>::Continue(()));
        let ControlFlow::Continue(stats) = self.train_epoch_with(data, never)?;
        Ok(stats)
    }

    /// [`train_epoch`](Trainer::train_epoch), calling `on_batch` after each batch: to show how far it has come, to
    /// [save](Trainer::save_checkpoint) the trainer as it is then, or to break off. What it breaks off with is returned, and
    /// the next call goes on from there.
    ///
    /// ```
    /// # use lenet::{Dataset, TrainConfig, Trainer, tch::{Device, Kind, Tensor}};
    /// use std::ops::ControlFlow::{Break, Continue};
    ///
    /// # let pixels = Tensor::zeros([100, 32, 32], (Kind::Uint8, Device::Cpu));
    /// # let data = Dataset::new(pixels, Tensor::zeros([100], (Kind::Int64, Device::Cpu)))?;
    /// let mut trainer = Trainer::new(TrainConfig::pytorch())?;
    /// let stopped = trainer.train_epoch_with(&data, |_, at| {
    ///     Ok(if at.samples < 64 { Continue(()) } else { Break("enough") })
    /// })?;
    /// assert_eq!(stopped, Break("enough"));
    /// assert_eq!(trainer.train_epoch(&data)?.samples, 100);
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`train_epoch`](Trainer::train_epoch), and what `on_batch` returns.
    pub fn train_epoch_with<B>(
        &mut self,
        data: &Dataset,
        mut on_batch: impl FnMut(&Trainer, Progress) -> Result<ControlFlow<B>>,
    ) -> Result<ControlFlow<B, EpochStats>> {
        let (done, total) = (self.tally.samples(), data.len());
        if done > 0 {
            self.check_data(data)?;
        }
        self.set = Some(TrainedSet::of(data)?);
        let data = data.to_device(self.config.device);
        let seed = self.config.seed.wrapping_mul(1000).wrapping_add(self.epochs as u64);
        let order = &permutation(total, seed)[done..];
        let order = Tensor::f_from_slice(order)?.to_device(self.config.device);
        let batches = match done < total {
            true => order.split(self.config.batch_size.min(total) as i64, 0),
            false => vec![],
        };
        for indices in batches {
            let samples = Samples::Of { data: &data, indices: &indices };
            let mut batch = self.engine.batch(&self.model, &self.parameters, samples)?;
            let learning_rate = self.step(&mut batch.gradients)?;
            self.tally.add(batch.loss, batch.correct, indices.numel(), learning_rate);
            let samples = self.tally.samples();
            // A GPU would have to stop for that until it has done all that was asked of it.
            if self.config.device == Device::Cpu {
                self.settle()?;
            }
            let stats = (self.tally.sums.samples > 0).then(|| self.tally.stats());
            if let ControlFlow::Break(why) = on_batch(self, Progress { samples, total, stats })? {
                return Ok(ControlFlow::Break(why));
            }
        }
        self.settle()?;
        self.epochs += 1;
        Ok(ControlFlow::Continue(mem::take(&mut self.tally).stats()))
    }

    /// One optimizer step on a batch of one's own: `images` `f32` `[n, 1, 32, 32]`, `labels` `i64` `[n]` from 0 to 9. It ends
    /// no epoch, so a schedule that follows the epochs stays where it is.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are something else, or the schedule has no step left; [`Error::NonFiniteLoss`] where the
    /// loss is not finite. The weights are as they were then.
    pub fn train_batch(&mut self, images: &Tensor, labels: &Tensor) -> Result<BatchStats> {
        check_batch(images, labels)?;
        let (images, labels) =
            (images.to_device(self.config.device), labels.to_device(self.config.device));
        let own = Samples::Own { images: &images, labels: &labels };
        let mut batch = self.engine.batch(&self.model, &self.parameters, own)?;
        let loss = batch.loss.double_value(&[]);
        if !loss.is_finite() {
            return Err(self.non_finite_loss(1, loss as f32));
        }
        let samples = labels.numel();
        let accuracy = batch.correct.int64_value(&[]) as f64 / samples as f64;
        let learning_rate = self.step(&mut batch.gradients)?;
        Ok(BatchStats { loss, accuracy, samples, learning_rate })
    }

    /// Clips the gradients and steps against them, as the config says. Gives the step's learning rate.
    fn step(&mut self, gradients: &mut Tensor) -> Result<f64> {
        let TrainConfig { schedule, learning_rate, clip_norm, .. } = &self.config;
        let rates = schedule.rates(*learning_rate, self.epochs, self.optimizer.steps())?;
        if let Some(max_norm) = clip_norm {
            let _ = clip_grad_norm(gradients, &self.parameters.sizes(), *max_norm);
        }
        self.optimizer.step(&mut self.parameters.flat, gradients, rates, self.engine.pool())?;
        Ok(rates.learning_rate)
    }

    /// What the network makes of `data`, with the weights as they are now.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`] where libtorch fails.
    ///
    /// # Panics
    ///
    /// As all of tch does, where the device's memory runs out.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        let _no_grad = no_grad_guard();
        let data = data.to_device(self.config.device);
        let (logits, labels) =
            (self.engine.logits(&self.model, &self.parameters, &data)?, data.labels());
        let none = None::<Tensor>;
        let losses = logits.f_cross_entropy_loss(&labels, none, Reduction::None, -100, 0.0)?;
        let probabilities = (logits.amax(1, false) - logits.logsumexp(1, false)).exp();
        let (losses, labels) = (Vec::try_from(losses)?, Vec::try_from(labels)?);
        let answers = Vec::try_from(logits.argmax(1, false))?;
        let probabilities = Vec::try_from(probabilities)?;
        Ok(Evaluation::new(&losses, &labels, &answers, &probabilities, self.config.batch_size))
    }

    /// Writes all that it takes to go on from here with the same bits to `path`, one safetensors file: weights, the
    /// optimizer's state, how far the epoch has come, the config, the versions, and a checksum of it all. What was there
    /// before is replaced in one step, or left as it was.
    ///
    /// [`weights::load`] reads such a file, too, and so does everything that reads safetensors: the weights have their names
    /// in the `state_dict`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be written; [`Error::NonFiniteLoss`] and [`Error::Invalid`] where training has diverged,
    /// so that there is nothing to go on with.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let epoch = self.tally.read().map_err(|(step, loss)| self.non_finite_loss(step, loss))?;
        let state = RunState {
            config: self.config.clone(),
            epochs: self.epochs,
            steps: self.optimizer.steps(),
            epoch,
            set: self.set.clone(),
            best: self.best,
        };
        let weights = StateDict::from_var_store(&self.var_store)?;
        state.write(weights, self.optimizer.buffers(), path.as_ref())
    }

    /// The trainer that [`save_checkpoint`](Trainer::save_checkpoint) wrote: it goes on as that one would have, bit for bit,
    /// with the same number of threads on the same kind of CPU, and the same data: [`check_data`](Trainer::check_data) tells.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Malformed`] where there is no whole checkpoint: any flipped bit is noticed;
    /// [`Error::CheckpointMismatch`] where another version wrote it; [`Error::NoDevice`] where the device that it was
    /// trained on is not there: see [`resume_with`](Trainer::resume_with).
    pub fn resume(path: impl AsRef<Path>) -> Result<Trainer> {
        let checkpoint = Checkpoint::<RunState>::read(path.as_ref())?;
        let config = checkpoint.state.config.clone();
        Trainer::restore(checkpoint, config)
    }

    /// [`resume`](Trainer::resume), for more or fewer epochs, on another device or with another engine, as `config` has it.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::CheckpointMismatch`] where `config` differs in anything else.
    pub fn resume_with(config: TrainConfig, path: impl AsRef<Path>) -> Result<Trainer> {
        let checkpoint = Checkpoint::<RunState>::read(path.as_ref())?;
        checkpoint.state.check_config(&config, path.as_ref())?;
        Trainer::restore(checkpoint, config)
    }

    fn restore(checkpoint: Checkpoint<RunState>, config: TrainConfig) -> Result<Trainer> {
        let Checkpoint { state, weights, buffers } = checkpoint;
        let mut trainer = Trainer::new(config)?;
        weights.load_into(&mut trainer.var_store)?;
        trainer.optimizer.restore(state.steps, buffers, &trainer.parameters.flat)?;
        trainer.epochs = state.epochs;
        trainer.tally = state.epoch.into();
        trainer.set = state.set;
        trainer.best = state.best;
        Ok(trainer)
    }

    /// Whether `data` is the set that it was trained on last, before or after a stop: as many images with the same labels.
    /// Where it was trained on none yet, any set is.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is another one.
    pub fn check_data(&self, data: &Dataset) -> Result<()> {
        self.set.as_ref().map_or(Ok(()), |set| set.expect(&TrainedSet::of(data)?))
    }

    /// Takes down what the network made of a validation set after the last epoch. True where no epoch before was as
    /// [good](Best), and the loss is finite.
    pub fn note_validation(&mut self, validation: &Evaluation) -> bool {
        let new = Best::new(self.epochs, validation);
        let better = new.loss.is_finite() && self.best.is_none_or(|best| new.beats(&best));
        if better {
            self.best = Some(new);
        }
        better
    }

    /// The best epoch so far, of those that [`note_validation`](Trainer::note_validation) was told about.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// The config it was made with.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// How many epochs it has trained.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// How many steps the optimizer has taken.
    pub fn steps(&self) -> usize {
        self.optimizer.steps()
    }

    /// Images trained on in the epoch under way; 0 between two epochs.
    pub fn samples(&self) -> usize {
        self.tally.samples()
    }

    /// The network.
    pub fn model(&self) -> &LeNet {
        &self.model
    }

    /// The network's variables, named as in the reference's `state_dict`: for [`weights::save`].
    pub fn var_store(&self) -> &nn::VarStore {
        &self.var_store
    }

    /// Reads the losses that wait, and looks at them.
    fn settle(&mut self) -> Result<()> {
        self.tally.settle().map_err(|(step, loss)| self.non_finite_loss(step, loss))
    }

    fn non_finite_loss(&self, step: usize, loss: f32) -> Error {
        Error::NonFiniteLoss { epoch: self.epochs + 1, step, loss }
    }
}

/// Whether they are images and labels that can be trained on.
fn check_batch(images: &Tensor, labels: &Tensor) -> Result<()> {
    let n = labels.numel() as i64;
    if images.kind() != Kind::Float || images.size() != [n, 1, 32, 32] || n == 0 {
        let got = format!("{:?} of shape {:?}", images.kind(), images.size());
        return Err(Error::invalid(
            "images",
            format!("Float of shape [{}, 1, 32, 32]", n.max(1)),
            got,
        ));
    }
    if labels.kind() != Kind::Int64 || labels.dim() != 1 {
        let got = format!("{:?} of shape {:?}", labels.kind(), labels.size());
        return Err(Error::invalid("labels", "Int64 of shape [n]", got));
    }
    let (low, high) = (labels.min().int64_value(&[]), labels.max().int64_value(&[]));
    if low < 0 || high > 9 {
        return Err(Error::invalid("labels", "digits 0 to 9", format!("{low} to {high}")));
    }
    Ok(())
}
