use super::stats::Evaluation;
use serde::{Deserialize, Serialize};

/// The best epoch of a run so far, by a validation set: the one with the highest accuracy, of equal ones the one with the
/// lowest loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Best {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Share of right answers on the validation set, 0 to 1.
    pub accuracy: f64,
    /// Mean cross-entropy over the validation set.
    pub loss: f64,
}

impl Best {
    pub(super) fn new(epoch: usize, validation: &Evaluation) -> Best {
        Best { epoch, accuracy: validation.accuracy, loss: validation.loss }
    }

    /// Whether it beats `other`.
    pub(super) fn beats(&self, other: &Best) -> bool {
        self.accuracy > other.accuracy || self.accuracy == other.accuracy && self.loss < other.loss
    }
}
