use super::{
    libtorch::{BatchOutput, Libtorch},
    operations::{Operations, clip_grad_norm},
    parameters::Parameters,
};
use crate::{
    Error, Result,
    data::Dataset,
    network::PARAMETERS,
    train::{Buffers, Optimizer, Rates, Samples, device_name},
};
use std::collections::BTreeMap;
use tch::{Cuda, Device, Kind, Tensor};

/// Training on a device other than the CPU: parameters, gradients and the optimizer's buffers stay there.
#[derive(Debug)]
pub(crate) struct DeviceEngine {
    libtorch: Libtorch,
    device: Device,
    optimizer: Operations,
    /// Those of the last batch.
    gradients: Option<Tensor>,
}

impl DeviceEngine {
    pub fn new(device: Device, optimizer: Optimizer) -> Result<DeviceEngine> {
        let (libtorch, optimizer) = (Libtorch::new(device)?, Operations::new(optimizer));
        Ok(DeviceEngine { libtorch, device, optimizer, gradients: None })
    }

    pub fn gradients(&mut self, parameters: &Parameters, samples: Samples) -> Result<BatchOutput> {
        let output = self.libtorch.batch(parameters, samples)?;
        self.gradients = Some(output.gradients.shallow_clone());
        Ok(output)
    }

    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        rates: Rates,
        max_norm: Option<f64>,
    ) -> Result<()> {
        let Some(mut gradients) = self.gradients.take() else {
            return Err(Error::invalid("gradients", "those of a batch", "none"));
        };
        if let Some(max_norm) = max_norm {
            let sizes: Vec<_> = parameters.variables.iter().map(|it| it.numel() as i64).collect();
            let _ = clip_grad_norm(&mut gradients, &sizes, max_norm);
        }
        self.optimizer.step(&mut parameters.flat, &gradients, rates);
        Ok(())
    }

    pub fn logits(&self, parameters: &Parameters, data: &Dataset) -> Result<Vec<[f32; 10]>> {
        self.libtorch.logits(parameters, data)
    }

    pub fn steps(&self) -> usize {
        self.optimizer.steps()
    }

    pub fn buffers(&self) -> Result<Buffers> {
        self.optimizer.buffers()
    }

    pub fn restore(&mut self, steps: usize, buffers: BTreeMap<String, Vec<f32>>) -> Result<()> {
        self.optimizer.restore(steps, buffers, PARAMETERS, self.device)
    }
}

/// An [`Error::NoDevice`] where libtorch has no such device.
pub(crate) fn check_device(device: Device) -> Result<()> {
    match device {
        Device::Cpu => return Ok(()),
        Device::Cuda(index) if i64::try_from(index).is_ok_and(|i| i < Cuda::device_count()) => {
            return Ok(());
        }
        Device::Cuda(_) => (),
        // Of the others tch can't tell whether they are there.
        Device::Mps | Device::Vulkan => {
            if Tensor::f_zeros(1, (Kind::Float, device)).is_ok() {
                return Ok(());
            }
        }
    }
    let reason = match Cuda::device_count() {
        0 => "libtorch finds no CUDA device. Look whether nvidia-smi lists a GPU, and whether libtorch has its CUDA libraries \
              (build-notes.md, `CUDA`); or train on the CPU"
            .into(),
        n => format!("libtorch finds {n} CUDA devices, cuda:0 to cuda:{}", n - 1),
    };
    Err(Error::NoDevice { device: device_name(device), reason })
}

#[cfg(test)]
mod tests {
    use super::DeviceEngine;
    use crate::{
        Dataset, Init, Mnist, Optimizer,
        kernels::Outcome,
        torch::Parameters,
        train::{Rates, Samples},
    };
    use tch::Device;

    fn data() -> Dataset {
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap().train.first(64)
    }

    /// The device's way, on the CPU: not run on a GPU.
    #[test]
    fn it_learns_and_resumes_with_the_same_bits() {
        let data = data();
        let mut parameters = Parameters::new(Init::PyTorch.parameters(1), Device::Cpu).unwrap();
        let mut engine = DeviceEngine::new(Device::Cpu, Optimizer::default()).unwrap();
        let rates = Rates { learning_rate: 1e-3, momentum: None };
        let indices: Vec<_> = (0..data.len()).collect();
        let samples = Samples::Of { data: &data, indices: &indices };
        let step = |parameters: &mut Parameters, engine: &mut DeviceEngine| -> Outcome {
            let output = engine.gradients(parameters, samples).unwrap();
            engine.step(parameters, rates, Some(1.0)).unwrap();
            output.outcome().unwrap()
        };
        let first = step(&mut parameters, &mut engine);
        for _ in 0..10 {
            step(&mut parameters, &mut engine);
        }
        let mut other = Parameters::new(parameters.to_vec().unwrap(), Device::Cpu).unwrap();
        let mut resumed = DeviceEngine::new(Device::Cpu, Optimizer::default()).unwrap();
        let buffers = engine.buffers().unwrap();
        let buffers = buffers.into_iter().map(|(name, buffer)| (name.into(), buffer)).collect();
        resumed.restore(engine.steps(), buffers).unwrap();
        let last = step(&mut parameters, &mut engine);
        assert!(last.loss < first.loss, "{first:?} {last:?}");
        assert_eq!(step(&mut other, &mut resumed), last);
        assert_eq!(other.to_vec().unwrap(), parameters.to_vec().unwrap());
        assert_eq!(engine.logits(&parameters, &data).unwrap().len(), 64);
    }
}
