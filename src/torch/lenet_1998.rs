use super::init;
use crate::lenet_1998::{C3, Layer, LeNet1998Config, codes};
use tch::{Device, Kind, Tensor, nn};

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
/// those of its connected pairs of maps, in the order of [`C3::inputs`]; with
/// [`C3::Full`] they are `[16, 6, 5, 5]`. With [`OutputUnits::Linear`](crate::lenet_1998::OutputUnits::Linear) there are
/// also `output.weight` `[10, 84]` and `output.bias`.
///
/// The input is `f32` from 0 (background) to 1 (ink), as [`LeNet`](crate::LeNet)'s; the network maps it to the paper's -0.1 to
/// 1.175 itself. The output are logits: the penalties y of the paper's equation 7 with a minus, so that the largest is the
/// answer, and the paper's criterion (equation 9) is `-logit of the label + log(exp(-j) + Σ exp(logit))`.
///
/// ```
/// use lenet::lenet_1998::{LeNet1998, LeNet1998Config};
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

    fn build(vs: &nn::Path, config: LeNet1998Config) -> LeNet1998 {
        // In the order of the variables: so they are drawn.
        let affine = |layer: Layer| Affine::draw(vs, config, &layer);
        let [c1, s2, c3, s4, c5, f6] = config.layers().map(affine);
        let output = config.output_layer().map(affine);
        let codes: Vec<_> = codes().concat();
        LeNet1998 {
            config,
            c1,
            s2,
            c3,
            s4,
            c5,
            f6,
            output,
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
    /// [codes]. `images` are those of [`forward`](nn::Module::forward).
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

impl Affine {
    /// The variables `weight` and `bias` of a layer, drawn from libtorch's generator.
    fn draw(vs: &nn::Path, config: LeNet1998Config, layer: &Layer) -> Affine {
        let vs = vs / layer.name;
        let draw = |name, shape: &[usize], fan_in: &[usize]| {
            let shape: Vec<_> = shape.iter().map(|&length| length as i64).collect();
            let mut along = vec![1; shape.len()];
            along[0] = -1;
            let bounds: Vec<_> = fan_in.iter().map(|&f| config.init.of(f as i64) as f32).collect();
            let draws = Tensor::empty(&shape[..], (Kind::Float, Device::Cpu)).uniform_(-1.0, 1.0);
            let value = draws * Tensor::from_slice(&bounds).view(&along[..]);
            vs.add(name, value.to_device(vs.device()), true)
        };
        Affine {
            weight: draw("weight", &layer.shape, &layer.fan_in),
            bias: draw("bias", &[layer.bias_fan_in.len()], &layer.bias_fan_in),
        }
    }
}
