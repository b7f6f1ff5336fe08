//! The Rust half of scripts/parity: two tests that only that script runs, one before and one after its Python half (live.py),
//! in a folder that LENET_PARITY names. They are tests so that they share the comparisons with the golden files.

use crate::{
    BATCH_SIZE, CURVE, GRADIENT_OFF, GRADIENTS, LOGITS, LOSS, STAGES, STEPS, TRAINED, TRAINED_OFF,
    WAYS,
    compare::{Allowed, Table, Tensor, Tensors},
    mnist, record,
};
use lenet::{Dataset, TrainConfig, Trainer, weights::StateDict};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// A batch's numbers against Paddle's, whatever the random weights: 2.8e-5 measured with 300 of them, where the sums of
/// con_sam.0.bias nearly cancel. The golden files have no such case.
const PADDLES_GRADIENTS: Allowed = Allowed::Relative(1e-4);
/// Every loss of an epoch: what has built up by its end is hardly more than 1e-5.
const EPOCH: Allowed = Allowed::Relative(1e-3);
/// 2.5e-7 measured.
const MEAN: Allowed = Allowed::Relative(1e-5);

/// The last layer's bias: logits, loss and gradients depend on it, whatever the random weights.
const LAST: &str = "fc.2.bias";

/// Weights that one side wrote in some form and the other read, and what each computes with them.
struct Exchanged {
    form: String,
    ours: Tensors,
    theirs: Tensors,
}

/// First: fresh random weights, in every form that can be written.
#[test]
#[ignore = "scripts/parity runs it"]
fn write_weights() {
    let folder = exchange().join("lenet");
    fs::create_dir(&folder).unwrap();
    let seed: u64 = env::var("LENET_PARITY_SEED").unwrap().parse().unwrap();
    // Not PyTorch's seed, which would give PyTorch's weights.
    let config = TrainConfig { seed: seed + 1, ..record::config() };
    let trainer = Trainer::new(config).unwrap();
    for extension in ["safetensors", "pt", "pth", "bin", "npz", "pdparams"] {
        trainer.save(folder.join("weights").with_extension(extension)).unwrap();
    }
    record::write(&record::weights(&trainer.state_dict(), "weights"), &folder.join("record"));
}

/// Last: compares, writes the table down, and fails where anything differs.
#[test]
#[ignore = "scripts/parity runs it"]
fn compare_all() {
    let mut table = Table::default();
    let mut notes = String::new();
    for (framework, folder, gradients) in
        [("PyTorch", "pytorch", GRADIENTS), ("Paddle", "paddle", PADDLES_GRADIENTS)]
    {
        let folder = exchange().join(folder);
        let theirs = record::read(folder.join("record"));
        forms(
            &mut table,
            &format!("{framework} -> lenet"),
            gradients,
            &read_here(&folder, &theirs),
        );
        forms(&mut table, &format!("lenet -> {framework}"), gradients, &read_there(&folder));
        notes += &training(&mut table, framework, &folder, &theirs);
    }
    fs::write(exchange().join("table"), format!("{table}\n{notes}")).unwrap();
    table.check();
}

fn exchange() -> PathBuf {
    env::var_os("LENET_PARITY")
        .expect("LENET_PARITY is not set: run scripts/parity, not this test")
        .into()
}

/// Their weights, out of every form.
fn read_here(folder: &Path, theirs: &Tensors) -> Vec<Exchanged> {
    let batch = record::batch(theirs);
    let read = |path: PathBuf| {
        let weights = StateDict::read(&path).unwrap();
        let mut ours = record::weights(&weights, "weights");
        ours.extend(numbers(&weights, &batch));
        Exchanged { form: file_name(&path), ours, theirs: theirs.clone() }
    };
    files(&folder.join("weights")).into_iter().map(read).collect()
}

/// Our weights, as the framework read them out of every form that it reads.
fn read_there(folder: &Path) -> Vec<Exchanged> {
    let mut ours = record::read(exchange().join("lenet/record"));
    let weights = record::start(&ours);
    let read = |path: PathBuf| {
        let theirs = record::read(&path);
        ours.extend(numbers(&weights, &record::batch(&theirs)));
        Exchanged { form: file_name(&path), ours: ours.clone(), theirs }
    };
    files(&folder.join("read")).into_iter().map(read).collect()
}

/// The weights form by form, bit for bit; what is computed with them over all forms.
fn forms(table: &mut Table, title: &str, gradients: Allowed, exchanged: &[Exchanged]) {
    let (mut ours, mut theirs) = (Tensors::new(), Tensors::new());
    for Exchanged { form, ours: our, theirs: their } in exchanged {
        table.agree(&format!("{title}: {form}"), "weights", Allowed::Equal, our, their);
        let name = |(name, tensor)| (format!("{name}.({form})"), tensor);
        ours.extend(our.clone().into_iter().map(name));
        theirs.extend(their.clone().into_iter().map(name));
    }
    table.agree(&format!("{title}: stages"), "stages", STAGES, &ours, &theirs);
    let parts = [
        ("logits", "stages.output", LOGITS),
        ("loss", "loss", LOSS),
        ("gradients", "gradients", gradients),
    ];
    for (what, part, allowed) in parts {
        table.agree(&format!("{title}: {what}"), part, allowed, &ours, &theirs);
    }

    let theirs = &exchanged[0].theirs;
    let spoilt = numbers(&record::spoilt(theirs, LAST), &record::batch(theirs));
    for (what, part, allowed) in parts {
        table.differ(&format!("{title}: {what}, one weight off"), part, allowed, &spoilt, theirs);
    }
}

/// The first epoch, from their weights and in their order: 100 steps closely, then every loss and the mean of all. Says how
/// the curves part.
fn training(table: &mut Table, framework: &str, folder: &Path, theirs: &Tensors) -> String {
    let train_set = mnist().train;
    let order = theirs["order"].values.iter().map(|&index| index as usize);
    let set = record::select(&train_set, order);
    let (first, rest) = set.split(set.len() - STEPS * BATCH_SIZE).unwrap();
    let train = |trainer: &mut Trainer, data: &Dataset| record::train(trainer, data, BATCH_SIZE);
    let start = |weights: &StateDict| record::trainer(weights, record::config());

    let mut trainer = start(&record::start(theirs));
    let mut losses = train(&mut trainer, &first);
    let trained = record::weights(&trainer.state_dict(), "final");
    losses.extend(train(&mut trainer, &rest));
    let their_losses = record::floats(&theirs["curve"]);
    let curves = |steps| (record::curve(&losses, 0..steps), record::curve(&their_losses, 0..steps));

    let (ours, curve) = curves(STEPS);
    table.agree(
        &format!("{framework}: losses of {STEPS} Adam steps"),
        "curve",
        CURVE,
        &ours,
        &curve,
    );
    let one = first.first(BATCH_SIZE);
    let limits = record::adams_limits(&record::start(theirs), &one, GRADIENT_OFF, TRAINED_OFF);
    let in_limits = |weights: &Tensors| record::in_limits(weights, &limits);
    let their_final = in_limits(theirs);
    table.agree(
        &format!("{framework}: weights after them, in limits"),
        "final",
        TRAINED,
        &in_limits(&trained),
        &their_final,
    );
    let checkpoint = folder.join("checkpoint.pt");
    if checkpoint.exists() {
        let read = record::weights(&StateDict::read(&checkpoint).unwrap(), "final");
        table.agree(
            &format!("{framework} -> lenet: checkpoint.pt"),
            "final",
            Allowed::Equal,
            &read,
            theirs,
        );
    }

    let mut trainer = start(&record::spoilt(theirs, LAST));
    let spoilt = record::curve(&train(&mut trainer, &first), 0..STEPS);
    table.differ(&format!("{framework}: losses, one weight off"), "curve", CURVE, &spoilt, &curve);
    let spoilt = in_limits(&record::weights(&trainer.state_dict(), "final"));
    table.differ(
        &format!("{framework}: weights, one off"),
        "final",
        TRAINED,
        &spoilt,
        &their_final,
    );

    let steps = losses.len();
    let (ours, curve) = curves(steps);
    table.agree(
        &format!("{framework}: every loss of the epoch ({steps})"),
        "curve",
        EPOCH,
        &ours,
        &curve,
    );
    let mean = |losses: &[f32]| {
        let mean = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / steps as f64;
        Tensors::from([("mean".into(), Tensor::f32(vec![1], [mean as f32]))])
    };
    table.agree(
        &format!("{framework}: their mean"),
        "mean",
        MEAN,
        &mean(&losses),
        &mean(&their_losses),
    );

    let pairs = losses.iter().zip(&their_losses);
    let apart: Vec<_> = pairs.map(|(our, their)| f64::from((our - their).abs() / their)).collect();
    let first_beyond = |limit: f64| match apart.iter().position(|&apart| apart > limit) {
        Some(step) => format!("{limit:.0e}: step {}", step + 1),
        None => format!("{limit:.0e}: never"),
    };
    let limits = [1e-6, 1e-5, 1e-4, 1e-3].map(first_beyond).join(", ");
    format!("{framework}: the first step whose losses differ by more than {limits} (relative)\n")
}

/// A batch's numbers: by libtorch's modules, where they are there.
fn numbers(weights: &StateDict, batch: &Dataset) -> Tensors {
    let (_, numbers) = WAYS[WAYS.len() - 1];
    numbers(weights, batch)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
