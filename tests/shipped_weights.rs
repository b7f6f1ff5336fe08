//! The weights in the repository: what they reach, and that they say so.

use lenet::{Mnist, TrainConfig, Trainer, train::Device, weights::StateDict};

#[test]
fn they_reach_what_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors");
    let config = TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() };
    let trainer = Trainer::with_weights(config, path).unwrap();
    let mnist = Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap();
    let test = trainer.evaluate(&mnist.test).unwrap();
    let right: u32 = (0..10).map(|digit| test.confusion[digit][digit]).sum();
    assert_eq!((right, test.samples), (9_862, 10_000));

    let metadata = StateDict::read(path).unwrap().metadata;
    assert_eq!(metadata["test_accuracy"], "0.9862");
    assert_eq!((&*metadata["seed"], &*metadata["epochs"]), ("0", "10"));
    assert_eq!(
        metadata["command"],
        "train_mnist --seed 0 --device cpu --save-model weights/mnist.safetensors"
    );
}

/// Those that `Classifier::pretrained` reads with.
#[test]
fn the_reader_s_reach_what_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/reader.safetensors");
    let config = TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::augmented() };
    let trainer = Trainer::with_weights(config, path).unwrap();
    let mnist = Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap();
    let test = trainer.evaluate(&mnist.test).unwrap();
    let metadata = StateDict::read(path).unwrap().metadata;
    assert_eq!(metadata["test_accuracy"], test.accuracy.to_string());
    assert!(test.accuracy >= 0.992, "{}", test.accuracy);
    assert_eq!((&*metadata["seed"], &*metadata["command"]), ("0", "scripts/reader"));
}
