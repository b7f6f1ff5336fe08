//! Who owns a network's parameters: libtorch, where it is there, so that the variables of a `VarStore` are views of them; a plain
//! box otherwise.

#[cfg(feature = "torch")]
pub(super) use crate::torch::Parameters;
#[cfg(not(feature = "torch"))]
pub(super) use plain::Parameters;

#[cfg(not(feature = "torch"))]
mod plain {
    use crate::{Error, Result, network::PARAMETERS, train::Device};

    /// A network's parameters, in the order of the `state_dict`.
    #[derive(Debug)]
    pub struct Parameters(Box<[f32; PARAMETERS]>);

    impl Parameters {
        /// Takes over `values`, of which there have to be as many as the network has.
        pub fn new(values: Vec<f32>, _: Device) -> Result<Parameters> {
            let values = values.into_boxed_slice().try_into();
            values.map(Parameters).map_err(|values: Box<[f32]>| {
                Error::invalid("parameters", PARAMETERS.to_string(), values.len().to_string())
            })
        }

        pub fn as_slice(&self) -> Result<&[f32; PARAMETERS]> {
            Ok(&self.0)
        }

        pub fn as_mut_slice(&mut self) -> Result<&mut [f32; PARAMETERS]> {
            Ok(&mut self.0)
        }

        /// A copy of all values.
        pub fn to_vec(&self) -> Result<Vec<f32>> {
            Ok(self.0.to_vec())
        }
    }
}
