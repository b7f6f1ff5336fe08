use super::parameters::to_vec;
use crate::{
    Result,
    train::{Adam, Buffers, MOMENTS, MOMENTUM_BUFFER, Optimizer, Rates, Sgd},
};
use std::collections::{BTreeMap, btree_map::Entry};
use tch::{Device, Kind, TchError, Tensor, no_grad_guard};

/// What an optimizer keeps on a device: flat `f32`, as the parameters.
type Tensors = BTreeMap<&'static str, Tensor>;

/// libtorch's operators, all of which went well.
type Done = std::result::Result<(), TchError>;

/// An optimizer at work on a device: PyTorch's operations, one after the other.
#[derive(Debug)]
pub(super) struct Operations {
    optimizer: Optimizer,
    steps: usize,
    /// Made at the first step that needs them.
    buffers: Tensors,
}

impl Operations {
    pub fn new(optimizer: Optimizer) -> Operations {
        Operations { optimizer, steps: 0, buffers: Tensors::new() }
    }

    /// One step of the flat `parameters` against their `gradients`.
    pub fn step(
        &mut self,
        parameters: &mut Tensor,
        gradients: &Tensor,
        rates: Rates,
    ) -> Result<()> {
        let _no_grad = no_grad_guard();
        let (buffers, t, lr) = (&mut self.buffers, self.steps + 1, rates.learning_rate);
        match self.optimizer.at(rates) {
            Optimizer::Adam(it) => adam(&it, parameters, gradients, buffers, t, lr)?,
            Optimizer::AdamW(it) => {
                let _ = parameters.f_mul_scalar_(1.0 - lr * it.weight_decay)?;
                adam(&it.adam(), parameters, gradients, buffers, t, lr)?;
            }
            Optimizer::Sgd(it) => sgd(&it, parameters, gradients, buffers, lr)?,
        }
        self.steps = t;
        Ok(())
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// A copy of what it keeps.
    pub fn buffers(&self) -> Result<Buffers> {
        self.buffers.iter().map(|(&name, buffer)| Ok((name, to_vec(buffer)?))).collect()
    }

    /// Resumes after so many steps, with what it kept, on a device: see [`Optimizer::checked`].
    pub fn restore(
        &mut self,
        steps: usize,
        buffers: BTreeMap<String, Vec<f32>>,
        parameters: usize,
        device: Device,
    ) -> Result<()> {
        let mut restored = Tensors::new();
        for (name, buffer) in self.optimizer.checked(steps, buffers, parameters)? {
            restored.insert(name, Tensor::f_from_slice(&buffer)?.f_to_device(device)?);
        }
        (self.steps, self.buffers) = (steps, restored);
        Ok(())
    }
}

/// Step number `t` of Adam, counted from 1.
fn adam(
    config: &Adam,
    parameters: &mut Tensor,
    gradients: &Tensor,
    moments: &mut Tensors,
    t: usize,
    learning_rate: f64,
) -> Done {
    let decayed = match config.weight_decay {
        0.0 => gradients.shallow_clone(),
        decay => gradients.f_addcmul(parameters, &scalar(decay, gradients)?)?,
    };
    let gradients = &decayed;
    let (beta1, beta2) = config.betas;
    let bias_correction1 = 1.0 - beta1.powf(t as f64);
    let bias_correction2 = 1.0 - beta2.powf(t as f64);
    let [exp_avg, exp_avg_sq] = MOMENTS;

    let exp_avg = zeros_at_first(moments, exp_avg, gradients)?;
    let _ = exp_avg.f_lerp_(gradients, 1.0 - beta1)?;
    let scaled = exp_avg.f_mul_scalar(-learning_rate / bias_correction1)?;

    let exp_avg_sq = zeros_at_first(moments, exp_avg_sq, gradients)?;
    let _ = exp_avg_sq.f_mul_scalar_(beta2)?;
    let _ = exp_avg_sq.f_addcmul_(&gradients.f_mul_scalar(1.0 - beta2)?, gradients)?;
    let root = exp_avg_sq.f_sqrt()?.f_div_scalar(bias_correction2.sqrt())?;

    let _ = parameters.f_addcdiv_(&scaled, &root.f_add_scalar(config.eps)?)?;
    Ok(())
}

fn sgd(
    config: &Sgd,
    parameters: &mut Tensor,
    gradients: &Tensor,
    buffers: &mut Tensors,
    learning_rate: f64,
) -> Done {
    let mut update = gradients.shallow_clone();
    if config.weight_decay != 0.0 {
        update = update.f_addcmul(parameters, &scalar(config.weight_decay, gradients)?)?;
    }
    if config.momentum != 0.0 {
        let buffer = match buffers.entry(MOMENTUM_BUFFER) {
            Entry::Vacant(first) => {
                let mut copy = update.f_zeros_like()?;
                copy.f_copy_(&update)?;
                first.insert(copy)
            }
            Entry::Occupied(entry) => {
                let buffer = entry.into_mut();
                let _ = buffer.f_mul_scalar_(config.momentum)?;
                let kept = scalar(1.0 - config.dampening, gradients)?;
                let _ = buffer.f_addcmul_(&update, &kept)?;
                buffer
            }
        };
        update = if config.nesterov {
            update.f_addcmul(buffer, &scalar(config.momentum, gradients)?)?
        } else {
            buffer.shallow_clone()
        };
    }
    let _ = parameters.f_addcmul_(&update, &scalar(-learning_rate, gradients)?)?;
    Ok(())
}

/// What is kept under this name, zeros at first.
fn zeros_at_first<'a>(
    kept: &'a mut Tensors,
    name: &'static str,
    like: &Tensor,
) -> std::result::Result<&'a mut Tensor, TchError> {
    Ok(match kept.entry(name) {
        Entry::Vacant(first) => first.insert(like.f_zeros_like()?),
        Entry::Occupied(entry) => entry.into_mut(),
    })
}

/// Scales `gradients` down so that their norm is `max_norm` at most, and gives the norm that they had (`f32` `[]`, on their
/// device), as the trainer does it on a CPU; the tensors have `sizes` numbers each.
pub(super) fn clip_grad_norm(
    gradients: &mut Tensor,
    sizes: &[i64],
    max_norm: f64,
) -> Result<Tensor> {
    let _no_grad = no_grad_guard();
    let tensors = gradients.f_split_with_sizes(sizes, 0)?;
    let norms: std::result::Result<Vec<_>, _> = tensors.iter().map(Tensor::f_norm).collect();
    let norm = Tensor::f_stack(&norms?, 0)?.f_norm()?;
    // A number divided by a tensor is a reciprocal and a product in PyTorch.
    let reciprocal = norm.f_add_scalar(1e-6)?.f_reciprocal()?;
    let factor = reciprocal.f_mul_scalar(max_norm)?.f_clamp_max(1.0)?;
    let _ = gradients.f_mul_(&factor)?;
    Ok(norm)
}

/// A number as a tensor, for `a.addcmul(b, scalar)`. That is PyTorch's `a.add(b, alpha=number)`, rounded once, which tch
/// does not have; `a + b * number` rounds twice.
fn scalar(number: f64, like: &Tensor) -> std::result::Result<Tensor, TchError> {
    Tensor::f_full([0i64; 0], number, (Kind::Float, like.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernels::Pool,
        train::{OptimizerState, Schedule, golden::Golden, golden_optimizers},
    };

    /// The parameters after each of the 20 steps: `[20, 67]`.
    fn run(
        golden: &Golden,
        optimizer: Optimizer,
        schedule: &Schedule,
        learning_rate: f64,
    ) -> Tensor {
        let mut parameters = Tensor::from_slice(&golden.floats("parameters"));
        let mut state = Operations::new(optimizer);
        let mut after = vec![];
        for gradients in golden.rows("gradients") {
            let rates = schedule.rates(learning_rate, 0, state.steps()).unwrap();
            state.step(&mut parameters, &Tensor::from_slice(&gradients), rates).unwrap();
            after.push(parameters.copy());
        }
        Tensor::stack(&after, 0)
    }

    /// Bit for bit, but for the square root in Adam: that is MKL's, whose last bit is off at some numbers, not the same ones on
    /// every CPU. 6e-8 measured, a step of f32 just below 1.
    fn same(optimizer: Optimizer, got: &Tensor, expected: &Tensor) -> bool {
        match optimizer {
            Optimizer::Adam(_) | Optimizer::AdamW(_) => got.allclose(expected, 0.0, 1.2e-7, false),
            Optimizer::Sgd(_) => got == expected,
        }
    }

    /// On any CPU with fused multiply-add.
    #[test]
    fn every_step_is_pytorch_s() {
        let golden = Golden::open();
        for (name, optimizer, schedule) in golden_optimizers() {
            let expected = golden.floats(&format!("optimizers.{name}"));
            let expected = Tensor::from_slice(&expected).view([20, 67]);
            let got = run(&golden, optimizer, &schedule, 0.01);
            assert!(same(optimizer, &got, &expected), "{name}");
            // No other optimizer gives these numbers, and no other learning rate (one cycle does not use it).
            for (other, wrong, schedule) in golden_optimizers() {
                let got = run(&golden, wrong, &schedule, 0.01);
                assert_eq!(same(optimizer, &got, &expected), other == name, "{other} and {name}");
            }
            if schedule == Schedule::Constant {
                let wrong = run(&golden, optimizer, &schedule, 0.01 * 1.001);
                assert!(!same(optimizer, &wrong, &expected), "{name}");
            }
        }
    }

    /// On as many numbers as the network has, of many sizes: more than the golden file's 67 to be wrong at.
    #[test]
    fn the_kernel_s_steps_are_the_operations() {
        let _no_grad = no_grad_guard();
        let _generator = crate::torch::init::generator();
        tch::manual_seed(5);
        let draw = || {
            let exponents = Tensor::rand([61_750], (Kind::Float, Device::Cpu)) * 24 - 20;
            Tensor::randn([61_750], (Kind::Float, Device::Cpu)) * exponents.exp2()
        };
        for (name, optimizer, schedule) in golden_optimizers() {
            let mut operations = draw();
            let mut kernel = to_vec(&operations).unwrap();
            let mut by_kernel = OptimizerState::new(optimizer);
            let mut by_operations = Operations::new(optimizer);
            for step in 0..5 {
                let gradients = draw();
                let rates = schedule.rates(0.01, 0, step).unwrap();
                let numbers = to_vec(&gradients).unwrap();
                by_kernel.step(&mut kernel, &numbers, rates, &mut Pool::new(2));
                by_operations.step(&mut operations, &gradients, rates).unwrap();
                // The root's last bit again, in a step of 0.1 at most, and its effect on the sum's last bit.
                let got = Tensor::from_slice(&kernel);
                let equal = match optimizer {
                    Optimizer::Sgd(_) => got == operations,
                    _ => got.allclose(&operations, 3e-7, 1e-7, false),
                };
                assert!(equal, "{name}, step {step}");
                // No root goes into the moments, unless the parameters do.
                if name != "adam_weight_decay" {
                    let buffers = by_operations.buffers().unwrap();
                    assert!(*by_kernel.buffers() == buffers, "{name}, step {step}");
                }
            }
        }
    }

    #[test]
    fn a_restored_state_goes_on_with_the_same_bits() {
        let golden = Golden::open();
        let gradients: Vec<_> =
            golden.rows("gradients").iter().map(|row| Tensor::from_slice(row)).collect();
        let step = |state: &mut Operations, parameters: &mut Tensor, schedule: &Schedule, at| {
            let rates = schedule.rates(0.01, 0, state.steps()).unwrap();
            let gradients: &Tensor = &gradients[at];
            state.step(parameters, gradients, rates).unwrap();
        };
        for (name, optimizer, schedule) in golden_optimizers() {
            let expected = run(&golden, optimizer, &schedule, 0.01).get(19);
            for stop in [0, 1, 7, 19] {
                let mut parameters = Tensor::from_slice(&golden.floats("parameters"));
                let mut first = Operations::new(optimizer);
                (0..stop).for_each(|at| step(&mut first, &mut parameters, &schedule, at));
                let saved = first.buffers().unwrap().into_iter();
                let saved = saved.map(|(name, buffer)| (name.into(), buffer)).collect();
                let mut second = Operations::new(optimizer);
                second.restore(first.steps(), saved, 67, Device::Cpu).unwrap();
                (stop..20).for_each(|at| step(&mut second, &mut parameters, &schedule, at));
                assert_eq!(parameters, expected, "{name}, stopped after {stop}");
            }
        }
    }

    #[test]
    fn gradients_are_clipped_as_on_a_cpu() {
        let golden = Golden::open();
        for (name, max_norm) in [("at_1", 1.0), ("at_2", 2.0), ("at_100", 100.0)] {
            let (expected, norms) =
                (golden.rows(&format!("clipped.{name}")), golden.floats(&format!("norms.{name}")));
            for (i, gradients) in golden.rows("gradients").into_iter().enumerate() {
                let expected = Tensor::from_slice(&expected[i]);
                let clipped = |max_norm| {
                    let mut got = Tensor::from_slice(&gradients);
                    let norm = clip_grad_norm(&mut got, &[40, 20, 7], max_norm).unwrap();
                    (got, norm.double_value(&[]))
                };
                let (got, norm) = clipped(max_norm);
                // Sums in an order that depends on the CPU's vectors: a few times 2⁻²⁴, 6e-8.
                assert!(got.allclose(&expected, 5e-7, 0.0, false), "{name}, step {i}");
                assert!((norm / f64::from(norms[i]) - 1.0).abs() < 5e-7, "{name}, step {i}");
                if norm > max_norm {
                    let (wrong, _) = clipped(max_norm * 0.999);
                    assert!(!wrong.allclose(&expected, 5e-7, 0.0, false), "{name}, step {i}");
                }
            }
        }
    }
}
