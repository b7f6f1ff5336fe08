//! Reads the digits in images.
//!
//!     cargo run --release --example predict -- examples/images

use anyhow::{Result, bail};
use clap::{CommandFactory, Parser};
use lenet::{Classifier, Explanation, Prediction, Prepared, classifier::Reading, data::Classes};
use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Read the digits in images.
///
/// Of each image one line is printed: its name, the digit, and the most probable digits with their probabilities; or "no digit",
/// how likely that is, and what it would be otherwise. Weights that were trained on other classes than digits print their names, and
/// pictures are prepared as those that they were trained on. An image holds one digit, or with --number several, dark on light or light on dark, of up to 512 MiB in memory: PNG, JPEG, BMP or PNM,
/// told from the content.
///
/// Exit codes: 0 every image was read; 1 some could not be, or the weights could not: see stderr; 2 wrong usage.
#[derive(Parser)]
#[command(name = "predict", version)]
struct Args {
    /// Images, folders of images (not their subfolders), or - for an image on standard input
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Weights of any form [default: those that come with the crate]
    #[arg(long, value_name = "PATH")]
    weights: Option<PathBuf>,
    /// How many digits to print, the most probable first
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    top: u8,
    /// Read all digits in an image, line by line, and print them with the probability of the least certain one
    #[arg(long, conflicts_with_all = ["top", "explain"])]
    number: bool,
    /// Print a JSON object a line: image, digit, class (its name), probabilities (of 0 to 9), no_digit (its probability; null where the weights do
    /// not tell), or image and error; with --number: image, number, digits (each with its line, bounds, and the same)
    #[arg(long)]
    json: bool,
    /// Draw what the network saw, and what each of its layers made of it; of one image
    #[arg(long, value_name = "OUT.png")]
    explain: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has had enough of it: `predict images | head -1`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all images were read.
fn run(args: &Args) -> Result<bool> {
    let classifier = match &args.weights {
        Some(path) => Classifier::open(path)?,
        None => Classifier::pretrained()?,
    };
    // And folders that have no images, with the reason.
    let mut paths = vec![];
    for path in &args.images {
        match path.is_dir().then(|| images_in(path)) {
            None => paths.push((path.clone(), Ok(()))),
            Some(Ok(images)) => paths.extend(images.into_iter().map(|path| (path, Ok(())))),
            Some(Err(error)) => paths.push((path.clone(), Err(error))),
        }
    }
    if let Some(to) = &args.explain {
        if paths.len() != 1 {
            let words = format!("--explain draws one image; there are {}", paths.len());
            Args::command().error(clap::error::ErrorKind::TooManyValues, words).exit();
        }
        let real = |path: &Path| fs::canonicalize(path).ok();
        if !to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            let words = format!("{}: the picture is a PNG; name it so", to.display());
            Args::command().error(clap::error::ErrorKind::ValueValidation, words).exit();
        }
        if real(to).is_some_and(|to| paths.iter().any(|(path, _)| real(path) == Some(to.clone()))) {
            let words = format!("{} is the image itself", to.display());
            Args::command().error(clap::error::ErrorKind::ArgumentConflict, words).exit();
        }
    }

    let classes = classifier.classes();
    let mut out = io::stdout().lock();
    let mut all = true;
    for (path, found) in paths {
        let read = found.and_then(|()| bytes(&path)).and_then(|bytes| {
            if args.number {
                let readings = classifier.read_bytes(&bytes)?;
                return Ok(if args.json {
                    number_json(&path, &readings, classes)
                } else {
                    number_line(&path, &readings, classes)
                });
            }
            let prepared = classifier.preparation().prepare_bytes(&bytes)?;
            if let Some(to) = &args.explain {
                Explanation::new(&classifier, &prepared).save(to)?;
            }
            let prediction = classifier.classify_prepared(&prepared);
            Ok(if args.json {
                json(&path, &prediction, classes)
            } else {
                line(&path, &prediction, classes, args.top)
            })
        });
        all &= read.is_ok();
        match (read, args.json) {
            (Ok(line), _) => writeln!(out, "{line}")?,
            (Err(error), true) => {
                let error = format!("{error:#}");
                let object = serde_json::json!({ "image": path.to_string_lossy(), "error": error });
                writeln!(out, "{object}")?;
            }
            (Err(error), false) => note(format_args!("{}: {error:#}", on_a_line(&path))),
        }
    }
    Ok(all)
}

fn line(path: &Path, prediction: &Prediction, classes: &Classes, top: u8) -> String {
    let ranked = prediction.ranked().into_iter().take(top.into());
    let ranked = ranked.map(|(digit, p)| format!("{} {:.1} %", classes.name(digit), 100.0 * p));
    let ranked = ranked.collect::<Vec<_>>();
    let (name, ranked) = (on_a_line(path), ranked.join(", "));
    match prediction.no_digit.filter(|_| !prediction.is_digit()) {
        Some(p) => format!("{name}: no digit ({:.1} %; else {ranked})", 100.0 * p),
        None => format!("{name}: {} ({ranked})", classes.name(prediction.digit)),
    }
}

/// A name may have line breaks, and what else a terminal obeys: they are escaped.
fn on_a_line(path: &Path) -> String {
    let name = path.display().to_string();
    name.chars().fold(String::new(), |line, c| match c.is_control() {
        true => line + &c.escape_default().to_string(),
        false => line + c.encode_utf8(&mut [0; 4]),
    })
}

fn json(path: &Path, prediction: &Prediction, classes: &Classes) -> String {
    let object = serde_json::json!({
        "image": path.to_string_lossy(),
        "digit": prediction.digit,
        "class": classes.name(prediction.digit),
        "probabilities": prediction.probabilities,
        "no_digit": prediction.no_digit,
    });
    object.to_string()
}

/// The digits, with a space between lines; names of several letters have a space between them.
fn number(readings: &[Reading], classes: &Classes) -> String {
    let mut number = String::new();
    let apart = classes.names().iter().any(|name| name.chars().nth(1).is_some());
    for (at, reading) in readings.iter().enumerate() {
        if at > 0 && (apart || readings[at - 1].line != reading.line) {
            number.push(' ');
        }
        number.push_str(classes.name(reading.prediction.digit));
    }
    number
}

fn number_line(path: &Path, readings: &[Reading], classes: &Classes) -> String {
    let sure = readings.iter().map(|reading| reading.prediction.ranked()[0].1).fold(1.0, f32::min);
    format!("{}: {} ({:.1} %)", path.display(), number(readings, classes), 100.0 * sure)
}

fn number_json(path: &Path, readings: &[Reading], classes: &Classes) -> String {
    let digit = |reading: &Reading| {
        serde_json::json!({
            "line": reading.line,
            "bounds": reading.bounds,
            "digit": reading.prediction.digit,
            "class": classes.name(reading.prediction.digit),
            "probabilities": reading.prediction.probabilities,
            "no_digit": reading.prediction.no_digit,
        })
    };
    let digits: Vec<_> = readings.iter().map(digit).collect();
    let object = serde_json::json!({
        "image": path.to_string_lossy(),
        "number": number(readings, classes),
        "digits": digits,
    });
    object.to_string()
}

/// A folder's images, by name.
fn images_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && Prepared::has_extension(&path) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!("no images in this folder");
    }
    paths.sort();
    Ok(paths)
}

/// A file's bytes.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    if path == Path::new("-") {
        io::stdin().take(MOST_BYTES).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Of a file: what has no end, such as a device, is cut off.
const MOST_BYTES: u64 = 512 << 20;

/// A line on stderr, which may be closed.
fn note(line: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
