use super::{
    activations::Activations,
    cpu::{self, Work},
    deltas::Deltas,
    output::{Answer, Output},
    squash::Squash,
    weights::Weights,
};
use crate::LeNet1998Config;

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
    /// A network with these `parameters`, in the order of [`LeNet1998`](crate::LeNet1998)'s variables, whose steps have no
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
        }
    }

    /// The parameters, in the order of [`LeNet1998`](crate::LeNet1998)'s variables.
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
        cpu::run(Train { network: self, images })
    }

    /// What the network makes of each image.
    pub fn answers<'a>(&self, images: impl Iterator<Item = (&'a Pixels, u8)>) -> Vec<Answer> {
        cpu::run(Answers { network: self, images })
    }

    /// Estimates the second derivatives anew, from `count` images.
    pub fn estimate_curvature<'a>(
        &mut self,
        images: impl Iterator<Item = (&'a Pixels, u8)>,
        count: usize,
    ) {
        cpu::run(Estimate { network: self, images, count });
    }
}

impl Judge {
    /// Shows an image to the network: what comes of it is in `activations` then.
    #[inline(always)]
    fn look<const FMA: bool>(
        &self,
        weights: &Weights,
        image: &Pixels,
        activations: &mut Activations,
    ) {
        let values = activations.image.as_flattened_mut();
        for (value, &pixel) in values.iter_mut().zip(image.as_flattened()) {
            *value = self.values[usize::from(pixel)];
        }
        activations.forward::<FMA>(weights, self.squash, &self.output);
    }
}

struct Train<'a, I> {
    network: &'a mut Network,
    images: I,
}

impl<'a, I: Iterator<Item = (&'a Pixels, u8)>> Work for Train<'_, I> {
    type Output = Seen;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Seen {
        let mut seen = Seen::default();
        for (image, label) in self.images {
            let Network { weights, rates, activations, deltas, judge, .. } = &mut *self.network;
            judge.look::<FMA>(weights, image, activations);
            let (shares, answer) = judge.output.judge(&activations.logits, label);
            seen.loss += f64::from(answer.loss);
            seen.errors += usize::from(answer.digit != label);

            deltas.output = shares;
            deltas.output[usize::from(label)] -= 1.0;
            deltas.first::<FMA>(activations, weights, judge.squash, &judge.output);
            deltas.descend::<FMA>(activations, weights, rates, &judge.output);
        }
        seen
    }
}

struct Answers<'a, I> {
    network: &'a Network,
    images: I,
}

impl<'a, I: Iterator<Item = (&'a Pixels, u8)>> Work for Answers<'_, I> {
    type Output = Vec<Answer>;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Vec<Answer> {
        let (mut answers, mut activations) = (vec![], Activations::zeros());
        for (image, label) in self.images {
            let Network { weights, judge, .. } = self.network;
            judge.look::<FMA>(weights, image, &mut activations);
            answers.push(judge.output.judge(&activations.logits, label).1);
        }
        answers
    }
}

struct Estimate<'a, I> {
    network: &'a mut Network,
    images: I,
    count: usize,
}

impl<'a, I: Iterator<Item = (&'a Pixels, u8)>> Work for Estimate<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let squares = self.network.weights.map(|weight| weight * weight);
        // Down a rate of -1/count the second derivatives add up to their average.
        let rates = Weights::filled(-1.0 / self.count as f32);
        self.network.curvature = Weights::filled(0.0);
        for (image, label) in self.images {
            let Network { weights, curvature, activations, deltas, judge, .. } = &mut *self.network;
            judge.look::<FMA>(weights, image, activations);
            let (shares, _) = judge.output.judge(&activations.logits, label);
            deltas.output = shares.map(|share| share * (1.0 - share));
            deltas.second::<FMA>(activations, &squares, judge.squash, &judge.output);
            activations.square_inputs();
            deltas.descend::<FMA>(activations, curvature, &rates, &judge.output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, Pixels};
    use crate::{C3, LeNet1998, LeNet1998Config, OutputUnits};
    use tch::{Device, Kind, Tensor, nn, nn::Module};

    /// Every combination of C3 and output units, and whether there is a class for what is no digit.
    fn cases() -> impl Iterator<Item = (LeNet1998Config, Option<f64>)> {
        [C3::Partial, C3::Full].into_iter().flat_map(|c3| {
            [
                (OutputUnits::Rbf, Some(5.0)),
                (OutputUnits::Rbf, Some(0.1)),
                (OutputUnits::Linear, None),
            ]
            .map(|(output, j)| (LeNet1998Config { c3, output, ..LeNet1998Config::default() }, j))
        })
    }

    /// Something like strokes.
    fn image(seed: usize) -> Pixels {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let wave =
                    ((x * (seed + 3)) as f32 * 0.21).sin() * ((y * 5 + seed) as f32 * 0.1).cos();
                (wave.max(0.0) * 255.0) as u8
            })
        })
    }

    fn flat(tensors: &[Tensor]) -> Vec<f32> {
        let flat: Vec<_> = tensors.iter().map(|tensor| tensor.reshape([-1])).collect();
        Vec::try_from(Tensor::cat(&flat, 0).detach().to_kind(Kind::Float)).unwrap()
    }

    /// A network twice: in libtorch, in f64 so that its rounding does not count, and here.
    fn pair(config: LeNet1998Config, j: Option<f64>) -> (nn::VarStore, LeNet1998, Network) {
        let mut vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet1998::seeded(&vs.root(), config, 1);
        let network = Network::new(config, j, &flat(&vs.trainable_variables()));
        vs.double();
        (vs, net, network)
    }

    fn logits(net: &LeNet1998, image: &Pixels) -> Tensor {
        let image = Tensor::from_slice(image.as_flattened()).view([1, 1, 32, 32]);
        net.forward(&(image.to_kind(Kind::Double) / 255.0))
    }

    fn furthest(got: &[f32], expected: &[f32]) -> f32 {
        assert_eq!(got.len(), expected.len());
        let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let pairs = got.iter().zip(expected);
        pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest
    }

    /// Rounding in f32: sums of 784 terms, through five layers.
    const TOLERANCE: f32 = 2e-5;

    #[test]
    fn loss_and_gradients_are_autograd_s() {
        for (config, j) in cases() {
            let (vs, net, mut network) = pair(config, j);
            for label in [0, 3, 9] {
                let image = image(label);
                let logits = logits(&net, &image);
                let rubbish = Tensor::from_slice(&[-j.unwrap_or(f64::INFINITY)]).view([1, 1]);
                let loss = Tensor::cat(&[&logits, &rubbish], 1).logsumexp(1, false)
                    - logits.select(1, label as i64);
                let variables = vs.trainable_variables();
                let gradients = Tensor::run_backward(&[&loss], &variables, false, false);

                let before = network.parameters();
                network.rates = super::Weights::from_flat(&vec![1.0; before.len()], &config);
                let mut moved = Network::new(config, j, &before);
                // One step of rate 1 from 0 is minus the gradient: but from 0 there is no gradient, so it is taken apart.
                moved.rates = network.rates.clone();
                let seen = moved.train([(&image, label as u8)].into_iter());
                let expected = loss.double_value(&[0]);
                assert!(
                    (seen.loss - expected).abs() < 1e-4 * expected.max(1.0),
                    "{seen:?}, {expected}"
                );

                // By variable, since their gradients differ by orders of magnitude.
                let after = moved.parameters();
                let got: Vec<_> = before.iter().zip(&after).map(|(b, a)| b - a).collect();
                let mut start = 0;
                for gradient in &gradients {
                    let expected = flat(std::slice::from_ref(gradient));
                    let got = &got[start..][..expected.len()];
                    start += expected.len();
                    let off = furthest(got, &expected);
                    assert!(off < TOLERANCE, "{config:?}: {:?} is off by {off}", gradient.size());
                }
                assert_eq!(start, before.len());
            }
        }
    }

    #[test]
    #[ignore = "a stopwatch"]
    fn stopwatch() {
        let (config, j) = cases().next().unwrap();
        let (_, _, mut network) = pair(config, j);
        network.set_rates(1e-6, 0.02);
        let images: Vec<_> = (0..10_000).map(image).collect();
        for _ in 0..3 {
            let start = std::time::Instant::now();
            let seen = network.train(images.iter().map(|image| (image, 3)));
            println!("train {:.2} us {seen:?}", start.elapsed().as_secs_f64() * 100.0);
            let start = std::time::Instant::now();
            network.answers(images.iter().map(|image| (image, 3)));
            println!("forward {:.2} us", start.elapsed().as_secs_f64() * 100.0);
            let start = std::time::Instant::now();
            network.estimate_curvature(images.iter().map(|image| (image, 3)), 10_000);
            println!("curvature {:.2} us", start.elapsed().as_secs_f64() * 100.0);
        }
    }
}
