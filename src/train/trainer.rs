use super::{
    clip::clip_grad_norm,
    config::TrainConfig,
    optimizer::OptimizerState,
    shuffle::permutation,
    stats::{BatchStats, EpochStats, Evaluation, Tally},
};
use crate::{
    Error, LeNet, Result,
    data::Dataset,
    engine::{Parameters, Running, Samples},
    weights,
};
use std::path::Path;
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
}

/// How far an epoch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Images trained on in this epoch.
    pub samples: usize,
    /// Images of the epoch.
    pub total: usize,
}

/// How many steps go by before their losses are read and looked at: reading makes a GPU stop until it has done all that was
/// asked of it.
const STEPS_BETWEEN_CHECKS: usize = 100;

/// Images that are evaluated at once: enough to keep the cores busy, few enough to stay in their caches.
const EVALUATION_BATCH: i64 = 500;

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
        Ok(Trainer { config, var_store, model, parameters, engine, optimizer, epochs: 0 })
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

    /// Goes once through `data`, in an order that follows from the seed and the number of epochs before.
    ///
    /// In PyTorch's words the order is `torch.randperm(n, generator=torch.Generator().manual_seed(1000 * seed + epochs))`.
    ///
    /// # Errors
    ///
    /// [`Error::NonFiniteLoss`] where a batch's loss is not finite, and the weights are spoilt. [`Error::Invalid`] where the
    /// schedule has no step left: the steps before it were taken, and the epoch does not count.
    ///
    /// # Panics
    ///
    /// As all of tch does, where the device's memory runs out.
    pub fn train_epoch(&mut self, data: &Dataset) -> Result<EpochStats> {
        self.train_epoch_with(data, |_| ())
    }

    /// [`train_epoch`](Trainer::train_epoch), telling `on_batch` after each batch how far it has come.
    ///
    /// # Errors
    ///
    /// As [`train_epoch`](Trainer::train_epoch).
    pub fn train_epoch_with(
        &mut self,
        data: &Dataset,
        mut on_batch: impl FnMut(Progress),
    ) -> Result<EpochStats> {
        let data = data.to_device(self.config.device);
        let seed = self.config.seed.wrapping_mul(1000).wrapping_add(self.epochs as u64);
        let order = Tensor::f_from_slice(&permutation(data.len(), seed))?;
        let order = order.to_device(self.config.device);
        let mut tally = Tally::default();
        let mut samples = 0;
        for indices in order.split(self.config.batch_size.min(data.len()) as i64, 0) {
            let samples_of = Samples::Of { data: &data, indices: &indices };
            let mut batch = self.engine.batch(&self.model, &self.parameters, samples_of)?;
            let learning_rate = self.step(&mut batch.gradients)?;
            tally.add(batch.loss, batch.correct, indices.numel(), learning_rate);
            samples += indices.numel();
            on_batch(Progress { samples, total: data.len() });
            if tally.waiting() == STEPS_BETWEEN_CHECKS || samples == data.len() {
                tally.settle().map_err(|(step, loss)| self.non_finite_loss(step, loss))?;
            }
        }
        self.epochs += 1;
        Ok(tally.stats())
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
        let (mut losses, mut answers, mut probabilities) = (vec![], vec![], vec![]);
        let (total, labels) = (data.len() as i64, data.labels());
        for start in (0..total).step_by(EVALUATION_BATCH as usize) {
            let range = start..total.min(start + EVALUATION_BATCH);
            let labels = labels.narrow(0, start, range.end - start);
            let logits = self.engine.logits(&self.model, &self.parameters, &data, range)?;
            let none = None::<Tensor>;
            losses.push(logits.f_cross_entropy_loss(&labels, none, Reduction::None, -100, 0.0)?);
            answers.push(logits.argmax(1, false));
            probabilities.push((logits.amax(1, false) - logits.logsumexp(1, false)).exp());
        }
        let losses = Vec::try_from(Tensor::cat(&losses, 0))?;
        let labels = Vec::try_from(labels)?;
        let answers = Vec::try_from(Tensor::cat(&answers, 0))?;
        let probabilities = Vec::try_from(Tensor::cat(&probabilities, 0))?;
        Ok(Evaluation::new(&losses, &labels, &answers, &probabilities, self.config.batch_size))
    }

    /// The config it was made with.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// How many epochs it has trained.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The network.
    pub fn model(&self) -> &LeNet {
        &self.model
    }

    /// The network's variables, named as in the reference's `state_dict`: for [`weights::save`].
    pub fn var_store(&self) -> &nn::VarStore {
        &self.var_store
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
