use crate::network::{Draw, Init, Layer};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Kind, TchError, Tensor, nn};

/// The variables `weight` and `bias`.
type Variables = Result<[Tensor; 2], TchError>;

/// The variables `weight` and `bias` of a layer, drawn from libtorch's generator in PyTorch's order, weight before bias; zeros
/// where there is no `init`. Not tch's own layers: those draw the bias first, and as Kaiming did.
pub(super) fn variables(vs: &nn::Path, layer: &Layer, init: Option<Init>) -> Variables {
    let draws = init.map_or([Draw::Zero; 2], |init| init.draws(layer));
    let shapes = [layer.weight_shape(), vec![layer.maps()]];
    let shapes = shapes.map(|shape| shape.into_iter().map(|side| side as i64).collect());
    let (key, part) = layer.key.split_once('.').unwrap_or(("", layer.key));
    add(&(vs / key / part), draws, shapes)
}

/// The variables `weight` and `bias` under `vs`, drawn in this order from libtorch's CPU generator, whatever the device.
pub(super) fn add(vs: &nn::Path, draws: [Draw; 2], shapes: [Vec<i64>; 2]) -> Variables {
    let add = |name, draw, shape: &[i64]| {
        let value = match draw {
            Draw::Uniform(bound) => Tensor::f_empty(shape, CPU)?.f_uniform_(-bound, bound)?,
            Draw::Normal(deviation) => Tensor::f_randn(shape, CPU)?.f_mul_scalar(deviation)?,
            Draw::Zero => Tensor::f_zeros(shape, CPU)?,
        };
        Ok::<_, TchError>(vs.add(name, value.f_to_device(vs.device())?, true))
    };
    Ok([add("weight", draws[0], &shapes[0])?, add("bias", draws[1], &shapes[1])?])
}

/// Held while a network's values are drawn: libtorch has one generator for the whole process, and two networks made at the
/// same time would otherwise take each other's numbers.
pub(super) fn generator() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

const CPU: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);
