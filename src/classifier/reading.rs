use super::Prediction;

/// One digit of a number that a [`Classifier`](crate::Classifier) reads: see [`read`](crate::Classifier::read).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// The line that it is in, counted from 0 at the top.
    pub line: usize,
    /// Where it is in the image: left, top, width and height, in pixels.
    pub bounds: [u32; 4],
    /// What it is: the mean, by logits, of what the network makes of the digit and of four distorted versions of it; of the digit alone
    /// where it hardly looks like one. How well these probabilities are calibrated was not measured.
    pub prediction: Prediction,
}
