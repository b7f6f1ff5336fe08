//! The trainer: what it counts, that it repeats itself, and how it stops.

use lenet::{
    Classifier, Dataset, Engine, Error, Evaluation, Init, Mnist, Schedule, TrainConfig, Trainer,
    data::Distortion,
    train::{Device, auto_device, device_named},
};
use std::{ops::ControlFlow::Continue, sync::LazyLock};

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

fn config() -> TrainConfig {
    // The tests run side by side: threads that wait for each other by spinning would stand in each other's way.
    #[cfg(feature = "torch")]
    lenet::tch::set_num_threads(1);
    TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() }
}

/// For what has to hold with each engine.
fn configs() -> Vec<TrainConfig> {
    let engines = [
        Engine::Fused,
        #[cfg(feature = "torch")]
        Engine::Libtorch,
    ];
    engines.map(|engine| TrainConfig { engine, ..config() }).into()
}

fn weights(trainer: &Trainer) -> Vec<f32> {
    trainer.state_dict().iter().flat_map(|(_, array)| array.values().to_vec()).collect()
}

#[test]
fn the_recipes_are_the_post_s() {
    let pytorch = TrainConfig::pytorch();
    assert_eq!((pytorch.epochs, pytorch.batch_size, pytorch.learning_rate), (10, 32, 1e-3));
    assert_eq!((pytorch.init, pytorch.engine), (Init::PyTorch, Engine::Auto));
    let (device, why_not_cuda) = auto_device();
    assert_eq!(pytorch.device, device);
    assert!(device == Device::Cpu || why_not_cuda.is_none());
    assert!((pytorch.allow_tf32, pytorch.deterministic) == (true, false)); // as in PyTorch
    let paddle = TrainConfig::paddle();
    assert_eq!((paddle.epochs, paddle.batch_size, paddle.learning_rate), (10, 64, 1e-3));
    assert_eq!(paddle.init, Init::Paddle);
}

/// Half the errors of a validation split in a hundredth of the epochs is too much to ask: that it trains, with a schedule of MNIST's
/// steps, on versions that change from epoch to epoch and not from run to run.
#[test]
fn augmented_trains_on_versions_of_the_images() {
    let recipe = TrainConfig::augmented();
    let Schedule::OneCycleLr(one_cycle) = recipe.schedule else { panic!("{:?}", recipe.schedule) };
    assert_eq!(one_cycle.total_steps, recipe.epochs * 938);
    assert_eq!(recipe.batch_size, 64);

    let data = mnist().train.first(320);
    let distortion = recipe.distortion.unwrap();
    let seed = 5;
    let augmented = TrainConfig { distortion: Some(distortion), seed, ..config() };
    let mut trainer = Trainer::new(augmented).unwrap();
    // By hand: the versions of each epoch as a set of their own, for as long as they are the same.
    let mut by_hand = Trainer::new(TrainConfig { seed, ..config() }).unwrap();
    let versions = |epoch| {
        let images = data.image_bytes().iter().enumerate();
        let versions =
            images.flat_map(|(i, image)| distortion.version(image, [seed, epoch, i as u64]));
        Dataset::from_pixels(versions.collect(), data.label_bytes().to_vec()).unwrap()
    };
    for epoch in 0..2 {
        let stats = trainer.train_epoch(&data).unwrap();
        assert_eq!(stats, by_hand.train_epoch(&versions(epoch)).unwrap());
        assert_eq!(weights(&trainer), weights(&by_hand));
    }
    assert_ne!(versions(0).image_bytes(), versions(1).image_bytes());
}

#[test]
fn a_config_says_where_it_trains() {
    let place = |device, engine| TrainConfig { engine, ..TrainConfig::paddle_on(device) }.place();
    assert_eq!(place(Device::Cpu, Engine::Auto), "cpu, engine fused");
    assert_eq!(place(Device::Cpu, Engine::Libtorch), "cpu, engine libtorch");
    assert_eq!(place(device_named("cuda:1").unwrap(), Engine::Auto), "cuda:1, engine libtorch");
    assert_eq!(device_named("cuda").unwrap(), Device::Cuda(0));
    let error = device_named("gpu").unwrap_err().to_string();
    assert!(error.contains("cpu, cuda or cuda:N") && error.contains("gpu"), "{error}");
}

/// The library and the examples take the same devices: names of others are known, and refused.
#[test]
fn other_devices_are_refused() {
    for name in ["mps", "vulkan"] {
        let error = Trainer::new(TrainConfig::pytorch_on(device_named(name).unwrap())).unwrap_err();
        assert!(matches!(&error, Error::NoDevice { device, .. } if device == name), "{error}");
    }
}

/// A config, or a checkpoint, from before there was a choice.
#[test]
fn a_config_without_tf32_has_pytorch_s() {
    let mut config = serde_json::to_value(config()).unwrap();
    let fields = config.as_object_mut().unwrap();
    assert_eq!(fields.remove("allow_tf32"), Some(true.into()));
    assert_eq!(fields.remove("deterministic"), Some(false.into()));
    assert_eq!(serde_json::from_value::<TrainConfig>(config).unwrap(), self::config());
}

#[test]
fn two_epochs_of_a_small_set_learn_it() {
    let (train, test) = (mnist().train.first(3_000), mnist().test.first(1_000));
    for config in configs() {
        let mut trainer = Trainer::new(config).unwrap();
        let before = trainer.evaluate(&test).unwrap();
        let first = trainer.train_epoch(&train).unwrap();
        let second = trainer.train_epoch(&train).unwrap();
        let after = trainer.evaluate(&test).unwrap();
        assert_eq!((first.samples, after.samples, trainer.epochs()), (3_000, 1_000, 2));
        assert!(second.loss < first.loss, "{first:?} {second:?}");
        assert!(before.accuracy < 0.3, "{before:?}");
        assert!(after.accuracy > 0.8, "{after:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let train = mnist().train.first(1_000);
    for config in configs() {
        let trained = |seed| {
            let mut trainer = Trainer::new(TrainConfig { seed, ..config.clone() }).unwrap();
            let stats = trainer.train_epoch(&train).unwrap();
            (weights(&trainer), stats)
        };
        let (first, first_stats) = trained(3);
        assert_eq!(trained(3), (first.clone(), first_stats));
        assert_ne!(trained(4).0, first);
    }
}

/// 100 images in batches of 32: 32, 32, 32, 4.
#[test]
fn the_partial_last_batch_is_kept() {
    let data = mnist().train.first(100);
    for config in configs() {
        let mut trainer = Trainer::new(config).unwrap();
        let mut seen = vec![];
        let trained = trainer.train_epoch_with(&data, |trainer, at| {
            assert_eq!(trainer.samples(), at.samples);
            seen.push((at.samples, at.total, at.stats.unwrap().samples));
            Ok(Continue::<()>(()))
        });
        assert_eq!(seen, [(32, 100, 32), (64, 100, 64), (96, 100, 96), (100, 100, 100)]);
        let Continue(stats) = trained.unwrap() else { unreachable!() };
        assert_eq!((stats.samples, trainer.samples(), trainer.epochs()), (100, 0, 1));
    }
}

/// Against evaluations of each batch just before its step, and the formulas worked out here.
#[test]
fn an_epoch_takes_every_image_once_in_pytorch_s_order() {
    let data = mnist().train.first(100);
    let batches: Vec<_> = ORDER_OF_100.chunks(32).map(|batch| select(&data, batch)).collect();
    for config in configs() {
        let mut trainer = Trainer::new(config).unwrap();
        let mut seen = vec![trainer.evaluate(&batches[0]).unwrap()];
        let trained = trainer.train_epoch_with(&data, |trainer, _| {
            let next = batches.get(seen.len());
            seen.extend(next.map(|batch| trainer.evaluate(batch)).transpose()?);
            Ok(Continue::<()>(()))
        });
        let Continue(stats) = trained.unwrap() else { unreachable!() };
        let sum = |of: fn(&Evaluation) -> f64| seen.iter().map(of).sum::<f64>() / 100.0;
        assert!((stats.loss - sum(|it| it.loss * it.samples as f64)).abs() < 1e-6);
        assert!((stats.blog_loss - sum(|it| it.loss)).abs() < 1e-6);
        assert!((stats.accuracy - sum(|it| it.accuracy * it.samples as f64)).abs() < 1e-12);
    }
}

/// The images of a set at `indices`, in their order.
fn select(data: &Dataset, indices: &[usize]) -> Dataset {
    let pixels = indices.iter().flat_map(|&index| data.image_bytes()[index]).collect();
    let labels = indices.iter().map(|&index| data.label_bytes()[index]).collect();
    Dataset::from_pixels(pixels, labels).unwrap()
}

/// The cross-entropy and the answer of each image, from the logits that a classifier with the trainer's weights gives.
fn by_the_classifier(trainer: &Trainer, data: &Dataset) -> impl Iterator<Item = (f64, usize)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    trainer.save(&path).unwrap();
    let classifier = Classifier::open(&path).unwrap();
    let samples = data.image_bytes().iter().zip(data.label_bytes());
    samples.map(move |(image, &label)| {
        let logits = classifier.stages_of(image).pop().unwrap().values;
        let answer = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        (sum.ln() - f64::from(logits[usize::from(label)]), answer)
    })
}

#[test]
fn an_evaluation_adds_up() {
    let data = mnist().test.first(1_203); // two and a bit of what is evaluated at once
    for config in configs() {
        let trainer = Trainer::new(TrainConfig { batch_size: 50, ..config }).unwrap();
        let got = trainer.evaluate(&data).unwrap();

        let (losses, answers): (Vec<_>, Vec<_>) = by_the_classifier(&trainer, &data).unzip();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        assert!((got.loss - mean(&losses)).abs() < 1e-6);
        let means: f64 = losses.chunks(50).map(mean).sum();
        assert!((got.blog_loss - means / 1_203.0).abs() < 1e-8);
        let mut confusion = [[0; 10]; 10];
        for (&label, answer) in data.label_bytes().iter().zip(answers) {
            confusion[usize::from(label)][answer] += 1;
        }
        assert_eq!(got.confusion, confusion);
        let right = (0..10).map(|digit| confusion[digit][digit]).sum::<u32>();
        assert_eq!(got.accuracy, f64::from(right) / 1_203.0);
    }
}

#[test]
fn evaluating_changes_nothing() {
    for config in configs() {
        let mut trainer = Trainer::new(config).unwrap();
        trainer.train_epoch(&mnist().train.first(100)).unwrap();
        let before = weights(&trainer);
        let first = trainer.evaluate(&mnist().test.first(100)).unwrap();
        assert_eq!(trainer.evaluate(&mnist().test.first(100)).unwrap(), first);
        assert_eq!(weights(&trainer), before);
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    // A learning rate at which the first step throws the weights to 1e38 or so.
    for config in configs() {
        let mut trainer = Trainer::new(TrainConfig { learning_rate: 1e38, ..config }).unwrap();
        let error = trainer.train_epoch(&mnist().train.first(4_000)).unwrap_err();
        let Error::NonFiniteLoss { epoch: 1, step, loss } = error else { panic!("{error}") };
        assert!((2..=125).contains(&step) && !loss.is_finite(), "step {step}, loss {loss}");
        assert!(error.to_string().contains(&format!("epoch 1, step {step}")), "{error}");
    }
}

#[test]
fn bad_arguments_are_refused() {
    for (config, expected) in [
        (TrainConfig { batch_size: 0, ..config() }, "batch_size"),
        (TrainConfig { learning_rate: 0.0, ..config() }, "learning_rate"),
        (TrainConfig { learning_rate: f64::NAN, ..config() }, "learning_rate"),
        (
            TrainConfig {
                distortion: Some(Distortion { scale: 2.0, ..Distortion::NONE }),
                ..config()
            },
            "distortion.scale",
        ),
        (TrainConfig { threads: Some(0), ..config() }, "threads"),
        (TrainConfig { threads: Some(1 << 16), ..config() }, "threads"),
        (TrainConfig { device: Device::Cuda(99), ..config() }, "cuda:99"),
        (TrainConfig { device: Device::Cuda(usize::MAX), ..config() }, "no device"),
    ] {
        let error = Trainer::new(config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_batch_larger_than_the_set_is_the_set() {
    for config in configs() {
        let mut trainer = Trainer::new(TrainConfig { batch_size: usize::MAX, ..config }).unwrap();
        assert_eq!(trainer.train_epoch(&mnist().train.first(10)).unwrap().samples, 10);
    }
}

#[test]
fn a_set_of_one_s_own_can_be_trained_on() {
    let data = Dataset::from_pixels(vec![0; 40 * 32 * 32], vec![0; 40]).unwrap();
    for config in configs() {
        let mut trainer = Trainer::new(config).unwrap();
        for _ in 0..20 {
            trainer.train_epoch(&data).unwrap();
        }
        assert_eq!(trainer.evaluate(&data).unwrap().accuracy, 1.0);
    }
}

/// `torch.randperm(100, generator=torch.Generator().manual_seed(0))`
const ORDER_OF_100: [usize; 100] = [
    44, 19, 93, 90, 71, 69, 37, 95, 53, 91, 81, 42, 80, 85, 74, 56, 76, 63, 82, 40, 26, 92, 57, 10,
    16, 66, 89, 41, 97, 8, 31, 24, 35, 30, 65, 7, 98, 23, 20, 29, 78, 61, 94, 15, 4, 52, 59, 5, 54,
    46, 3, 28, 2, 70, 6, 60, 49, 68, 55, 72, 79, 77, 45, 1, 32, 34, 11, 0, 22, 12, 87, 50, 25, 47,
    36, 96, 9, 83, 62, 84, 18, 17, 75, 67, 13, 48, 39, 21, 64, 88, 38, 27, 14, 73, 33, 58, 86, 43,
    99, 51,
];

/// What takes tensors, and libtorch's engine beside the other.
#[cfg(feature = "torch")]
mod torch {
    use super::{ORDER_OF_100, config, configs, mnist, select, weights};
    use lenet::{Engine, Error, TrainConfig, Trainer, tch::Kind};

    /// The same numbers but for rounding, which Adam lets grow where a gradient is next to nothing: 2.3e-8 measured.
    #[test]
    fn the_engines_train_alike() {
        let (train, test) = (mnist().train.first(1_000), mnist().test.first(500));
        let [fused, libtorch] = [Engine::Fused, Engine::Libtorch].map(|engine| {
            let mut trainer = Trainer::new(TrainConfig { engine, ..config() }).unwrap();
            let stats = trainer.train_epoch(&train).unwrap();
            (stats.loss, trainer.evaluate(&test).unwrap().loss)
        });
        assert!((fused.0 - libtorch.0).abs() < 1e-6, "{fused:?} {libtorch:?}");
        assert!((fused.1 - libtorch.1).abs() < 1e-6, "{fused:?} {libtorch:?}");
    }

    /// Against the same steps taken one by one, and the formulas worked out here.
    #[test]
    fn an_epoch_s_figures_are_its_batches_and_every_image_is_seen_once() {
        let data = mnist().train.first(100);
        for config in configs() {
            let mut whole = Trainer::new(config.clone()).unwrap();
            let mut single = Trainer::new(config).unwrap();
            let stats = whole.train_epoch(&data).unwrap();

            // torch.randperm(100, generator=torch.Generator().manual_seed(0))
            let order = ORDER_OF_100;
            let mut sorted = order;
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..100));
            let (mut total, mut means, mut correct) = (0.0, 0.0, 0.0);
            for batch in order.chunks(32) {
                let batch = select(&data, batch);
                let batch = single.train_batch(&batch.images(), &batch.labels()).unwrap();
                total += batch.loss * batch.samples as f64;
                means += batch.loss;
                correct += batch.accuracy * batch.samples as f64;
            }
            assert_eq!(weights(&single), weights(&whole));
            assert!((stats.loss - total / 100.0).abs() < 1e-12);
            assert!((stats.blog_loss - means / 100.0).abs() < 1e-12);
            assert!((stats.accuracy - correct / 100.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_batch_whose_loss_is_not_finite_changes_nothing() {
        for config in configs() {
            let mut trainer = Trainer::new(config).unwrap();
            let before = weights(&trainer);
            let data = mnist().train.first(8);
            let images = data.images() * f64::NAN;
            let error = trainer.train_batch(&images, &data.labels()).unwrap_err();
            assert!(matches!(error, Error::NonFiniteLoss { epoch: 1, step: 1, .. }), "{error}");
            assert_eq!(weights(&trainer), before);
        }
    }

    #[test]
    fn bad_batches_are_refused() {
        let mut trainer = Trainer::new(config()).unwrap();
        let data = mnist().train.first(2);
        let (images, labels) = (data.images(), data.labels());
        for (images, labels) in [
            (images.squeeze_dim(1), labels.shallow_clone()),
            (images.to_kind(Kind::Double), labels.shallow_clone()),
            (images.narrow(0, 0, 1), labels.shallow_clone()),
            (images.narrow(0, 0, 0), labels.narrow(0, 0, 0)),
            (images.shallow_clone(), labels.to_kind(Kind::Int)),
            (images.shallow_clone(), labels.unsqueeze(1)),
            (images.shallow_clone(), &labels + 10),
            (images.shallow_clone(), &labels - 10),
        ] {
            let error = trainer.train_batch(&images, &labels).unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{error}");
        }
    }
}
