use crate::{Dataset, Error, Result, data::Domain};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a set is known by: how many images it has, their labels, and what these stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainedSet {
    pub images: usize,
    /// The first half of a SHA-256, in hexadecimal.
    labels: String,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub domain: Domain,
}

/// MNIST's, which a checkpoint does not say.
fn is_usual(domain: &Domain) -> bool {
    *domain == Domain::default()
}

impl TrainedSet {
    pub fn of(data: &Dataset) -> TrainedSet {
        let digest = Sha256::digest(data.label_bytes());
        let labels = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        TrainedSet { images: data.len(), labels, domain: data.domain().clone() }
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
        write!(f, "{} images with the labels {:.8}", self.images, self.labels)?;
        if is_usual(&self.domain) {
            return Ok(());
        }
        let (names, preparation) = (self.domain.classes.names(), self.domain.preparation.name());
        write!(f, " of {}, {preparation}", names.join(", "))
    }
}
