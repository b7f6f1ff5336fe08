use super::{
    clip::clip_grad_norm, config::TrainConfig, device::Device, engine::Engine,
    optimizer::OptimizerState, parameters::Parameters, ranks::Ranks, schedule::Rates, stats::Sums,
};
use crate::{
    Error, Result,
    data::Dataset,
    kernels::{Batch, CLASSES, Images, Network, Outcome, PIXELS, packed_length},
    network::{LAYERS, PARAMETERS},
};
#[cfg(feature = "torch")]
use crate::{
    kernels::Pool,
    torch::{self, Libtorch},
};
use std::{cell::RefCell, collections::BTreeMap};

/// Images and labels to train on.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "torch"), allow(dead_code))] // `next`, and what the tensors' train_batch takes
pub(crate) enum Samples<'a> {
    /// Those of a set at `indices`; those at `next` are likely to follow.
    Of { data: &'a Dataset, indices: &'a [usize], next: &'a [usize] },
    /// Images of their own, from 0 (background) to 1 (ink), and their labels.
    Own { images: &'a [[f32; PIXELS]], labels: &'a [u8] },
    /// Images of their own, on the device that is trained on, if that is not the CPU.
    #[cfg(feature = "torch")]
    OnDevice(&'a torch::DeviceBatch),
}

/// What a batch gave: known, or still on a device that is not made to wait for it.
#[derive(Debug)]
pub(super) enum BatchOutcome {
    Known(Outcome),
    #[cfg(feature = "torch")]
    OnDevice(torch::BatchOutput),
}

impl BatchOutcome {
    /// Waits for it, where it has to.
    #[cfg_attr(not(feature = "torch"), allow(dead_code))] // as train_samples
    pub fn read(&self) -> Result<Outcome> {
        match self {
            BatchOutcome::Known(outcome) => Ok(*outcome),
            #[cfg(feature = "torch")]
            BatchOutcome::OnDevice(output) => output.outcome(),
        }
    }

    /// Waits for many, once.
    fn read_all<'a>(outcomes: impl Iterator<Item = &'a BatchOutcome>) -> Result<Vec<Outcome>> {
        let mut known = vec![];
        #[cfg(feature = "torch")]
        let mut on_device = vec![];
        for outcome in outcomes {
            match outcome {
                BatchOutcome::Known(outcome) => known.push(*outcome),
                #[cfg(feature = "torch")]
                BatchOutcome::OnDevice(output) => on_device.push(output),
            }
        }
        #[cfg(feature = "torch")]
        known.extend(torch::BatchOutput::outcomes(&on_device)?);
        Ok(known)
    }
}

/// Batches whose outcome was not read yet, so that a device need not stop after each: see [`BatchOutcome`]. All are of one engine.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    batches: Vec<(BatchOutcome, usize, f64)>,
    samples: usize,
}

/// Batches that a device is not made to wait for: their logits stay in its memory.
const MOST_WAITING: usize = 100;

impl Waiting {
    /// Takes a batch's outcome and size, and the learning rate of the step that followed.
    pub fn add(&mut self, outcome: BatchOutcome, samples: usize, learning_rate: f64) {
        self.batches.push((outcome, samples, learning_rate));
        self.samples += samples;
    }

    /// How many images they have.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Whether it is time to read them: at once where nothing has to be waited for, else after many.
    pub fn is_due(&self) -> bool {
        self.batches.len() >= MOST_WAITING
            || matches!(self.batches.last(), Some((BatchOutcome::Known(_), ..)))
    }

    /// `sums` with theirs; in the place of the sums the first loss that is not finite, with its step, counted from 1.
    pub fn read(&self, mut sums: Sums) -> Result<std::result::Result<Sums, (usize, f32)>> {
        let outcomes = BatchOutcome::read_all(self.batches.iter().map(|(outcome, ..)| outcome))?;
        for (outcome, (_, samples, learning_rate)) in outcomes.into_iter().zip(&self.batches) {
            if !outcome.loss.is_finite() {
                return Ok(Err((sums.steps + 1, outcome.loss)));
            }
            sums.add(outcome, *samples, *learning_rate);
        }
        Ok(Ok(sums))
    }

    pub fn clear(&mut self) {
        self.batches.clear();
        self.samples = 0;
    }
}

/// An engine at work: it computes gradients and steps against them.
#[derive(Debug)]
pub(super) enum Backend {
    /// On a CPU: gradients and the optimizer's buffers are plain numbers.
    Cpu(Cpu),
    /// On another device, where all of it stays.
    #[cfg(feature = "torch")]
    Device(torch::DeviceEngine),
}

/// What computes on a CPU, and the step that follows.
#[derive(Debug)]
pub(super) struct Cpu {
    compute: Compute,
    gradients: Box<[f32; PARAMETERS]>,
    optimizer: OptimizerState,
}

#[derive(Debug)]
enum Compute {
    /// A network at work, which needs memory of its own even to look at images.
    Fused(RefCell<Network>),
    /// libtorch has threads of its own: the pool, which is for the optimizer's step, is the caller's thread alone.
    #[cfg(feature = "torch")]
    Libtorch(Libtorch, Pool),
}

impl Backend {
    /// The engine of a config.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it can't compute on the config's device.
    pub fn start(config: &TrainConfig) -> Result<Backend> {
        #[cfg(feature = "torch")]
        let cudnn =
            torch::Cudnn { allow_tf32: config.allow_tf32, deterministic: config.deterministic };
        let compute = match (config.engine, config.device) {
            (Engine::Auto | Engine::Fused, Device::Cpu) => {
                let threads = config.threads.unwrap_or_else(threads);
                Compute::Fused(RefCell::new(match config.instructions {
                    None => Network::new(threads),
                    Some(instructions) => Network::with(instructions, threads),
                }))
            }
            (Engine::Fused, device) => {
                let expected = "auto or libtorch on a device other than a CPU";
                return Err(Error::invalid("engine", expected, format!("fused on {device:?}")));
            }
            #[cfg(feature = "torch")]
            (Engine::Libtorch, Device::Cpu) => {
                Compute::Libtorch(Libtorch::new(Device::Cpu, cudnn)?, Pool::new(1))
            }
            #[cfg(feature = "torch")]
            (Engine::Auto | Engine::Libtorch, device) => {
                let engine = torch::DeviceEngine::new(device, cudnn, config.optimizer)?;
                return Ok(Backend::Device(engine));
            }
            #[cfg(not(feature = "torch"))]
            (Engine::Auto | Engine::Libtorch, _) => {
                let expected = "auto or fused: this program was built without the feature `torch`";
                return Err(Error::invalid("engine", expected, "libtorch"));
            }
        };
        let gradients = Box::new([0.0; PARAMETERS]);
        let optimizer = OptimizerState::new(config.optimizer);
        Ok(Backend::Cpu(Cpu { compute, gradients, optimizer }))
    }

    /// Whether it can work with other ranks.
    pub fn is_fused(&self) -> bool {
        matches!(self, Backend::Cpu(Cpu { compute: Compute::Fused(_), .. }))
    }

    /// The threads that prepare batches: as many as compute them.
    pub fn threads(&mut self) -> usize {
        match self {
            Backend::Cpu(Cpu { compute: Compute::Fused(network), .. }) => {
                network.get_mut().pool().threads()
            }
            #[cfg(feature = "torch")]
            _ => threads(),
        }
    }

    /// Computes loss, right answers and gradients, and keeps the gradients for the [`step`](Backend::step).
    pub fn gradients(
        &mut self,
        parameters: &Parameters,
        samples: Samples,
        ranks: &Ranks,
    ) -> Result<BatchOutcome> {
        match self {
            Backend::Cpu(cpu) => cpu.gradients(parameters, samples, ranks).map(BatchOutcome::Known),
            #[cfg(feature = "torch")]
            Backend::Device(device) => {
                device.gradients(parameters, samples).map(BatchOutcome::OnDevice)
            }
        }
    }

    /// Steps against the gradients that were computed last, clipped to `max_norm`.
    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        rates: Rates,
        max_norm: Option<f64>,
    ) -> Result<()> {
        match self {
            Backend::Cpu(cpu) => cpu.step(parameters, rates, max_norm),
            #[cfg(feature = "torch")]
            Backend::Device(device) => device.step(parameters, rates, max_norm),
        }
    }

    /// The logits of a set's images.
    pub fn logits(
        &self,
        parameters: &Parameters,
        data: &Dataset,
        ranks: &Ranks,
    ) -> Result<Vec<[f32; CLASSES]>> {
        match self {
            Backend::Cpu(Cpu { compute: Compute::Fused(network), .. }) => {
                let indices: Vec<_> = ranks.part(data.len()).collect();
                let images = Images::gathered(data.image_bytes(), &indices)?;
                let own = network.borrow_mut().logits(parameters.as_slice()?, images);
                if !ranks.are_many() {
                    return Ok(own);
                }
                let bytes = own.as_flattened().iter().flat_map(|logit| logit.to_le_bytes());
                let bytes: Vec<_> = bytes.collect();
                let all = ranks.gather(&bytes, data.len(), |images| 4 * CLASSES * images)?;
                let (all, _) = all.as_chunks();
                let all: Vec<_> = all.iter().map(|&logit| f32::from_le_bytes(logit)).collect();
                Ok(all.as_chunks().0.to_vec())
            }
            #[cfg(feature = "torch")]
            Backend::Cpu(Cpu { compute: Compute::Libtorch(libtorch, _), .. }) => {
                libtorch.logits(parameters, data)
            }
            #[cfg(feature = "torch")]
            Backend::Device(device) => device.logits(parameters, data),
        }
    }

    /// Steps that the optimizer has taken.
    pub fn steps(&self) -> usize {
        match self {
            Backend::Cpu(cpu) => cpu.optimizer.steps(),
            #[cfg(feature = "torch")]
            Backend::Device(device) => device.steps(),
        }
    }

    /// A copy of what the optimizer keeps.
    pub fn buffers(&self) -> Result<BTreeMap<&'static str, Vec<f32>>> {
        match self {
            Backend::Cpu(cpu) => Ok(cpu.optimizer.buffers().clone()),
            #[cfg(feature = "torch")]
            Backend::Device(device) => device.buffers(),
        }
    }

    /// Resumes an optimizer after so many steps, with what it kept.
    pub fn restore(&mut self, steps: usize, buffers: BTreeMap<String, Vec<f32>>) -> Result<()> {
        match self {
            Backend::Cpu(cpu) => cpu.optimizer.restore(steps, buffers, PARAMETERS),
            #[cfg(feature = "torch")]
            Backend::Device(device) => device.restore(steps, buffers),
        }
    }
}

impl Cpu {
    fn gradients(
        &mut self,
        parameters: &Parameters,
        samples: Samples,
        ranks: &Ranks,
    ) -> Result<Outcome> {
        let network = match &mut self.compute {
            Compute::Fused(network) => network.get_mut(),
            #[cfg(feature = "torch")]
            Compute::Libtorch(libtorch, _) => {
                let (output, gradients) = libtorch.batch(parameters, samples)?;
                gradients.copy_to(&mut *self.gradients)?;
                return output.outcome();
            }
        };
        let (parameters, gradients) = (parameters.as_slice()?, &mut *self.gradients);
        let (batch, whole) = match samples {
            Samples::Of { data, indices, .. } => {
                let part = &indices[ranks.part(indices.len())];
                let batch = Batch::gathered(data.image_bytes(), data.label_bytes(), part)?;
                (batch, indices.len())
            }
            Samples::Own { images, labels } => {
                Batch::new(images, labels)?;
                let part = ranks.part(images.len());
                (Batch::new(&images[part.clone()], &labels[part])?, images.len())
            }
            #[cfg(feature = "torch")]
            Samples::OnDevice(_) => {
                let expected = "in the CPU's memory, as the config's device says";
                return Err(Error::invalid("images", expected, "those of another device"));
            }
        };
        if !ranks.are_many() {
            return Ok(network.gradients(parameters, &batch, gradients));
        }
        let gather = |own: &[u8]| ranks.gather(own, whole, packed_length);
        network.gathered_gradients(parameters, &batch.part_of(whole), gradients, gather)
    }

    fn step(
        &mut self,
        parameters: &mut Parameters,
        rates: Rates,
        max_norm: Option<f64>,
    ) -> Result<()> {
        if let Some(max_norm) = max_norm {
            let tensors = LAYERS.iter().flat_map(|layer| [layer.weight(), layer.bias()]);
            clip_grad_norm(&mut *self.gradients, tensors, max_norm);
        }
        let pool = match &mut self.compute {
            Compute::Fused(network) => network.get_mut().pool(),
            #[cfg(feature = "torch")]
            Compute::Libtorch(_, pool) => pool,
        };
        self.optimizer.step(parameters.as_mut_slice()?, &*self.gradients, rates, pool);
        Ok(())
    }
}

/// As many as libtorch has.
#[cfg(feature = "torch")]
fn threads() -> usize {
    torch::threads()
}

/// As many as libtorch would have: `OMP_NUM_THREADS`, or one for each core.
#[cfg(not(feature = "torch"))]
fn threads() -> usize {
    let asked = std::env::var("OMP_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.filter(|&threads| threads > 0).unwrap_or_else(cores)
}

#[cfg(test)]
mod tests {
    use super::{Backend, Compute, Cpu, Engine};
    use crate::{TrainConfig, train::Device};

    fn start(engine: Engine, device: Device) -> crate::Result<Backend> {
        Backend::start(&TrainConfig { engine, device, ..TrainConfig::pytorch() })
    }

    #[test]
    fn auto_is_fused_on_a_cpu() {
        for engine in [Engine::Auto, Engine::Fused] {
            let backend = start(engine, Device::Cpu);
            assert!(matches!(backend, Ok(Backend::Cpu(Cpu { compute: Compute::Fused(_), .. }))));
        }
        let error = start(Engine::Fused, Device::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("engine") && error.contains("Cuda(0)"), "{error}");
    }

    #[cfg(feature = "torch")]
    #[test]
    fn auto_is_libtorch_on_other_devices() {
        // Where there is no such device libtorch refuses it.
        let backend = start(Engine::Auto, Device::Cuda(0));
        assert!(matches!(backend, Ok(Backend::Device(_)) | Err(crate::Error::Torch { .. })));
        let libtorch = start(Engine::Libtorch, Device::Cpu);
        let libtorch =
            matches!(libtorch, Ok(Backend::Cpu(Cpu { compute: Compute::Libtorch(..), .. })));
        assert!(libtorch);
    }

    #[cfg(not(feature = "torch"))]
    #[test]
    fn libtorch_is_refused_without_it() {
        let error = start(Engine::Libtorch, Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("feature `torch`"), "{error}");
    }
}
