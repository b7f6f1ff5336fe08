use crate::{Dataset, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a set is known by: how many images it has, and their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainedSet {
    pub images: usize,
    /// The first half of a SHA-256, in hexadecimal.
    labels: String,
}

impl TrainedSet {
    pub fn of(data: &Dataset) -> TrainedSet {
        let digest = Sha256::digest(data.label_bytes());
        let labels = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        TrainedSet { images: data.len(), labels }
    }

    /// An [`Error::Invalid`] where `other` is another one.
    pub fn expect(&self, other: &TrainedSet) -> Result<()> {
        if self == other {
            return Ok(());
        }
        Err(Error::invalid("data", format!("the set so far, {self}"), other.to_string()))
    }
}

impl fmt::Display for TrainedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images with the labels {:.8}", self.images, self.labels)
    }
}
