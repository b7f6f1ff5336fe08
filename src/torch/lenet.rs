use super::{down_sample::DownSample, init, panicking::panicking};
use crate::network::{Init, LAYERS, Layer};
use tch::{TchError, Tensor, nn};

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
    c1: Affine,
    s2: DownSample,
    c3: Affine,
    s4: DownSample,
    c5: Affine,
    f6: Affine,
    output: Affine,
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
        panicking(LeNet::build(vs, Some(init)))
    }

    /// A network that waits for its weights, all zero: no number is drawn for it.
    pub(super) fn zeroed(vs: &nn::Path) -> Result<LeNet, TchError> {
        LeNet::build(vs, None)
    }

    fn build(vs: &nn::Path, init: Option<Init>) -> Result<LeNet, TchError> {
        let affine = |layer| Affine::new(vs, layer, init);
        let down_sample = |layer| DownSample::of(vs, layer, init);
        Ok(LeNet {
            c1: affine(Layer::C1)?,
            s2: down_sample(Layer::S2)?,
            c3: affine(Layer::C3)?,
            s4: down_sample(Layer::S4)?,
            c5: affine(Layer::C5)?,
            f6: affine(Layer::F6)?,
            output: affine(Layer::OUTPUT)?,
        })
    }

    /// Every layer's output, in order: C1, S2, C3, S4, C5, F6, output.
    ///
    /// # Panics
    ///
    /// Where `images` is not `f32` `[n, 1, 32, 32]` on the device of the parameters.
    pub fn stages(&self, images: &Tensor) -> Vec<Stage> {
        let outputs = panicking(self.outputs(images));
        let stages = LAYERS.iter().zip(outputs);
        stages.map(|(layer, output)| Stage { name: layer.name, output }).collect()
    }

    /// The output of each layer, after its tanh.
    fn outputs(&self, images: &Tensor) -> Result<[Tensor; 7], TchError> {
        let c1 = self.c1.convolve(images)?.f_tanh()?; // 6@28x28
        let s2 = self.s2.try_forward(&c1)?.f_tanh()?; // 6@14x14
        let c3 = self.c3.convolve(&s2)?.f_tanh()?; // 16@10x10
        let s4 = self.s4.try_forward(&c3)?.f_tanh()?; // 16@5x5
        // As large as its kernels: one product of matrices.
        let c5 = self.c5.connect(&s4.f_flatten(1, -1)?)?.f_tanh()?; // 120@1x1
        let f6 = self.f6.connect(&c5)?.f_tanh()?; // 84
        let output = self.output.connect(&f6)?; // 10
        Ok([c1, s2, c3, s4, c5, f6, output])
    }

    /// [`forward`](nn::Module::forward), with libtorch's error instead of a panic.
    pub(super) fn try_forward(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let [.., logits] = self.outputs(images)?;
        Ok(logits)
    }
}

impl nn::Module for LeNet {
    /// Logits `[n, 10]` for images `[n, 1, 32, 32]`.
    ///
    /// # Panics
    ///
    /// Where `images` is not `f32` `[n, 1, 32, 32]` on the device of the parameters.
    fn forward(&self, images: &Tensor) -> Tensor {
        panicking(self.try_forward(images))
    }
}

/// The variables of a convolution or of a linear layer.
#[derive(Debug)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    fn new(vs: &nn::Path, layer: Layer, init: Option<Init>) -> Result<Affine, TchError> {
        let [weight, bias] = init::variables(vs, &layer, init)?;
        Ok(Affine { weight, bias })
    }

    /// A convolution, stride 1, no padding.
    fn convolve(&self, maps: &Tensor) -> Result<Tensor, TchError> {
        maps.f_conv2d(&self.weight, Some(&self.bias), 1, 0, 1, 1)
    }

    /// A linear layer: every input to every output.
    fn connect(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        inputs.f_linear(&self.weight.f_flatten(1, -1)?, Some(&self.bias))
    }
}
