use super::{
    backend::{Backend, Samples, Waiting},
    checkpoint::{Recipe, Resumable},
    config::TrainConfig,
    device::{self, Device},
    distorted::Distorted,
    parameters::Parameters,
    ranks::Ranks,
    run::{EpochSums, Run, RunConfig, SavedRun},
    schedule::Rates,
    stats::{BatchStats, EpochStats, Evaluation, Sums},
    trained_set::TrainedSet,
};
use crate::{
    Error, Result, atomic_file,
    data::{Classes, Dataset, Domain},
    generator::Generator,
    kernels::InstructionSet,
    network,
    train::{Best, Communicator},
    weights::StateDict,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{convert::Infallible, ops::ControlFlow, path::Path};

/// Trains a LeNet as a [`TrainConfig`] says. It returns numbers and prints nothing.
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
/// On a CPU the same seed gives the same weights, bit for bit, with any number of threads, on any CPU. On a GPU cuDNN may choose
/// kernels that sum in no fixed order: see [`TrainConfig::deterministic`].
#[derive(Debug)]
pub struct Trainer {
    run: Run<TrainConfig>,
    pub(crate) parameters: Parameters,
    engine: Backend,
    /// Batches of the epoch under way that are not in the run's sums yet: on a GPU, which is not made to wait for them.
    waiting: Waiting,
    /// See [`changes`](Trainer::changes).
    changes: Vec<String>,
    ranks: Ranks,
    /// Of the set that it was trained on last, else of the weights that it started from.
    domain: Domain,
    /// Whether the ranks have compared the pixels of their training sets.
    pixels_agreed: bool,
}

impl RunConfig for TrainConfig {
    const NETWORK: &'static str = "LeNet";
    const FREE: &'static [&'static str] =
        &["epochs", "device", "engine", "threads", "instructions", "allow_tf32", "deterministic"];

    type Epoch = Sums;
}

impl EpochSums for Sums {
    fn samples(&self) -> usize {
        self.samples
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn check(&self, _: usize) -> std::result::Result<(), String> {
        let Sums { samples, steps, correct, .. } = *self;
        if steps > samples || !(0..=samples as i64).contains(&correct) {
            return Err(format!("{correct} right answers of {samples} in {steps} steps"));
        }
        Ok(())
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
    /// The epoch's figures so far: on a CPU of all [`samples`](Progress::samples); on a GPU, which is not made to wait after each
    /// step, of those up to the last reading, which is every 100 steps. None before the first.
    pub stats: Option<EpochStats>,
}

impl Trainer {
    /// A trainer with a new network, drawn from the config's seed.
    ///
    /// # Errors
    ///
    /// [`Error::NoDevice`] where there is no such device; [`Error::Invalid`] where the config can't be trained with: a batch
    /// size of 0, an optimizer or a schedule that PyTorch would refuse.
    pub fn new(config: TrainConfig) -> Result<Trainer> {
        let values = config.init.parameters(config.seed);
        Trainer::start(Run::new(config), values)
    }

    /// A trainer that starts from saved weights, of any form that [`StateDict::read`] reads.
    ///
    /// # Errors
    ///
    /// As [`new`](Trainer::new) and [`StateDict::read`]; [`Error::StateDict`] where they are not a LeNet's.
    pub fn with_weights(config: TrainConfig, path: impl AsRef<Path>) -> Result<Trainer> {
        config.check()?;
        let weights = StateDict::read(path)?;
        let values = weights.to_flat(&network::state_dict())?;
        let domain = Domain::of(&weights.metadata)?;
        Ok(Trainer { domain, ..Trainer::start(Run::new(config), values)? })
    }

    fn start(run: Run<TrainConfig>, values: Vec<f32>) -> Result<Trainer> {
        run.config.check()?;
        Ok(Trainer {
            engine: Backend::start(&run.config)?,
            parameters: Parameters::new(values, run.config.device)?,
            waiting: Waiting::default(),
            changes: vec![],
            ranks: Ranks::default(),
            domain: Domain::default(),
            pixels_agreed: false,
            run,
        })
    }

    /// The same trainer as one of several processes, the ranks, which train one network together. Each has a part of every
    /// batch. The batch size, the results and the weights are, bit for bit, those of one process.
    ///
    /// Weights, optimizer and position are rank 0's from here on, so that rank 0 alone needs a checkpoint to resume from. All
    /// ranks call this, and after it [`train_epoch`](Trainer::train_epoch) and [`evaluate`](Trainer::evaluate), in the same
    /// order, and each stops an epoch after the same step: [`Communicator::highest`] tells them. The other methods work alone;
    /// rank 0 saves for all.
    ///
    /// ```
    /// use lenet::{TrainConfig, Trainer, train::Alone};
    ///
    /// let trainer = Trainer::new(TrainConfig::pytorch())?.with_communicator(Alone)?;
    /// assert_eq!(trainer.communicator().size(), 1);
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Rank`] where a rank has another version of this crate or another config, threads and instructions aside;
    /// [`Error::Invalid`] where there are several ranks and the engine is not [`Fused`](crate::Engine::Fused); what the
    /// communicator returns.
    pub fn with_communicator(
        mut self,
        communicator: impl Communicator + 'static,
    ) -> Result<Trainer> {
        let ranks = Ranks::new(communicator);
        if ranks.are_many() {
            ranks.agree(self.terms())?;
            if !self.engine.is_fused() {
                let expected = "auto or fused, on a CPU, where there are several ranks";
                return Err(Error::invalid("engine", expected, "another device or libtorch"));
            }
            let path = Path::new("the state of rank 0");
            let is_first = ranks.communicator().rank() == 0;
            let own = if is_first { self.checkpoint(path)? } else { vec![] };
            let first = ranks.of_first(&own)?;
            if !is_first {
                let saved = Run::from_bytes(Some(self.run.config.clone()), &first, path)?;
                self = Trainer::restored(saved)?;
            }
        }
        Ok(Trainer { ranks, pixels_agreed: false, ..self })
    }

    /// The ranks that it trains with: [`Alone`](crate::train::Alone) at first.
    pub fn communicator(&self) -> &dyn Communicator {
        self.ranks.communicator()
    }

    /// What has to be the same on all ranks, whatever they train on.
    fn terms(&self) -> Value {
        let mut terms = serde_json::to_value(self.config()).unwrap_or_default();
        if let Some(terms) = terms.as_object_mut() {
            terms.retain(|name, _| !["engine", "threads", "instructions"].contains(&&**name));
            terms.insert("lenet".into(), env!("CARGO_PKG_VERSION").into());
            terms.insert("fused".into(), self.engine.is_fused().into());
        }
        terms
    }

    /// An [`Error::Rank`] where ranks train on different data, or are not at the same step.
    fn agree_on(&mut self, data: &Dataset) -> Result<()> {
        if !self.ranks.are_many() {
            return Ok(());
        }
        // Once, since it takes as long as many steps.
        let pixels = (!self.pixels_agreed).then(|| {
            let digest = Sha256::digest(data.image_bytes().as_flattened());
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        self.ranks.agree(json!({
            "training set": self.run.set, "pixels": pixels,
            "epochs": self.epochs(), "steps": self.steps(), "samples": self.samples(),
        }))?;
        self.pixels_agreed = true;
        Ok(())
    }

    /// Goes once through `data`, in an order that follows from the seed and the number of epochs before. An epoch that was
    /// stopped, or saved before its end, is resumed.
    ///
    /// In PyTorch's words the order is `torch.randperm(n, generator=generator)` after
    /// `generator.manual_seed(1000 * seed + epochs)`.
    ///
    /// # Errors
    ///
    /// [`Error::NonFiniteLoss`] where a batch's loss is not finite, and the weights are spoilt. [`Error::Invalid`] where the
    /// schedule has no step left, or `data` is another set than that of the epoch that is resumed. [`Error::Torch`](crate::Error) where a GPU fails: its memory runs
    /// out, say.
    pub fn train_epoch(&mut self, data: &Dataset) -> Result<EpochStats> {
        let never = |_: &Trainer, _| Ok(ControlFlow::<Infallible>::Continue(()));
        let ControlFlow::Continue(stats) = self.train_epoch_with(data, never)?;
        Ok(stats)
    }

    /// [`train_epoch`](Trainer::train_epoch), calling `on_batch` after each batch: to show progress, to
    /// [save](Trainer::save_checkpoint) the trainer, or to stop. What it breaks with is returned, and the next call resumes
    /// the epoch.
    ///
    /// ```
    /// # use lenet::{Dataset, TrainConfig, Trainer};
    /// use std::ops::ControlFlow::{Break, Continue};
    ///
    /// # let data = Dataset::from_pixels(vec![0; 100 * 32 * 32], vec![0; 100])?;
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
        self.settle()?;
        let (done, total) = (self.run.begin(data)?, data.len());
        self.domain = data.domain().clone();
        self.agree_on(data)?;
        let seed = self.config().seed.wrapping_mul(1000).wrapping_add(self.epochs() as u64);
        let order = Generator::manual_seed(seed).permutation(total);
        let batch_size = self.config().batch_size;
        let distortion = self.config().distortion;
        let block =
            distortion.map_or(usize::MAX, |_| batch_size.saturating_mul(Distorted::BATCHES));
        for block in order[done..].chunks(block) {
            let distorted = distortion.map(|distortion| {
                Distorted {
                    distortion,
                    numbers: [self.config().seed, self.epochs() as u64],
                    threads: self.engine.threads(),
                    instructions: self.config().instructions.unwrap_or(InstructionSet::best()),
                }
                .of(data, block, batch_size, &self.ranks)
            });
            let distorted = distorted.transpose()?;
            let places: Vec<_> = (0..block.len()).collect();
            let (data, mut left) = distorted.as_ref().map_or((data, block), |set| (set, &*places));
            while !left.is_empty() {
                let (indices, next) = left.split_at(batch_size.min(left.len()));
                left = next;
                let rates = self.rates()?;
                let samples = Samples::Of { data, indices, next };
                let outcome = self.engine.gradients(&self.parameters, samples, &self.ranks)?;
                self.step(rates)?;
                self.waiting.add(outcome, indices.len(), rates.learning_rate);
                let samples = self.samples();
                if self.waiting.is_due() {
                    self.settle()?;
                }
                let stats = (self.run.epoch.samples > 0).then(|| self.run.epoch.stats());
                let progress = Progress { samples, total, stats };
                if let ControlFlow::Break(why) = on_batch(self, progress)? {
                    return Ok(ControlFlow::Break(why));
                }
            }
        }
        self.settle()?;
        Ok(ControlFlow::Continue(self.run.end().stats()))
    }

    /// One optimizer step on so many `samples`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are not as many labels as images, or none, or the schedule has no step left;
    /// [`Error::NonFiniteLoss`] where the loss is not finite. The weights are unchanged then.
    #[cfg_attr(not(feature = "torch"), allow(dead_code))] // the tensors' train_batch is what others call
    pub(crate) fn train_samples(&mut self, samples: Samples, length: usize) -> Result<BatchStats> {
        let rates = self.rates()?;
        let outcome = self.engine.gradients(&self.parameters, samples, &self.ranks)?.read()?;
        if !outcome.loss.is_finite() {
            return Err(self.non_finite_loss(1, outcome.loss));
        }
        self.step(rates)?;
        Ok(BatchStats {
            loss: outcome.loss.into(),
            accuracy: outcome.correct as f64 / length as f64,
            samples: length,
            learning_rate: rates.learning_rate,
        })
    }

    /// What the schedule sets for the next step.
    fn rates(&self) -> Result<Rates> {
        let TrainConfig { schedule, learning_rate, .. } = self.config();
        schedule.rates(*learning_rate, self.epochs(), self.steps())
    }

    /// Steps against the gradients that were computed last, clipped as the config says.
    fn step(&mut self, rates: Rates) -> Result<()> {
        let max_norm = self.run.config.clip_norm;
        self.engine.step(&mut self.parameters, rates, max_norm)?;
        self.run.steps = self.engine.steps();
        Ok(())
    }

    /// What the network makes of `data`, with the weights as they are now.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`](crate::Error) where libtorch fails.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        if self.ranks.are_many() {
            self.ranks.agree(json!({ "evaluated set": TrainedSet::of(data) }))?;
        }
        let logits = self.engine.logits(&self.parameters, data, &self.ranks)?;
        Ok(Evaluation::of_logits(&logits, data, self.config().batch_size))
    }

    /// Writes all that it takes to resume from here with the same bits to `path`, one safetensors file: weights, the
    /// optimizer's state, the position in the epoch, the config, the versions, and a checksum of it all. A file that is there
    /// already is replaced in one step, or unchanged.
    ///
    /// [`StateDict::read`] reads such a file, too, and so does everything that reads safetensors: the weights have their names
    /// in the `state_dict`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be written; [`Error::NonFiniteLoss`] and [`Error::Invalid`] where training has diverged,
    /// so that there is nothing to resume.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        atomic_file::write(path.as_ref(), &self.checkpoint(path.as_ref())?)
    }

    /// The checkpoint that is written to `path`.
    fn checkpoint(&self, path: &Path) -> Result<Vec<u8>> {
        let mut run = self.run.clone();
        run.epoch = self.read_waiting()?;
        run.to_bytes(self.try_state_dict()?, self.engine.buffers()?, path)
    }

    /// The trainer that [`save_checkpoint`](Trainer::save_checkpoint) wrote: with the same data it ends as that one would have, bit
    /// for bit, whatever the number of threads and the CPU. [`check_data`](Trainer::check_data) tells whether the data are the same.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Malformed`] where there is no whole checkpoint: any flipped bit is noticed;
    /// [`Error::CheckpointMismatch`] where another version wrote it; [`Error::NoDevice`] where the device that it was
    /// trained on is not there: see [`resume_with`](Trainer::resume_with).
    pub fn resume(path: impl AsRef<Path>) -> Result<Trainer> {
        Trainer::restore(None, path.as_ref())
    }

    /// [`resume`](Trainer::resume), for more or fewer epochs, on another device or with another engine, as `config` has it.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::CheckpointMismatch`] where `config` differs in anything else.
    pub fn resume_with(config: TrainConfig, path: impl AsRef<Path>) -> Result<Trainer> {
        Trainer::restore(Some(config), path.as_ref())
    }

    fn restore(config: Option<TrainConfig>, path: &Path) -> Result<Trainer> {
        Trainer::restored(Run::read(config, path)?)
    }

    fn restored(saved: SavedRun<TrainConfig>) -> Result<Trainer> {
        let SavedRun { run, saved_config, weights, buffers } = saved;
        let steps = run.steps;
        let changes = changes(&saved_config, &run.config);
        let mut trainer = Trainer::start(run, weights.to_flat(&network::state_dict())?)?;
        trainer.engine.restore(steps, buffers)?;
        trainer.changes = changes;
        trainer.domain = Domain::of(&weights.metadata)?;
        Ok(trainer)
    }

    /// Writes the weights to `path`, in the form that its extension stands for: see [`StateDict::write`].
    ///
    /// # Errors
    ///
    /// As [`StateDict::write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.try_state_dict()?.write(path)
    }

    /// A copy of the weights, by their names in PyTorch's `state_dict`. Empty where they can't be copied from a GPU;
    /// [`try_state_dict`](Trainer::try_state_dict) tells why.
    pub fn state_dict(&self) -> StateDict {
        self.try_state_dict().unwrap_or_default()
    }

    /// [`state_dict`](Trainer::state_dict), with an error where the weights can't be copied from a GPU.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`](crate::Error) with what libtorch says.
    pub fn try_state_dict(&self) -> Result<StateDict> {
        let mut weights = StateDict::from_flat(&network::state_dict(), &self.parameters.to_vec()?)?;
        self.domain.describe(&mut weights.metadata);
        Ok(weights)
    }

    /// The classes of the set that it was trained on last, or before that of the weights that it started from: the digits, where
    /// nothing else was said. They go to the metadata of its weights and checkpoints, with how pictures become such images.
    pub fn classes(&self) -> &Classes {
        &self.domain.classes
    }

    /// Whether `data` is the set that it was trained on last, before or after a stop: as many images with the same labels, of the same
    /// classes. Where it was trained on none yet, any set is.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is another one.
    pub fn check_data(&self, data: &Dataset) -> Result<()> {
        self.run.check_data(data)
    }

    /// Records what the network made of a validation set after the last epoch. True where no epoch before was as
    /// [good](Best), and the loss is finite.
    pub fn note_validation(&mut self, validation: &Evaluation) -> bool {
        self.run.note_validation(validation)
    }

    /// The best epoch so far, of those that [`note_validation`](Trainer::note_validation) was told about.
    pub fn best(&self) -> Option<Best> {
        self.run.best
    }

    /// What [`resume_with`](Trainer::resume_with) changed, where it was given another device or engine than the run had: these
    /// round in other ways, so that the run ends with other bits than it would have. Empty for other runs.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// The config it was made with.
    pub fn config(&self) -> &TrainConfig {
        &self.run.config
    }

    /// How many epochs it has trained.
    pub fn epochs(&self) -> usize {
        self.run.epochs
    }

    /// How many steps the optimizer has taken.
    pub fn steps(&self) -> usize {
        self.run.steps
    }

    /// Images trained on in the epoch under way; 0 between two epochs.
    pub fn samples(&self) -> usize {
        self.run.epoch.samples + self.waiting.samples()
    }

    /// Reads the outcomes that wait into the epoch's sums.
    fn settle(&mut self) -> Result<()> {
        self.run.epoch = self.read_waiting()?;
        self.waiting.clear();
        Ok(())
    }

    fn read_waiting(&self) -> Result<Sums> {
        let sums = self.waiting.read(self.run.epoch)?;
        sums.map_err(|(step, loss)| self.non_finite_loss(step, loss))
    }

    fn non_finite_loss(&self, step: usize, loss: f32) -> Error {
        Error::NonFiniteLoss { epoch: self.epochs() + 1, step, loss }
    }
}

/// How `now` differs from `before` in what rounds in its own way.
fn changes(before: &TrainConfig, now: &TrainConfig) -> Vec<String> {
    let on_gpus = before.device != Device::Cpu && now.device != Device::Cpu;
    let names = |config: &TrainConfig| {
        let engine = config.engine.on(config.device).name();
        [
            ("device", device::name(config.device)),
            ("engine", engine.to_owned()),
            ("TF32", (on_gpus && config.allow_tf32).to_string()),
            ("deterministic", (on_gpus && config.deterministic).to_string()),
        ]
    };
    let pairs = names(before).into_iter().zip(names(now)).filter(|(before, now)| before != now);
    pairs.map(|((what, before), (_, now))| format!("{what}: {before} before, {now} now")).collect()
}

#[cfg(test)]
mod tests {
    use super::changes;
    use crate::{Engine, TrainConfig, train::Device};

    /// A trainer whose engine is a GPU's, on the CPU: not run on a GPU.
    #[cfg(feature = "torch")]
    fn as_on_a_gpu(config: TrainConfig) -> super::Trainer {
        use crate::torch::{Cudnn, DeviceEngine};
        let mut trainer = super::Trainer::new(config).unwrap();
        let cudnn = Cudnn { allow_tf32: true, deterministic: false };
        let engine = DeviceEngine::new(Device::Cpu, cudnn, trainer.config().optimizer).unwrap();
        trainer.engine = super::Backend::Device(engine);
        trainer
    }

    #[cfg(feature = "torch")]
    fn blank(images: usize) -> crate::Dataset {
        let labels = (0..images).map(|image| image as u8 % 10).collect();
        let pixels = (0..images * 1024).map(|place| (place * 31 % 256) as u8).collect();
        crate::Dataset::from_pixels(pixels, labels).unwrap()
    }

    /// Every 100 steps the figures are read; until then those of the last reading are shown.
    #[cfg(feature = "torch")]
    #[test]
    fn a_gpu_s_figures_move_within_an_epoch() {
        use std::ops::ControlFlow::{Break, Continue};
        let config = TrainConfig { batch_size: 1, ..TrainConfig::pytorch_on(Device::Cpu) };
        let (data, mut trainer) = (blank(230), as_on_a_gpu(config));
        let mut seen = vec![];
        let mut watch = |trainer: &super::Trainer, at: super::Progress, end| {
            assert_eq!(trainer.samples(), at.samples);
            assert!(trainer.waiting.samples() < 100);
            seen.push((at.samples, at.stats.map_or(0, |stats| stats.samples)));
            if at.samples < end { Continue(()) } else { Break(()) }
        };
        let stopped = trainer.train_epoch_with(&data, |trainer, at| Ok(watch(trainer, at, 120)));
        assert!(matches!(stopped, Ok(Break(()))));
        let ended = trainer.train_epoch_with(&data, |trainer, at| Ok(watch(trainer, at, 999)));
        let Ok(Continue(stats)) = ended else { panic!() };
        assert_eq!((stats.samples, trainer.epochs()), (230, 1));
        // Before the stop; resumed, first with the figures of the stop, later with those of here.
        let expected = (1..=120).map(|at| (at, at / 100 * 100));
        let resumed = (121..=230).map(|at| (at, if at < 220 { 120 } else { 220 }));
        assert_eq!(seen, expected.chain(resumed).collect::<Vec<_>>());
    }

    /// What a GPU's engine sums up is what the engine on the CPU does, step by step.
    #[cfg(feature = "torch")]
    #[test]
    fn a_gpu_s_epoch_is_a_cpu_s() {
        let config = TrainConfig {
            batch_size: 7,
            engine: Engine::Libtorch,
            ..TrainConfig::pytorch_on(Device::Cpu)
        };
        let (data, mut there, mut here) =
            (blank(230), as_on_a_gpu(config.clone()), super::Trainer::new(config).unwrap());
        let (there, here) = (there.train_epoch(&data).unwrap(), here.train_epoch(&data).unwrap());
        assert_eq!(there.samples, here.samples);
        // The optimizers round in their own ways: Adam's square root, 33 times.
        assert!((there.loss - here.loss).abs() < 1e-4, "{there:?} {here:?}");
    }

    /// The labels of a batch that lies on a GPU are looked at there, with the outcome; the error is a CPU's.
    #[cfg(feature = "torch")]
    #[test]
    fn a_gpu_takes_no_step_on_labels_that_are_no_digits() {
        use crate::{torch::DeviceBatch, train::Samples};
        let config =
            TrainConfig { engine: Engine::Libtorch, ..TrainConfig::pytorch_on(Device::Cpu) };
        let train = |trainer: &mut super::Trainer, data: &crate::Dataset, labels| {
            let batch = DeviceBatch { images: data.images(), labels };
            trainer.train_samples(Samples::OnDevice(&batch), data.len())
        };
        let whole = |trainer: &super::Trainer| trainer.checkpoint("a".as_ref()).unwrap();
        let (data, mut there, mut here) =
            (blank(20), as_on_a_gpu(config.clone()), super::Trainer::new(config).unwrap());
        let first = train(&mut there, &data, data.labels()).unwrap();
        assert_eq!(first, here.train_batch(&data.images(), &data.labels()).unwrap());
        let before = whole(&there);
        for wrong in [10, -1, -100, 266, i64::MAX, i64::MIN] {
            for places in [0..1, 7..8, 0..20] {
                let labels = data.labels();
                let _ = labels.narrow(0, places.start, places.end - places.start).fill_(wrong);
                let expected = here.train_batch(&data.images(), &labels).unwrap_err().to_string();
                assert!(expected.starts_with("labels: expected digits 0 to 9, got "), "{expected}");
                assert_eq!(train(&mut there, &data, labels).unwrap_err().to_string(), expected);
                assert!(whole(&there) == before, "{expected}");
            }
        }
        // As if nothing had been: what the wrong ones came to is not left for the next step.
        let mut undisturbed = as_on_a_gpu(there.config().clone());
        for trainer in [&mut undisturbed, &mut there] {
            while trainer.steps() < 3 {
                train(trainer, &data, data.labels()).unwrap();
            }
        }
        assert!(whole(&undisturbed) == whole(&there));
    }

    #[test]
    fn another_device_or_engine_is_a_change() {
        let on = |device, engine| TrainConfig { device, engine, ..TrainConfig::pytorch() };
        let auto = on(Device::Cpu, Engine::Auto);
        assert!(changes(&auto, &on(Device::Cpu, Engine::Fused)).is_empty());
        assert!(
            changes(&auto, &TrainConfig { epochs: 99, threads: Some(7), ..auto.clone() })
                .is_empty()
        );
        let libtorch = on(Device::Cpu, Engine::Libtorch);
        assert_eq!(changes(&auto, &libtorch), ["engine: fused before, libtorch now"]);
        let cuda = on(Device::Cuda(1), Engine::Auto);
        assert_eq!(changes(&libtorch, &cuda), ["device: cpu before, cuda:1 now"]);
        let plain = TrainConfig { allow_tf32: false, ..cuda.clone() };
        assert_eq!(changes(&cuda, &plain), ["TF32: true before, false now"]);
    }
}
