use crate::network::{Draw, Init, Layer};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Kind, Tensor, nn};

/// The variables `weight` and `bias` of a layer, drawn from libtorch's generator in PyTorch's order, weight before bias; zeros
/// where there is no `init`. Not tch's own layers: those draw the bias first, and as Kaiming did.
pub(super) fn variables(vs: &nn::Path, layer: &Layer, init: Option<Init>) -> [Tensor; 2] {
    let draws = init.map_or([Draw::Zero; 2], |init| init.draws(layer));
    let shapes = [layer.weight_shape(), vec![layer.maps()]];
    let shapes = shapes.map(|shape| shape.into_iter().map(|side| side as i64).collect());
    let (key, part) = layer.key.split_once('.').unwrap_or(("", layer.key));
    add(&(vs / key / part), draws, shapes)
}

/// The variables `weight` and `bias` under `vs`, drawn in this order from libtorch's CPU generator, whatever the device.
pub(super) fn add(vs: &nn::Path, draws: [Draw; 2], shapes: [Vec<i64>; 2]) -> [Tensor; 2] {
    let [weight, bias] = shapes;
    [("weight", draws[0], weight), ("bias", draws[1], bias)].map(|(name, draw, shape)| {
        let value = match draw {
            Draw::Uniform(bound) => Tensor::empty(&shape, CPU).uniform_(-bound, bound),
            Draw::Normal(deviation) => Tensor::randn(&shape, CPU) * deviation,
            Draw::Zero => Tensor::zeros(&shape, CPU),
        };
        vs.add(name, value.to_device(vs.device()), true)
    })
}

/// Held while a network's values are drawn: libtorch has one generator for the whole process, and two networks made at the
/// same time would otherwise take each other's numbers.
pub(super) fn generator() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

const CPU: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);
