use tch::{Tensor, no_grad_guard};

/// Adam (Kingma, Ba 2015) over a flat buffer, operation for operation as `torch.optim.Adam` does it.
///
/// `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`, `p = p - lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)`
#[derive(Debug)]
pub(super) struct Adam {
    learning_rate: f64,
    /// `m`: `f32`, as the parameters.
    exp_avg: Tensor,
    /// `v`: `f32`, as the parameters.
    exp_avg_sq: Tensor,
    /// `t`: how many steps were taken.
    steps: i32,
}

/// PyTorch's and Paddle's defaults.
const BETAS: (f64, f64) = (0.9, 0.999);
const EPS: f64 = 1e-8;

impl Adam {
    pub fn new(parameters: &Tensor, learning_rate: f64) -> Adam {
        let zeros = || parameters.zeros_like().set_requires_grad(false);
        Adam { learning_rate, exp_avg: zeros(), exp_avg_sq: zeros(), steps: 0 }
    }

    /// One step, against `gradients`, of the `parameters` that it was made for.
    pub fn step(&mut self, parameters: &mut Tensor, gradients: &Tensor) {
        let _no_grad = no_grad_guard();
        self.steps += 1;
        let bias_correction1 = 1.0 - BETAS.0.powi(self.steps);
        let bias_correction2 = 1.0 - BETAS.1.powi(self.steps);

        let _ = self.exp_avg.lerp_(gradients, 1.0 - BETAS.0);
        let _ = self.exp_avg_sq.g_mul_scalar_(BETAS.1);
        let _ = self.exp_avg_sq.addcmul_(&(gradients * (1.0 - BETAS.1)), gradients);
        let denominator = self.exp_avg_sq.sqrt() / bias_correction2.sqrt() + EPS;
        let scaled = &self.exp_avg * (-self.learning_rate / bias_correction1);
        let _ = parameters.addcdiv_(&scaled, &denominator);
    }
}
