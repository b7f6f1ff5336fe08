use super::{
    context::Cudnn,
    dataset::{DeviceSets, label_bytes},
    parameters::{Parameters, to_vec},
};
use crate::{Error, Result, data::Dataset, kernels::Outcome, train::Samples};
use std::cell::RefCell;
use tch::{Device, Kind, Reduction, Tensor, no_grad_guard};

/// Forward and backward by libtorch's operators and autograd, on any device.
#[derive(Debug)]
pub(crate) struct Libtorch {
    sets: RefCell<DeviceSets>,
    cudnn: Cudnn,
}

/// What a batch gave, still on its device: nothing here has waited for it.
#[derive(Debug)]
pub(crate) struct BatchOutput {
    /// Mean cross-entropy of the batch: `f32` `[]`.
    loss: Tensor,
    /// `f32` `[b, 10]`. Which are right is counted when somebody asks, for many batches at once: that is three operators a step.
    logits: Tensor,
    /// `i64` `[b]`: digits, or what a [`DeviceBatch`] has.
    labels: Tensor,
}

/// The gradient of a batch's loss in each parameter: `f32` `[61,750]`, in the order of the `state_dict`.
#[derive(Debug)]
pub(crate) struct Gradients(pub(super) Tensor);

/// A batch of one's own that lies on the device already: images `f32` `[b, 1, 32, 32]`, labels `i64` `[b]`. Whether these are
/// digits is read with the outcome: to look at them before, the device would have to be waited for.
#[derive(Debug)]
pub(crate) struct DeviceBatch {
    pub images: Tensor,
    pub labels: Tensor,
}

/// Images of a set that go through the network at once: enough to keep the cores busy, few enough to stay in their caches.
const AT_ONCE: i64 = 500;

impl Libtorch {
    pub fn new(device: Device, cudnn: Cudnn) -> Result<Libtorch> {
        Ok(Libtorch { sets: RefCell::new(DeviceSets::new(device)?), cudnn })
    }

    /// Loss, right answers and gradients.
    pub fn batch(
        &self,
        parameters: &Parameters,
        samples: Samples,
    ) -> Result<(BatchOutput, Gradients)> {
        self.cudnn.apply()?;
        let mut sets = self.sets.borrow_mut();
        let (images, labels) = match samples {
            Samples::Of { data, indices, next } => sets.gather(data, indices, next)?,
            Samples::Own { images, labels } => sets.own(images, labels)?,
            Samples::OnDevice(DeviceBatch { images, labels }) => {
                (images.shallow_clone(), labels.shallow_clone())
            }
        };
        let logits = parameters.model.try_forward(&images)?;
        let no_weights = None::<Tensor>;
        let digits = match samples {
            // Another label would end all work on a CUDA device, until the program does.
            Samples::OnDevice(_) => nearest_digits(&labels)?,
            _ => labels.shallow_clone(),
        };
        let loss = logits.f_cross_entropy_loss(&digits, no_weights, Reduction::Mean, -100, 0.0)?;
        let gradients = Tensor::f_run_backward(&[&loss], &parameters.variables, false, false)?;
        let flat: std::result::Result<Vec<_>, _> =
            gradients.iter().map(|gradient| gradient.f_reshape([-1])).collect();
        let output = BatchOutput { loss: loss.f_detach()?, logits: logits.f_detach()?, labels };
        Ok((output, Gradients(Tensor::f_cat(&flat?, 0)?)))
    }

    /// The logits of a set's images.
    pub fn logits(&self, parameters: &Parameters, data: &Dataset) -> Result<Vec<[f32; 10]>> {
        self.cudnn.apply()?;
        let _no_grad = no_grad_guard();
        let mut sets = self.sets.borrow_mut();
        let total = data.len() as i64;
        let mut logits = vec![];
        for start in (0..total).step_by(AT_ONCE as usize) {
            let images = sets.range(data, start, AT_ONCE.min(total - start))?;
            logits.push(parameters.model.try_forward(&images)?);
        }
        let flat = Tensor::f_cat(&logits, 0)?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
        let flat: Vec<f32> = flat.try_into()?;
        Ok(flat.as_chunks().0.to_vec())
    }
}

impl BatchOutput {
    /// Waits for the loss and the right answers, once.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where a label is no digit.
    pub fn outcome(&self) -> Result<Outcome> {
        let none = || Error::invalid("outcome", "that of a batch", "none");
        BatchOutput::outcomes(&[self])?.pop().ok_or_else(none)
    }

    /// [`outcome`](BatchOutput::outcome) of batches: waits once for all of them.
    pub fn outcomes(outputs: &[&BatchOutput]) -> Result<Vec<Outcome>> {
        if outputs.is_empty() {
            return Ok(vec![]);
        }
        let each = |of: fn(&BatchOutput) -> &Tensor| outputs.iter().map(|it| of(it)).collect();
        let [losses, logits, labels]: [Vec<_>; 3] =
            [each(|it| &it.loss), each(|it| &it.logits), each(|it| &it.labels)];
        let answers = Tensor::f_cat(&logits, 0)?.f_argmax(1, false)?;
        let labels = Tensor::f_cat(&labels, 0)?;
        let right = answers.f_eq_tensor(&labels)?.f_to_kind(Kind::Float)?;
        let no_digit = labels.f_ne_tensor(&nearest_digits(&labels)?)?.f_to_kind(Kind::Float)?;
        // 1 for a right answer, 0 for a wrong one, -1 where the label is no digit.
        let right = right.f_sub(&no_digit)?;
        let numbers = to_vec(&Tensor::f_cat(&[Tensor::f_stack(&losses, 0)?, right], 0)?)?;
        let (losses, mut right) = numbers.split_at(outputs.len());
        let outcome = |(output, &loss): (&&BatchOutput, &f32)| {
            let own = right.split_off(..output.labels.numel()).unwrap_or_default();
            if own.iter().any(|&right| right < 0.0) {
                label_bytes(&output.labels)?;
            }
            Ok(Outcome { loss, correct: own.iter().filter(|&&right| right > 0.0).count() })
        };
        outputs.iter().zip(losses).map(outcome).collect()
    }
}

impl Gradients {
    /// Copies them to `to`, which has a place for each.
    pub fn copy_to(&self, to: &mut [f32]) -> Result<()> {
        Ok(self.0.f_copy_data(to, to.len())?)
    }
}

/// Labels that are digits, unchanged, and the others as the digit nearest to them.
fn nearest_digits(labels: &Tensor) -> Result<Tensor> {
    Ok(labels.f_clamp(0_i64, 9)?)
}

/// How many threads libtorch has.
pub(crate) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}
