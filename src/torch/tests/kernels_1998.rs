//! The 1998 network's kernels against libtorch's autograd and against the connection-by-connection reference.

use crate::{
    lenet_1998::{
        C3, LeNet1998, LeNet1998Config, OutputUnits,
        kernels::{Network, Pixels, Reference},
    },
    weights::StateDict,
};
use tch::{Device, Kind, Tensor, nn, nn::Module, no_grad_guard};

/// Every combination of C3 and output units, with a high and a low penalty for what is no digit, and none.
fn cases() -> impl Iterator<Item = (LeNet1998Config, Option<f64>)> {
    [C3::Partial, C3::Full].into_iter().flat_map(|c3| {
        [(OutputUnits::Rbf, Some(5.0)), (OutputUnits::Rbf, Some(0.1)), (OutputUnits::Linear, None)]
            .map(|(output, j)| (LeNet1998Config { c3, output, ..LeNet1998Config::default() }, j))
    })
}

/// Something like strokes.
fn image(seed: usize) -> Pixels {
    std::array::from_fn(|y| {
        std::array::from_fn(|x| {
            let (x, y) = ((x * (seed + 3)) as f32, (y * 5 + seed) as f32);
            (((x * 0.21).sin() * (y * 0.1).cos()).max(0.0) * 255.0) as u8
        })
    })
}

fn flat(tensors: &[Tensor]) -> Vec<f32> {
    let flat: Vec<_> = tensors.iter().map(|tensor| tensor.reshape([-1])).collect();
    Vec::try_from(Tensor::cat(&flat, 0).detach().to_kind(Kind::Float)).unwrap()
}

/// A network twice: in libtorch, in f64 so that its rounding does not count, and here.
struct Pair {
    vs: nn::VarStore,
    net: LeNet1998,
    network: Network,
}

impl Pair {
    fn new(config: LeNet1998Config, j: Option<f64>) -> Pair {
        Pair::changed(config, j, |_, _| ())
    }

    /// With its initial values changed, name by name.
    fn changed(
        config: LeNet1998Config,
        j: Option<f64>,
        change: impl Fn(&str, &mut Tensor),
    ) -> Pair {
        let mut vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet1998::new(&vs.root(), config);
        let weights = StateDict::from_flat(&config.state_dict(), &config.parameters(1)).unwrap();
        weights.load_into(&mut vs).unwrap();
        {
            let _no_grad = no_grad_guard();
            vs.variables().iter_mut().for_each(|(name, variable)| change(name, variable));
        }
        let network = Network::new(config, j, &flat(&vs.trainable_variables()));
        vs.double();
        Pair { vs, net, network }
    }

    fn logits(&self, image: &Pixels) -> Tensor {
        self.net.forward(&input(image))
    }

    /// The paper's criterion.
    fn loss(&self, image: &Pixels, label: usize, j: Option<f64>) -> Tensor {
        let logits = self.logits(image);
        let rubbish = Tensor::from_slice(&[-j.unwrap_or(f64::INFINITY)]).view([1, 1]);
        let all = Tensor::cat(&[&logits, &rubbish], 1).logsumexp(1, false);
        (all - logits.select(1, label as i64)).sum(Kind::Double)
    }

    /// The gradient, from a step at a rate of 1.
    fn gradient(&mut self, image: &Pixels, label: usize) -> Vec<f32> {
        let before = self.network.parameters();
        self.network.set_curvature(&vec![0.0; before.len()]);
        self.network.set_rates(1.0, 1.0);
        self.network.train([(image, label as u8)].into_iter());
        let after = self.network.parameters();
        before.iter().zip(&after).map(|(before, after)| before - after).collect()
    }

    fn curvature(&mut self, images: &[(Pixels, u8)]) -> Vec<f32> {
        let shown = images.iter().map(|(image, label)| (image, *label));
        self.network.estimate_curvature(shown, images.len());
        self.network.curvature()
    }
}

/// The largest difference, as a share of the largest value: variable by variable, since they differ by orders of magnitude.
fn furthest(got: &[f32], expected: &[f32], vs: &nn::VarStore) -> f32 {
    assert_eq!(got.len(), expected.len());
    let mut start = 0;
    let offs = vs.trainable_variables().into_iter().map(|variable| {
        let range = start..start + variable.numel();
        start = range.end;
        let largest =
            expected[range.clone()].iter().fold(0f32, |most, value| most.max(value.abs()));
        let pairs = got[range.clone()].iter().zip(&expected[range]);
        pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest
    });
    offs.fold(0.0, f32::max)
}

/// Rounding in f32: of sums of up to 784 terms, through seven layers, and of weights that a gradient was subtracted from.
const GRADIENT: f32 = 2e-5;
/// The same, of what was squared at each layer.
const CURVATURE: f32 = 2e-5;

#[test]
fn loss_and_gradients_are_autograd_s() {
    for (config, j) in cases() {
        for label in [0, 3, 9] {
            let (mut pair, image) = (Pair::new(config, j), image(label));
            let loss = pair.loss(&image, label, j);
            let variables = pair.vs.trainable_variables();
            let expected = flat(&Tensor::run_backward(&[&loss], &variables, false, false));

            let answer = pair.network.answers([(&image, label as u8)].into_iter())[0];
            let loss = loss.double_value(&[]) as f32;
            assert!((answer.loss - loss).abs() < 1e-5 * loss.max(1.0), "{answer:?}, not {loss}");
            let mut got = pair.gradient(&image, label);
            let off = furthest(&got, &expected, &pair.vs);
            assert!(off < GRADIENT, "{config:?}, {label}: off by {off}");

            // One derivative that is off is noticed.
            got[200] +=
                1e-3 * expected[168..1_684].iter().fold(0f32, |most, it| most.max(it.abs()));
            assert!(furthest(&got, &expected, &pair.vs) > 10.0 * GRADIENT);
        }
    }
}

#[test]
fn all_derivatives_are_those_of_the_reference() {
    for (config, j) in cases() {
        let mut pair = Pair::new(config, j);
        let parameters = pair.network.parameters();
        let reference = Reference::new(config, j);
        let images = [0, 4, 7].map(|label| (image(label), label as u8));
        let mut average = vec![0.0; parameters.len()];
        for (image, label) in &images {
            let expected = reference.look(&parameters, image.as_flattened(), usize::from(*label));
            for (average, second) in average.iter_mut().zip(&expected.curvature) {
                *average += (second / images.len() as f64) as f32;
            }
            let mut pair = Pair::new(config, j);
            let gradient: Vec<_> = expected.gradient.iter().map(|&value| value as f32).collect();
            let got = pair.gradient(image, usize::from(*label));
            let off = furthest(&got, &gradient, &pair.vs);
            assert!(off < GRADIENT, "{config:?}, {label}: off by {off}");
            let loss = pair.loss(image, usize::from(*label), j); // libtorch's network took no step
            assert!((loss.double_value(&[]) - expected.loss).abs() < 1e-9 * expected.loss);
        }
        let got = pair.curvature(&images);
        let off = furthest(&got, &average, &pair.vs);
        assert!(off < CURVATURE, "{config:?}: off by {off}");
    }
}

/// A network in which no two units of a layer meet again further on, so that nothing is left out where only the diagonal is
/// carried back: one spot of ink, one tap of C1, one kernel of C3, one connection to C5.
fn one_path(config: LeNet1998Config) -> (Pair, Pixels) {
    let pair = Pair::changed(config, Some(5.0), |name, variable| {
        let only = |variable: &mut Tensor, at: &[i64], value: f64| {
            let _ = variable.zero_();
            let at: Vec<_> = at.iter().map(|&i| Some(Tensor::from(i))).collect();
            let _ = variable.index_put_(&at, &Tensor::from(value as f32), false);
        };
        match name {
            "c1.weight" => only(variable, &[2, 0, 2, 2], 0.7),
            // The third kernel of C3's first map, from the third map of S2.
            "c3.weight" => only(variable, &[2, 1, 3], -0.8),
            "c5.weight" => only(variable, &[31, 0, 2, 2], 0.6),
            "f6.weight" | "f6.bias" | "s2.weight" | "s4.weight" => (),
            _ => drop(variable.zero_()),
        }
    });
    // Pixel (14, 16) meets that tap at (12, 14) of C1, (6, 7) of S2, (5, 4) of C3, (2, 2) of S4.
    let mut image = [[0; 32]; 32];
    image[14][16] = 255;
    (pair, image)
}

/// The weights among the parameters: a bias meets 1 at all places, so that a spot can't tell its uses apart.
fn weights_of(numbers: &[f32], vs: &nn::VarStore) -> Vec<f32> {
    let variables = vs.trainable_variables();
    let mut start = 0;
    let mut weights = vec![];
    for (i, variable) in variables.iter().enumerate() {
        let end = start + variable.numel();
        if i % 2 == 0 {
            weights.extend(&numbers[start..end]);
        }
        start = end;
    }
    weights
}

/// The diagonal of JᵀJ, J the derivatives of F6 by the parameters, row by row through autograd.
fn gauss_newton(pair: &Pair, image: &Pixels) -> Vec<f32> {
    let variables = pair.vs.trainable_variables();
    let f6 = pair.net.f6(&input(image));
    let mut sum = vec![0f32; variables.iter().map(Tensor::numel).sum()];
    for unit in 0..84 {
        let row = Tensor::run_backward(&[f6.get(0).get(unit)], &variables, true, false);
        for (sum, derivative) in sum.iter_mut().zip(flat(&row)) {
            *sum += derivative * derivative;
        }
    }
    sum
}

fn input(image: &Pixels) -> Tensor {
    Tensor::from_slice(image.as_flattened()).view([1, 1, 32, 32]).to_kind(Kind::Double) / 255.0
}

#[test]
fn second_derivatives_are_gauss_and_newton_s() {
    // No background, so that the one spot is all that there is.
    let config = LeNet1998Config { background: 0.0, ..LeNet1998Config::default() };
    let (mut pair, image) = one_path(config);
    let expected = weights_of(&gauss_newton(&pair, &image), &pair.vs);
    let got = pair.curvature(&[(image, 3)]);
    let got = weights_of(&got, &pair.vs);
    let layers = [0..150, 150..156, 156..1_656, 1_656..1_672, 1_672..49_672, 49_672..59_752];
    for layer in layers {
        let largest = expected[layer.clone()].iter().fold(0f32, |most, it| most.max(it.abs()));
        assert!(largest > 0.0);
        for (got, expected) in got[layer.clone()].iter().zip(&expected[layer]) {
            assert!((got - expected).abs() <= CURVATURE * largest, "{got}, not {expected}");
        }
    }
}

/// There each weight has one use and one way on.
#[test]
fn second_derivatives_of_c5_and_f6_are_gauss_and_newton_s_for_any_image() {
    let (mut pair, image) = (Pair::new(LeNet1998Config::default(), Some(5.0)), image(5));
    let (expected, got) = (gauss_newton(&pair, &image), pair.curvature(&[(image, 3)]));
    let c5 = 156 + 12 + 1_516 + 32;
    for layer in [c5..c5 + 48_120, c5 + 48_120..60_000] {
        let largest = expected[layer.clone()].iter().fold(0f32, |most, it| most.max(it.abs()));
        for (got, expected) in got[layer.clone()].iter().zip(&expected[layer]) {
            assert!((got - expected).abs() <= CURVATURE * largest, "{got}, not {expected}");
        }
    }
}

/// With a squash that is straight, Gauss and Newton leave nothing out: theirs are the second derivatives of the label's penalty.
#[test]
fn second_derivatives_are_those_of_the_penalty() {
    let straight = LeNet1998Config {
        background: 0.0,
        amplitude: 1e3,
        slope: 1e-3,
        ..LeNet1998Config::default()
    };
    let (mut pair, image) = one_path(straight);
    let got = pair.curvature(&[(image, 3)]);
    let penalty = |pair: &Pair| -pair.logits(&image).get(0).get(3);
    let variables = pair.vs.trainable_variables();
    // Where the numbers of each variable begin.
    let starts: Vec<_> = variables
        .iter()
        .scan(0, |next, variable| {
            let start = *next;
            *next += variable.numel();
            Some(start)
        })
        .collect();
    // Of each layer's weights some that are not 0.
    let chosen = [
        (0, 2 * 25 + 12),   // C1's tap
        (0, 2 * 25 + 11),   // one beside it
        (2, 2),             // S2's map
        (4, 2 * 25 + 8),    // C3's tap
        (4, 2 * 25 + 12),   // one beside it, over the same spot
        (6, 0),             // S4's map
        (8, 31 * 400 + 12), // C5's connection
        (8, 77 * 400 + 12), // one to another unit
        (10, 5 * 120 + 31), // F6
    ];
    for (variable, index) in chosen {
        let weight = &variables[variable];
        let gradient = Tensor::run_backward(&[penalty(&pair)], &[weight], true, true);
        let derivative = gradient[0].reshape([-1]).get(index);
        let twice = Tensor::run_backward(&[&derivative], &[weight], true, false);
        let twice = twice[0].reshape([-1]).double_value(&[index]);

        // It is quadratic in each weight alone, so that the step may be long.
        let at = |step: f64| {
            let _no_grad = no_grad_guard();
            let mut weight = weight.view([-1]).get(index);
            let _ = weight.f_add_scalar_(step).unwrap();
            let penalty = penalty(&pair).double_value(&[]);
            let _ = weight.f_sub_scalar_(step).unwrap();
            penalty
        };
        let finite = (at(0.1) - 2.0 * at(0.0) + at(-0.1)) / 0.01;

        let got = f64::from(got[starts[variable] + index as usize]);
        assert!(twice > 0.0);
        // The squash is straight but for one part in 10^4 at the values here, and 10^3 tanh has 10^-4 of rounding.
        for expected in [twice, finite] {
            assert!(
                (got - expected).abs() < 1e-3 * expected,
                "{variable}, {index}: {got}, {expected}"
            );
        }
    }
}
