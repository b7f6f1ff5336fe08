use super::{InitBound, c3::C3};
use serde::{Deserialize, Serialize};

/// What a `LeNet1998` is made of: all that the paper prints about the network, and what it leaves open.
///
/// ```
/// use lenet::lenet_1998::{C3, LeNet1998Config};
///
/// let config = LeNet1998Config { c3: C3::Full, ..LeNet1998Config::default() };
/// assert_eq!(config.summary().parameters(), 60_900);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeNet1998Config {
    /// What the network sees of a pixel without ink, 0 in a [`Dataset`](crate::Dataset). The paper: -0.1.
    pub background: f64,
    /// What it sees of a pixel full of ink, 1 in a [`Dataset`](crate::Dataset). The paper: 1.175, so that the mean is about 0
    /// and the variance about 1.
    pub ink: f64,
    /// A of the squash A tanh(S a) that follows every layer but the output. The paper: 1.7159.
    pub amplitude: f64,
    /// S of the squash. The paper: 2/3, so that the squash of 1 is 1.
    pub slope: f64,
    /// What the maps of C3 take in. The paper: part of S2.
    pub c3: C3,
    /// The ten units that tell the digits apart. The paper: radial basis functions.
    pub output: OutputUnits,
    /// How far from 0 the initial values are drawn.
    pub init: InitBound,
}

/// The ten units behind F6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OutputUnits {
    /// Radial basis functions: half the squared distance of F6 from each digit's [code](crate::lenet_1998::codes), which is fixed.
    #[default]
    Rbf,
    /// Weights and biases, 850 of them, to be followed by a softmax.
    Linear,
}

impl Default for LeNet1998Config {
    /// The paper's network, but for the initial values, which are drawn from U(±1/√F): what is printed about those does not
    /// train at the printed rates.
    fn default() -> LeNet1998Config {
        LeNet1998Config {
            background: -0.1,
            ink: 1.175,
            amplitude: 1.7159,
            slope: 2.0 / 3.0,
            c3: C3::Partial,
            output: OutputUnits::Rbf,
            init: InitBound::OverRoot(1.0),
        }
    }
}

impl LeNet1998Config {
    /// What the paper prints, initial values included: U(±2.4/F).
    pub fn printed() -> LeNet1998Config {
        LeNet1998Config { init: InitBound::Over(2.4), ..LeNet1998Config::default() }
    }
}
