use crate::train::{EpochStats, Evaluation};

/// What a [`Report`](crate::Report) is told about an epoch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// What training saw.
    pub train: EpochStats,
    /// What the network made of the test set afterwards.
    pub test: Evaluation,
    /// How long training took, in seconds; not the evaluation.
    pub seconds: f64,
    /// What the network made of a validation set, where there is one.
    pub validation: Option<Evaluation>,
}

impl EpochRecord {
    /// A record without a validation set.
    pub fn new(epoch: usize, train: EpochStats, test: Evaluation, seconds: f64) -> EpochRecord {
        EpochRecord { epoch, train, test, seconds, validation: None }
    }
}
