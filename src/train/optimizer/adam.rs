use super::{Buffers, taken};
use crate::{
    Result,
    kernels::{self, Pool},
    train::require,
};
use serde::{Deserialize, Serialize};

/// Adam (Kingma, Ba 2015), as `torch.optim.Adam`. The defaults are PyTorch's and Paddle's.
///
/// With the gradient `g`, at step `t`:
///
/// ```text
/// g = g + weight_decay p
/// m = β₁ m + (1 - β₁) g
/// v = β₂ v + (1 - β₂) g²
/// p = p - lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + eps)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// β₁ and β₂: how much of the two moments stays at each step, 0 to below 1.
    pub betas: (f64, f64),
    /// What keeps the division from running away, 0 or more.
    pub eps: f64,
    /// How much of the parameters is added to their gradient (an L2 penalty), 0 or more.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam { betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam with decoupled weight decay (Loshchilov, Hutter 2019), as `torch.optim.AdamW`: `p = p - lr weight_decay p`, then
/// a step of [`Adam`] without weight decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// As [`Adam::betas`].
    pub betas: (f64, f64),
    /// As [`Adam::eps`].
    pub eps: f64,
    /// Which share of the parameters is taken away at each step, times the learning rate: 0 or more.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> AdamW {
        AdamW { betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.01 }
    }
}

/// PyTorch's names for `m` and `v`.
pub(crate) const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];

impl Adam {
    pub(super) fn check(&self) -> Result<()> {
        let (beta1, beta2) = self.betas;
        require("betas", "0 to below 1", beta1, (0.0..1.0).contains(&beta1))?;
        require("betas", "0 to below 1", beta2, (0.0..1.0).contains(&beta2))?;
        require("eps", "0 or more", self.eps, (0.0..f64::INFINITY).contains(&self.eps))?;
        let decay = self.weight_decay;
        require("weight_decay", "0 or more", decay, (0.0..f64::INFINITY).contains(&decay))
    }

    /// Step number `t`, counted from 1.
    pub(super) fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        moments: &mut Buffers,
        t: usize,
        learning_rate: f64,
        pool: &mut Pool,
    ) {
        let decay = (self.weight_decay != 0.0).then_some(self.weight_decay as f32);
        let kernel = kernels::Adam { weight_decay: decay, ..self.kernel(t, learning_rate) };
        run(kernel, parameters, gradients, moments, pool);
    }

    /// The step's numbers, without any decay, as `f32`s: libtorch rounds them so.
    fn kernel(&self, t: usize, learning_rate: f64) -> kernels::Adam {
        let (beta1, beta2) = self.betas;
        kernels::Adam {
            shrink: None,
            weight_decay: None,
            first_rate: (1.0 - beta1) as f32,
            second_decay: beta2 as f32,
            second_rate: (1.0 - beta2) as f32,
            step: (-learning_rate / (1.0 - libm::pow(beta1, t as f64))) as f32,
            second_correction: (1.0 - libm::pow(beta2, t as f64)).sqrt() as f32,
            eps: self.eps as f32,
        }
    }
}

impl AdamW {
    /// The step that follows on the decay.
    pub(crate) fn adam(&self) -> Adam {
        Adam { betas: self.betas, eps: self.eps, weight_decay: 0.0 }
    }

    pub(super) fn check(&self) -> Result<()> {
        Adam { weight_decay: self.weight_decay, ..self.adam() }.check()
    }

    /// Step number `t`, counted from 1.
    pub(super) fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        moments: &mut Buffers,
        t: usize,
        learning_rate: f64,
        pool: &mut Pool,
    ) {
        let shrink = Some((1.0 - learning_rate * self.weight_decay) as f32);
        let kernel = kernels::Adam { shrink, ..self.adam().kernel(t, learning_rate) };
        run(kernel, parameters, gradients, moments, pool);
    }
}

fn run(
    kernel: kernels::Adam,
    parameters: &mut [f32],
    gradients: &[f32],
    moments: &mut Buffers,
    pool: &mut Pool,
) {
    let [mut first, mut second] = MOMENTS.map(|name| taken(moments, name, parameters.len()));
    kernel.step(pool, parameters, gradients, &mut first, &mut second);
    moments.extend(MOMENTS.into_iter().zip([first, second]));
}
