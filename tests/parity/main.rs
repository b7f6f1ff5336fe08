//! The same numbers as PyTorch and PaddlePaddle: against the golden files, which need no Python (this file), and against the
//! frameworks themselves (`live`, which scripts/parity runs).
//!
//! In order, so that the first row that fails tells where to look: stages, logits, loss, gradients, the loss curve, the
//! weights at its end. And each comparison is shown to notice one weight that is off by 1e-3.
//!
//!     cargo test --release --test parity -- --nocapture      # shows the tables

mod compare;
mod live;
#[cfg(feature = "torch")]
mod modules;
mod record;

use compare::{Allowed, Table, Tensors};
use lenet::{Adam, Dataset, Engine, Mnist, Optimizer, TrainConfig, weights::StateDict};
use std::path::Path;

// What is allowed. The same operations in f32, but not in the same order: Paddle's kernels sum in another order than
// PyTorch's, and PyTorch's in another on another CPU. The worst that was measured, of the golden files with SSE4, AVX2 and
// AVX-512 kernels and one to seven threads, and of Paddle against PyTorch with 300 random weights, stands beside each.

/// 1.0e-6 measured: eight steps of f32 just below 1.
const STAGES: Allowed = Allowed::Absolute(4e-6);
/// 2.4e-7 measured.
const LOGITS: Allowed = Allowed::Absolute(2e-6);
/// 4.8e-7 measured, two steps of f32 above 2.
const LOSS: Allowed = Allowed::Absolute(2e-6);
/// 3.4e-6 measured, in con_sam.0.bias, whose sums have the most terms.
const GRADIENTS: Allowed = Allowed::Relative(GRADIENT_OFF);
const GRADIENT_OFF: f64 = 1e-5;
/// 8.4e-7 measured.
const CURVE: Allowed = Allowed::Relative(1e-5);
/// The weights after Adam's steps, each in units of [`record::adams_limits`]. 1.2e-5 measured beyond what the first step explains,
/// from 30 random starts by each framework; the first step explains more than 1e-5 of at most 6 weights in 1,000.
const TRAINED: Allowed = Allowed::Absolute(1.0);
const TRAINED_OFF: f64 = 3e-5;

/// How many optimizer steps are followed closely, and the images that each takes.
const STEPS: usize = 100;
const BATCH_SIZE: usize = 32;

/// The first layer's bias: all else follows from it.
const FIRST: &str = "con_sam.0.bias";

/// What computes the stages, the loss and the gradients of a batch.
type Way = fn(&StateDict, &Dataset) -> Tensors;
const WAYS: &[(&str, Way)] = &[
    ("kernels", record::by_kernels),
    #[cfg(feature = "torch")]
    ("modules", modules::numbers),
];

const ENGINES: &[Engine] = &[
    Engine::Fused,
    #[cfg(feature = "torch")]
    Engine::Libtorch,
];

#[test]
fn forward_and_gradients_are_pytorchs() {
    for &(name, numbers) in WAYS {
        forward_and_gradients(&golden("pytorch"), name, numbers);
    }
}

#[test]
fn forward_and_gradients_are_paddles() {
    for &(name, numbers) in WAYS {
        forward_and_gradients(&golden("paddle"), name, numbers);
    }
}

#[test]
fn the_fused_engine_s_loss_and_gradients_are_pytorchs() {
    loss_and_gradients(&golden("pytorch"), Engine::Fused);
}

#[test]
fn the_fused_engine_s_loss_and_gradients_are_paddles() {
    loss_and_gradients(&golden("paddle"), Engine::Fused);
}

#[cfg(feature = "torch")]
#[test]
fn the_libtorch_engine_s_loss_and_gradients_are_pytorchs() {
    loss_and_gradients(&golden("pytorch"), Engine::Libtorch);
}

#[cfg(feature = "torch")]
#[test]
fn the_libtorch_engine_s_loss_and_gradients_are_paddles() {
    loss_and_gradients(&golden("paddle"), Engine::Libtorch);
}

#[test]
fn adam_follows_pytorchs_with_either_engine() {
    for &engine in ENGINES {
        adam(&golden("pytorch"), engine);
    }
}

#[test]
fn adam_follows_paddles_with_either_engine() {
    for &engine in ENGINES {
        adam(&golden("paddle"), engine);
    }
}

fn golden(framework: &str) -> Tensors {
    record::read(root().join(format!("tests/golden/{framework}.safetensors")))
}

fn mnist() -> Mnist {
    Mnist::open(root().join("data/mnist")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The parts of a batch's record in the order in which they are computed; the gradients by name. Those of `DownSample`
/// (`con_sam.2`, `con_sam.6`) come from one multiplication here, and from a loop over the channels there.
fn parts(record: &Tensors) -> Vec<(&str, Allowed)> {
    let stages = ["stages.C1", "stages.S2", "stages.C3", "stages.S4", "stages.C5", "stages.F6"];
    let mut parts: Vec<_> = stages.map(|stage| (stage, STAGES)).into();
    parts.extend([("stages.output", LOGITS), ("loss", LOSS)]);
    let gradients = record.keys().filter(|name| name.starts_with("gradients."));
    parts.extend(gradients.map(|name| (name.as_str(), GRADIENTS)));
    parts
}

fn forward_and_gradients(golden: &Tensors, way: &str, numbers: Way) {
    let batch = record::batch(golden);
    let mut table = Table::default();
    let ours = numbers(&record::start(golden), &batch);
    for (part, allowed) in parts(golden) {
        table.agree(&format!("{part}, {way}"), part, allowed, &ours, golden);
    }

    // All that comes after the first layer has to notice a slip there, and the logits and the gradients one anywhere.
    for name in golden.keys().filter_map(|name| name.strip_prefix("weights.")) {
        let ours = numbers(&record::spoilt(golden, name), &batch);
        let later = if name == FIRST { parts(golden) } else { vec![] };
        let notice = [("stages.output", LOGITS), ("gradients", GRADIENTS)].into_iter().chain(later);
        for (part, allowed) in notice {
            table.differ(&format!("{part}, {name} off, {way}"), part, allowed, &ours, golden);
        }
    }
    println!("{table}");
    table.check();
}

/// The same batch through the trainer, with one of its engines: the logits by way of the loss and the gradients, that of the
/// last bias above all, which is softmax less the label.
fn loss_and_gradients(golden: &Tensors, engine: Engine) {
    let batch = record::batch(golden);
    let parts: Vec<_> =
        parts(golden).into_iter().filter(|(part, _)| !part.starts_with("stages")).collect();
    let mut table = Table::default();
    let ours = record::step(&record::start(golden), &batch, engine);
    for &(part, allowed) in &parts {
        table.agree(&format!("{part}, {engine:?}"), part, allowed, &ours, golden);
    }
    for name in golden.keys().filter_map(|name| name.strip_prefix("weights.")) {
        let ours = record::step(&record::spoilt(golden, name), &batch, engine);
        let later = if name == FIRST { parts.clone() } else { vec![] };
        for (part, allowed) in [("gradients", GRADIENTS)].into_iter().chain(later) {
            let what = format!("{part}, {name} off, {engine:?}");
            table.differ(&what, part, allowed, &ours, golden);
        }
    }
    println!("{table}");
    table.check();
}

/// 100 steps of this crate's optimizer, on the training images in file order.
fn adam(golden: &Tensors, engine: Engine) {
    let data = mnist().train.first(STEPS * BATCH_SIZE);
    let theirs = record::curve(&record::floats(&golden["curve"]), 0..STEPS);
    let start = record::start(golden);
    let first = data.first(BATCH_SIZE);
    let limits = record::adams_limits(&start, &first, GRADIENT_OFF, TRAINED_OFF);
    let in_limits = |weights: &Tensors| record::in_limits(weights, &limits);
    let golden_final = in_limits(golden);
    let run = |start: &StateDict, adam: Adam| {
        let optimizer = Optimizer::Adam(adam);
        let config = TrainConfig { engine, optimizer, ..record::config() };
        let mut trainer = record::trainer(start, config);
        let losses = record::train(&mut trainer, &data, BATCH_SIZE);
        let trained = record::weights(&trainer.state_dict(), "final");
        (record::curve(&losses, 0..STEPS), in_limits(&trained))
    };
    let mut table = Table::default();
    let adam = Adam::default();
    let (curve, trained) = run(&start, adam);
    table.agree(&format!("curve, {engine:?}"), "curve", CURVE, &curve, &theirs);
    table.agree(&format!("final, {engine:?}"), "final", TRAINED, &trained, &golden_final);
    let (curve, trained) = run(&record::spoilt(golden, FIRST), adam);
    table.differ(&format!("curve, {FIRST} off, {engine:?}"), "curve", CURVE, &curve, &theirs);
    let mut differ = |what: &str, trained: &Tensors| {
        table.differ(
            &format!("final, {what}, {engine:?}"),
            "final",
            TRAINED,
            trained,
            &golden_final,
        );
    };
    differ(&format!("{FIRST} off"), &trained);
    differ("eps 1e-7", &run(&start, Adam { eps: 1e-7, ..adam }).1);
    differ("beta 0.899", &run(&start, Adam { betas: (0.899, 0.999), ..adam }).1);
    differ("beta 0.9989", &run(&start, Adam { betas: (0.9, 0.9989), ..adam }).1);
    println!("{table}");
    table.check();
}
