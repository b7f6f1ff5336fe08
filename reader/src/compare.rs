use crate::{
    fonts,
    make::MNIST,
    others::{Kind, Share},
    pictures::{DIGITS, Digits, NUMBERS, Random, read_number},
    sets::{self, Mnist},
};
use anyhow::{Result, ensure};
use lenet::{
    Classifier, Prediction, Prepared,
    data::Idx,
    image::{DynamicImage, GrayImage, ImageReader, imageops},
};
use std::{fs, io::Write, path::Path};

/// Answers with their truths.
type Answers = Vec<(Prediction, u8)>;

/// Images with their truths; none where nothing is found in a picture.
type Images = Vec<(Option<Prepared>, u8)>;

/// The seed of all pictures to compare with: none of those that weights are trained on has it.
const SEED: u64 = 77;

/// Pictures of each kind of [`DIGITS`] and [`NUMBERS`].
const EACH: usize = 1_000;

/// Of each kind of what is no digit.
const OTHERS: usize = 500;

fn right(answers: &Answers) -> f64 {
    let right = answers.iter().filter(|(prediction, truth)| prediction.digit == *truth);
    100.0 * right.count() as f64 / answers.len() as f64
}

/// The expected calibration error, in points: the mean difference, over fifteen bins of the highest probability, of how sure the
/// answers are and how often they are right.
pub fn calibration_error(answers: &Answers) -> f64 {
    const BINS: usize = 15;
    let mut bins = [(0.0, 0.0); BINS];
    for (prediction, truth) in answers {
        let sure = f64::from(prediction.probabilities[usize::from(prediction.digit)]);
        let bin = &mut bins[((sure * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += sure;
        bin.1 += f64::from(u8::from(prediction.digit == *truth));
    }
    let off: f64 = bins.iter().map(|(sure, right): &(f64, f64)| (sure - right).abs()).sum();
    100.0 * off / answers.len() as f64
}

/// Those that are not to be read count as wrong, and as quite unsure.
fn answers(classifier: &Classifier, images: &[(Option<Prepared>, u8)]) -> Answers {
    let answer = |(prepared, truth): &(Option<Prepared>, u8)| match prepared {
        Some(prepared) => (classifier.classify_prepared(prepared), *truth),
        None => (Prediction::from_logits([0.0; 10]), 10),
    };
    images.iter().map(answer).collect()
}

/// MNIST's test images, as pictures of 28x28, white on black.
fn mnist_test() -> Result<Images> {
    let read = |name| Ok::<_, anyhow::Error>(Idx::read(Path::new(MNIST).join(name))?.numbers);
    let (images, labels) = (read("t10k-images-idx3-ubyte.gz")?, read("t10k-labels-idx1-ubyte.gz")?);
    let picture =
        |pixels: &[u8]| GrayImage::from_raw(28, 28, pixels.to_vec()).map(DynamicImage::from);
    let images = images.chunks_exact(28 * 28).map(picture);
    let prepared = images.map(|image| image.and_then(|image| Prepared::new(&image).ok()));
    Ok(prepared.zip(labels).collect())
}

/// A folder of pictures whose names begin with the digit.
fn folder(path: &Path) -> Result<Images> {
    let mut paths: Vec<_> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let mut images = vec![];
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let digit = name.as_bytes().first().filter(|c| c.is_ascii_digit());
        if let Some(digit) = digit.filter(|_| name.as_bytes().get(1) == Some(&b'-')) {
            let image = ImageReader::open(&path)?.with_guessed_format()?.decode()?;
            images.push((Prepared::new(&image).ok(), digit - b'0'));
        }
    }
    Ok(images)
}

fn some(images: Vec<(Prepared, u8)>) -> Images {
    images.into_iter().map(|(prepared, digit)| (Some(prepared), digit)).collect()
}

/// The kinds of digits, each a name and its images.
fn digits(mnist: &Mnist) -> Result<Vec<(String, Images)>> {
    let kept_out = mnist.training()..mnist.training() + 2_000;
    let faces = fonts::faces(fonts::KEPT_OUT)?;
    let mut kinds = vec![
        ("MNIST's test set, as pictures".to_string(), mnist_test()?),
        (
            "MNIST's images kept out, turned and with other pens".into(),
            some(sets::pictured(mnist, kept_out, SEED)),
        ),
        (format!("fonts kept out ({} faces)", faces.len()), some(sets::printed(&faces, 2, SEED))),
        (
            "examples/images: drawn by another hand, three fonts".into(),
            folder(&Path::new(MNIST).join("../../examples/images"))?,
        ),
    ];
    // Of scikit-learn, where a person has written them there: for testing only.
    if let Ok(path) = std::env::var("LENET_OTHER_WRITERS") {
        kinds.push(("other writers".into(), folder(Path::new(&path))?));
    }
    let pictures = Digits::read_from(Path::new(MNIST));
    for (name, make) in DIGITS {
        let images = sets::each(EACH, |i| {
            let (image, text) = make(&pictures, &mut Random::new(SEED << 20 | i as u64));
            (Prepared::new(&image).ok(), text.parse().unwrap_or(10))
        });
        kinds.push((format!("photographs: {name}"), images));
    }
    Ok(kinds)
}

/// Prints what each of the weights makes of all kinds of pictures.
pub fn compare(weights: &[&str]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let read = weights.iter().map(Classifier::open).collect::<lenet::Result<Vec<_>>>()?;
    let mnist = Mnist::read(Path::new(MNIST))?;
    let header: Vec<_> = weights.iter().map(|path| format!(" {path} | ECE |")).collect();
    writeln!(out, "| digits | images |{}", header.concat())?;
    writeln!(out, "|---|---|{}", "---|---|".repeat(weights.len()))?;
    let mut thresholds = vec![];
    for (number, (name, images)) in digits(&mnist)?.into_iter().enumerate() {
        let all: Vec<_> = read.iter().map(|classifier| answers(classifier, &images)).collect();
        let cell = |answers: &Answers| {
            format!(" {:.2} | {:.2} |", right(answers), calibration_error(answers))
        };
        let cells: String = all.iter().map(cell).collect();
        writeln!(out, "| {name} | {} |{cells}", images.len())?;
        if number == 0 {
            // Where 95 of 100 digits pass; and what passes as it is.
            thresholds = all.iter().map(passing).collect();
        }
        out.flush()?;
    }
    writeln!(
        out,
        "\nNo digit: of 100, how many pass; where 95 of 100 of MNIST's test images pass, and at 0.5\n"
    )?;
    let digits: String =
        thresholds.iter().map(|(_, passed)| format!(" 95 | {passed:.1} |")).collect();
    writeln!(
        out,
        "| | images |{}\n|---|---|{}",
        header.concat().replace("ECE", "at 0.5"),
        "---|---|".repeat(weights.len())
    )?;
    writeln!(out, "| MNIST's test set | 10000 |{digits}")?;
    for (share, faces) in [(Share::KeptOut, fonts::KEPT_OUT), (Share::Training, fonts::TRAINING)] {
        let faces = fonts::faces(faces)?;
        for kind in Kind::ALL {
            let images = sets::others(kind, share, &faces, OTHERS, SEED);
            let which =
                if share == Share::KeptOut { "kept out" } else { "of the kinds trained on" };
            let cells = passed(&images, &read, &thresholds);
            writeln!(out, "| {kind:?}s, {which} | {} |{cells}", images.len())?;
        }
    }
    let kept_out = mnist.training()..mnist.training() + sets::VALIDATION;
    let pairs = sets::pairs(&mnist, kept_out, OTHERS, SEED);
    let cells = passed(&pairs, &read, &thresholds);
    writeln!(out, "| Two digits, kept out | {} |{cells}", pairs.len())?;
    writeln!(
        out,
        "\n| numbers read wholly right | images |{}\n|---|---|{}",
        header.concat().replace(" ECE |", ""),
        "---|".repeat(weights.len())
    )?;
    let pictures = Digits::read_from(Path::new(MNIST));
    for (name, make) in NUMBERS {
        let right = sets::each(EACH, |i| {
            let (image, text) = make(&pictures, &mut Random::new(SEED << 20 | i as u64));
            read.iter()
                .map(|classifier| read_number(classifier, &image) == text)
                .collect::<Vec<_>>()
        });
        let counts: Vec<_> = (0..read.len())
            .map(|which| right.iter().filter(|right| right[which]).count())
            .collect();
        let cells: String = counts
            .iter()
            .map(|&count| format!(" {:.1} |", 100.0 * count as f64 / EACH as f64))
            .collect();
        writeln!(out, "| {name} | {EACH} |{cells}")?;
    }
    Ok(())
}

/// Of 100 images, how many pass for digits with each of the weights: at its threshold, and at 0.5.
fn passed(images: &[Prepared], read: &[Classifier], thresholds: &[(f32, f64)]) -> String {
    let mut cells = String::new();
    for (classifier, (threshold, _)) in read.iter().zip(thresholds) {
        let scores: Vec<_> =
            images.iter().map(|image| score(&classifier.classify_prepared(image))).collect();
        let pass = |threshold: f32| {
            let passing = scores.iter().filter(|&&score| score <= threshold).count();
            100.0 * passing as f64 / scores.len() as f64
        };
        cells += &format!(" {:.1} | {:.1} |", pass(*threshold), pass(0.5));
    }
    cells
}

/// How likely it is no digit; without a head the best that is there: how unsure the answer is.
fn score(prediction: &Prediction) -> f32 {
    prediction.no_digit.unwrap_or(1.0 - prediction.probabilities[usize::from(prediction.digit)])
}

/// The score that 95 of 100 do not exceed, and how many of 100 do not exceed 0.5.
fn passing(answers: &Answers) -> (f32, f64) {
    let mut scores: Vec<_> = answers.iter().map(|(prediction, _)| score(prediction)).collect();
    scores.sort_by(f32::total_cmp);
    let passed = scores.iter().filter(|&&score| score < 0.5).count();
    (scores[scores.len() * 95 / 100], 100.0 * passed as f64 / scores.len() as f64)
}

/// Draws some of each kind that is made, as the network sees them: to look at.
pub fn sheet(to: &Path) -> Result<()> {
    let faces = fonts::faces(fonts::TRAINING)?;
    let kept_out = fonts::faces(fonts::KEPT_OUT)?;
    eprintln!("{} and {} faces", faces.len(), kept_out.len());
    let mnist = Mnist::read(Path::new(MNIST))?;
    let digits = |made: Vec<(Prepared, u8)>| -> Vec<Prepared> {
        made.into_iter().map(|(prepared, _)| prepared).collect()
    };
    let mut rows = vec![
        digits(sets::pictured(&mnist, 0..120, 1)),
        digits(sets::printed(&faces[..], 1, 2)).into_iter().step_by(21).collect(),
        digits(sets::printed(&kept_out[..], 1, 2)).into_iter().step_by(7).collect(),
        digits(sets::drawn(120, 3)),
    ];
    for (share, faces) in [(Share::Training, &faces), (Share::KeptOut, &kept_out)] {
        for kind in Kind::ALL {
            rows.push(sets::others(kind, share, faces, 40, 4));
        }
    }
    ensure!(!rows.is_empty());
    const ACROSS: u32 = 40;
    let lines: u32 = rows.iter().map(|row| (row.len() as u32).div_ceil(ACROSS)).sum();
    let mut sheet = GrayImage::new(ACROSS * 30, lines * 30);
    let mut top = 0;
    for row in rows {
        for (i, prepared) in row.iter().enumerate() {
            let (x, y) = (i as u32 % ACROSS * 30, (top + i as u32 / ACROSS) * 30);
            imageops::replace(&mut sheet, prepared.digit(), x.into(), y.into());
        }
        top += (row.len() as u32).div_ceil(ACROSS);
    }
    Ok(sheet.save(to)?)
}
