//! Reads the digit in an image: `app digit.png`.

use anyhow::{Context, Result};
use lenet::Classifier;
use std::env;

fn main() -> Result<()> {
    let path = env::args_os().nth(1).context("usage: app IMAGE")?;
    let prediction = Classifier::pretrained()?.classify_file(path)?;
    let share = prediction.probabilities[usize::from(prediction.digit)];
    println!("{} ({:.1} %)", prediction.digit, 100.0 * share);
    Ok(())
}
