use super::{down_sample::DownSample, init};
use crate::network::{Init, LAYERS, Layer};
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
    ///
    /// The values come from libtorch's CPU generator, whatever the device: after `tch::manual_seed(s)` they are those that
    /// the post's network gets after `torch.manual_seed(s)` on the same CPU.
    pub fn new(vs: &nn::Path) -> LeNet {
        LeNet::with_init(vs, Init::PyTorch)
    }

    /// A network whose parameters are drawn as `init` says.
    pub fn with_init(vs: &nn::Path, init: Init) -> LeNet {
        let _generator = init::generator();
        LeNet::build(vs, Some(init))
    }

    /// A network that waits for its weights, all zero: no number is drawn for it.
    pub(super) fn zeroed(vs: &nn::Path) -> LeNet {
        LeNet::build(vs, None)
    }

    fn build(vs: &nn::Path, init: Option<Init>) -> LeNet {
        LeNet {
            con_sam: nn::seq()
                .add(convolution(vs, Layer::C1, init)) // 6@28x28
                .add_fn(Tensor::tanh)
                .add(DownSample::of(vs, Layer::S2, init)) // 6@14x14
                .add_fn(Tensor::tanh)
                .add(convolution(vs, Layer::C3, init)) // 16@10x10
                .add_fn(Tensor::tanh)
                .add(DownSample::of(vs, Layer::S4, init)) // 16@5x5
                .add_fn(Tensor::tanh)
                .add(convolution(vs, Layer::C5, init)) // 120@1x1
                .add_fn(Tensor::tanh)
                .add_fn(|maps| maps.flatten(1, -1)),
            fc: nn::seq()
                .add(linear(vs, Layer::F6, init)) // 84
                .add_fn(Tensor::tanh)
                .add(linear(vs, Layer::OUTPUT, init)), // 10
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
        let places = [1, 3, 5, 7, 10, 12, 13];
        let stages = LAYERS.iter().zip(places);
        let stage = |(layer, place): (&Layer, usize)| Stage {
            name: layer.name,
            output: outputs[place].shallow_clone(),
        };
        stages.map(stage).collect()
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

/// A convolution, stride 1, no padding.
fn convolution(vs: &nn::Path, layer: Layer, init: Option<Init>) -> nn::Func<'static> {
    let [weight, bias] = init::variables(vs, &layer, init);
    nn::func(move |xs| xs.conv2d(&weight, Some(&bias), 1, 0, 1, 1))
}

/// A linear layer.
fn linear(vs: &nn::Path, layer: Layer, init: Option<Init>) -> nn::Linear {
    let [ws, bs] = init::variables(vs, &layer, init);
    nn::Linear { ws, bs: Some(bs) }
}
