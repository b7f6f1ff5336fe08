use serde::{Deserialize, Serialize};

/// What a pass of training saw: each image as it was just before its step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PassStats {
    /// Images of the pass.
    pub total: usize,
    /// Images that were trained on.
    pub samples: usize,
    /// How many of them were taken for another digit.
    pub errors: usize,
    /// The criterion's sum over them: divided by `samples` it is the mean.
    pub loss_sum: f64,
}

impl PassStats {
    /// The mean criterion.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.samples as f64
    }

    /// The share of images that were taken for another digit, 0 to 1.
    pub fn error(&self) -> f64 {
        self.errors as f64 / self.samples as f64
    }
}
