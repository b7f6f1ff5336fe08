use super::{
    lenet::LeNet,
    slices::{numbers, numbers_mut},
};
use crate::{Error, Result, network::PARAMETERS};
use tch::{Device, Kind, Tensor, nn::VarStore, no_grad_guard};

/// A network's parameters in one buffer, in the order of the `state_dict`; the variables of a [`LeNet`] are views of it. So an
/// optimizer step or a checkpoint touches one buffer, and the network sees it.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// All values: `f32` `[61,750]`.
    pub(super) flat: Tensor,
    /// The variables, in the order of the `state_dict`.
    pub(super) variables: Vec<Tensor>,
    pub var_store: VarStore,
    pub model: LeNet,
}

impl Parameters {
    /// A network of these `values`, of which there have to be as many as it has, on a device.
    pub fn new(values: Vec<f32>, device: Device) -> Result<Parameters> {
        if values.len() != PARAMETERS {
            let got = values.len().to_string();
            return Err(Error::invalid("parameters", PARAMETERS.to_string(), got));
        }
        let _no_grad = no_grad_guard();
        // Before the variables, so that a device without room says so in an error.
        let flat = Tensor::f_from_slice(&values)?.f_to_device(device)?;
        let var_store = VarStore::new(device);
        let model = LeNet::zeroed(&var_store.root())?;
        let mut variables = var_store.trainable_variables();
        let sizes: Vec<_> = variables.iter().map(|variable| variable.numel() as i64).collect();
        for (variable, values) in variables.iter_mut().zip(flat.f_split_with_sizes(sizes, 0)?) {
            variable.f_set_data(&values.f_view_as(variable)?)?;
        }
        Ok(Parameters { flat, variables, var_store, model })
    }

    /// The values on a CPU.
    pub fn as_slice(&self) -> Result<&[f32; PARAMETERS]> {
        numbers(&self.flat)?.as_array().ok_or_else(others)
    }

    /// The values on a CPU, to be changed.
    pub fn as_mut_slice(&mut self) -> Result<&mut [f32; PARAMETERS]> {
        numbers_mut(&mut self.flat)?.as_mut_array().ok_or_else(others)
    }

    /// A copy of all values.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        Ok(Vec::try_from(self.flat.f_to_device(Device::Cpu)?)?)
    }
}

/// There are always as many parameters.
fn others() -> Error {
    Error::invalid("parameters", PARAMETERS.to_string(), "others")
}

/// A tensor's numbers in the CPU's memory.
pub(super) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::try_from(tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?)?)
}
