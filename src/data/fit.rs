use super::resize::{FROM, TO, resize};
use serde::{Deserialize, Serialize};

/// How MNIST's images of 28x28 become 32x32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Fit {
    /// Enlarged, as the post does it: torchvision's `Resize(32)`, bit for bit.
    #[default]
    Resize,
    /// In the middle, with two pixels of background on each side: as the paper does it.
    Pad,
}

impl Fit {
    /// Makes `to` (32x32, by rows) of `from` (28x28).
    pub(super) fn apply(self, from: &[u8; FROM * FROM], to: &mut [u8; TO * TO]) {
        const EDGE: usize = (TO - FROM) / 2;
        match self {
            Fit::Resize => resize(from, to),
            Fit::Pad => {
                *to = [0; TO * TO];
                let rows = to.chunks_exact_mut(TO).skip(EDGE);
                for (row, to) in from.chunks_exact(FROM).zip(rows) {
                    to[EDGE..EDGE + FROM].copy_from_slice(row);
                }
            }
        }
    }
}
