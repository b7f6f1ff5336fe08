use super::parameters::{Parameters, concatenate};
use crate::{Result, model::LeNet};
use tch::{Reduction, Tensor, nn::Module};

/// Forward and backward by libtorch's operators and autograd.
#[derive(Debug)]
pub(crate) struct Libtorch;

/// What a batch gave, still on its device: nothing here has waited for it.
#[derive(Debug)]
pub(crate) struct BatchOutput {
    /// Mean cross-entropy of the batch: `f32` `[]`.
    pub loss: Tensor,
    /// How many were right: `i64` `[]`.
    pub correct: Tensor,
    /// The gradient of the loss in each parameter, in the order of [`Parameters::flat`].
    pub gradients: Tensor,
}

impl Libtorch {
    /// Loss, right answers and gradients for `images` `[n, 1, 32, 32]` and `labels` `[n]`.
    pub fn batch(
        &self,
        model: &LeNet,
        parameters: &Parameters,
        images: &Tensor,
        labels: &Tensor,
    ) -> Result<BatchOutput> {
        let logits = model.forward(images);
        let no_weights = None::<Tensor>;
        let loss = logits.f_cross_entropy_loss(labels, no_weights, Reduction::Mean, -100, 0.0)?;
        let gradients = Tensor::f_run_backward(&[&loss], &parameters.variables, false, false)?;
        Ok(BatchOutput {
            loss: loss.detach(),
            correct: logits.detach().argmax(1, false).eq_tensor(labels).sum(tch::Kind::Int64),
            gradients: concatenate(&gradients),
        })
    }
}
