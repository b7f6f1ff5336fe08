//! The same seed gives the same weights on every machine: their SHA-256 stand in tests/golden/bits.txt.
//!
//! `scripts/check-bits` trains the long ones, and writes the file anew with `--write`.

use lenet::{
    Classifier, Dataset, Mnist, TrainConfig, Trainer,
    data::Distortion,
    lenet_1998::{LeNet1998TrainConfig, LeNet1998Trainer},
    train::{Device, InstructionSet},
    weights::{Array, StateDict},
};
use std::{env, fs, sync::LazyLock};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/bits.txt");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors");

/// A row of the file: what is trained, on the first `images` of the training set, for how long.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// `pytorch`, `paddle`, `augmented` or `lenet_1998`; or `logits`, those that the weights in the repository give for test images.
    what: String,
    seed: u64,
    images: usize,
    epochs: usize,
    sha256: String,
}

fn rows() -> Vec<Row> {
    let file = fs::read_to_string(GOLDEN).unwrap();
    let rows = file.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let [what, seed, images, epochs, sha256] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        Row {
            what: what.into(),
            seed: seed.parse().unwrap(),
            images: images.parse().unwrap(),
            epochs: epochs.parse().unwrap(),
            sha256: sha256.into(),
        }
    });
    rows.collect()
}

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

/// The recipe of a row; none for what is no training of the post's network.
fn config(row: &Row) -> Option<TrainConfig> {
    let recipe = match &*row.what {
        "pytorch" => TrainConfig::pytorch(),
        "paddle" => TrainConfig::paddle(),
        "augmented" => TrainConfig::augmented(),
        _ => return None,
    };
    Some(TrainConfig { seed: row.seed, device: Device::Cpu, ..recipe })
}

fn trained(config: TrainConfig, epochs: usize, data: &Dataset) -> String {
    let mut trainer = Trainer::new(config).unwrap();
    for _ in 0..epochs {
        trainer.train_epoch(data).unwrap();
    }
    trainer.state_dict().sha256()
}

fn trained_1998(row: &Row) -> String {
    let config = LeNet1998TrainConfig { seed: row.seed, ..LeNet1998TrainConfig::default() };
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist");
    let data = Mnist::open_fitted(dir, config.fit).unwrap().train.first(row.images);
    let mut trainer = LeNet1998Trainer::new(config).unwrap();
    for _ in 0..row.epochs {
        trainer.train_pass(&data).unwrap();
    }
    trainer.state_dict().sha256()
}

fn logits(images: usize) -> String {
    let (classifier, test) = (Classifier::open(SHIPPED).unwrap(), &mnist().test);
    let of = |image| classifier.stages_of(image).pop().unwrap().values;
    let all: Vec<f32> = test.image_bytes()[..images].iter().flat_map(of).collect();
    let mut logits = StateDict::new();
    logits.insert("logits", Array::new(vec![images, 10], all).unwrap()).unwrap();
    logits.sha256()
}

fn computed(row: &Row) -> String {
    match (config(row), &*row.what) {
        (Some(config), _) => trained(config, row.epochs, &mnist().train.first(row.images)),
        (None, "lenet_1998") => trained_1998(row),
        (None, "logits") => logits(row.images),
        (None, what) => panic!("{what}"),
    }
}

/// Rows of which a machine computes several a second.
fn is_short(row: &Row) -> bool {
    row.images * row.epochs <= 10_000
}

#[test]
fn short_rows() {
    let rows: Vec<_> = rows().into_iter().filter(is_short).collect();
    assert_eq!(rows.len(), 6);
    // Other CPUs are emulated by scripts/check-aarch64: one recipe says as much as two, and 1,000 images as 10,000.
    let is_enough =
        |row: &Row| cfg!(target_arch = "x86_64") || row.what != "paddle" && row.images < 10_000;
    for row in rows.into_iter().filter(is_enough) {
        assert_eq!(computed(&row), row.sha256, "{row:?}");
    }
}

/// All rows, which take minutes. With `LENET_WRITE_BITS` it writes the file anew instead.
#[test]
#[ignore = "scripts/check-bits runs it"]
fn long_rows() {
    let mut rows: Vec<_> = rows().into_iter().collect();
    let write = env::var_os("LENET_WRITE_BITS").is_some_and(|it| !it.is_empty());
    for row in rows.iter_mut().filter(|row| write || !is_short(row)) {
        let sha256 = computed(row);
        println!("{} {} {} {} {sha256}", row.what, row.seed, row.images, row.epochs);
        assert!(write || sha256 == row.sha256, "{row:?}");
        row.sha256 = sha256;
    }
    if write {
        let file = fs::read_to_string(GOLDEN).unwrap();
        let mut lines: Vec<_> =
            file.lines().filter(|line| line.starts_with('#')).map(String::from).collect();
        lines.extend(rows.into_iter().map(|Row { what, seed, images, epochs, sha256 }| {
            format!("{what:10} {seed} {images:5} {epochs:2} {sha256}")
        }));
        fs::write(GOLDEN, lines.join("\n") + "\n").unwrap();
    }
}

#[test]
fn threads_and_instructions_change_nothing() {
    // The last batch has 21 images: two whole units of eight, and five.
    let data = mnist().train.first(32 * 6 + 21);
    for recipe in ["pytorch", "augmented"] {
        let row = rows().into_iter().find(|row| is_short(row) && row.what == recipe).unwrap();
        let with = |instructions, threads| {
            let config = config(&row).unwrap();
            trained(TrainConfig { instructions, threads, ..config }, 1, &data)
        };
        let expected = with(None, None);
        for instructions in InstructionSet::available() {
            for threads in [1, 2, 3, 8] {
                let got = with(Some(instructions), Some(threads));
                assert_eq!(got, expected, "{recipe}, {instructions:?}, {threads} threads");
            }
        }
        let config = config(&row).unwrap();
        let distortion = config.distortion;
        let distortion = distortion.map(|distortion| Distortion { elastic: 2.001, ..distortion });
        let other = TrainConfig { learning_rate: 1.000_001e-3, distortion, ..config };
        assert_ne!(trained(other, 1, &data), expected, "{recipe}");
    }
}

/// A run that is resumed with other threads and other instructions ends with the same bits.
#[test]
fn a_run_resumes_anywhere() {
    let data = mnist().train.first(640);
    let config = |threads, instructions| TrainConfig {
        threads: Some(threads),
        instructions: Some(instructions),
        device: Device::Cpu,
        ..TrainConfig::pytorch()
    };
    let sets: Vec<_> = InstructionSet::available().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut first = Trainer::new(config(3, sets[0])).unwrap();
    first.train_epoch(&data).unwrap();
    first.save_checkpoint(&path).unwrap();
    let last = sets[sets.len() - 1];
    let mut resumed = Trainer::resume_with(config(1, last), &path).unwrap();
    resumed.train_epoch(&data).unwrap();
    first.train_epoch(&data).unwrap();
    assert_eq!(resumed.state_dict().sha256(), first.state_dict().sha256());
}
