//! The numbers of libtorch's modules.

use crate::compare::{Tensor, Tensors};
use lenet::{
    Dataset, LeNet,
    tch::{self, Device, nn},
    weights::{Array, StateDict},
};

/// The batch through the net, there and back: stages, loss and gradients.
pub fn numbers(weights: &StateDict, batch: &Dataset) -> Tensors {
    let mut vs = nn::VarStore::new(Device::Cpu);
    let net = LeNet::new(&vs.root());
    weights.load_into(&mut vs).unwrap();
    let stages = net.stages(&batch.images());
    let logits = &stages.iter().find(|stage| stage.name == "output").unwrap().output;
    let loss = logits.cross_entropy_for_logits(&batch.labels());
    let (names, variables): (Vec<_>, Vec<_>) = vs.variables().into_iter().unzip();
    let gradients = tch::Tensor::run_backward(&[&loss], &variables, false, false);

    let mut numbers = Tensors::from([("loss".into(), tensor(&loss.view([1])))]);
    let stages = stages.iter().map(|stage| (format!("stages.{}", stage.name), &stage.output));
    let gradients = names.iter().map(|name| format!("gradients.{name}")).zip(&gradients);
    numbers.extend(stages.chain(gradients).map(|(name, values)| (name, tensor(values))));
    numbers
}

fn tensor(values: &tch::Tensor) -> Tensor {
    let array = Array::try_from(values).unwrap();
    Tensor::f32(array.shape().into(), array.values().iter().copied())
}
