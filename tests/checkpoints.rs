//! Checkpoints: a run that stops and goes on ends with the same bits, and a file that is not whole is refused.

use lenet::{
    Adam, AdamW, Checkpoints, Dataset, EpochStats, Error, Mnist, OneCycleLr, Optimizer, Schedule,
    Sgd, TrainConfig, Trainer,
    train::{Best, Device},
    weights::StateDict,
};
use sha2::{Digest, Sha256};
use std::{
    fs,
    ops::ControlFlow::{Break, Continue},
    path::Path,
    sync::LazyLock,
};

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

fn config() -> TrainConfig {
    // The tests run side by side: threads that wait for each other by spinning would stand in each other's way.
    TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() }
}

/// All that a run ends with.
#[derive(Debug, PartialEq)]
struct End {
    weights: Vec<u32>,
    stats: Vec<EpochStats>,
    best: Option<Best>,
}

/// Trains for `epochs` epochs; `between` stands between any two steps, and between two epochs.
fn run(
    mut trainer: Trainer,
    epochs: usize,
    train: &Dataset,
    validation: &Dataset,
    mut between: impl FnMut(Trainer) -> Trainer,
) -> End {
    let mut stats = vec![];
    while trainer.epochs() < epochs {
        match trainer.train_epoch_with(train, |_, _| Ok(Break(()))).unwrap() {
            Break(()) => (),
            Continue(epoch) => {
                stats.push(epoch);
                let validation = trainer.evaluate(validation).unwrap();
                trainer.note_validation(&validation);
            }
        }
        trainer = between(trainer);
    }
    End { weights: bits(&trainer), stats, best: trainer.best() }
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    let weights = trainer.state_dict();
    weights.iter().flat_map(|(_, array)| array.values()).map(|value| value.to_bits()).collect()
}

/// Each optimizer, and each schedule that looks back, with clipping and distortions.
fn configs() -> Vec<TrainConfig> {
    let sgd = Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() };
    let one_cycle = OneCycleLr::new(0.01, 18);
    let distorted = TrainConfig::augmented().distortion;
    let cosine = Schedule::CosineAnnealingLr { t_max: 3, eta_min: 1e-5 };
    [
        (Optimizer::Adam(Adam::default()), Schedule::Constant, None, None),
        (Optimizer::AdamW(AdamW::default()), Schedule::OneCycleLr(one_cycle), Some(0.5), distorted),
        (Optimizer::Sgd(sgd), Schedule::StepLr { step_size: 1, gamma: 0.5 }, None, distorted),
        (Optimizer::Sgd(Sgd::default()), cosine, Some(2.0), None),
    ]
    .map(|(optimizer, schedule, clip_norm, distortion)| TrainConfig {
        distortion,
        batch_size: 8,
        seed: 7,
        optimizer,
        schedule,
        clip_norm,
        ..config()
    })
    .into()
}

/// 42 images in batches of 8: 8, 8, 8, 8, 8, 2.
#[test]
fn a_run_that_stops_after_every_step_ends_with_the_same_bits() {
    let (train, validation) = mnist().train.first(50).split(8).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    for config in configs() {
        let new = || Trainer::new(config.clone()).unwrap();
        let straight = run(new(), 3, &train, &validation, |trainer| trainer);
        assert_eq!(straight.stats.len(), 3);

        // All at once: it stops and goes on after each step.
        let mut stops = 0;
        let stopped = run(new(), 3, &train, &validation, |trainer| {
            stops += 1;
            trainer.save_checkpoint(&path).unwrap();
            Trainer::resume(&path).unwrap()
        });
        assert_eq!(stops, 3 * 7);
        assert_eq!(stopped, straight);

        // And one stop, after each step in turn.
        for stop in 1..=stops {
            let mut at = 0;
            let stopped = run(new(), 3, &train, &validation, |trainer| {
                at += 1;
                if at != stop {
                    return trainer;
                }
                trainer.save_checkpoint(&path).unwrap();
                drop(trainer);
                Trainer::resume_with(config.clone(), &path).unwrap()
            });
            assert_eq!(stopped, straight, "stopped at {stop}");
        }

        // A run that differs ends elsewhere: the comparison can fail.
        let other = Trainer::new(TrainConfig { seed: 8, ..config.clone() }).unwrap();
        assert_ne!(run(other, 3, &train, &validation, |trainer| trainer).weights, straight.weights);
    }
}

/// 3,000 images: 94 steps an epoch.
#[test]
fn a_long_run_that_stops_here_and_there_ends_with_the_same_bits() {
    let (train, validation) = mnist().train.first(3_200).split(200).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let straight = run(Trainer::new(config()).unwrap(), 2, &train, &validation, |trainer| trainer);
    let mut at = 0;
    let stopped = run(Trainer::new(config()).unwrap(), 2, &train, &validation, |trainer| {
        at += 1;
        if ![1, 57, 93, 94, 95, 96, 150, 189].contains(&at) {
            return trainer;
        }
        trainer.save_checkpoint(&path).unwrap();
        Trainer::resume(&path).unwrap()
    });
    assert_eq!(at, 2 * 95);
    assert_eq!(stopped, straight);
}

/// A trainer after three steps of an epoch of 42 images.
fn in_an_epoch() -> Trainer {
    let mut trainer = Trainer::new(configs().remove(0)).unwrap();
    for _ in 0..3 {
        let train = mnist().train.first(42);
        assert!(trainer.train_epoch_with(&train, |_, _| Ok(Break(()))).unwrap().is_break());
    }
    trainer
}

#[test]
fn an_epoch_goes_on_with_the_set_that_it_began_with() {
    let mut trainer = in_an_epoch();
    let before = bits(&trainer);
    let right = mnist().train.first(42);
    let more = mnist().train.first(43);
    let labels = right.label_bytes().iter().map(|label| 9 - label).collect();
    let others = Dataset::from_pixels(right.image_bytes().as_flattened().to_vec(), labels).unwrap();
    for other in [&more, &others] {
        let error = trainer.train_epoch(other).unwrap_err().to_string();
        assert!(error.starts_with("data: expected the set so far, 42 images with"), "{error}");
        assert!(trainer.check_data(other).is_err());
    }
    assert_eq!((bits(&trainer), trainer.samples()), (before, 24));
    trainer.check_data(&right).unwrap();
    assert_eq!(trainer.train_epoch(&right).unwrap().samples, 42);
    // Between two epochs the set may change; whether it has, a resumed trainer can tell.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    trainer.save_checkpoint(&path).unwrap();
    let mut trainer = Trainer::resume(&path).unwrap();
    trainer.check_data(&right).unwrap();
    assert!(trainer.check_data(&more).is_err());
    assert_eq!(trainer.train_epoch(&more).unwrap().samples, 43);
}

fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Malformed { .. } | Error::UnknownForm { .. })
}

#[test]
fn a_flipped_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    in_an_epoch().save_checkpoint(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    // A bit of every third byte of the header, one of each byte of the checksum, and some of the numbers'.
    let checksum = find(&good, b"\"lenet.sha256\":\"").end;
    let bits = (0..header)
        .step_by(3)
        .map(|byte| (byte, byte % 8))
        .chain((checksum..checksum + 64).map(|byte| (byte, byte % 8)))
        .chain((header..good.len()).step_by(6_007).map(|byte| (byte, byte % 8)))
        .chain([(good.len() - 1, 7)]);
    for (byte, bit) in bits {
        let mut damaged = good.clone();
        damaged[byte] ^= 1 << bit;
        fs::write(&path, damaged).unwrap();
        let error = Trainer::resume(&path).unwrap_err();
        assert!(is_damage(&error), "byte {byte}, bit {bit}: {error}");
    }
    fs::write(&path, good).unwrap();
    Trainer::resume(&path).unwrap();
}

fn find(bytes: &[u8], what: &[u8]) -> std::ops::Range<usize> {
    let start = bytes.windows(what.len()).position(|window| window == what).unwrap();
    start..start + what.len()
}

/// Every length at which something ends, and the ones beside it.
#[test]
fn a_cut_checkpoint_is_noticed_and_the_one_before_is_gone_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(&dir).unwrap();
    let config = configs().remove(0);
    let train = mnist().train.first(42);
    let mut trainer = Trainer::new(config.clone()).unwrap();
    assert!(checkpoints.is_empty().unwrap());
    assert!(checkpoints.resume(config.clone()).unwrap().trainer.is_none());
    let mut step = || {
        assert!(trainer.train_epoch_with(&train, |_, _| Ok(Break(()))).unwrap().is_break());
        (checkpoints.save(&trainer).unwrap(), bits(&trainer))
    };
    let (_, first) = step();
    let (path, second) = step();
    assert!(path.ends_with("step-000000002.safetensors"));
    let resumed = || checkpoints.resume(config.clone()).unwrap();
    assert_eq!(bits(&resumed().trainer.unwrap()), second);

    let good = fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let ends = [0, 8, 9, header, header + 4, header + 61_750 * 4, good.len() / 2, good.len()];
    let lengths = ends.iter().flat_map(|&end| [end.saturating_sub(1), end, end + 1]);
    for length in lengths.filter(|&length| length != good.len()) {
        let mut damaged = good.clone();
        damaged.resize(length, 0); // longer is damaged, too
        fs::write(&path, damaged).unwrap();
        let found = resumed();
        assert_eq!(bits(&found.trainer.unwrap()), first, "{length} bytes");
        assert!(is_damage(&found.damaged[0]) && found.damaged.len() == 1, "{:?}", found.damaged);
        // Out of the way, so that it is not met again.
        assert!(!path.exists() && dir.path().join("step-000000002.safetensors.damaged").exists());
        assert!(resumed().damaged.is_empty());
    }
}

#[test]
fn the_last_two_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let names = || {
        let entries = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    // What a killed write leaves.
    fs::write(dir.path().join(".lenet-abc.tmp"), "half").unwrap();
    // Others' files, whose names are not quite those of checkpoints.
    let others = ["step-000000001-keep.safetensors", "step-1.safetensors", "step-x.safetensors"];
    for name in others {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    let with_others = |mut ours: Vec<&'static str>| {
        ours.extend(others);
        ours.sort();
        ours
    };
    let checkpoints = Checkpoints::open(&dir).unwrap();
    assert_eq!(names(), with_others(vec![".lock"]));
    assert!(checkpoints.is_empty().unwrap());
    let train = mnist().train.first(42);
    let mut trainer = Trainer::new(config()).unwrap();
    for _ in 0..4 {
        trainer.train_epoch(&train).unwrap();
        checkpoints.save(&trainer).unwrap();
    }
    let kept = [".lock", "step-000000006.safetensors", "step-000000008.safetensors"];
    assert_eq!(names(), with_others(kept.into()));
    checkpoints.save(&trainer).unwrap();
    assert_eq!(names(), with_others(kept.into()));
    assert_eq!(checkpoints.resume(config()).unwrap().trainer.unwrap().steps(), 8);
    assert_eq!(names(), with_others(kept.into()));
}

#[test]
fn a_folder_is_one_run_s_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::open(&dir).unwrap();
    let error = Checkpoints::open(&dir).unwrap_err();
    let Error::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.to_string(), "another run is using it");
    drop(checkpoints);
    Checkpoints::open(&dir).unwrap();
}

#[test]
fn another_config_is_refused_with_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let trainer = in_an_epoch();
    trainer.save_checkpoint(&path).unwrap();
    let same = trainer.config().clone();
    let more = TrainConfig { epochs: 99, ..same.clone() };
    assert_eq!(Trainer::resume_with(more, &path).unwrap().config().epochs, 99);

    let other = TrainConfig { learning_rate: 0.01, batch_size: 64, ..same };
    let error = Trainer::resume_with(other, &path).unwrap_err();
    let Error::CheckpointMismatch { differences, .. } = &error else { panic!("{error}") };
    let expected = ["batch_size: 8 there, 64 here", "learning_rate: 0.001 there, 0.01 here"];
    assert_eq!(differences, &expected);
    assert!(error.to_string().contains(&expected.join("; ")), "{error}");
    // It is no damage: nothing older is gone on with, and the file stays.
    let checkpoints = Checkpoints::open(&dir).unwrap();
    let newest = dir.path().join("step-000000003.safetensors");
    fs::rename(&path, &newest).unwrap();
    let error = checkpoints.resume(config()).unwrap_err();
    assert!(matches!(error, Error::CheckpointMismatch { .. }) && newest.exists(), "{error}");
}

/// The file with `from` replaced by `to`, of the same length, and its checksum made right: SHA-256 of the file with zeros in its place.
fn forged(path: &Path, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(path).unwrap();
    let place = find(&bytes, from.as_bytes());
    bytes[place].copy_from_slice(to.as_bytes());
    let start = find(&bytes, b"\"lenet.sha256\":\"").end;
    bytes[start..start + 64].fill(b'0');
    let digest = Sha256::digest(&bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes[start..start + 64].copy_from_slice(digest.as_bytes());
    bytes
}

#[test]
fn another_version_is_refused_with_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    in_an_epoch().save_checkpoint(&path).unwrap();
    for (name, version, other) in
        [("lenet", env!("CARGO_PKG_VERSION"), "9.9.9"), ("libtorch", "2.13.0", "1.99.9")]
    {
        let [from, to] = [version, other].map(|version| format!("\"{name}\":\"{version}\""));
        fs::write(dir.path().join("other"), forged(&path, &from, &to)).unwrap();
        let error = Trainer::resume(dir.path().join("other")).unwrap_err();
        let Error::CheckpointMismatch { differences, .. } = &error else { panic!("{error}") };
        assert_eq!(differences, &[format!("{name}: {other} there, {version} here")]);
    }
}

#[test]
fn a_run_on_a_device_that_is_not_here_is_resumed_on_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let trainer = in_an_epoch();
    trainer.save_checkpoint(&path).unwrap();
    let from = r#"\"device\":\"cpu\",\"engine\":\"Auto\",\"threads\":1"#;
    let to = r#"\"device\":\"cuda:99\",\"engine\":\"Auto\"          "#; // as long
    fs::write(&path, forged(&path, from, to)).unwrap();
    let error = Trainer::resume(&path).unwrap_err();
    assert!(matches!(&error, Error::NoDevice { device, .. } if device == "cuda:99"), "{error}");
    let resumed = Trainer::resume_with(trainer.config().clone(), &path).unwrap();
    let [resumed, trainer] = [resumed, trainer].map(|mut trainer| {
        trainer.train_epoch(&mnist().train.first(42)).unwrap();
        bits(&trainer)
    });
    assert_eq!(resumed, trainer);
}

/// With the right checksum.
#[test]
fn what_no_run_comes_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let mut trainer = in_an_epoch();
    trainer.train_epoch(&mnist().train.first(42)).unwrap();
    assert!(trainer.note_validation(&trainer.evaluate(&mnist().test.first(9)).unwrap()));
    assert!(
        trainer
            .train_epoch_with(&mnist().train.first(42), |_, _| Ok(Break(())))
            .unwrap()
            .is_break()
    );
    trainer.save_checkpoint(&path).unwrap();
    for (from, to, expected) in [
        (r#"\"epochs\":1,\"steps\":7"#, r#"\"epochs\":8,\"steps\":7"#, "7 steps in 8 epochs"),
        (r#"\"images\":42"#, r#"\"images\":07"#, "not a good checkpoint"),
        (r#"\"images\":42"#, r#"\"images\":4 "#, "8 images of an epoch that has 4"),
        (r#"\"epoch\":1,"#, r#"\"epoch\":9,"#, "epoch 9 the best of 1"),
        (r#"{\"samples\":8"#, r#"{\"samples\":0"#, "right answers of 0 in 1 steps"),
    ] {
        fs::write(dir.path().join("other"), forged(&path, from, to)).unwrap();
        let error = Trainer::resume(dir.path().join("other")).unwrap_err();
        let (damage, error) = (is_damage(&error), error.to_string());
        assert!(damage && error.contains(expected), "{error}");
    }
    // Labels that no digest has, nor letters of one byte: told apart, and shown.
    let start = find(&fs::read(&path).unwrap(), br#"\"labels\":\""#).end;
    let labels = String::from_utf8(fs::read(&path).unwrap()[start..start + 32].to_vec()).unwrap();
    let other = "€".repeat(10) + "ab";
    fs::write(dir.path().join("other"), forged(&path, &labels, &other)).unwrap();
    let trainer = Trainer::resume(dir.path().join("other")).unwrap();
    let error = trainer.check_data(&mnist().train.first(42)).unwrap_err().to_string();
    assert!(error.contains("42 images with the labels €€€€€€€€,"), "{error}");
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let trainer = in_an_epoch();
    trainer.save(&path).unwrap();
    let error = Trainer::resume(&path).unwrap_err().to_string();
    assert!(error.ends_with("is not a good checkpoint file: it has no checksum"), "{error}");
    let error = Trainer::resume(dir.path().join("nothing")).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
}

#[test]
fn a_checkpoint_s_weights_are_read_as_any_file_s() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let trainer = in_an_epoch();
    trainer.save_checkpoint(&path).unwrap();
    let weights = StateDict::read(&path).unwrap();
    assert_eq!(weights.len(), 14);
    let started = Trainer::with_weights(config(), &path).unwrap();
    assert_eq!(bits(&started), bits(&trainer));
    assert_eq!((started.steps(), started.samples()), (0, 0));
    // And written on, as plain weights.
    let copy = dir.path().join("copy.safetensors");
    weights.write(&copy).unwrap();
    assert_eq!(bits(&Trainer::with_weights(config(), &copy).unwrap()), bits(&trainer));
    let mut damaged = fs::read(&path).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, damaged).unwrap();
    assert!(is_damage(&StateDict::read(&path).unwrap_err()));
}

#[test]
fn what_has_diverged_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let mut trainer = Trainer::new(TrainConfig { learning_rate: 1e38, ..config() }).unwrap();
    trainer.save_checkpoint(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let error = trainer.train_epoch(&mnist().train.first(400)).unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
    assert!(trainer.save_checkpoint(&path).is_err());
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[test]
fn the_best_epoch_is_the_most_accurate_then_the_one_with_the_lowest_loss() {
    let mut trainer = Trainer::new(config()).unwrap();
    let data = mnist().train.first(500);
    assert_eq!(trainer.best(), None);
    let mut evaluation = trainer.evaluate(&data).unwrap();
    for (accuracy, loss, better) in [
        (0.9, f64::NAN, false),
        (0.5, 1.0, true),
        (0.5, 1.0, false),
        (0.4, 0.1, false),
        (0.5, 0.9, true),
        (0.6, 2.0, true),
        (0.9, f64::INFINITY, false),
    ] {
        (evaluation.accuracy, evaluation.loss) = (accuracy, loss);
        assert_eq!(trainer.note_validation(&evaluation), better, "{accuracy} {loss}");
    }
    let best = trainer.best().unwrap();
    assert_eq!((best.epoch, best.accuracy, best.loss), (0, 0.6, 2.0));
}
