use super::{init, panicking::panicking};
use crate::network::{Draw, Init, Layer};
use tch::{TchError, Tensor, nn};

/// The window of a [`DownSample`]'s average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownSampleConfig {
    /// Height and width of the window, in pixels.
    pub kernel_size: i64,
    /// From one window to the next, in pixels.
    pub stride: i64,
}

impl Default for DownSampleConfig {
    /// A window of 2 and a stride of 2: each map shrinks to half its height and width.
    fn default() -> Self {
        DownSampleConfig { kernel_size: 2, stride: 2 }
    }
}

/// Sub-sampling as in LeNet-5's S2 and S4: the average over each window, times a learned scale, plus a learned bias, one of
/// each for each channel.
///
/// `y[c] = weight[c] · avg_pool2d(x[c], kernel_size, stride) + bias[c]`
///
/// | | shape |
/// |---|---|
/// | input | `[n, channels, h, w]` |
/// | output | `[n, channels, h', w']`, each side by [`pool_output_size`](crate::pool_output_size) |
/// | `weight`, `bias` | `[channels]` each: 2 · channels parameters |
///
/// ```
/// use lenet::{DownSample, DownSampleConfig};
/// use lenet::tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let down_sample = DownSample::new(&vs.root(), 6, DownSampleConfig::default());
/// let maps = down_sample.forward(&Tensor::ones([1, 6, 28, 28], (Kind::Float, Device::Cpu)));
/// assert_eq!(maps.size(), [1, 6, 14, 14]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: the post's class of the same name, which goes over the channels in a loop; the paper's section II.B.
#[derive(Debug)]
pub struct DownSample {
    weight: Tensor,
    bias: Tensor,
    config: DownSampleConfig,
}

impl DownSample {
    /// The parameters `weight` and `bias` under `vs`, both drawn from N(0, 1).
    ///
    /// # Panics
    ///
    /// Where `channels` is negative.
    pub fn new(vs: &nn::Path, channels: i64, config: DownSampleConfig) -> DownSample {
        let _generator = init::generator();
        let shapes = [vec![channels], vec![channels]];
        let [weight, bias] = panicking(init::add(vs, [Draw::Normal(1.0); 2], shapes));
        DownSample { weight, bias, config }
    }

    /// A layer of the network, whose variables have its names under `vs`.
    pub(super) fn of(
        vs: &nn::Path,
        layer: Layer,
        init: Option<Init>,
    ) -> Result<DownSample, TchError> {
        let [weight, bias] = init::variables(vs, &layer, init)?;
        Ok(DownSample { weight, bias, config: DownSampleConfig::default() })
    }

    /// [`forward`](nn::Module::forward), with libtorch's error instead of a panic.
    pub(super) fn try_forward(&self, xs: &Tensor) -> Result<Tensor, TchError> {
        let DownSampleConfig { kernel_size, stride } = self.config;
        // Not avg_pool2d_default, which sums: it passes a divisor of 1.
        let means = xs.f_avg_pool2d([kernel_size; 2], [stride; 2], [0; 2], false, true, None)?;
        // Not addcmul: one kernel fewer forward, two more backward.
        means.f_mul(&self.weight.f_view([-1, 1, 1])?)?.f_add(&self.bias.f_view([-1, 1, 1])?)
    }
}

impl nn::Module for DownSample {
    /// # Panics
    ///
    /// Where the input is not `[n, channels, h, w]` with a height and width of `kernel_size` or more, or
    /// where `kernel_size` or `stride` is not above 0.
    fn forward(&self, xs: &Tensor) -> Tensor {
        panicking(self.try_forward(xs))
    }
}
