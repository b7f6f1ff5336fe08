use super::{Parameters, Samples, libtorch::BatchOutput};
use crate::{
    Error, Result,
    data::Dataset,
    fused::{Batch, InstructionSet, Network, Outcome, PARAMETERS, Pool, numbers, numbers_mut},
};
use std::{cell::RefCell, ops::Range};
use tch::{Device, Kind, Tensor};

/// Forward and backward by this crate's own kernels, on a CPU: see [`fused`](crate::fused).
#[derive(Debug)]
pub(crate) struct Fused {
    /// A network at work, which needs room of its own even to look at images.
    network: RefCell<Network>,
    /// Written anew for each batch.
    gradients: Tensor,
}

impl Fused {
    /// With the CPU's best instructions, and as many threads as libtorch has now.
    pub fn new() -> Fused {
        let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
        Fused::with(InstructionSet::best(), threads)
    }

    fn with(instruction_set: InstructionSet, threads: usize) -> Fused {
        Fused {
            network: RefCell::new(Network::new(instruction_set, threads)),
            gradients: Tensor::zeros([PARAMETERS as i64], (Kind::Float, Device::Cpu)),
        }
    }

    /// Loss, right answers and gradients. The gradients' memory is used again for the next batch.
    pub fn batch(&mut self, parameters: &Parameters, samples: Samples) -> Result<BatchOutput> {
        let Outcome { loss, correct } = match samples {
            Samples::Of { data, indices } => {
                let (pixels, labels) = (data.pixels(), data.labels());
                let (pixels, labels) = (numbers(&pixels)?, numbers(&labels)?);
                self.gradients(parameters, &Batch::gathered(pixels, labels, numbers(indices)?)?)
            }
            Samples::Own { images, labels } => {
                let (images, labels) = (images.contiguous(), labels.contiguous());
                self.gradients(parameters, &Batch::new(numbers(&images)?, numbers(&labels)?)?)
            }
        }?;
        Ok(BatchOutput {
            loss: Tensor::from(loss),
            correct: Tensor::from(correct as i64),
            gradients: self.gradients.shallow_clone(),
        })
    }

    fn gradients(&mut self, parameters: &Parameters, batch: &Batch) -> Result<Outcome> {
        let gradients = all(numbers_mut(&mut self.gradients)?.as_mut_array())?;
        let parameters = all(numbers(&parameters.flat)?.as_array())?;
        Ok(self.network.get_mut().gradients(parameters, batch, gradients))
    }

    /// The logits `[n, 10]` of the images `range` of a set.
    pub fn logits(
        &self,
        parameters: &Parameters,
        data: &Dataset,
        range: Range<i64>,
    ) -> Result<Tensor> {
        let indices: Vec<_> = range.collect();
        let (pixels, labels) = (data.pixels(), data.labels());
        let batch = Batch::gathered(numbers(&pixels)?, numbers(&labels)?, &indices)?;
        let parameters = all(numbers(&parameters.flat)?.as_array())?;
        let logits = self.network.borrow_mut().logits(parameters, &batch);
        Ok(Tensor::f_from_slice(&logits)?.view([-1, 10]))
    }

    /// Its threads, for the optimizer's step.
    pub fn pool(&mut self) -> &mut Pool {
        self.network.get_mut().pool()
    }
}

/// There are always as many parameters.
fn all<T>(parameters: Option<T>) -> Result<T> {
    parameters.ok_or_else(|| Error::invalid("parameters", PARAMETERS.to_string(), "others"))
}
