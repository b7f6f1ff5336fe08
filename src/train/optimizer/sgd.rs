use super::{Buffers, taken};
use crate::{
    Error, Result,
    kernels::{self, Momentum, Pool},
    train::require,
};
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent, as `torch.optim.SGD`, whose defaults it has: no momentum, no weight decay.
///
/// With the gradient `g`:
///
/// ```text
/// g = g + weight_decay p
/// b = momentum b + (1 - dampening) g      (b = g at the first step)
/// g = b                                   (g + momentum b with nesterov)
/// p = p - lr g
/// ```
///
/// The two lines with `b` fall away without momentum.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sgd {
    /// How much of the buffer `b` stays at each step, 0 or more.
    pub momentum: f64,
    /// How much of the gradient is kept out of the buffer.
    pub dampening: f64,
    /// How much of the parameters is added to their gradient (an L2 penalty), 0 or more.
    pub weight_decay: f64,
    /// Nesterov's momentum (Sutskever et al. 2013). It needs a momentum, and a dampening of 0.
    pub nesterov: bool,
}

/// PyTorch's name for `b`.
pub(crate) const MOMENTUM_BUFFER: &str = "momentum_buffer";

impl Sgd {
    pub(super) fn check(&self) -> Result<()> {
        let Sgd { momentum, dampening, weight_decay, nesterov } = *self;
        require("momentum", "0 or more", momentum, (0.0..f64::INFINITY).contains(&momentum))?;
        require("dampening", "a finite number", dampening, dampening.is_finite())?;
        let decays = (0.0..f64::INFINITY).contains(&weight_decay);
        require("weight_decay", "0 or more", weight_decay, decays)?;
        if nesterov && (momentum == 0.0 || dampening != 0.0) {
            let got = format!("a momentum of {momentum} and a dampening of {dampening}");
            return Err(Error::invalid("nesterov", "a momentum, and a dampening of 0", got));
        }
        Ok(())
    }

    pub(super) fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        buffers: &mut Buffers,
        learning_rate: f64,
        pool: &mut Pool,
    ) {
        let mut kernel = kernels::Sgd {
            step: -learning_rate as f32,
            weight_decay: (self.weight_decay != 0.0).then_some(self.weight_decay as f32),
            momentum: None,
        };
        if self.momentum == 0.0 {
            return kernel.step(pool, parameters, gradients, &mut []);
        }
        kernel.momentum = Some(Momentum {
            decay: self.momentum as f32,
            rate: (1.0 - self.dampening) as f32,
            first: !buffers.contains_key(MOMENTUM_BUFFER),
            nesterov: self.nesterov,
        });
        let mut buffer = taken(buffers, MOMENTUM_BUFFER, parameters.len());
        kernel.step(pool, parameters, gradients, &mut buffer);
        buffers.insert(MOMENTUM_BUFFER, buffer);
    }
}
