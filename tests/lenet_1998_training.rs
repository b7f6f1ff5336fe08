//! The 1998 paper's training: that it learns, follows from the seed, stops and goes on with the same bits, and draws.

use lenet::{
    Checkpoints, Dataset, Error, Mnist, TrainConfig, Trainer,
    data::{Distortion, Fit, Idx},
    lenet_1998::{
        C3, EarlyEstimates, LeNet1998Config, LeNet1998TrainConfig, LeNet1998Trainer, PassStats,
    },
    train::Device,
    weights::StateDict,
};
use std::{
    fs,
    ops::ControlFlow::{Break, Continue},
    path::Path,
    sync::LazyLock,
};

/// MNIST, padded, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> = LazyLock::new(|| fitted(Fit::Pad));
    &MNIST
}

fn fitted(fit: Fit) -> Mnist {
    Mnist::open_fitted(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist"), fit).unwrap()
}

/// The recipe, with estimates that take no time.
fn config() -> LeNet1998TrainConfig {
    LeNet1998TrainConfig {
        curvature_images: 10,
        early_estimates: Some(EarlyEstimates { every: 100, until: 300, then_every: 200 }),
        ..LeNet1998TrainConfig::default()
    }
}

fn bits(trainer: &LeNet1998Trainer) -> Vec<u32> {
    let weights = trainer.state_dict();
    weights.iter().flat_map(|(_, array)| array.values()).map(|value| value.to_bits()).collect()
}

/// Each row of the table of results, and the distortions.
fn configs() -> [LeNet1998TrainConfig; 5] {
    let full = LeNet1998Config { c3: C3::Full, ..LeNet1998Config::default() };
    let softmax = LeNet1998TrainConfig::softmax();
    [
        config(),
        LeNet1998TrainConfig { network: full, ..config() },
        LeNet1998TrainConfig { network: softmax.network, j: softmax.j, ..config() },
        LeNet1998TrainConfig { network: LeNet1998Config::printed(), ..config() },
        LeNet1998TrainConfig { distortion: Some(Distortion::default()), ..config() },
    ]
}

#[test]
fn padding_puts_the_image_in_the_middle() {
    let (padded, resized) = (mnist(), fitted(Fit::Resize));
    let image = |data: &Dataset| data.image(0).unwrap();
    let (padded, resized) = (image(&padded.train), image(&resized.train));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist/train-images-idx3-ubyte.gz");
    let original = Idx::read(path).unwrap();
    for (x, y, pixel) in padded.enumerate_pixels() {
        let inside = (2..30).contains(&x) && (2..30).contains(&y);
        let expected =
            if inside { original.numbers[(y as usize - 2) * 28 + x as usize - 2] } else { 0 };
        assert_eq!(pixel.0, [expected], "{x}, {y}");
    }
    assert_ne!(padded, resized);
}

#[test]
fn it_learns() {
    let mnist = mnist();
    let (train, test) = (mnist.train.first(2_000), mnist.test.first(500));
    for config in configs() {
        let mut trainer = LeNet1998Trainer::new(config).unwrap();
        let before = trainer.evaluate(&test).unwrap();
        assert!(before.accuracy < 0.4, "{before:?}");
        let first = trainer.train_pass(&train).unwrap();
        let second = trainer.train_pass(&train).unwrap();
        assert_eq!((second.samples, trainer.passes(), trainer.steps()), (2_000, 2, 4_000));
        assert!(second.loss() < first.loss() && second.error() < first.error());
        let after = trainer.evaluate(&test).unwrap();
        assert!(after.accuracy > 0.85, "{:?}: {}", trainer.config(), after.accuracy);
    }
}

/// libtorch's module with the trained weights answers as the trainer does.
#[cfg(feature = "torch")]
#[test]
fn what_it_answers_is_what_the_module_answers() {
    use lenet::{
        lenet_1998::LeNet1998,
        tch::{Device, Kind, Tensor, nn, nn::Module, no_grad_guard},
    };

    let module = |trainer: &LeNet1998Trainer| {
        let mut vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet1998::new(&vs.root(), trainer.config().network);
        trainer.state_dict().load_into(&mut vs).unwrap();
        net
    };
    let mnist = mnist();
    let (train, test) = (mnist.train.first(300), mnist.test.first(200));
    for config in configs() {
        let mut trainer = LeNet1998Trainer::new(config).unwrap();
        trainer.train_pass(&train).unwrap();
        let _no_grad = no_grad_guard();
        let logits = module(&trainer).forward(&test.images());
        let right = logits.argmax(1, false).eq_tensor(&test.labels()).sum(Kind::Int64);
        let evaluation = trainer.evaluate(&test).unwrap();
        assert_eq!(right.int64_value(&[]) as usize, 200 - evaluation.mistakes.len());

        let rubbish = trainer.config().j.map_or(f64::NEG_INFINITY, |j| -j) as f32;
        let rubbish = Tensor::full([200, 1], f64::from(rubbish), (logits.kind(), Device::Cpu));
        let all = Tensor::cat(&[&logits, &rubbish], 1).logsumexp(1, false);
        let of_label = logits.gather(1, &test.labels().unsqueeze(1), false).squeeze_dim(1);
        let loss = (all - of_label).mean(logits.kind()).double_value(&[]);
        // Rounding in f32.
        assert!((evaluation.loss - loss).abs() < 1e-5 * loss.max(1.0), "{loss}, {evaluation:?}");
    }
}

#[test]
fn a_run_follows_from_its_seed() {
    let train = mnist().train.first(500);
    for config in configs() {
        let run = |seed| {
            let config = LeNet1998TrainConfig { seed, ..config.clone() };
            let mut trainer = LeNet1998Trainer::new(config).unwrap();
            trainer.train_pass(&train).unwrap();
            bits(&trainer)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}

/// All that a run ends with.
type End = (Vec<u32>, Vec<PassStats>);

/// Trains for two passes; `between` stands between any two hundred images, and between two passes.
fn run(
    mut trainer: LeNet1998Trainer,
    train: &Dataset,
    mut between: impl FnMut(LeNet1998Trainer) -> LeNet1998Trainer,
) -> End {
    let mut stats = vec![];
    while trainer.passes() < 2 {
        match trainer.train_pass_with(train, |_, _| Ok(Break(()))).unwrap() {
            Break(()) => (),
            Continue(pass) => stats.push(pass),
        }
        trainer = between(trainer);
    }
    (bits(&trainer), stats)
}

/// 750 images: estimates before 0, 100, 200, 400 and 600 of the first pass, and a last step of 50.
#[test]
fn a_run_that_stops_anywhere_ends_with_the_same_bits() {
    let train = mnist().train.first(750);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    for config in configs() {
        let new = || LeNet1998Trainer::new(config.clone()).unwrap();
        let straight = run(new(), &train, |trainer| trainer);
        assert_eq!(straight.1.len(), 2);
        let mut stops = 0;
        let stopped = run(new(), &train, |trainer| {
            stops += 1;
            trainer.save_checkpoint(&path).unwrap();
            LeNet1998Trainer::resume(&path).unwrap()
        });
        assert_eq!(stops, 2 * 9);
        assert_eq!(stopped, straight);

        // A run that differs ends elsewhere: the comparison can fail.
        let other = LeNet1998TrainConfig { seed: 8, ..config.clone() };
        let other = LeNet1998Trainer::new(other).unwrap();
        assert_ne!(run(other, &train, |trainer| trainer).0, straight.0);
    }
}

#[test]
fn a_folder_keeps_its_checkpoints() {
    let train = mnist().train.first(300);
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(dir.path()).unwrap();
    let mut trainer = LeNet1998Trainer::new(config()).unwrap();
    for _ in 0..3 {
        trainer.train_pass(&train).unwrap();
        checkpoints.save(&trainer).unwrap();
    }
    let newest = dir.path().join("step-000000900.safetensors");
    assert!(newest.exists() && !dir.path().join("step-000000300.safetensors").exists());

    // More passes are no other run; another j is.
    let more = LeNet1998TrainConfig { passes: 40, ..config() };
    let found = checkpoints.resume(more).unwrap().trainer.unwrap();
    assert_eq!((found.passes(), bits(&found)), (3, bits(&trainer)));
    let other = LeNet1998TrainConfig { j: Some(1.0), ..config() };
    let error = checkpoints.resume(other).unwrap_err();
    assert!(error.to_string().contains("j: 5.0 there, 1.0 here"), "{error}");

    // A damaged one is passed over.
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let found = checkpoints.resume(config()).unwrap();
    assert_eq!((found.trainer.unwrap().passes(), found.damaged.len()), (2, 1));
}

/// And neither is put out of the way as damaged.
#[test]
fn a_checkpoint_of_the_other_network_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("step-000000000.safetensors");
    let refused = |error: Error| {
        assert!(matches!(error, Error::CheckpointMismatch { .. }), "{error}");
        assert!(error.to_string().contains("network: "), "{error}");
        assert!(path.exists());
    };
    let other = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
    LeNet1998Trainer::new(config()).unwrap().save_checkpoint(&path).unwrap();
    let checkpoints = Checkpoints::open(dir.path()).unwrap();
    refused(checkpoints.resume(other.clone()).unwrap_err());
    Trainer::new(other).unwrap().save_checkpoint(&path).unwrap();
    refused(checkpoints.resume(config()).unwrap_err());
}

#[test]
fn a_checkpoint_is_a_file_of_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.safetensors");
    let trainer = LeNet1998Trainer::new(config()).unwrap();
    trainer.save_checkpoint(&path).unwrap();
    let weights = StateDict::read(&path).unwrap();
    assert_eq!(weights.len(), 12);
    for (name, array) in trainer.state_dict().iter() {
        assert_eq!(weights.get(name), Some(array), "{name}");
    }
    // And a trainer starts from one.
    let started =
        LeNet1998Trainer::with_weights(LeNet1998TrainConfig { seed: 9, ..config() }, &path);
    assert_eq!(bits(&started.unwrap()), bits(&trainer));
}

#[test]
fn a_pass_goes_on_with_the_set_it_began_with() {
    let train = mnist().train.clone();
    let mut trainer = LeNet1998Trainer::new(config()).unwrap();
    let _ = trainer.train_pass_with(&train.first(300), |_, _| Ok(Break(()))).unwrap();
    assert_eq!(trainer.samples(), 100);
    let error = trainer.train_pass(&train.first(400)).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("the set so far, 300 images") && error.contains("400 images"),
        "{error}"
    );
    // As many with other labels, after a stop.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    trainer.save_checkpoint(&path).unwrap();
    let mut trainer = LeNet1998Trainer::resume(&path).unwrap();
    let (_, others) = train.split(300).unwrap();
    assert!(trainer.train_pass(&others).is_err() && trainer.check_data(&others).is_err());
    assert_eq!(trainer.train_pass(&train.first(300)).unwrap().samples, 300);
    // The next pass may have others; who wants to know asks.
    assert!(trainer.check_data(&others).is_err() && trainer.train_pass(&others).is_ok());
    assert!(trainer.check_data(&others).is_ok());
}

#[test]
fn what_can_t_be_trained_with_is_refused() {
    let every = |every| Some(EarlyEstimates { every, until: 500, then_every: 100 });
    let flat = LeNet1998Config { slope: 0.0, ..LeNet1998Config::default() };
    for (config, what) in [
        (LeNet1998TrainConfig { rates: vec![], ..config() }, "rates"),
        (LeNet1998TrainConfig { rates: vec![0.1, -1.0], ..config() }, "rates"),
        (LeNet1998TrainConfig { rate_factor: f64::NAN, ..config() }, "rate_factor"),
        (LeNet1998TrainConfig { mu: 0.0, ..config() }, "mu"),
        (LeNet1998TrainConfig { j: Some(f64::INFINITY), ..config() }, "j"),
        (LeNet1998TrainConfig { curvature_images: 0, ..config() }, "curvature_images"),
        (LeNet1998TrainConfig { early_estimates: every(0), ..config() }, "early_estimates"),
        (LeNet1998TrainConfig { early_estimates: every(150), ..config() }, "early_estimates"),
        (LeNet1998TrainConfig { network: flat, ..config() }, "network.slope"),
    ] {
        let error = LeNet1998Trainer::new(config).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{what}: ")), "{error}");
    }
}

/// Rates that are far too high: it stops, and says so, and there is nothing to save.
#[test]
fn a_run_that_diverges_is_noticed() {
    let train = mnist().train.first(500);
    let config = LeNet1998TrainConfig { rate_factor: 1e38, ..config() };
    let mut trainer = LeNet1998Trainer::new(config).unwrap();
    let error = trainer.train_pass(&train).unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { epoch: 1, step: 100.., .. }), "{error}");
    assert!(trainer.save_checkpoint(Path::new("/never")).is_err());
}

#[cfg(feature = "report")]
#[test]
fn pictures_are_drawn_and_gone_on_with() {
    use lenet::{
        image,
        lenet_1998::{HeldOut, LeNet1998Pictures},
    };

    let mnist = mnist();
    let (train, test) = (mnist.train.first(500), mnist.test.first(300));
    let dir = tempfile::tempdir().unwrap();
    let mut trainer = LeNet1998Trainer::new(config()).unwrap();
    let mut pictures = LeNet1998Pictures::create(dir.path(), HeldOut::Test).unwrap();
    let mut record = |pictures: &mut LeNet1998Pictures| {
        trainer.train_pass(&train).unwrap();
        let sets = [&train, &test].map(|set| trainer.evaluate(set).unwrap());
        pictures.record(trainer.passes(), &sets[0], &sets[1], &test).unwrap();
        sets[1].mistakes.len()
    };
    record(&mut pictures);
    let mistakes = record(&mut pictures);
    for name in ["errors.png", "misread.png", "codes.png"] {
        let picture = image::open(dir.path().join(name)).unwrap().to_rgb8();
        let colours: std::collections::HashSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 2, "{name}");
    }
    let csv = || fs::read_to_string(dir.path().join("errors.csv")).unwrap();
    let lines = csv();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "pass,train_error,test_error"));
    assert!(lines[2].ends_with(&format!(",{}", mistakes as f64 / 300.0)), "{lines:?}");

    // Gone on with after the first pass, the second is recorded anew.
    let mut pictures = LeNet1998Pictures::resume(dir.path(), HeldOut::Test, 1).unwrap();
    assert_eq!(csv().lines().count(), 2);
    record(&mut pictures);
    assert_eq!(csv().lines().last().unwrap().split(',').next(), Some("3"));
    // A killed write's leftover goes; errors on another set, and what is something else, are not gone on with.
    let leftover = dir.path().join(".lenet-1.tmp");
    fs::write(&leftover, "").unwrap();
    let refused = |held_out| {
        let error = LeNet1998Pictures::resume(dir.path(), held_out, 1).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    };
    refused(HeldOut::Validation);
    LeNet1998Pictures::resume(dir.path(), HeldOut::Test, 1).unwrap();
    assert!(!leftover.exists());
    fs::write(dir.path().join("errors.csv"), "something else").unwrap();
    refused(HeldOut::Test);
}
