use crate::{Error, Result, kernels::PARAMETERS};
use tch::{Tensor, nn::VarStore, no_grad_guard};

/// A network's parameters in one buffer, in the order of the `state_dict`; the variables of its `VarStore` are views of it.
/// So an optimizer step or a checkpoint touches one tensor, and the network sees it.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// All values: `f32` `[61,750]`.
    pub flat: Tensor,
    /// The variables, in the order of the `state_dict`.
    pub variables: Vec<Tensor>,
}

impl Parameters {
    /// Moves the variables of `vs` into one buffer, on the device that they are on.
    pub fn flatten(vs: &VarStore) -> Parameters {
        let _no_grad = no_grad_guard();
        let mut variables = vs.trainable_variables();
        let flat = concatenate(&variables);
        let values = flat.split_with_sizes(sizes(&variables), 0);
        for (variable, values) in variables.iter_mut().zip(values) {
            variable.set_data(&values.view_as(variable));
        }
        Parameters { flat, variables }
    }

    /// All values, apart from libtorch.
    pub fn to_boxed(&self) -> Result<Box<[f32; PARAMETERS]>> {
        let values = Vec::<f32>::try_from(&self.flat)?.into_boxed_slice();
        values.try_into().map_err(|values: Box<[f32]>| {
            Error::invalid("parameters", PARAMETERS.to_string(), values.len().to_string())
        })
    }

    /// How many numbers each variable has.
    pub fn sizes(&self) -> Vec<i64> {
        sizes(&self.variables)
    }
}

fn sizes(variables: &[Tensor]) -> Vec<i64> {
    variables.iter().map(|variable| variable.numel() as i64).collect()
}

/// The tensors' values one after the other: `[total]`.
pub(crate) fn concatenate(tensors: &[Tensor]) -> Tensor {
    let flat: Vec<_> = tensors.iter().map(|tensor| tensor.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}
