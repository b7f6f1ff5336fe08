use super::{
    down_sample::{DownSample, DownSampleConfig},
    init::{self, Init},
};
use tch::{Tensor, nn};

/// LeNet-5 as the post has it: three convolutions, two [`DownSample`]s, two linear layers, tanh after each but the last.
///
/// | paper | layer | output | parameters | `state_dict` keys |
/// |---|---|---|---|---|
/// | | input | `[n, 1, 32, 32]` | | |
/// | C1 | convolution 5×5, tanh | `[n, 6, 28, 28]` | 156 | `con_sam.0.{weight,bias}` |
/// | S2 | `DownSample`, tanh | `[n, 6, 14, 14]` | 12 | `con_sam.2.{weight,bias}` |
/// | C3 | convolution 5×5, tanh | `[n, 16, 10, 10]` | 2,416 | `con_sam.4.{weight,bias}` |
/// | S4 | `DownSample`, tanh | `[n, 16, 5, 5]` | 32 | `con_sam.6.{weight,bias}` |
/// | C5 | convolution 5×5, tanh, flatten | `[n, 120]` | 48,120 | `con_sam.8.{weight,bias}` |
/// | F6 | linear, tanh | `[n, 84]` | 10,164 | `fc.0.{weight,bias}` |
/// | | linear | `[n, 10]` | 850 | `fc.2.{weight,bias}` |
///
/// 61,750 parameters in 14 tensors. The input is `f32` from 0 (background) to 1 (ink), the output are logits.
///
/// ```
/// use lenet::LeNet;
/// use lenet::tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = LeNet::new(&vs.root());
/// let logits = net.forward(&Tensor::zeros([2, 1, 32, 32], (Kind::Float, Device::Cpu)));
/// assert_eq!(logits.size(), [2, 10]);
/// assert_eq!(vs.trainable_variables().iter().map(Tensor::numel).sum::<usize>(), 61_750);
/// ```
#[derive(Debug)]
pub struct LeNet {
    con_sam: nn::Sequential,
    fc: nn::Sequential,
}

/// What one layer of [`LeNet`] gives, after its tanh.
#[derive(Debug)]
pub struct Stage {
    /// The paper's name: `C1`, `S2`, `C3`, `S4`, `C5`, `F6`, `output`.
    pub name: &'static str,
    /// Its shape is in the table of [`LeNet`].
    pub output: Tensor,
}

impl LeNet {
    /// A network whose parameters are variables under `vs`, drawn as PyTorch draws them.
    pub fn new(vs: &nn::Path) -> LeNet {
        LeNet::with_init(vs, Init::PyTorch)
    }

    /// A network whose parameters are drawn as `init` says.
    pub fn with_init(vs: &nn::Path, init: Init) -> LeNet {
        let _generator = init::generator();
        LeNet::build(vs, Some(init))
    }

    /// [`with_init`](LeNet::with_init), having seeded libtorch's generator.
    pub(crate) fn seeded(vs: &nn::Path, init: Init, seed: u64) -> LeNet {
        let _generator = init::generator();
        tch::manual_seed(seed as i64);
        LeNet::build(vs, Some(init))
    }

    /// A network that waits for its weights, all zero: no number is drawn for it.
    pub(crate) fn zeroed(vs: &nn::Path) -> LeNet {
        LeNet::build(vs, None)
    }

    fn build(vs: &nn::Path, init: Option<Init>) -> LeNet {
        let (con_sam, fc) = (vs / "con_sam", vs / "fc");
        let pool = DownSampleConfig::default();
        LeNet {
            con_sam: nn::seq()
                .add(conv2d(&con_sam / 0, [1, 6], init)) // C1: 6@28x28
                .add_fn(Tensor::tanh)
                .add(DownSample::with_init(&(&con_sam / 2), 6, pool, init)) // S2: 6@14x14
                .add_fn(Tensor::tanh)
                .add(conv2d(&con_sam / 4, [6, 16], init)) // C3: 16@10x10
                .add_fn(Tensor::tanh)
                .add(DownSample::with_init(&(&con_sam / 6), 16, pool, init)) // S4: 16@5x5
                .add_fn(Tensor::tanh)
                .add(conv2d(&con_sam / 8, [16, 120], init)) // C5: 120@1x1
                .add_fn(Tensor::tanh)
                .add_fn(|maps| maps.flatten(1, -1)),
            fc: nn::seq()
                .add(linear(&fc / 0, [120, 84], init)) // F6
                .add_fn(Tensor::tanh)
                .add(linear(&fc / 2, [84, 10], init)),
        }
    }

    /// Every layer's output, in order: C1, S2, C3, S4, C5, F6, output.
    ///
    /// # Panics
    ///
    /// Where `images` is not `f32` `[n, 1, 32, 32]` on the device of the parameters.
    pub fn stages(&self, images: &Tensor) -> Vec<Stage> {
        let mut outputs = self.con_sam.forward_all(images, None);
        let features = outputs.len() - 1;
        outputs.extend(self.fc.forward_all(&outputs[features], None));
        // Each of these is the tanh (C5: the flatten) that ends a layer.
        [("C1", 1), ("S2", 3), ("C3", 5), ("S4", 7), ("C5", 10), ("F6", 12), ("output", 13)]
            .map(|(name, layer)| Stage { name, output: outputs[layer].shallow_clone() })
            .into()
    }
}

impl nn::Module for LeNet {
    /// Logits `[n, 10]` for images `[n, 1, 32, 32]`.
    ///
    /// # Panics
    ///
    /// Where `images` is not `f32` `[n, 1, 32, 32]` on the device of the parameters.
    fn forward(&self, images: &Tensor) -> Tensor {
        images.apply(&self.con_sam).apply(&self.fc)
    }
}

/// A convolution 5×5, stride 1, no padding: `[n, in, h, w]` to `[n, out, h - 4, w - 4]`.
fn conv2d(
    vs: nn::Path,
    [in_channels, out_channels]: [i64; 2],
    init: Option<Init>,
) -> nn::Func<'static> {
    let (weight, bias) = affine(vs, &[out_channels, in_channels, 5, 5], init);
    nn::func(move |xs| xs.conv2d(&weight, Some(&bias), 1, 0, 1, 1))
}

/// A linear layer: `[n, in]` to `[n, out]`.
fn linear(vs: nn::Path, [in_features, out_features]: [i64; 2], init: Option<Init>) -> nn::Linear {
    let (ws, bs) = affine(vs, &[out_features, in_features], init);
    nn::Linear { ws, bs: Some(bs) }
}

/// The variables `weight` and `bias` under `vs`. Not tch's own layers: those draw the bias first, and as Kaiming did.
fn affine(vs: nn::Path, weight: &[i64], init: Option<Init>) -> (Tensor, Tensor) {
    let (weight, bias) = init::affine(init, weight);
    let variable = |name, value: Tensor| vs.add(name, value.to_device(vs.device()), true);
    (variable("weight", weight), variable("bias", bias))
}
