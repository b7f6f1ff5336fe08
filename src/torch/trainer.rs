use super::{dataset::label_bytes, lenet::LeNet, libtorch::DeviceBatch};
use crate::{BatchStats, Error, Result, Trainer, train::Samples};
use tch::{Device, Kind, Tensor, nn};

/// With the feature `torch`: batches of tensors, and the network as a module.
impl Trainer {
    /// One optimizer step on a batch of one's own: `images` `f32` `[n, 1, 32, 32]`, `labels` `i64` `[n]` from 0 to 9. It ends
    /// no epoch, so a schedule that follows the epochs stays where it is. Where both lie on the GPU that is trained on, it is waited
    /// for once: for loss, right answers, and whether the labels are digits.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are something else, or the schedule has no step left; [`Error::NonFiniteLoss`] where the
    /// loss is not finite. The weights are unchanged then.
    pub fn train_batch(&mut self, images: &Tensor, labels: &Tensor) -> Result<BatchStats> {
        let n = labels.numel() as i64;
        if images.kind() != Kind::Float || images.size() != [n, 1, 32, 32] || n == 0 {
            let expected = format!("Float of shape [{}, 1, 32, 32]", n.max(1));
            let got = format!("{:?} of shape {:?}", images.kind(), images.size());
            return Err(Error::invalid("images", expected, got));
        }
        if labels.kind() != Kind::Int64 || labels.dim() != 1 {
            let got = format!("{:?} of shape {:?}", labels.kind(), labels.size());
            return Err(Error::invalid("labels", "Int64 of shape [n]", got));
        }
        match self.config().device {
            Device::Cpu => {
                let bytes = label_bytes(labels)?;
                let images = images.f_to_device(Device::Cpu)?.f_contiguous()?;
                let images = super::numbers(&images)?.as_chunks().0;
                self.train_samples(Samples::Own { images, labels: &bytes }, bytes.len())
            }
            device => {
                let (images, labels) = (images.f_to_device(device)?, labels.f_to_device(device)?);
                let batch = DeviceBatch { images, labels };
                self.train_samples(Samples::OnDevice(&batch), n as usize)
            }
        }
    }

    /// The network.
    pub fn model(&self) -> &LeNet {
        &self.parameters.model
    }

    /// The network's variables, named as in the reference's `state_dict`: for [`weights::save`](crate::weights::save).
    pub fn var_store(&self) -> &nn::VarStore {
        &self.parameters.var_store
    }
}
