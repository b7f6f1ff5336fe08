use serde::{Deserialize, Serialize};

/// How far from 0 the initial weights and biases of a unit are drawn: U(±bound), by its fan-in F, the number of its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum InitBound {
    /// This number divided by √F: 1 is what PyTorch draws by.
    OverRoot(f64),
    /// This number divided by F: 2.4 is what the paper prints (appendix A).
    Over(f64),
}

impl InitBound {
    /// The bound for a unit of `fan_in` inputs.
    ///
    /// ```
    /// use lenet::lenet_1998::InitBound;
    ///
    /// assert_eq!(InitBound::OverRoot(1.0).of(25), 0.2); // a unit of C1
    /// assert_eq!(InitBound::Over(2.4).of(4), 0.6); // a unit of S2
    /// ```
    pub fn of(self, fan_in: i64) -> f64 {
        match self {
            InitBound::OverRoot(numerator) => numerator / (fan_in as f64).sqrt(),
            InitBound::Over(numerator) => numerator / fan_in as f64,
        }
    }
}
