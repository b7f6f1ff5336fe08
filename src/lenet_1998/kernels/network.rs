use super::{
    activations::Activations, deltas::Deltas, output::Output, squash::Squash, weights::Weights,
};
use crate::{
    kernels::{InstructionSet, Sample, Work},
    lenet_1998::LeNet1998Config,
};

/// An image as it is kept: 32 rows of 32 pixels, 0 (background) to 255 (ink).
pub(crate) type Pixels = [[u8; 32]; 32];

/// A network at work on one image after the other, and the rate of each of its parameters.
#[derive(Debug)]
pub(crate) struct Network {
    config: LeNet1998Config,
    weights: Box<Weights>,
    /// The Gauss-Newton second derivative by each parameter, averaged over images.
    curvature: Box<Weights>,
    /// What each derivative is multiplied by for a step.
    rates: Box<Weights>,
    activations: Box<Activations>,
    deltas: Box<Deltas>,
    judge: Judge,
    /// All give the same bits.
    instructions: InstructionSet,
}

/// What stays as it is.
#[derive(Debug)]
struct Judge {
    output: Output,
    squash: Squash,
    /// What a pixel of each value is to the network.
    values: [f32; 256],
}

/// Sums over images, each as it was just before its step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Seen {
    /// The criterion's sum.
    pub loss: f64,
    /// How many were taken for another digit.
    pub errors: usize,
}

impl Network {
    /// A network with these `parameters`, in the order of [`LeNet1998`](crate::lenet_1998::LeNet1998)'s variables, whose steps have no
    /// length yet. `j` is the penalty of what is no digit; none where there is no such thing.
    pub fn new(config: LeNet1998Config, j: Option<f64>, parameters: &[f32]) -> Network {
        let LeNet1998Config { background, ink, amplitude, slope, .. } = config;
        let (amplitude, slope) = (amplitude as f32, slope as f32);
        let value = |pixel| (background + (ink - background) * pixel as f64 / 255.0) as f32;
        Network {
            config,
            weights: Weights::from_flat(parameters, &config),
            curvature: Weights::filled(0.0),
            rates: Weights::filled(0.0),
            activations: Activations::zeros(),
            deltas: Deltas::zeros(),
            judge: Judge {
                output: Output::new(config.output, j),
                squash: Squash { amplitude, slope },
                values: std::array::from_fn(value),
            },
            instructions: InstructionSet::best(),
        }
    }

    /// The parameters, in the order of [`LeNet1998`](crate::lenet_1998::LeNet1998)'s variables.
    pub fn parameters(&self) -> Vec<f32> {
        self.weights.to_flat(&self.config)
    }

    /// The second derivatives that the rates go by, in the order of the parameters.
    pub fn curvature(&self) -> Vec<f32> {
        self.curvature.to_flat(&self.config)
    }

    /// Takes second derivatives as they were given by [`curvature`](Network::curvature).
    pub fn set_curvature(&mut self, curvature: &[f32]) {
        self.curvature = Weights::from_flat(curvature, &self.config);
    }

    /// Sets the rate of each parameter to `eta / (mu + its second derivative)`.
    pub fn set_rates(&mut self, eta: f64, mu: f64) {
        let curvature = self.curvature();
        let rates: Vec<_> = curvature.iter().map(|&h| (eta / (mu + f64::from(h))) as f32).collect();
        self.rates = Weights::from_flat(&rates, &self.config);
    }

    /// One step down each image's gradient in turn.
    pub fn train<'a>(&mut self, images: impl Iterator<Item = (&'a Pixels, u8)>) -> Seen {
        let mut seen = Seen::default();
        let Network { weights, rates, activations, deltas, judge, instructions, .. } = self;
        for (image, label) in images {
            instructions.work(Forward { judge, weights, image, activations });
            let (shares, answer) = judge.output.judge(&activations.logits, label);
            seen.loss += f64::from(answer.loss);
            seen.errors += usize::from(answer.answer != label);

            deltas.output = shares;
            deltas.output[usize::from(label)] -= 1.0;
            instructions.work(First { judge, weights, activations, deltas });
            instructions.work(Descend { judge, weights, rates, activations, deltas });
        }
        seen
    }

    /// What the network makes of each image.
    pub fn answers<'a>(&self, images: impl Iterator<Item = (&'a Pixels, u8)>) -> Vec<Sample> {
        let Network { weights, judge, instructions, .. } = self;
        let (mut answers, mut activations) = (vec![], Activations::zeros());
        for (image, label) in images {
            instructions.work(Forward { judge, weights, image, activations: &mut activations });
            answers.push(judge.output.judge(&activations.logits, label).1);
        }
        answers
    }

    /// Estimates the second derivatives anew, from `count` images.
    pub fn estimate_curvature<'a>(
        &mut self,
        images: impl Iterator<Item = (&'a Pixels, u8)>,
        count: usize,
    ) {
        let squares = self.weights.map(|weight| weight * weight);
        // Down a rate of -1/count the second derivatives add up to their average.
        let rates = &Weights::filled(-1.0 / count as f32);
        self.curvature = Weights::filled(0.0);
        let Network { weights, curvature, activations, deltas, judge, instructions, .. } = self;
        for (image, label) in images {
            instructions.work(Forward { judge, weights, image, activations });
            let (shares, _) = judge.output.judge(&activations.logits, label);
            deltas.output = shares.map(|share| share * (1.0 - share));
            instructions.work(Second { judge, squares: &squares, activations, deltas });
            instructions.work(Descend { judge, weights: curvature, rates, activations, deltas });
        }
    }
}

/// Shows an image to the network: what comes of it is in `activations` then.
struct Forward<'a> {
    judge: &'a Judge,
    weights: &'a Weights,
    image: &'a Pixels,
    activations: &'a mut Activations,
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { judge, weights, image, activations } = self;
        let values = activations.image.as_flattened_mut();
        for (value, &pixel) in values.iter_mut().zip(image.as_flattened()) {
            *value = judge.values[usize::from(pixel)];
        }
        activations.forward::<FMA>(weights, judge.squash, &judge.output);
    }
}

/// The first derivatives by all sums, from those by the logits.
struct First<'a> {
    judge: &'a Judge,
    weights: &'a Weights,
    activations: &'a Activations,
    deltas: &'a mut Deltas,
}

impl Work for First<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { judge, weights, activations, deltas } = self;
        deltas.first::<FMA>(activations, weights, judge.squash, &judge.output);
    }
}

/// The second derivatives by all sums, from those by the logits. What weights are multiplied with is squared afterwards.
struct Second<'a> {
    judge: &'a Judge,
    squares: &'a Weights,
    activations: &'a mut Activations,
    deltas: &'a mut Deltas,
}

impl Work for Second<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { judge, squares, activations, deltas } = self;
        deltas.second::<FMA>(activations, squares, judge.squash, &judge.output);
        activations.square_inputs();
    }
}

/// A step of `weights` down the derivatives, each at its rate.
struct Descend<'a> {
    judge: &'a Judge,
    weights: &'a mut Weights,
    rates: &'a Weights,
    activations: &'a Activations,
    deltas: &'a Deltas,
}

impl Work for Descend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { judge, weights, rates, activations, deltas } = self;
        deltas.descend::<FMA>(activations, weights, rates, &judge.output);
    }
}

#[cfg(test)]
mod tests {
    use super::{InstructionSet, Network, Pixels};
    use crate::lenet_1998::{LeNet1998Config, OutputUnits};

    #[test]
    fn all_instructions_give_the_same_bits() {
        let image = |seed: usize| -> Pixels {
            std::array::from_fn(|y| std::array::from_fn(|x| (seed * (x * y + x + 7)) as u8))
        };
        let images: Vec<_> = (1..9).map(|seed| (image(seed), seed as u8)).collect();
        for output in [OutputUnits::Rbf, OutputUnits::Linear] {
            let config = LeNet1998Config { output, ..LeNet1998Config::default() };
            let trained = |instructions| {
                let mut network = Network::new(config, Some(0.1), &config.parameters(3));
                network.instructions = instructions;
                let images = || images.iter().map(|(image, label)| (image, *label));
                network.estimate_curvature(images(), 8);
                network.set_rates(0.01, 0.02);
                let seen = network.train(images());
                let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect();
                let numbers: [Vec<_>; 2] = [network.parameters(), network.curvature()].map(bits);
                (numbers, seen.loss.to_bits(), network.answers(images()))
            };
            let expected = trained(InstructionSet::Portable);
            for set in InstructionSet::available() {
                assert!(trained(set) == expected, "{output:?}, {set:?}");
            }
        }
    }
}
