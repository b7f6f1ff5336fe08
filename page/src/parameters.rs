//! The numbers of a network, as the page hands them over: the parameters in the order of the `state_dict`; after them, where the
//! weights have them, the temperature and the numbers that tell what is no digit.

use crate::exchange;
use lenet::{Classifier, Result, network::PARAMETERS};

/// The numbers that the page has written: f32, little-endian.
pub fn taken() -> Vec<f32> {
    let bytes = exchange::taken();
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}

/// What reads with these numbers.
pub fn classifier(numbers: &[f32]) -> Result<Classifier> {
    let (network, calibration) = numbers.split_at(numbers.len().min(PARAMETERS));
    let mut classifier = Classifier::from_parameters(network)?;
    if let [temperature, no_digit @ ..] = calibration {
        classifier = classifier.with_temperature(*temperature)?;
        if !no_digit.is_empty() {
            classifier = classifier.with_no_digit(no_digit)?;
        }
    }
    Ok(classifier)
}
