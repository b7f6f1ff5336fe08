use super::record::EpochRecord;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, fs, io::ErrorKind, path::Path, time::SystemTime};

/// An epoch's figures: a line of `metrics.jsonl`, which is also what a report goes on from. JSON has no word for a figure that
/// is not finite: it is `None`, as one that is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metrics {
    pub epoch: usize,
    /// When it was recorded, in seconds since 1970.
    pub unix_time: f64,
    pub seconds: Option<f64>,
    pub images_per_second: Option<f64>,
    pub learning_rate: Option<f64>,
    pub train_samples: usize,
    pub train_loss: Option<f64>,
    pub train_blog_loss: Option<f64>,
    pub train_accuracy: Option<f64>,
    pub validation_samples: Option<usize>,
    pub validation_loss: Option<f64>,
    pub validation_accuracy: Option<f64>,
    pub test_samples: usize,
    pub test_loss: Option<f64>,
    pub test_blog_loss: Option<f64>,
    pub test_accuracy: Option<f64>,
    /// True digit, predicted digit.
    pub test_confusion: [[u32; 10]; 10],
    pub test_precision: [f64; 10],
    pub test_recall: [f64; 10],
    pub test_f1: [f64; 10],
}

impl Metrics {
    /// The record's figures, as of now.
    pub fn new(record: &EpochRecord) -> Metrics {
        let EpochRecord { train, test, validation, .. } = record;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Metrics {
            epoch: record.epoch,
            unix_time: now.as_secs_f64(),
            seconds: finite(record.seconds),
            images_per_second: finite(train.samples as f64 / record.seconds),
            learning_rate: finite(train.learning_rate),
            train_samples: train.samples,
            train_loss: finite(train.loss),
            train_blog_loss: finite(train.blog_loss),
            train_accuracy: finite(train.accuracy),
            validation_samples: validation.as_ref().map(|set| set.samples),
            validation_loss: validation.as_ref().and_then(|set| finite(set.loss)),
            validation_accuracy: validation.as_ref().and_then(|set| finite(set.accuracy)),
            test_samples: test.samples,
            test_loss: finite(test.loss),
            test_blog_loss: finite(test.blog_loss),
            test_accuracy: finite(test.accuracy),
            test_confusion: test.confusion,
            test_precision: test.precision(),
            test_recall: test.recall(),
            test_f1: test.f1(),
        }
    }

    /// What `metrics.csv` has, by the names of the fields.
    fn columns(&self) -> [(&'static str, Option<f64>); 16] {
        [
            ("epoch", Some(self.epoch as f64)),
            ("unix_time", Some(self.unix_time)),
            ("seconds", self.seconds),
            ("images_per_second", self.images_per_second),
            ("learning_rate", self.learning_rate),
            ("train_samples", Some(self.train_samples as f64)),
            ("train_loss", self.train_loss),
            ("train_blog_loss", self.train_blog_loss),
            ("train_accuracy", self.train_accuracy),
            ("validation_samples", self.validation_samples.map(|samples| samples as f64)),
            ("validation_loss", self.validation_loss),
            ("validation_accuracy", self.validation_accuracy),
            ("test_samples", Some(self.test_samples as f64)),
            ("test_loss", self.test_loss),
            ("test_blog_loss", self.test_blog_loss),
            ("test_accuracy", self.test_accuracy),
        ]
    }

    /// What TensorBoard is shown, by its tags: it puts together what has the same word before the slash.
    pub fn scalars(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let scalars = [
            ("loss/train", self.train_loss),
            ("loss/validation", self.validation_loss),
            ("loss/test", self.test_loss),
            ("accuracy/train", self.train_accuracy),
            ("accuracy/validation", self.validation_accuracy),
            ("accuracy/test", self.test_accuracy),
            ("speed/images_per_second", self.images_per_second),
            ("learning_rate", self.learning_rate),
        ];
        scalars.into_iter().filter_map(|(tag, value)| Some((tag, value?)))
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `metrics.jsonl`: an object a line.
pub(super) fn to_jsonl(epochs: &[Metrics], path: &Path) -> Result<String> {
    let lines = epochs.iter().map(|metrics| Ok(serde_json::to_string(metrics)? + "\n"));
    let lines: serde_json::Result<String> = lines.collect();
    lines.map_err(|error| Error::Io { action: "write", path: path.into(), source: error.into() })
}

/// What an earlier run wrote; nothing where it wrote nothing.
pub(super) fn from_jsonl(path: &Path) -> Result<Vec<Metrics>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut epochs: Vec<Metrics> = vec![];
    for (i, line) in text.lines().enumerate() {
        let malformed = |reason: String| {
            Error::malformed(path, "metrics.jsonl", format!("line {}: {reason}", i + 1))
        };
        let metrics: Metrics =
            serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        if let Some(last) = epochs.last().filter(|last| last.epoch >= metrics.epoch) {
            return Err(malformed(format!("epoch {} after epoch {}", metrics.epoch, last.epoch)));
        }
        epochs.push(metrics);
    }
    Ok(epochs)
}

/// `metrics.csv`: names, then a line an epoch. A figure that is not there leaves its field empty.
pub(super) fn to_csv(epochs: &[Metrics]) -> String {
    let mut csv = String::new();
    for (i, metrics) in epochs.iter().enumerate() {
        let columns = metrics.columns();
        if i == 0 {
            csv += &columns.map(|(name, _)| name).join(",");
            csv.push('\n');
        }
        for (j, (_, value)) in columns.into_iter().enumerate() {
            if j > 0 {
                csv.push(',');
            }
            if let Some(value) = value {
                let _ = write!(csv, "{value}"); // a String takes it always
            }
        }
        csv.push('\n');
    }
    csv
}
