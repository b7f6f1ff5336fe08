use super::init;
use crate::lenet_1998::{C3, LeNet1998Config, OutputUnits, codes};
use tch::{Kind, Tensor, nn};

/// LeNet-5 as the paper of 1998 has it: sub-sampling with a coefficient, C3 connected to part of S2, a squash of its own, and
/// radial basis functions for an output.
///
/// | layer | output | parameters | variables |
/// |---|---|---|---|
/// | input | `[n, 1, 32, 32]` | | |
/// | C1: convolution 5×5 | `[n, 6, 28, 28]` | 156 | `c1.weight` `[6, 1, 5, 5]`, `c1.bias` |
/// | S2: coefficient · (sum of 2×2) + bias | `[n, 6, 14, 14]` | 12 | `s2.weight` `[6]`, `s2.bias` |
/// | C3: convolution 5×5 of some maps | `[n, 16, 10, 10]` | 1,516 | `c3.weight` `[60, 5, 5]`, `c3.bias` |
/// | S4: as S2 | `[n, 16, 5, 5]` | 32 | `s4.weight` `[16]`, `s4.bias` |
/// | C5: convolution 5×5 | `[n, 120]` | 48,120 | `c5.weight` `[120, 16, 5, 5]`, `c5.bias` |
/// | F6: linear | `[n, 84]` | 10,164 | `f6.weight` `[84, 120]`, `f6.bias` |
/// | output: RBF | `[n, 10]` | 0 | |
///
/// 60,000 parameters and 340,908 connections. `1.7159 tanh(2/3 a)` follows each layer but the output. The 60 kernels of C3 are
/// those of its connected pairs of maps, in the order of [`C3::inputs`](crate::C3::inputs); with
/// [`C3::Full`](crate::C3::Full) they are `[16, 6, 5, 5]`. With [`OutputUnits::Linear`](crate::OutputUnits::Linear) there are
/// also `output.weight` `[10, 84]` and `output.bias`.
///
/// The input is `f32` from 0 (background) to 1 (ink), as [`LeNet`](crate::LeNet)'s; the network maps it to the paper's -0.1 to
/// 1.175 itself. The output are logits: the penalties y of the paper's equation 7 with a minus, so that the largest is the
/// answer, and the paper's criterion (equation 9) is `-logit of the label + log(exp(-j) + Σ exp(logit))`.
///
/// ```
/// use lenet::{LeNet1998, LeNet1998Config};
/// use lenet::tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = LeNet1998::new(&vs.root(), LeNet1998Config::default());
/// let logits = net.forward(&Tensor::zeros([2, 1, 32, 32], (Kind::Float, Device::Cpu)));
/// assert_eq!(logits.size(), [2, 10]);
/// assert_eq!(vs.trainable_variables().iter().map(Tensor::numel).sum::<usize>(), 60_000);
/// ```
///
/// Source: LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, section II.B.
#[derive(Debug)]
pub struct LeNet1998 {
    config: LeNet1998Config,
    c1: Affine,
    s2: Affine,
    c3: Affine,
    s4: Affine,
    c5: Affine,
    f6: Affine,
    output: Option<Affine>,
    /// Which of the 96 pairs of maps of C3 and S2 are connected: `i64` `[60]`; none where all are.
    pairs: Option<Tensor>,
    /// `f32` `[10, 84]`.
    codes: Tensor,
}

/// The variables of a layer.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl LeNet1998 {
    /// A network whose parameters are variables under `vs`, drawn from libtorch's generator, layer by layer, weights before
    /// biases.
    pub fn new(vs: &nn::Path, config: LeNet1998Config) -> LeNet1998 {
        let _generator = init::generator();
        LeNet1998::build(vs, config)
    }

    /// [`new`](LeNet1998::new), having seeded libtorch's generator.
    pub(crate) fn seeded(vs: &nn::Path, config: LeNet1998Config, seed: u64) -> LeNet1998 {
        let _generator = init::generator();
        tch::manual_seed(seed as i64);
        LeNet1998::build(vs, config)
    }

    fn build(vs: &nn::Path, config: LeNet1998Config) -> LeNet1998 {
        let affine = |name, weight: &[i64], fan_in| {
            Affine::draw(vs / name, config, weight, &vec![fan_in; weight[0] as usize], weight[0])
        };
        let codes: Vec<_> = codes().concat();
        LeNet1998 {
            config,
            c1: affine("c1", &[6, 1, 5, 5], 25),
            s2: affine("s2", &[6], 4),
            c3: c3(vs / "c3", config),
            s4: affine("s4", &[16], 4),
            c5: affine("c5", &[120, 16, 5, 5], 400),
            f6: affine("f6", &[84, 120], 120),
            output: match config.output {
                OutputUnits::Rbf => None,
                OutputUnits::Linear => Some(affine("output", &[10, 84], 84)),
            },
            pairs: match config.c3 {
                C3::Partial => Some(Tensor::from_slice(&pairs())),
                C3::Full => None,
            },
            codes: Tensor::from_slice(&codes).view([10, 84]),
        }
    }

    /// The config it was made with.
    pub fn config(&self) -> &LeNet1998Config {
        &self.config
    }

    fn squash(&self, sums: Tensor) -> Tensor {
        (sums * self.config.slope).tanh() * self.config.amplitude
    }

    /// Kernels of C3 for all pairs, `[16, 6, 5, 5]`: 0 for those that are not connected.
    fn c3_kernels(&self) -> Tensor {
        let weight = &self.c3.weight;
        match &self.pairs {
            None => weight.shallow_clone(),
            Some(pairs) => Tensor::zeros([96, 5, 5], (weight.kind(), weight.device()))
                .index_copy(0, &pairs.to_device(weight.device()), weight)
                .view([16, 6, 5, 5]),
        }
    }
}

impl LeNet1998 {
    /// What F6 gives, `[n, 84]`: the digit as the network would draw it, since the output compares it with the
    /// [codes](crate::codes). `images` are those of [`forward`](nn::Module::forward).
    ///
    /// # Panics
    ///
    /// As [`forward`](nn::Module::forward).
    pub fn f6(&self, images: &Tensor) -> Tensor {
        let LeNet1998Config { background, ink, .. } = self.config;
        let xs = images * (ink - background) + background;
        let xs = self.squash(convolve(&xs, &self.c1.weight, &self.c1.bias)); // C1: 6@28x28
        let xs = self.squash(sub_sample(&xs, &self.s2)); // S2: 6@14x14
        let xs = self.squash(convolve(&xs, &self.c3_kernels(), &self.c3.bias)); // C3: 16@10x10
        let xs = self.squash(sub_sample(&xs, &self.s4)); // S4: 16@5x5
        let xs = self.squash(convolve(&xs, &self.c5.weight, &self.c5.bias)); // C5: 120@1x1
        self.squash(xs.flatten(1, -1).linear(&self.f6.weight, Some(&self.f6.bias)))
    }
}

impl nn::Module for LeNet1998 {
    /// Logits `[n, 10]` for images `[n, 1, 32, 32]`.
    ///
    /// # Panics
    ///
    /// Where `images` is not `f32` `[n, 1, 32, 32]` on the device of the parameters.
    fn forward(&self, images: &Tensor) -> Tensor {
        let xs = self.f6(images);
        match &self.output {
            Some(output) => xs.linear(&output.weight, Some(&output.bias)),
            None => {
                let distances = xs.unsqueeze(1) - self.codes.to_device(xs.device());
                distances.square().sum_dim_intlist(2, false, xs.kind()) * -0.5
            }
        }
    }
}

/// A convolution, stride 1, no padding.
fn convolve(maps: &Tensor, kernels: &Tensor, bias: &Tensor) -> Tensor {
    maps.conv2d(kernels, Some(bias), 1, 0, 1, 1)
}

/// Coefficient times the sum over each window of 2x2, plus the bias.
fn sub_sample(maps: &Tensor, layer: &Affine) -> Tensor {
    let sums = maps.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, 1);
    sums * layer.weight.view([-1, 1, 1]) + layer.bias.view([-1, 1, 1])
}

/// Where the connected pairs of C3 stand among all 96.
fn pairs() -> Vec<i64> {
    let inputs = C3::Partial.inputs().into_iter().enumerate();
    inputs.flat_map(|(map, inputs)| inputs.iter().map(move |&i| (6 * map + i) as i64)).collect()
}

/// C3's units have as many inputs as their map is connected to.
fn c3(vs: nn::Path, config: LeNet1998Config) -> Affine {
    let inputs = config.c3.inputs().map(|maps| 25 * maps.len() as i64);
    match config.c3 {
        C3::Full => Affine::draw(vs, config, &[16, 6, 5, 5], &inputs, 16),
        C3::Partial => {
            let of_pairs = inputs.iter().flat_map(|&fan_in| vec![fan_in; fan_in as usize / 25]);
            let fan_in: Vec<_> = of_pairs.chain(inputs).collect();
            Affine::draw(vs, config, &[60, 5, 5], &fan_in, 16)
        }
    }
}

impl Affine {
    /// The variables `weight` and `bias` under `vs`. `fan_in` goes by the first index of the weight, and its last `biases`
    /// entries by the biases.
    fn draw(
        vs: nn::Path,
        config: LeNet1998Config,
        weight: &[i64],
        fan_in: &[i64],
        biases: i64,
    ) -> Affine {
        let bounds: Vec<_> = fan_in.iter().map(|&fan_in| config.init.of(fan_in) as f32).collect();
        let draw = |name, size: &[i64], bounds: &[f32]| {
            let mut along = vec![1; size.len()];
            along[0] = -1;
            let draws = Tensor::empty(size, (Kind::Float, tch::Device::Cpu)).uniform_(-1.0, 1.0);
            let value = draws * Tensor::from_slice(bounds).view(&along[..]);
            vs.add(name, value.to_device(vs.device()), true)
        };
        Affine {
            weight: draw("weight", weight, &bounds[..weight[0] as usize]),
            bias: draw("bias", &[biases], &bounds[bounds.len() - biases as usize..]),
        }
    }
}
