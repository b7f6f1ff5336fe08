use super::{LeNet1998Config, OutputUnits};
use crate::{
    Result,
    data::{Distortion, Fit},
    train::require,
};
use serde::{Deserialize, Serialize};

/// How to train a `LeNet1998`: the paper's stochastic diagonal Levenberg-Marquardt method, and what it
/// leaves open.
///
/// After each image every parameter goes down the criterion's gradient, at a rate of its own,
/// `η / (μ + h)`, where h is the Gauss-Newton second derivative by that parameter, averaged over some images.
///
/// ```
/// use lenet::lenet_1998::{C3, LeNet1998Config, LeNet1998TrainConfig};
///
/// let recipe = LeNet1998TrainConfig::default();
/// let fully_connected = LeNet1998TrainConfig {
///     network: LeNet1998Config { c3: C3::Full, ..recipe.network },
///     ..recipe
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeNet1998TrainConfig {
    /// What is trained.
    pub network: LeNet1998Config,
    /// How the images are to be made 32x32: for whoever opens the data. The paper pads.
    pub fit: Fit,
    /// How many times to go through the training set: for the loop around the trainer. The paper: 20.
    pub passes: usize,
    /// η, pass by pass; the last one holds for all that follow.
    pub rates: Vec<f64>,
    /// What each η is multiplied by. The paper knows no such thing: 1.
    pub rate_factor: f64,
    /// μ, which keeps the rate from growing where h is small. The paper: 0.02.
    pub mu: f64,
    /// j of the criterion `y + log(exp(-j) + Σ exp(-y))`, the penalty of what is no digit. The paper says that it is positive.
    /// `None` is infinity: with [`OutputUnits::Linear`] the criterion is the cross-entropy of a softmax then.
    pub j: Option<f64>,
    /// Images that an estimate of h is averaged over. The paper: 500.
    pub curvature_images: usize,
    /// Estimates of h within the first pass, beside those before each pass. The paper has none.
    pub early_estimates: Option<EarlyEstimates>,
    /// Trains on distorted images, too: of each image there are nine that are distorted and itself, and each pass takes
    /// one of the ten.
    pub distortion: Option<Distortion>,
    /// What the initial values, the order of the images, the estimates' images and the distortions follow from.
    pub seed: u64,
}

/// Estimates of the second derivatives within the first pass, in which they change most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyEstimates {
    /// From one to the next, in images; a multiple of 100.
    pub every: usize,
    /// As long as fewer images than this were trained on.
    pub until: usize,
    /// From one to the next, in images, after that; a multiple of 100.
    pub then_every: usize,
}

/// The paper's η: section III.B.
const RATES: [f64; 13] =
    [5e-4, 5e-4, 2e-4, 2e-4, 2e-4, 1e-4, 1e-4, 1e-4, 5e-5, 5e-5, 5e-5, 5e-5, 1e-5];

impl Default for LeNet1998TrainConfig {
    /// The recipe that gets there: the paper's, with smaller rates and other initial values, and h estimated more often while
    /// the network is young.
    fn default() -> LeNet1998TrainConfig {
        LeNet1998TrainConfig {
            rate_factor: 0.4,
            j: Some(5.0),
            early_estimates: Some(EarlyEstimates { every: 100, until: 2_000, then_every: 1_000 }),
            network: LeNet1998Config::default(),
            ..LeNet1998TrainConfig::printed()
        }
    }
}

impl LeNet1998TrainConfig {
    /// What the paper prints, with a j of 0.1 for the one that it does not print.
    pub fn printed() -> LeNet1998TrainConfig {
        LeNet1998TrainConfig {
            network: LeNet1998Config::printed(),
            fit: Fit::Pad,
            passes: 20,
            rates: RATES.into(),
            rate_factor: 1.0,
            mu: 0.02,
            j: Some(0.1),
            curvature_images: 500,
            early_estimates: None,
            distortion: None,
            seed: 0,
        }
    }

    /// [`default`](LeNet1998TrainConfig::default) with ten linear units and a softmax for an output.
    pub fn softmax() -> LeNet1998TrainConfig {
        let recipe = LeNet1998TrainConfig::default();
        let network = LeNet1998Config { output: OutputUnits::Linear, ..recipe.network };
        LeNet1998TrainConfig { network, j: None, ..recipe }
    }

    /// η of a pass, counted from 0.
    pub(super) fn eta(&self, pass: usize) -> f64 {
        let rate = self.rates.get(pass).or(self.rates.last());
        self.rate_factor * rate.copied().unwrap_or_default()
    }

    /// Whether h is to be estimated when so many passes, and so many images of the next, were trained.
    pub(super) fn is_estimate_due(&self, passes: usize, samples: usize) -> bool {
        match self.early_estimates {
            _ if samples == 0 => true,
            Some(early) if passes == 0 => {
                let every = if samples < early.until { early.every } else { early.then_every };
                samples.is_multiple_of(every)
            }
            _ => false,
        }
    }

    /// Whether it can be trained with.
    pub(super) fn check(&self) -> Result<()> {
        let positive = |what, value: f64| {
            require(what, "a number above 0", value, value > 0.0 && value.is_finite())
        };
        require("rates", "one at least", "none", !self.rates.is_empty())?;
        self.rates.iter().try_for_each(|&rate| positive("rates", rate))?;
        positive("rate_factor", self.rate_factor)?;
        positive("mu", self.mu)?;
        positive("network.amplitude", self.network.amplitude)?;
        positive("network.slope", self.network.slope)?;
        let finite = |what, value: f64| require(what, "a number", value, value.is_finite());
        self.j.map_or(Ok(()), |j| finite("j", j))?;
        finite("network.background", self.network.background)?;
        finite("network.ink", self.network.ink)?;
        let images = self.curvature_images;
        require("curvature_images", "1 or more", images, images > 0)?;
        for every in self.early_estimates.iter().flat_map(|early| [early.every, early.then_every]) {
            let holds = every > 0 && every.is_multiple_of(STRIDE);
            require("early_estimates", "multiples of 100", every, holds)?;
        }
        Ok(())
    }
}

/// Images from one look up from training to the next.
pub(super) const STRIDE: usize = 100;

#[cfg(test)]
mod tests {
    use super::{EarlyEstimates, LeNet1998TrainConfig};
    use super::{Fit, LeNet1998Config};

    #[test]
    fn the_presets_are_what_the_paper_prints_and_the_recipe() {
        let printed = LeNet1998TrainConfig {
            network: LeNet1998Config::printed(),
            fit: Fit::Pad,
            passes: 20,
            rates: [5e-4; 2]
                .into_iter()
                .chain([2e-4; 3])
                .chain([1e-4; 3])
                .chain([5e-5; 4])
                .chain([1e-5])
                .collect(),
            rate_factor: 1.0,
            mu: 0.02,
            j: Some(0.1),
            curvature_images: 500,
            early_estimates: None,
            distortion: None,
            seed: 0,
        };
        assert_eq!(LeNet1998TrainConfig::printed(), printed);
        let early = EarlyEstimates { every: 100, until: 2_000, then_every: 1_000 };
        let recipe = LeNet1998TrainConfig {
            network: LeNet1998Config::default(),
            rate_factor: 0.4,
            j: Some(5.0),
            early_estimates: Some(early),
            ..printed
        };
        assert_eq!(LeNet1998TrainConfig::default(), recipe);
    }

    #[test]
    fn each_pass_has_its_rate_and_the_last_one_stays() {
        let config = LeNet1998TrainConfig {
            rates: vec![5e-4, 2e-4, 1e-5],
            rate_factor: 0.5,
            ..LeNet1998TrainConfig::default()
        };
        let etas: Vec<_> = (0..5).map(|pass| config.eta(pass)).collect();
        assert_eq!(etas, [2.5e-4, 1e-4, 5e-6, 5e-6, 5e-6]);
    }

    #[test]
    fn estimates_come_before_each_pass_and_often_in_the_first() {
        let due = |config: &LeNet1998TrainConfig, pass| -> Vec<_> {
            let looks = (0..60_000).step_by(100);
            looks.filter(|&samples| config.is_estimate_due(pass, samples)).collect()
        };
        let recipe = LeNet1998TrainConfig::default();
        let first: Vec<_> = (0..2_000).step_by(100).chain((2_000..60_000).step_by(1_000)).collect();
        assert_eq!(first.len(), 78);
        assert_eq!(due(&recipe, 0), first);
        assert_eq!(due(&recipe, 1), [0]);
        assert_eq!(due(&LeNet1998TrainConfig::printed(), 0), [0]);

        let early = EarlyEstimates { every: 100, until: 300, then_every: 200 };
        let config = LeNet1998TrainConfig { early_estimates: Some(early), ..recipe };
        assert_eq!(due(&config, 0)[..6], [0, 100, 200, 400, 600, 800]); // 300 is no longer one of the early ones
    }
}
