//! Reads the digit in an image: `app digit.png`.

use lenet::Classifier;
use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: app IMAGE")?;
    let prediction = Classifier::pretrained()?.classify_file(path)?;
    let share = prediction.probabilities[usize::from(prediction.digit)];
    println!("{} ({:.1} %)", prediction.digit, 100.0 * share);
    Ok(())
}
