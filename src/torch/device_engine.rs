use super::{
    context::Cudnn,
    libtorch::{BatchOutput, Gradients, Libtorch},
    operations::{Operations, clip_grad_norm},
    parameters::Parameters,
};
use crate::{
    Error, Result,
    data::Dataset,
    network::PARAMETERS,
    train::{Buffers, Optimizer, Rates, Samples},
};
use std::collections::BTreeMap;
use tch::Device;

/// Training on a device other than the CPU: parameters, gradients and the optimizer's buffers stay there.
#[derive(Debug)]
pub(crate) struct DeviceEngine {
    libtorch: Libtorch,
    device: Device,
    optimizer: Operations,
    /// Those of the last batch.
    gradients: Option<Gradients>,
}

impl DeviceEngine {
    pub fn new(device: Device, cudnn: Cudnn, optimizer: Optimizer) -> Result<DeviceEngine> {
        let (libtorch, optimizer) = (Libtorch::new(device, cudnn)?, Operations::new(optimizer));
        Ok(DeviceEngine { libtorch, device, optimizer, gradients: None })
    }

    pub fn gradients(&mut self, parameters: &Parameters, samples: Samples) -> Result<BatchOutput> {
        let (output, gradients) = self.libtorch.batch(parameters, samples)?;
        self.gradients = Some(gradients);
        Ok(output)
    }

    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        rates: Rates,
        max_norm: Option<f64>,
    ) -> Result<()> {
        let Some(Gradients(mut gradients)) = self.gradients.take() else {
            return Err(Error::invalid("gradients", "those of a batch", "none"));
        };
        if let Some(max_norm) = max_norm {
            let sizes: Vec<_> = parameters.variables.iter().map(|it| it.numel() as i64).collect();
            let _ = clip_grad_norm(&mut gradients, &sizes, max_norm)?;
        }
        self.optimizer.step(&mut parameters.flat, &gradients, rates)
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

#[cfg(test)]
mod tests {
    use super::DeviceEngine;
    use crate::{
        Dataset, Init, Mnist, Optimizer,
        kernels::Outcome,
        torch::{Cudnn, Parameters},
        train::{Rates, Samples},
    };
    use tch::Device;

    const CUDNN: Cudnn = Cudnn { allow_tf32: true, deterministic: false };

    fn data() -> Dataset {
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap().train.first(64)
    }

    /// The device's way, on the CPU: not run on a GPU.
    #[test]
    fn it_learns_and_resumes_with_the_same_bits() {
        let data = data();
        let mut parameters = Parameters::new(Init::PyTorch.parameters(1), Device::Cpu).unwrap();
        let mut engine = DeviceEngine::new(Device::Cpu, CUDNN, Optimizer::default()).unwrap();
        let rates = Rates { learning_rate: 1e-3, momentum: None };
        let indices: Vec<_> = (0..data.len()).collect();
        let samples = Samples::Of { data: &data, indices: &indices, next: &[] };
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
        let mut resumed = DeviceEngine::new(Device::Cpu, CUDNN, Optimizer::default()).unwrap();
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
