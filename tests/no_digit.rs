//! Probabilities that are calibrated, and what is no digit: as the metadata of weights has it, and for pictures.

use lenet::{
    Classifier, Error, Mnist, Prediction, Prepared, TrainConfig, Trainer, data::Idx, image,
    network::PARAMETERS, train::Device, weights::StateDict,
};
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn other(name: &str) -> PathBuf {
    Path::new(ROOT).join("examples/images/others").join(name)
}

#[test]
fn letters_a_star_and_a_scribble_are_no_digits() {
    let classifier = Classifier::pretrained().unwrap();
    for name in ["K.png", "R.png", "m.png", "scribble.png", "star.png"] {
        let prediction = classifier.classify_file(other(name)).unwrap();
        assert!(!prediction.is_digit(), "{name}: {prediction:?}");
    }
    let error = classifier.classify_file(other("blank.jpg"));
    assert!(matches!(error, Err(Error::NoInk { .. })), "{error:?}");
    for name in ["25.jpg", "407.jpg", "1863.jpg", "62407-form.jpg", "147-plate.jpg"] {
        let image = image::open(other(name)).unwrap();
        let read = classifier.read(&image).unwrap();
        let digits: String =
            read.iter().map(|reading| char::from(b'0' + reading.prediction.digit)).collect();
        assert!(
            name.strip_prefix(&digits).is_some_and(|rest| rest.starts_with(['.', '-'])),
            "{name}: {digits}"
        );
        assert!(read.iter().all(|reading| reading.prediction.is_digit()), "{read:?}");
    }
}

/// MNIST's test images, by the expected calibration error.
#[test]
fn digits_are_digits_and_probabilities_are_calibrated() {
    let classifier = Classifier::pretrained().unwrap();
    let read = |name| Idx::read(Path::new(ROOT).join("data/mnist").join(name)).unwrap().numbers;
    let images = read("t10k-images-idx3-ubyte.gz");
    let labels = read("t10k-labels-idx1-ubyte.gz");
    let (mut passed, mut bins) = (0, [(0.0, 0.0); 15]);
    for (image, label) in images.chunks_exact(28 * 28).zip(labels) {
        let digit = image::GrayImage::from_raw(28, 28, image.to_vec()).unwrap();
        let prediction = classifier.classify_prepared(&Prepared::from_digit(digit).unwrap());
        let sure = f64::from(prediction.probabilities[usize::from(prediction.digit)]);
        let bin = &mut bins[((sure * 15.0) as usize).min(14)];
        bin.0 += sure;
        bin.1 += f64::from(u8::from(prediction.digit == label));
        passed += usize::from(prediction.is_digit());
    }
    let off: f64 = bins.iter().map(|(sure, right): &(f64, f64)| (sure - right).abs()).sum();
    assert!(off / 10_000.0 <= 0.003, "{off} of 10,000");
    assert!(passed >= 9_700, "{passed} of 10,000");
}

/// Of MNIST's test images, side by side so that most touch: who asks for one digit is told that there is more.
#[test]
fn two_digits_at_once_are_none() {
    let classifier = Classifier::pretrained().unwrap();
    let mnist = Mnist::open(Path::new(ROOT).join("data/mnist")).unwrap();
    let passed = (0..200).step_by(2).filter(|&index| {
        let [left, right] = [index, index + 1].map(|index| mnist.test.image(index).unwrap());
        let mut both = image::GrayImage::new(51, 32);
        for (image, start) in [(left, 0), (right, 19)] {
            for (x, y, ink) in image.enumerate_pixels() {
                let to = both.get_pixel_mut(start + x, y);
                to.0[0] = to.0[0].max(ink.0[0]);
            }
        }
        classifier.classify_prepared(&Prepared::from_ink(&both).unwrap()).is_digit()
    });
    let passed = passed.count();
    assert!(passed <= 3, "{passed} of 100");
}

/// Weights that say nothing of it, such as anybody trains.
#[test]
fn other_weights_do_not_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let config = TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() };
    let trainer = Trainer::new(config).unwrap();
    trainer.save(&path).unwrap();
    let star = Prepared::open(other("star.png")).unwrap();
    let classifier = Classifier::open(&path).unwrap();
    let prediction = classifier.classify_prepared(&star);
    assert_eq!((prediction.no_digit, prediction.is_digit()), (None, true));
    let logits = classifier.stages(&star).pop().unwrap().values.try_into().unwrap();
    assert_eq!(prediction, Prediction::from_logits(logits));
    assert_eq!(classifier.classify_all_prepared(std::slice::from_ref(&star)), [prediction]);

    // A hidden unit that gives 0, a bias that always says no, and a power that makes the answer surer then.
    let no: Vec<_> = [0.0; 86].into_iter().chain([3.0f32, 0.5]).collect();
    let told = classifier.clone().with_temperature(2.0).unwrap().with_no_digit(&no).unwrap();
    let sure = 1.0 / (1.0 + (-3.0f32).exp());
    let expected =
        Prediction::from_logits(logits.map(|logit: f32| logit / (2.0 * (1.0 - sure).sqrt())));
    let prediction = told.classify_prepared(&star);
    // The factor is a power, here a square root: rounded in other ways, it moves the last bits.
    let same = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    assert!(prediction.probabilities.iter().zip(&expected.probabilities).all(same));
    assert!((prediction.no_digit.unwrap() - sure).abs() < 1e-6 && !prediction.is_digit());
    assert_eq!(told.classify_all_prepared(std::slice::from_ref(&star)), [prediction]);
    // And from a file's metadata.
    let text: Vec<_> = no.iter().map(f32::to_string).collect();
    let weights = trainer.state_dict().with_metadata("temperature", "2");
    weights.with_metadata("no_digit", text.join(" ")).write(&path).unwrap();
    assert_eq!(Classifier::open(&path).unwrap().classify_prepared(&star), prediction);
    // However low the temperature, there are probabilities: one is 1.
    let coldest = told.with_temperature(f32::from_bits(1)).unwrap().classify_prepared(&star);
    assert_eq!(coldest.probabilities.iter().sum::<f32>(), 1.0, "{coldest:?}");
    // Training goes on from such weights, and pays no heed to it.
    assert!(Trainer::with_weights(trainer.config().clone(), &path).is_ok());
}

#[test]
fn calibration_that_cannot_be_is_refused() {
    let classifier = Classifier::from_parameters(&[0.0; PARAMETERS]).unwrap();
    for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(classifier.clone().with_temperature(wrong).is_err(), "{wrong}");
    }
    assert!(classifier.with_no_digit(&[1.0; 87]).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.safetensors");
    let shipped = StateDict::read(Path::new(ROOT).join("weights/reader.safetensors")).unwrap();
    let (before, _) = shipped.metadata["no_digit"].rsplit_once(' ').unwrap();
    for (name, wrong) in [
        ("temperature", "hot"),
        ("temperature", "0"),
        ("no_digit", ""),
        ("no_digit", "1 2 x"),
        // Without the power, which is last; and with one that can't be.
        ("no_digit", before),
        ("no_digit", &format!("{before} 1.5")),
    ] {
        shipped.clone().with_metadata(name, wrong).write(&path).unwrap();
        let error = Classifier::open(&path).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
