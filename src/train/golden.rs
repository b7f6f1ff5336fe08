use std::collections::HashMap;
use tch::Tensor;

/// What tests/golden/optimizers.py wrote down.
pub(super) struct Golden(HashMap<String, Tensor>);

impl Golden {
    pub fn open() -> Golden {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/optimizers.safetensors");
        Golden(Tensor::read_safetensors(path).unwrap().into_iter().collect())
    }

    pub fn tensor(&self, name: &str) -> &Tensor {
        &self.0[name]
    }

    pub fn numbers(&self, name: &str) -> Vec<f64> {
        Vec::try_from(&self.0[name]).unwrap()
    }
}
