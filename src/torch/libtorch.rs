use super::{dataset::DeviceSets, parameters::Parameters};
use crate::{Result, data::Dataset, kernels::Outcome, train::Samples};
use std::cell::RefCell;
use tch::{Device, Kind, Reduction, Tensor, nn::Module, no_grad_guard};

/// Forward and backward by libtorch's operators and autograd, on any device.
#[derive(Debug)]
pub(crate) struct Libtorch {
    sets: RefCell<DeviceSets>,
}

/// What a batch gave, still on its device: nothing here has waited for it.
#[derive(Debug)]
pub(crate) struct BatchOutput {
    /// Mean cross-entropy of the batch: `f32` `[]`.
    loss: Tensor,
    /// How many were right: `i64` `[]`.
    correct: Tensor,
    /// The gradient of the loss in each parameter: `f32` `[61,750]`, in the order of the `state_dict`.
    pub(super) gradients: Tensor,
}

/// Images of a set that go through the network at once: enough to keep the cores busy, few enough to stay in their caches.
const AT_ONCE: i64 = 500;

impl Libtorch {
    pub fn new(device: Device) -> Result<Libtorch> {
        Ok(Libtorch { sets: RefCell::new(DeviceSets::new(device)?) })
    }

    /// Loss, right answers and gradients.
    pub fn batch(&self, parameters: &Parameters, samples: Samples) -> Result<BatchOutput> {
        let mut sets = self.sets.borrow_mut();
        let (images, labels) = match samples {
            Samples::Of { data, indices } => sets.gather(data, indices)?,
            Samples::Own { images, labels } => sets.own(images, labels)?,
        };
        let logits = parameters.model.forward(&images);
        let no_weights = None::<Tensor>;
        let loss = logits.f_cross_entropy_loss(&labels, no_weights, Reduction::Mean, -100, 0.0)?;
        let gradients = Tensor::f_run_backward(&[&loss], &parameters.variables, false, false)?;
        let flat: Vec<_> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
        Ok(BatchOutput {
            loss: loss.detach(),
            correct: logits.detach().argmax(1, false).eq_tensor(&labels).sum(Kind::Int64),
            gradients: Tensor::f_cat(&flat, 0)?,
        })
    }

    /// The logits of a set's images.
    pub fn logits(&self, parameters: &Parameters, data: &Dataset) -> Result<Vec<[f32; 10]>> {
        let _no_grad = no_grad_guard();
        let mut sets = self.sets.borrow_mut();
        let total = data.len() as i64;
        let mut logits = vec![];
        for start in (0..total).step_by(AT_ONCE as usize) {
            let images = sets.range(data, start, AT_ONCE.min(total - start))?;
            logits.push(parameters.model.forward(&images));
        }
        let flat = Tensor::f_cat(&logits, 0)?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
        let flat: Vec<f32> = flat.try_into()?;
        Ok(flat.as_chunks().0.to_vec())
    }
}

impl BatchOutput {
    /// Waits for the loss and the right answers.
    pub fn outcome(&self) -> Result<Outcome> {
        let loss = self.loss.f_double_value(&[])? as f32;
        let correct = self.correct.f_int64_value(&[])?;
        Ok(Outcome { loss, correct: usize::try_from(correct).unwrap_or_default() })
    }

    /// Copies the gradients to `to`, which has a place for each.
    pub fn copy_gradients(&self, to: &mut [f32]) -> Result<()> {
        Ok(self.gradients.f_copy_data(to, to.len())?)
    }
}

/// How many threads libtorch has.
pub(crate) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}
