use crate::{
    fonts,
    head::Head,
    others::{Kind, Share},
    sets::{self, Mnist, Training},
};
use anyhow::Result;
use lenet::{
    Classifier, OneCycleLr, Prepared, Schedule, TrainConfig, Trainer, classifier::Activation,
    data::Distortion, train::Device, weights::StateDict,
};
use std::{ops::RangeInclusive, path::Path};

/// Where MNIST's files are, in the repository.
pub const MNIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/mnist");

/// Times through the training set, which has more than three times MNIST's images.
const EPOCHS: usize = 72;

/// Trains on all kinds of digits, and writes the weights.
pub fn train(to: &Path) -> Result<()> {
    let mnist = Mnist::read(Path::new(MNIST))?;
    let set = Training::new(&mnist)?;
    let (_, validation) = mnist.sets()?;
    let mut trainer = Trainer::new(config(set.len()))?;
    for epoch in 1..=EPOCHS {
        let stats = trainer.train_epoch(&set.epoch(epoch)?)?;
        let accuracy = trainer.evaluate(&validation)?.accuracy;
        eprintln!(
            "epoch {epoch}: loss {:.4}, accuracy on the images kept out {accuracy:.4}",
            stats.loss
        );
    }
    Ok(trainer.save(to)?)
}

/// The recipe `augmented`, for so many images, with strokes that grow thicker and thinner. `DISTORTION` in src/classifier/segments.rs is
/// the same.
fn config(images: usize) -> TrainConfig {
    let recipe = TrainConfig::augmented();
    let steps = EPOCHS * images.div_ceil(recipe.batch_size);
    TrainConfig {
        epochs: EPOCHS,
        schedule: Schedule::OneCycleLr(OneCycleLr::new(recipe.learning_rate, steps)),
        distortion: recipe.distortion.map(|recipe| Distortion { thickness: 0.5, ..recipe }),
        device: Device::Cpu,
        ..recipe
    }
}

/// Trains the head that tells what is no digit, fits the temperature, and writes the weights with both.
pub fn calibrate(from: &Path, to: &Path) -> Result<()> {
    let mnist = Mnist::read(Path::new(MNIST))?;
    let plain = Classifier::open(from)?;
    let faces = fonts::faces(fonts::TRAINING)?;
    let (_, validation) = mnist.sets()?;
    let kept_out = mnist.training()..mnist.training() + sets::VALIDATION;

    // Digits of all kinds, each in a distorted version too, and what is none.
    let distortion = config(1).distortion.unwrap_or(Distortion::NONE);
    let made = [
        sets::pictured(&mnist, 0..6_000, 11),
        sets::printed(&faces, 2, 12),
        sets::drawn(4_000, 13),
    ];
    let (train, _) = mnist.sets()?;
    let mut digits: Vec<[u8; 1024]> = train.image_bytes()[30_000..50_000].to_vec();
    for (prepared, _) in made.iter().flatten() {
        digits.push(input(prepared)?);
    }
    let versions: Vec<_> = digits
        .iter()
        .enumerate()
        .map(|(i, image)| distortion.version(image, [11, 0, i as u64]))
        .collect();
    digits.extend(versions.into_iter().step_by(2));
    let mut examples: Vec<_> =
        digits.iter().map(|image| (features(&plain.stages_of(image)), false)).collect();
    // What a reader of numbers cuts out, at the right places and at wrong ones.
    for (prepared, truth) in sets::segments(&mnist, 0..30_000, 60_000, 32) {
        examples.push((features(&plain.stages(&prepared)), truth.is_none()));
    }
    eprintln!("{} digits", examples.iter().filter(|(_, other)| !other).count());
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let count = match kind {
            Kind::Letter => 12_000,
            Kind::Scribble => 10_000,
            _ => 4_000,
        };
        for prepared in sets::others(kind, Share::Training, &faces, count, 20 + number as u64) {
            examples.push((features(&plain.stages(&prepared)), true));
        }
    }
    for prepared in sets::pairs(&mnist, 0..30_000, 8_000, 31) {
        examples.push((features(&plain.stages(&prepared)), true));
    }
    eprintln!("{} examples", examples.len());
    let head = Head::train(&examples, 15);

    let stages: Vec<_> =
        validation.image_bytes().iter().map(|image| plain.stages_of(image)).collect();
    let mut scores: Vec<_> = stages.iter().map(|stages| head.logit(&features(stages))).collect();
    let others = sets::pictured(&mnist, kept_out.start..kept_out.start + 1_000, 14);
    scores
        .extend(others.iter().map(|(prepared, _)| head.logit(&features(&plain.stages(prepared)))));
    scores.sort_by(f32::total_cmp);
    let threshold = scores[(scores.len() as f64 * PASS) as usize];
    eprintln!("threshold {threshold}; where 95 of 100 pass {}", scores[scores.len() * 95 / 100]);
    let head = head.with_threshold(threshold);

    let answers: Vec<_> = stages
        .iter()
        .zip(validation.label_bytes())
        .map(|(stages, &label)| Answer {
            logits: logits(stages),
            digit: (1.0 / (1.0 + f64::from(head.logit(&features(stages))).exp())).max(LEAST),
            label: label.into(),
        })
        .collect();
    let (temperature, power) = best_temperature(&answers);
    eprintln!("temperature {temperature}, power {power}");

    let numbers = head.numbers.iter().map(f32::to_string).chain([power.to_string()]);
    let mut weights = StateDict::read(from)?
        .with_metadata("temperature", temperature.to_string())
        .with_metadata("no_digit", numbers.collect::<Vec<_>>().join(" "));
    weights.metadata.remove("test_accuracy");
    let weights = weights
        .with_metadata("recipe", "augmented, on MNIST's first 55,000 training images, the same as pictures and cut out of rows, digits of fonts, drawn digits, what is no digit")
        .with_metadata("command", "scripts/reader")
        .with_metadata("epochs", EPOCHS.to_string())
        .with_metadata("seed", "0");
    weights.write(to)?;

    // The one look at the test set.
    let mnist = lenet::Mnist::open(MNIST)?;
    let trainer = Trainer::with_weights(config(1), to)?;
    let accuracy = trainer.evaluate(&mnist.test)?.accuracy;
    eprintln!("test accuracy {accuracy}");
    Ok(weights.with_metadata("test_accuracy", accuracy.to_string()).write(to)?)
}

/// Of the digits that are kept out, how many are to pass as digits.
const PASS: f64 = 0.98;

fn input(prepared: &Prepared) -> Result<[u8; 1024]> {
    Ok(prepared.input().as_raw().as_slice().try_into()?)
}

fn features(stages: &[Activation]) -> Vec<f32> {
    stages[5].values.clone()
}

fn logits(stages: &[Activation]) -> Vec<f32> {
    stages[6].values.clone()
}

/// The probability of a digit counts as no less, as in `Classifier::with_no_digit`.
const LEAST: f64 = 0.01;

/// What the network says of an image that shows a digit.
struct Answer {
    logits: Vec<f32>,
    /// How likely it is one, and not less than [`LEAST`].
    digit: f64,
    label: usize,
}

/// The temperature and the power of the probability of a digit that give the least mean cross-entropy, to a hundredth.
fn best_temperature(answers: &[Answer]) -> (f64, f64) {
    let loss = |temperature: f64, power: f64| -> f64 {
        let of_one = |answer: &Answer| {
            let by = temperature * answer.digit.powf(power);
            let scaled: Vec<_> = answer.logits.iter().map(|&logit| f64::from(logit) / by).collect();
            let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scaled.iter().map(|logit| (logit - largest).exp()).sum();
            sum.ln() + largest - scaled[answer.label]
        };
        answers.iter().map(of_one).sum()
    };
    let hundredths = |range: RangeInclusive<u32>| range.map(|number| f64::from(number) / 100.0);
    let all = hundredths(50..=200)
        .flat_map(|temperature| hundredths(0..=60).map(move |power| (temperature, power)))
        .map(|(temperature, power)| (loss(temperature, power), temperature, power));
    let best = all.min_by(|(a, ..), (b, ..)| a.total_cmp(b));
    best.map_or((1.0, 0.0), |(_, temperature, power)| (temperature, power))
}
