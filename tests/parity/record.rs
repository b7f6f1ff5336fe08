//! Records: numbers under the names that tests/golden/frameworks.py gives them and describes. A framework's are read from
//! files; this crate's are computed here.

use crate::compare::{Tensor, Tensors};
use lenet::{
    Adam, Classifier, Dataset, Engine, Optimizer, Sgd, TrainConfig, Trainer,
    network::LAYERS,
    train::Device,
    weights::{Array, StateDict},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{fs, ops::Range, path::Path};

/// A framework's record. Read with the `safetensors` crate alone, not with `lenet::weights`.
pub fn read(path: impl AsRef<Path>) -> Tensors {
    let file = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    file.iter().map(|(name, view)| (name.into(), tensor(&view))).collect()
}

fn tensor(view: &TensorView) -> Tensor {
    let data = view.data();
    let values = match view.dtype() {
        Dtype::U8 => data.iter().map(|&byte| f64::from(byte)).collect(),
        Dtype::I64 => data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
        other => panic!("{other}"),
    };
    Tensor { kind: view.dtype(), shape: view.shape().to_vec(), values }
}

/// Writes a record of `f32`.
pub fn write(record: &Tensors, path: &Path) {
    let bytes = |tensor: &Tensor| -> Vec<u8> {
        tensor.values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect()
    };
    let bytes: Vec<_> = record.values().map(bytes).collect();
    let views = record.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        (name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// The weights that a record starts from.
pub fn start(record: &Tensors) -> StateDict {
    state_dict(record, |_| None)
}

/// The same with 1e-3 added to one of the numbers of the tensor `name`, the one that the loss depends on most: the slip that
/// the comparisons have to catch.
pub fn spoilt(record: &Tensors, name: &str) -> StateDict {
    let gradient = &record[&format!("gradients.{name}")].values;
    let steepest =
        (0..gradient.len()).max_by(|&a, &b| gradient[a].abs().total_cmp(&gradient[b].abs()));
    state_dict(record, |other| if other == name { steepest } else { None })
}

/// A record's weights; `slip` tells where one is off, if anywhere.
fn state_dict(record: &Tensors, slip: impl Fn(&str) -> Option<usize>) -> StateDict {
    let mut weights = StateDict::new();
    for (name, Tensor { shape, values, .. }) in record {
        let Some(name) = name.strip_prefix("weights.") else { continue };
        let mut values: Vec<_> = values.iter().map(|&value| value as f32).collect();
        if let Some(place) = slip(name) {
            values[place] += 1e-3;
        }
        weights.insert(name, Array::new(shape.clone(), values).unwrap()).unwrap();
    }
    weights
}

/// The post's recipe, where the frameworks of the records ran it.
pub fn config() -> TrainConfig {
    TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() }
}

/// A trainer that starts from these weights. Tests run beside each other: with threads of its own libtorch's engine is slower.
pub fn trainer(weights: &StateDict, config: TrainConfig) -> Trainer {
    #[cfg(feature = "torch")]
    lenet::tch::set_num_threads(1);
    in_a_file(weights, |path| Trainer::with_weights(config, path).unwrap())
}

fn in_a_file<T>(weights: &StateDict, open: impl FnOnce(&Path) -> T) -> T {
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
    weights.write(file.path()).unwrap();
    open(file.path())
}

/// The images and labels that a record's numbers are for.
pub fn batch(record: &Tensors) -> Dataset {
    let bytes = |name| record[name].values.iter().map(|&value: &f64| value as u8).collect();
    Dataset::from_pixels(bytes("batch.images"), bytes("batch.labels")).unwrap()
}

/// Weights under `prefix`.
pub fn weights(weights: &StateDict, prefix: &str) -> Tensors {
    let tensor = |array: &Array| Tensor::f32(array.shape().into(), array.values().iter().copied());
    weights.iter().map(|(name, array)| (format!("{prefix}.{name}"), tensor(array))).collect()
}

/// The batch through this crate's kernels: the stages as a classifier has them, the loss of an evaluation, the gradients of a
/// step.
pub fn by_kernels(weights: &StateDict, batch: &Dataset) -> Tensors {
    let mut numbers = step(weights, batch, Engine::Fused);
    let loss = trainer(weights, config()).evaluate(batch).unwrap().loss;
    numbers.insert("loss".into(), Tensor::f32(vec![1], [loss as f32]));
    let classifier = in_a_file(weights, |path| Classifier::open(path).unwrap());
    let outputs: Vec<_> =
        batch.image_bytes().iter().map(|image| classifier.stages_of(image)).collect();
    for (i, layer) in LAYERS.iter().enumerate() {
        let shape = [vec![batch.len()], layer.output_shape()].concat();
        let values = outputs.iter().flat_map(|stages| &stages[i].values).copied();
        numbers.insert(format!("stages.{}", layer.name), Tensor::f32(shape, values));
    }
    numbers
}

/// The loss and the gradients of a batch as the trainer has them. The gradients show in a step of plain gradient descent, so
/// long that the weights before it do not count: rounded once more.
pub fn step(start: &StateDict, batch: &Dataset, engine: Engine) -> Tensors {
    let rate = 2f64.powi(40);
    let optimizer = Optimizer::Sgd(Sgd::default());
    let batch_size = batch.len();
    let config = TrainConfig { engine, optimizer, learning_rate: rate, batch_size, ..config() };
    let mut trainer = trainer(start, config);
    let loss = trainer.train_epoch(batch).unwrap().loss;
    let mut numbers = weights(&trainer.state_dict(), "gradients");
    let values = numbers.values_mut().flat_map(|tensor| &mut tensor.values);
    values.for_each(|value| *value /= -rate);
    numbers.insert("loss".into(), Tensor::f32(vec![1], [loss as f32]));
    numbers
}

/// How far apart two runs of [`Adam`] may be, weight by weight. The first step from a gradient `g` is `rate * g / (|g| + eps)`:
/// where `g` is as small as `eps`, rounding in `g` decides how far the weight goes, and no later step brings it back. So this is
/// `later`, and what the first step makes of a gradient that is off by `off` times the largest in its tensor.
pub fn adams_limits(start: &StateDict, first: &Dataset, off: f64, later: f64) -> Tensors {
    let (rate, eps) = (config().learning_rate, Adam::default().eps);
    let length = |gradient: f64| rate * gradient / (gradient.abs() + eps);
    let (mut wide, mut all) = (0, 0);
    let mut limits = Tensors::new();
    for (name, mut tensor) in step(start, first, Engine::Fused) {
        let Some(name) = name.strip_prefix("gradients.") else { continue };
        let off = off * tensor.values.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        for g in &mut tensor.values {
            let (less, step, more) = (length(*g - off), length(*g), length(*g + off));
            *g = later + (more - step).max(step - less);
            wide += usize::from(*g > 2.0 * later);
            all += 1;
        }
        limits.insert(format!("final.{name}"), tensor);
    }
    assert!(100 * wide < all, "{wide} of {all} gradients next to nothing: too many to compare");
    limits
}

/// Tensors in units of what is allowed for each number.
pub fn in_limits(tensors: &Tensors, limits: &Tensors) -> Tensors {
    let mut scaled = tensors.clone();
    for (name, limits) in limits {
        let values = scaled.get_mut(name).into_iter().flat_map(|tensor| &mut tensor.values);
        values.zip(&limits.values).for_each(|(value, limit)| *value /= limit);
    }
    scaled
}

/// An optimizer step for each batch of `data`, in order: each step's loss. Each is an epoch of its own, since an epoch takes
/// its images in an order of its own.
pub fn train(trainer: &mut Trainer, data: &Dataset, batch_size: usize) -> Vec<f32> {
    let indices: Vec<_> = (0..data.len()).collect();
    let batches = indices.chunks(batch_size).map(|batch| select(data, batch.iter().copied()));
    batches.map(|batch| trainer.train_epoch(&batch).unwrap().loss as f32).collect()
}

/// The losses of some steps as tensors of their own, since each is compared relative to itself.
pub fn curve(losses: &[f32], steps: Range<usize>) -> Tensors {
    let loss = |step: usize| Tensor::f32(vec![1], [losses[step]]);
    steps.map(|step| (format!("curve.{:04}", step + 1), loss(step))).collect()
}

/// A tensor's numbers, which are `f32`.
pub fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.values.iter().map(|&value| value as f32).collect()
}

/// The images of a set at `indices`, in their order.
pub fn select(data: &Dataset, indices: impl Iterator<Item = usize> + Clone) -> Dataset {
    let pixels = indices.clone().flat_map(|index| data.image_bytes()[index]).collect();
    Dataset::from_pixels(pixels, indices.map(|index| data.label_bytes()[index]).collect()).unwrap()
}
