//! PyTorch's optimizers, over flat buffers.

mod adam;
mod sgd;

pub use adam::{Adam, AdamW};
pub use sgd::Sgd;

use super::schedule::Rates;
use crate::{Error, Result, kernels::Pool};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use tch::{Device, Kind, Tensor, no_grad_guard};

/// How the parameters follow their gradients: PyTorch's optimizers, with its names, defaults and formulas.
///
/// ```
/// use lenet::{Optimizer, Sgd, TrainConfig};
///
/// let optimizer = Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() });
/// let config = TrainConfig { optimizer, learning_rate: 0.05, ..TrainConfig::pytorch() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Optimizer {
    /// `torch.optim.Adam`: the post's.
    Adam(Adam),
    /// `torch.optim.AdamW`.
    AdamW(AdamW),
    /// `torch.optim.SGD`.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Optimizer {
        Optimizer::Adam(Adam::default())
    }
}

impl Optimizer {
    /// Whether PyTorch would have it.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Optimizer::Adam(adam) => adam.check(),
            Optimizer::AdamW(adamw) => adamw.check(),
            Optimizer::Sgd(sgd) => sgd.check(),
        }
    }

    /// The same, with the momentum that a schedule sets, where it does: Adam's is its first beta.
    fn at(mut self, rates: Rates) -> Optimizer {
        if let Some(momentum) = rates.momentum {
            match &mut self {
                Optimizer::Adam(adam) => adam.betas.0 = momentum,
                Optimizer::AdamW(adamw) => adamw.betas.0 = momentum,
                Optimizer::Sgd(sgd) => sgd.momentum = momentum,
            }
        }
        self
    }
}

/// What an optimizer keeps from step to step, by PyTorch's names: flat `f32`, as the parameters.
type Buffers = BTreeMap<&'static str, Tensor>;

/// An optimizer at work: operation for operation PyTorch's on a CPU, where it takes one tensor at a time.
#[derive(Debug)]
pub(super) struct OptimizerState {
    optimizer: Optimizer,
    steps: usize,
    /// Made at the first step that needs them.
    buffers: Buffers,
}

impl OptimizerState {
    pub fn new(optimizer: Optimizer) -> OptimizerState {
        OptimizerState { optimizer, steps: 0, buffers: Buffers::new() }
    }

    /// One step of the flat `parameters` against their `gradients`: on a CPU in one kernel, with the threads of `pool`, and
    /// elsewhere by libtorch's operations. The kernel's numbers are PyTorch's, bit for bit, where the CPU has fused
    /// multiply-add, but for the square root: its own is exact, and PyTorch's, which is MKL's, now and then off by a bit.
    pub fn step(
        &mut self,
        parameters: &mut Tensor,
        gradients: &Tensor,
        rates: Rates,
        pool: &mut Pool,
    ) -> Result<()> {
        if parameters.device() == Device::Cpu {
            self.step_fused(parameters, gradients, rates, pool)
        } else {
            self.step_by_operations(parameters, gradients, rates);
            Ok(())
        }
    }

    fn step_fused(
        &mut self,
        parameters: &mut Tensor,
        gradients: &Tensor,
        rates: Rates,
        pool: &mut Pool,
    ) -> Result<()> {
        let (buffers, lr, t) = (&mut self.buffers, rates.learning_rate, self.steps + 1);
        match self.optimizer.at(rates) {
            Optimizer::Adam(it) => it.step_fused(parameters, gradients, buffers, t, lr, pool)?,
            Optimizer::AdamW(it) => it.step_fused(parameters, gradients, buffers, t, lr, pool)?,
            Optimizer::Sgd(it) => it.step_fused(parameters, gradients, buffers, lr, pool)?,
        }
        self.steps = t;
        Ok(())
    }

    fn step_by_operations(&mut self, parameters: &mut Tensor, gradients: &Tensor, rates: Rates) {
        let _no_grad = no_grad_guard();
        self.steps += 1;
        let (buffers, lr) = (&mut self.buffers, rates.learning_rate);
        match self.optimizer.at(rates) {
            Optimizer::Adam(adam) => adam.step(parameters, gradients, buffers, self.steps, lr),
            Optimizer::AdamW(adamw) => adamw.step(parameters, gradients, buffers, self.steps, lr),
            Optimizer::Sgd(sgd) => sgd.step(parameters, gradients, buffers, lr),
        }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// What it keeps, in the order of the names: nothing before the first step.
    pub fn buffers(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        self.buffers.iter().map(|(&name, buffer)| (name, buffer))
    }

    /// Goes on from what [`steps`](Self::steps) and [`buffers`](Self::buffers) gave, for these `parameters`. The buffers
    /// are taken over, not copied, unless they lie on another device.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where a buffer is missing, does not fit or is not this optimizer's; nothing has changed then.
    pub fn restore(
        &mut self,
        steps: usize,
        mut buffers: HashMap<String, Tensor>,
        parameters: &Tensor,
    ) -> Result<()> {
        // SGD has its buffer only after a step with a momentum, which a schedule can set too.
        let (names, needed): (&[&'static str], _) = match self.optimizer {
            Optimizer::Adam(_) | Optimizer::AdamW(_) => (&adam::MOMENTS, steps > 0),
            Optimizer::Sgd(_) => (&[sgd::MOMENTUM_BUFFER], false),
        };
        let mut restored = Buffers::new();
        for &name in names {
            match buffers.remove(name) {
                Some(buffer) if fits(&buffer, parameters) => {
                    restored.insert(name, buffer.to_device(parameters.device()));
                }
                Some(buffer) => {
                    let expected = format!("{:?} {:?}", parameters.kind(), parameters.size());
                    let got = format!("{:?} {:?}", buffer.kind(), buffer.size());
                    return Err(Error::invalid(name, expected, got));
                }
                None if needed => return Err(Error::invalid(name, "a buffer", "none")),
                None => (),
            }
        }
        if let Some(name) = buffers.into_keys().next() {
            return Err(Error::invalid("optimizer", format!("the buffers {names:?}"), name));
        }
        (self.steps, self.buffers) = (steps, restored);
        Ok(())
    }
}

fn fits(buffer: &Tensor, parameters: &Tensor) -> bool {
    buffer.kind() == parameters.kind() && buffer.size() == parameters.size()
}

/// A number as a tensor, for `a.addcmul(b, scalar)`. That is PyTorch's `a.add(b, alpha=number)`, rounded once, which tch
/// does not have; `a + b * number` rounds twice.
fn scalar(number: f64, like: &Tensor) -> Tensor {
    Tensor::full([0i64; 0], number, (Kind::Float, like.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::golden::Golden;
    use crate::train::schedule::{OneCycleLr, Schedule};

    /// tests/golden/optimizers.py has the same names.
    fn optimizers() -> Vec<(&'static str, Optimizer, Schedule)> {
        let (adam, adamw, sgd) = (Adam::default(), AdamW::default(), Sgd::default());
        let betas = (0.8, 0.95);
        let (momentum, weight_decay) = (0.9, 0.1);
        let one_cycle = || Schedule::OneCycleLr(OneCycleLr::new(0.1, 20));
        let mut all: Vec<_> = [
            ("adam", Optimizer::Adam(adam)),
            ("adam_options", Optimizer::Adam(Adam { betas, eps: 1e-4, ..adam })),
            ("adam_weight_decay", Optimizer::Adam(Adam { weight_decay, ..adam })),
            ("adamw", Optimizer::AdamW(adamw)),
            ("adamw_weight_decay", Optimizer::AdamW(AdamW { weight_decay, ..adamw })),
            ("sgd", Optimizer::Sgd(sgd)),
            ("sgd_weight_decay", Optimizer::Sgd(Sgd { weight_decay, ..sgd })),
            ("sgd_momentum", Optimizer::Sgd(Sgd { momentum, ..sgd })),
            (
                "sgd_dampening",
                Optimizer::Sgd(Sgd { momentum, dampening: 0.5, weight_decay, ..sgd }),
            ),
            ("sgd_nesterov", Optimizer::Sgd(Sgd { momentum, weight_decay, nesterov: true, ..sgd })),
        ]
        .map(|(name, optimizer)| (name, optimizer, Schedule::Constant))
        .into();
        all.extend(
            [
                ("adam_one_cycle", Optimizer::Adam(adam)),
                ("adamw_one_cycle", Optimizer::AdamW(adamw)),
                ("sgd_one_cycle", Optimizer::Sgd(sgd)),
                ("sgd_nesterov_one_cycle", Optimizer::Sgd(Sgd { momentum, nesterov: true, ..sgd })),
            ]
            .map(|(name, optimizer)| (name, optimizer, one_cycle())),
        );
        all
    }

    fn step(
        state: &mut OptimizerState,
        parameters: &mut Tensor,
        gradients: &Tensor,
        schedule: &Schedule,
        learning_rate: f64,
    ) {
        let rates = schedule.rates(learning_rate, 0, state.steps()).unwrap();
        state.step(parameters, gradients, rates, &mut Pool::new(1)).unwrap();
    }

    /// How a step is computed.
    #[derive(Debug, Clone, Copy)]
    enum By {
        Kernel { threads: usize },
        Operations,
    }

    /// The parameters after each of the 20 steps: `[20, 67]`.
    fn run(
        golden: &Golden,
        by: By,
        optimizer: Optimizer,
        schedule: &Schedule,
        learning_rate: f64,
    ) -> Tensor {
        let mut parameters = golden.tensor("parameters").copy();
        let mut state = OptimizerState::new(optimizer);
        let mut after = vec![];
        for gradients in golden.tensor("gradients").unbind(0) {
            let rates = schedule.rates(learning_rate, 0, state.steps()).unwrap();
            match by {
                By::Kernel { threads } => {
                    let mut pool = Pool::new(threads);
                    state.step(&mut parameters, &gradients, rates, &mut pool).unwrap();
                }
                By::Operations => state.step_by_operations(&mut parameters, &gradients, rates),
            }
            after.push(parameters.copy());
        }
        Tensor::stack(&after, 0)
    }

    /// The kernel bit for bit. So are libtorch's operations, but for the square root in Adam: that is MKL's, whose last bit is
    /// off at some numbers, not the same ones on every CPU. 6e-8 measured, a step of f32 just below 1.
    fn same(by: By, optimizer: Optimizer, got: &Tensor, expected: &Tensor) -> bool {
        match (by, optimizer) {
            (By::Operations, Optimizer::Adam(_) | Optimizer::AdamW(_)) => {
                got.allclose(expected, 0.0, 1.2e-7, false)
            }
            _ => got == expected,
        }
    }

    /// On any CPU with fused multiply-add.
    #[test]
    fn every_step_is_pytorch_s() {
        let golden = Golden::open();
        for by in [By::Operations, By::Kernel { threads: 1 }, By::Kernel { threads: 3 }] {
            for (name, optimizer, schedule) in optimizers() {
                let expected = golden.tensor(&format!("optimizers.{name}"));
                let got = run(&golden, by, optimizer, &schedule, 0.01);
                assert!(same(by, optimizer, &got, expected), "{name} {by:?}");
                // No other optimizer gives these numbers, and no other learning rate (one cycle does not use it).
                for (other, wrong, schedule) in optimizers() {
                    let got = run(&golden, by, wrong, &schedule, 0.01);
                    assert_eq!(
                        same(by, optimizer, &got, expected),
                        other == name,
                        "{other} and {name} {by:?}"
                    );
                }
                if schedule == Schedule::Constant {
                    let wrong = run(&golden, by, optimizer, &schedule, 0.01 * 1.001);
                    assert!(!same(by, optimizer, &wrong, expected), "{name} {by:?}");
                }
            }
        }
    }

    /// On as many numbers as the network has, of many sizes: more than the golden file's 67 to be wrong at.
    #[test]
    fn the_kernel_s_steps_are_the_operations() {
        let _no_grad = no_grad_guard();
        tch::manual_seed(5);
        let draw = || {
            let exponents = Tensor::rand([61_750], (Kind::Float, Device::Cpu)) * 24 - 20;
            Tensor::randn([61_750], (Kind::Float, Device::Cpu)) * exponents.exp2()
        };
        for (name, optimizer, schedule) in optimizers() {
            let mut kernel = draw();
            let mut operations = kernel.copy();
            let mut states = [OptimizerState::new(optimizer), OptimizerState::new(optimizer)];
            for step in 0..5 {
                let gradients = draw();
                let rates = schedule.rates(0.01, 0, step).unwrap();
                states[0].step(&mut kernel, &gradients, rates, &mut Pool::new(2)).unwrap();
                states[1].step_by_operations(&mut operations, &gradients, rates);
                // The root's last bit again, in a step of 0.1 at most, and its effect on the sum's last bit.
                let equal = match optimizer {
                    Optimizer::Sgd(_) => kernel == operations,
                    _ => kernel.allclose(&operations, 3e-7, 1e-7, false),
                };
                assert!(equal, "{name}, step {step}");
                // No root goes into the moments, unless the parameters do.
                if name != "adam_weight_decay" {
                    assert!(states[0].buffers().eq(states[1].buffers()), "{name}, step {step}");
                }
            }
        }
    }

    #[test]
    fn a_restored_state_goes_on_with_the_same_bits() {
        let golden = Golden::open();
        let gradients = golden.tensor("gradients").unbind(0);
        for (name, optimizer, schedule) in optimizers() {
            let expected = golden.tensor(&format!("optimizers.{name}"));
            for stop in 0..20 {
                let mut parameters = golden.tensor("parameters").copy();
                let mut first = OptimizerState::new(optimizer);
                for gradients in &gradients[..stop] {
                    step(&mut first, &mut parameters, gradients, &schedule, 0.01);
                }
                let saved = first.buffers().map(|(name, buffer)| (name.into(), buffer.copy()));
                let mut second = OptimizerState::new(optimizer);
                second.restore(first.steps(), saved.collect(), &parameters).unwrap();
                for gradients in &gradients[stop..] {
                    step(&mut second, &mut parameters, gradients, &schedule, 0.01);
                }
                assert_eq!(parameters, expected.get(19), "{name}, stopped after {stop}");
            }
        }
    }

    #[test]
    fn buffers_are_there_only_where_they_are_used() {
        let golden = Golden::open();
        for (name, optimizer, schedule) in optimizers() {
            let mut state = OptimizerState::new(optimizer);
            assert_eq!(state.buffers().count(), 0, "{name}");
            let mut parameters = golden.tensor("parameters").copy();
            let gradients = golden.tensor("gradients").get(0);
            step(&mut state, &mut parameters, &gradients, &schedule, 0.01);
            let names: Vec<_> = state.buffers().map(|(name, _)| name).collect();
            let expected: &[_] = match name {
                "sgd" | "sgd_weight_decay" => &[],
                _ if name.starts_with("sgd") => &["momentum_buffer"],
                _ => &["exp_avg", "exp_avg_sq"],
            };
            assert_eq!(names, expected, "{name}");
        }
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused() {
        let parameters = Golden::open().tensor("parameters").copy();
        let good = || parameters.zeros_like();
        let bad = || parameters.narrow(0, 1, 66);
        let (adam, sgd) = (Optimizer::Adam(Adam::default()), Optimizer::Sgd(Sgd::default()));
        for (optimizer, buffers, expected) in [
            (adam, vec![], "exp_avg"),
            (adam, vec![("exp_avg", good())], "exp_avg_sq"),
            (adam, vec![("exp_avg", good()), ("exp_avg_sq", bad())], "exp_avg_sq"),
            (
                adam,
                vec![("exp_avg", good().to_kind(Kind::Double)), ("exp_avg_sq", good())],
                "exp_avg",
            ),
            (
                adam,
                vec![("exp_avg", good()), ("exp_avg_sq", good()), ("momentum_buffer", good())],
                "momentum_buffer",
            ),
            (sgd, vec![("exp_avg", good())], "exp_avg"),
            (sgd, vec![("momentum_buffer", bad())], "momentum_buffer"),
        ] {
            let mut state = OptimizerState::new(optimizer);
            let buffers = buffers.into_iter().map(|(name, buffer)| (name.into(), buffer));
            let error = state.restore(3, buffers.collect(), &parameters).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!((state.steps(), state.buffers().count()), (0, 0));
        }
    }
}
