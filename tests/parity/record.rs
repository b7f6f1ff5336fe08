//! Records: numbers under the names that tests/golden/frameworks.py gives them and describes. A framework's are read from
//! files; this crate's are computed here.

use crate::compare::Tensors;
use lenet::{Dataset, Engine, Optimizer, Sgd, TrainConfig, Trainer};
use std::path::Path;
use tch::{Device, Tensor};

/// A framework's record. Read with tch's own reader of safetensors, which shares no code with `lenet::weights`.
pub fn read(path: impl AsRef<Path>) -> Tensors {
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// A trainer that starts from the weights of a record.
pub fn trainer(record: &Tensors) -> Trainer {
    start(record, config())
}

/// The same with an engine of one's choice.
pub fn trainer_with(record: &Tensors, engine: Engine) -> Trainer {
    start(record, TrainConfig { engine, ..config() })
}

fn start(record: &Tensors, config: TrainConfig) -> Trainer {
    let weights =
        record.iter().filter_map(|(name, tensor)| Some((name.strip_prefix("weights.")?, tensor)));
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
    Tensor::write_safetensors(&weights.collect::<Vec<_>>(), file.path()).unwrap();
    Trainer::with_weights(config, file.path()).unwrap()
}

/// A trainer of the post's recipe that starts from the weights in a file.
pub fn trainer_from(path: &Path) -> Trainer {
    Trainer::with_weights(config(), path).unwrap()
}

/// The post's recipe, where the frameworks of the records ran it.
pub fn config() -> TrainConfig {
    TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() }
}

/// The images and labels that a record's numbers are for.
pub fn batch(record: &Tensors) -> Dataset {
    let [pixels, labels] =
        ["batch.images", "batch.labels"].map(|name| record[name].shallow_clone());
    Dataset::new(pixels, labels).unwrap()
}

/// The weights as they are now, under `prefix`.
pub fn weights(trainer: &Trainer, prefix: &str) -> Tensors {
    let variables = trainer.var_store().variables().into_iter();
    variables.map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.detach().copy())).collect()
}

/// The batch through the net, there and back: stages, loss and gradients.
pub fn numbers(trainer: &Trainer, batch: &Dataset) -> Tensors {
    let stages = trainer.model().stages(&batch.images());
    let logits = &stages.iter().find(|stage| stage.name == "output").unwrap().output;
    let loss = logits.cross_entropy_for_logits(&batch.labels());
    let (names, variables): (Vec<_>, Vec<_>) = trainer.var_store().variables().into_iter().unzip();
    let gradients = Tensor::run_backward(&[&loss], &variables, false, false);

    let mut record = Tensors::from([("loss".to_string(), loss.detach().view([1]))]);
    record.extend(
        stages.into_iter().map(|stage| (format!("stages.{}", stage.name), stage.output.detach())),
    );
    record.extend(
        names.iter().zip(gradients).map(|(name, gradient)| (format!("gradients.{name}"), gradient)),
    );
    record
}

/// The loss and the gradients of a batch as the trainer has them, from the record's weights or with one of them `spoilt`. The
/// gradients show in a step of plain gradient descent, so long that the weights before it do not count: rounded once more.
pub fn step(record: &Tensors, batch: &Dataset, engine: Engine, spoilt: Option<&str>) -> Tensors {
    let rate = f64::from(2f32.powi(40));
    let optimizer = Optimizer::Sgd(Sgd::default());
    let config = TrainConfig { engine, optimizer, learning_rate: rate, ..config() };
    let mut trainer = start(record, config);
    if let Some(name) = spoilt {
        spoil(&trainer, record, name);
    }
    let loss = trainer.train_batch(&batch.images(), &batch.labels()).unwrap().loss;
    let mut numbers = Tensors::from([("loss".to_string(), Tensor::from(loss as f32).view([1]))]);
    let moved = weights(&trainer, "gradients").into_iter();
    numbers.extend(moved.map(|(name, weights)| (name, weights / -rate)));
    numbers
}

/// An optimizer step for each batch of `data`, in order: each step's loss, f32 `[steps]`.
pub fn train(trainer: &mut Trainer, data: &Dataset, batch_size: i64) -> Tensor {
    let (images, labels) = (data.images().split(batch_size, 0), data.labels().split(batch_size, 0));
    let mut step = |(images, labels)| trainer.train_batch(images, labels).unwrap().loss as f32;
    Tensor::from_slice(&images.iter().zip(&labels).map(&mut step).collect::<Vec<_>>())
}

/// The losses `from..to` of a curve as tensors of their own, since each is compared relative to itself.
pub fn curve(losses: &Tensor, from: i64, to: i64) -> Tensors {
    (from..to).map(|step| (format!("curve.{:04}", step + 1), losses.get(step).view([1]))).collect()
}

/// The images of a set at `indices`, in their order.
pub fn select(data: &Dataset, indices: &Tensor) -> Dataset {
    Dataset::new(data.pixels().index_select(0, indices), data.labels().index_select(0, indices))
        .unwrap()
}

/// Adds 1e-3 to one of a tensor's numbers, the one that the loss depends on most: the slip that the comparisons have to
/// catch.
pub fn spoil(trainer: &Trainer, record: &Tensors, name: &str) {
    let steepest = record[&format!("gradients.{name}")].abs().argmax(None, false).int64_value(&[]);
    let _no_grad = tch::no_grad_guard();
    let _ = trainer.var_store().variables()[name].view([-1]).get(steepest).g_add_scalar_(1e-3);
}
