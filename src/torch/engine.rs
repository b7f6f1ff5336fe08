use super::{
    lenet::LeNet,
    parameters::{Parameters, concatenate},
};
use crate::{Result, data::Dataset, kernels::Pool, train::Samples};
use tch::{Reduction, Tensor, nn::Module, no_grad_guard};

/// Forward and backward by libtorch's operators and autograd.
#[derive(Debug)]
pub(crate) struct Libtorch {
    /// The caller's thread alone: libtorch has its own.
    pool: Pool,
}

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

/// Images of a set that go through the network at once: enough to keep the cores busy, few enough to stay in their caches.
const AT_ONCE: i64 = 500;

impl Libtorch {
    pub fn new() -> Libtorch {
        Libtorch { pool: Pool::new(1) }
    }

    /// Loss, right answers and gradients.
    pub fn batch(
        &self,
        model: &LeNet,
        parameters: &Parameters,
        samples: Samples,
    ) -> Result<BatchOutput> {
        let (images, labels) = match samples {
            Samples::Of { data, indices } => data.gather(indices),
            Samples::Own { images, labels } => (images.shallow_clone(), labels.shallow_clone()),
        };
        let logits = model.forward(&images);
        let no_weights = None::<Tensor>;
        let loss = logits.f_cross_entropy_loss(&labels, no_weights, Reduction::Mean, -100, 0.0)?;
        let gradients = Tensor::f_run_backward(&[&loss], &parameters.variables, false, false)?;
        Ok(BatchOutput {
            loss: loss.detach(),
            correct: logits.detach().argmax(1, false).eq_tensor(&labels).sum(tch::Kind::Int64),
            gradients: concatenate(&gradients),
        })
    }

    /// The logits `[n, 10]` of a set's images.
    pub fn logits(&self, model: &LeNet, data: &Dataset) -> Tensor {
        let _no_grad = no_grad_guard();
        let total = data.len() as i64;
        let starts = (0..total).step_by(AT_ONCE as usize);
        let logits: Vec<_> = starts
            .map(|start| model.forward(&data.range(start, AT_ONCE.min(total - start)).0))
            .collect();
        Tensor::cat(&logits, 0)
    }

    /// For the optimizer's step.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }
}
