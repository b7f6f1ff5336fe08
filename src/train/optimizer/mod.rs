//! PyTorch's optimizers, over flat buffers.

mod adam;
mod sgd;

pub(crate) use adam::MOMENTS;
pub use adam::{Adam, AdamW};
pub(crate) use sgd::MOMENTUM_BUFFER;
pub use sgd::Sgd;

use super::schedule::Rates;
use crate::{Error, Result, kernels::Pool};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    /// The buffers of a run of so many `steps`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where one is missing, is not as long as the `parameters` are many, or is not this optimizer's.
    pub(crate) fn checked(
        &self,
        steps: usize,
        mut buffers: BTreeMap<String, Vec<f32>>,
        parameters: usize,
    ) -> Result<Buffers> {
        // SGD has its buffer only after a step with a momentum, which a schedule can set too.
        let (names, needed): (&[&'static str], _) = match self {
            Optimizer::Adam(_) | Optimizer::AdamW(_) => (&MOMENTS, steps > 0),
            Optimizer::Sgd(_) => (&[MOMENTUM_BUFFER], false),
        };
        let mut checked = Buffers::new();
        for &name in names {
            match buffers.remove(name) {
                Some(buffer) if buffer.len() == parameters => {
                    checked.insert(name, buffer);
                }
                Some(buffer) => {
                    let expected = format!("{parameters} numbers");
                    return Err(Error::invalid(name, expected, buffer.len().to_string()));
                }
                None if needed => return Err(Error::invalid(name, "a buffer", "none")),
                None => (),
            }
        }
        match buffers.into_keys().next() {
            Some(name) => Err(Error::invalid("optimizer", format!("the buffers {names:?}"), name)),
            None => Ok(checked),
        }
    }

    /// The same, with the momentum that a schedule sets, where it does: Adam's is its first beta.
    pub(crate) fn at(mut self, rates: Rates) -> Optimizer {
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

/// What an optimizer keeps from step to step, by PyTorch's names: one number for each parameter.
pub(crate) type Buffers = BTreeMap<&'static str, Vec<f32>>;

/// The buffer of that name, to be put back; zeros where there is none yet.
fn taken(buffers: &mut Buffers, name: &str, length: usize) -> Vec<f32> {
    buffers.remove(name).unwrap_or_else(|| vec![0.0; length])
}

/// An optimizer at work on a CPU: operation for operation PyTorch's, where it takes one tensor at a time.
#[derive(Debug)]
pub(crate) struct OptimizerState {
    optimizer: Optimizer,
    steps: usize,
    /// Made at the first step that needs them.
    buffers: Buffers,
}

impl OptimizerState {
    pub fn new(optimizer: Optimizer) -> OptimizerState {
        OptimizerState { optimizer, steps: 0, buffers: Buffers::new() }
    }

    /// One step of the flat `parameters` against their `gradients`, in one kernel, with the threads of `pool`. The numbers are
    /// PyTorch's, bit for bit, where the CPU has fused multiply-add, but for the square root: the kernel's is exact, and
    /// PyTorch's, which is MKL's, now and then off by a bit.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradients: &[f32],
        rates: Rates,
        pool: &mut Pool,
    ) {
        self.steps += 1;
        let (buffers, lr, t) = (&mut self.buffers, rates.learning_rate, self.steps);
        match self.optimizer.at(rates) {
            Optimizer::Adam(adam) => adam.step(parameters, gradients, buffers, t, lr, pool),
            Optimizer::AdamW(adamw) => adamw.step(parameters, gradients, buffers, t, lr, pool),
            Optimizer::Sgd(sgd) => sgd.step(parameters, gradients, buffers, lr, pool),
        }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// What it keeps: nothing before the first step.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Resumes from what [`steps`](Self::steps) and [`buffers`](Self::buffers) gave, for so many `parameters`.
    ///
    /// # Errors
    ///
    /// As [`Optimizer::checked`]; nothing has changed then.
    pub fn restore(
        &mut self,
        steps: usize,
        buffers: BTreeMap<String, Vec<f32>>,
        parameters: usize,
    ) -> Result<()> {
        self.buffers = self.optimizer.checked(steps, buffers, parameters)?;
        self.steps = steps;
        Ok(())
    }
}

/// The optimizers of tests/golden/optimizers.py, by its names, and the schedules that they follow there.
#[cfg(test)]
pub(crate) fn golden_optimizers() -> Vec<(&'static str, Optimizer, super::Schedule)> {
    use super::{OneCycleLr, Schedule};
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
        ("sgd_dampening", Optimizer::Sgd(Sgd { momentum, dampening: 0.5, weight_decay, ..sgd })),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Schedule, golden::Golden};

    fn step(
        state: &mut OptimizerState,
        parameters: &mut [f32],
        gradients: &[f32],
        schedule: &Schedule,
        learning_rate: f64,
        threads: usize,
    ) {
        let rates = schedule.rates(learning_rate, 0, state.steps()).unwrap();
        state.step(parameters, gradients, rates, &mut Pool::new(threads));
    }

    /// The parameters after each of the 20 steps.
    fn run(
        golden: &Golden,
        threads: usize,
        optimizer: Optimizer,
        schedule: &Schedule,
        learning_rate: f64,
    ) -> Vec<Vec<f32>> {
        let mut parameters = golden.floats("parameters");
        let mut state = OptimizerState::new(optimizer);
        let mut after = vec![];
        for gradients in golden.rows("gradients") {
            step(&mut state, &mut parameters, &gradients, schedule, learning_rate, threads);
            after.push(parameters.clone());
        }
        after
    }

    /// Bit for bit, on any CPU.
    #[test]
    fn every_step_is_pytorch_s() {
        let golden = Golden::open();
        for threads in [1, 3] {
            for (name, optimizer, schedule) in golden_optimizers() {
                let expected = golden.rows(&format!("optimizers.{name}"));
                let got = run(&golden, threads, optimizer, &schedule, 0.01);
                assert!(got == expected, "{name}, {threads} threads");
                // No other optimizer gives these numbers, and no other learning rate (one cycle does not use it).
                for (other, wrong, schedule) in golden_optimizers() {
                    let got = run(&golden, threads, wrong, &schedule, 0.01);
                    assert_eq!(got == expected, other == name, "{other} and {name}");
                }
                if schedule == Schedule::Constant {
                    let wrong = run(&golden, threads, optimizer, &schedule, 0.01 * 1.001);
                    assert!(wrong != expected, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_restored_state_goes_on_with_the_same_bits() {
        let golden = Golden::open();
        let gradients = golden.rows("gradients");
        for (name, optimizer, schedule) in golden_optimizers() {
            let expected = run(&golden, 1, optimizer, &schedule, 0.01);
            for stop in 0..20 {
                let mut parameters = golden.floats("parameters");
                let mut first = OptimizerState::new(optimizer);
                for gradients in &gradients[..stop] {
                    step(&mut first, &mut parameters, gradients, &schedule, 0.01, 1);
                }
                let saved = first.buffers().clone().into_iter();
                let saved = saved.map(|(name, buffer)| (name.into(), buffer)).collect();
                let mut second = OptimizerState::new(optimizer);
                second.restore(first.steps(), saved, parameters.len()).unwrap();
                for gradients in &gradients[stop..] {
                    step(&mut second, &mut parameters, gradients, &schedule, 0.01, 1);
                }
                assert_eq!(parameters, expected[19], "{name}, stopped after {stop}");
            }
        }
    }

    #[test]
    fn buffers_are_there_only_where_they_are_used() {
        let golden = Golden::open();
        for (name, optimizer, schedule) in golden_optimizers() {
            let mut state = OptimizerState::new(optimizer);
            assert_eq!(state.buffers().len(), 0, "{name}");
            let mut parameters = golden.floats("parameters");
            step(&mut state, &mut parameters, &golden.rows("gradients")[0], &schedule, 0.01, 1);
            let names: Vec<_> = state.buffers().keys().copied().collect();
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
        let (good, bad) = (|| vec![0.0; 67], || vec![0.0; 66]);
        let (adam, sgd) = (Optimizer::Adam(Adam::default()), Optimizer::Sgd(Sgd::default()));
        for (optimizer, buffers, expected) in [
            (adam, vec![], "exp_avg"),
            (adam, vec![("exp_avg", good())], "exp_avg_sq"),
            (adam, vec![("exp_avg", good()), ("exp_avg_sq", bad())], "exp_avg_sq"),
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
            let error = state.restore(3, buffers.collect(), 67).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!((state.steps(), state.buffers().len()), (0, 0));
        }
    }
}
