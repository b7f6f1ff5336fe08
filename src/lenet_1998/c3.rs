use serde::{Deserialize, Serialize};

/// Which maps of S2 each of the sixteen maps of C3 takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum C3 {
    /// Those of the paper's table I: 60 of the 96 pairs, so that no two maps see the same, and 1,516 parameters.
    #[default]
    Partial,
    /// All six: 2,416 parameters.
    Full,
}

/// The paper's table I, a row for each map of C3.
const TABLE: [&[usize]; 16] = [
    &[0, 1, 2],
    &[1, 2, 3],
    &[2, 3, 4],
    &[3, 4, 5],
    &[0, 4, 5],
    &[0, 1, 5],
    &[0, 1, 2, 3],
    &[1, 2, 3, 4],
    &[2, 3, 4, 5],
    &[0, 3, 4, 5],
    &[0, 1, 4, 5],
    &[0, 1, 2, 5],
    &[0, 1, 3, 4],
    &[1, 2, 4, 5],
    &[0, 2, 3, 5],
    &[0, 1, 2, 3, 4, 5],
];

impl C3 {
    /// The maps of S2, 0 to 5, that each map of C3 takes in.
    ///
    /// ```
    /// use lenet::lenet_1998::C3;
    ///
    /// assert_eq!(C3::Partial.inputs()[4], [0, 4, 5]);
    /// assert_eq!(C3::Partial.inputs().iter().map(|maps| maps.len()).sum::<usize>(), 60);
    /// ```
    pub fn inputs(self) -> [&'static [usize]; 16] {
        match self {
            C3::Partial => TABLE,
            C3::Full => [TABLE[15]; 16],
        }
    }
}
