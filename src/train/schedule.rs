use super::{MOST, require};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate goes over a run: PyTorch's schedules, with its names and values.
///
/// [`StepLr`](Schedule::StepLr) and [`CosineAnnealingLr`](Schedule::CosineAnnealingLr) follow the epochs that were
/// trained, as with `scheduler.step()` after each epoch; [`OneCycleLr`] follows the optimizer's steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Schedule {
    /// The config's learning rate throughout: the post's.
    #[default]
    Constant,
    /// `torch.optim.lr_scheduler.StepLR`: times `gamma` after every `step_size` epochs.
    StepLr {
        /// How many epochs a learning rate stays, 1 to 1,000,000.
        step_size: usize,
        /// What it is multiplied by then, 0 or more. PyTorch's default is 0.1.
        gamma: f64,
    },
    /// `torch.optim.lr_scheduler.CosineAnnealingLR` (Loshchilov, Hutter 2017), at epoch `t`, counted from 0:
    ///
    /// `eta_min + (lr - eta_min) (1 + cos(π t / t_max)) / 2`
    ///
    /// Beyond `t_max` it rises again, as PyTorch's does.
    CosineAnnealingLr {
        /// After how many epochs `eta_min` is reached, 1 to 1,000,000.
        t_max: usize,
        /// The lowest learning rate, 0 or more. PyTorch's default is 0.
        eta_min: f64,
    },
    /// `torch.optim.lr_scheduler.OneCycleLR`. The config's learning rate is not used.
    OneCycleLr(OneCycleLr),
}

/// What a schedule sets for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub learning_rate: f64,
    /// SGD's momentum, or Adam's first beta, where the schedule sets it.
    pub momentum: Option<f64>,
}

impl Schedule {
    /// Whether it can be followed.
    pub(crate) fn check(&self) -> Result<()> {
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::StepLr { step_size, gamma } => {
                require("step_size", "1 to 1,000,000", step_size, (1..=MOST).contains(&step_size))?;
                require("gamma", "0 or more", gamma, (0.0..f64::INFINITY).contains(&gamma))
            }
            Schedule::CosineAnnealingLr { t_max, eta_min } => {
                require("t_max", "1 to 1,000,000", t_max, (1..=MOST).contains(&t_max))?;
                require("eta_min", "0 or more", eta_min, (0.0..f64::INFINITY).contains(&eta_min))
            }
            Schedule::OneCycleLr(one_cycle) => one_cycle.check(),
        }
    }

    /// What holds for a step, given how many `epochs` and `steps` of the run came before it, and the `base` learning rate.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where [`OneCycleLr`] is over.
    pub(crate) fn rates(&self, base: f64, epochs: usize, steps: usize) -> Result<Rates> {
        let learning_rate = match *self {
            Schedule::Constant => base,
            // The two go from epoch to epoch, as PyTorch's do: the closed forms differ in the last bits.
            Schedule::StepLr { step_size, gamma } => {
                (0..epochs / step_size).fold(base, |lr, _| lr * gamma)
            }
            Schedule::CosineAnnealingLr { t_max, eta_min } => {
                let cos = |t: usize| libm::cos(PI * t as f64 / t_max as f64);
                (1..=epochs).fold(base, |lr, t| {
                    if t % (2 * t_max) == (t_max + 1) % (2 * t_max) {
                        // From the lowest point, where the ratio below would be 0 / 0.
                        lr + (base - eta_min) * (1.0 - cos(1)) / 2.0
                    } else {
                        (1.0 + cos(t)) / (1.0 + cos(t - 1)) * (lr - eta_min) + eta_min
                    }
                })
            }
            Schedule::OneCycleLr(one_cycle) => return one_cycle.rates(steps),
        };
        Ok(Rates { learning_rate, momentum: None })
    }
}

/// `torch.optim.lr_scheduler.OneCycleLR` (Smith, Topin 2018): the learning rate rises from `max_lr / div_factor` to
/// `max_lr`, then falls to `max_lr / div_factor / final_div_factor`, over `total_steps` steps of the optimizer, and the
/// momentum goes the other way.
///
/// ```
/// use lenet::{OneCycleLr, Schedule, TrainConfig};
///
/// let config = TrainConfig::pytorch();
/// let steps_per_epoch = 60_000_usize.div_ceil(config.batch_size);
/// let one_cycle = OneCycleLr::new(0.01, config.epochs * steps_per_epoch);
/// let one_cycle = OneCycleLr { cycle_momentum: false, ..one_cycle };
/// let config = TrainConfig { schedule: Schedule::OneCycleLr(one_cycle), ..config };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OneCycleLr {
    /// The highest learning rate, above 0.
    pub max_lr: f64,
    /// How many steps the cycle has, 1 or more. A trainer that goes on after them gives [`Error::Invalid`].
    pub total_steps: usize,
    /// Which share of the steps the rise takes, 0 to 1.
    pub pct_start: f64,
    /// How the way from one corner to the next is gone.
    pub anneal_strategy: AnnealStrategy,
    /// Whether the momentum goes from `max_momentum` to `base_momentum` and back while the learning rate rises and falls:
    /// SGD's momentum, Adam's first beta. The optimizer's own is not used then.
    pub cycle_momentum: bool,
    /// The lowest momentum, 0 to below 1.
    pub base_momentum: f64,
    /// The highest momentum, 0 to below 1.
    pub max_momentum: f64,
    /// By how much the first learning rate is lower than the highest, above 0.
    pub div_factor: f64,
    /// By how much the last learning rate is lower than the first, above 0.
    pub final_div_factor: f64,
    /// Whether the fall goes to the first learning rate in as many steps as the rise took, and from there to the last in
    /// those that are left. Otherwise it goes to the last at once.
    pub three_phase: bool,
}

/// How a [`OneCycleLr`] goes from one learning rate to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AnnealStrategy {
    /// Along half a wave of the cosine.
    #[default]
    Cos,
    /// Straight.
    Linear,
}

impl OneCycleLr {
    /// PyTorch's defaults for all else.
    pub fn new(max_lr: f64, total_steps: usize) -> OneCycleLr {
        OneCycleLr {
            max_lr,
            total_steps,
            pct_start: 0.3,
            anneal_strategy: AnnealStrategy::Cos,
            cycle_momentum: true,
            base_momentum: 0.85,
            max_momentum: 0.95,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [
            ("max_lr", self.max_lr),
            ("div_factor", self.div_factor),
            ("final_div_factor", self.final_div_factor),
        ] {
            require(what, "a number above 0", value, value > 0.0 && value.is_finite())?;
        }
        require("total_steps", "1 or more", self.total_steps, self.total_steps > 0)?;
        require("pct_start", "0 to 1", self.pct_start, (0.0..=1.0).contains(&self.pct_start))?;
        // A rise from step 0 to step 0: PyTorch divides by zero there.
        let rise = self.pct_start * self.total_steps as f64;
        require("pct_start", "a rise of more than one step, or of less", rise, rise != 1.0)?;
        for (what, value) in
            [("base_momentum", self.base_momentum), ("max_momentum", self.max_momentum)]
        {
            require(what, "0 to below 1", value, (0.0..1.0).contains(&value))?;
        }
        Ok(())
    }

    /// What holds for a step, given how many came before it.
    fn rates(&self, steps: usize) -> Result<Rates> {
        if steps >= self.total_steps {
            let got = format!("one more than {steps}");
            return Err(Error::invalid("total_steps", "as many steps as are trained", got));
        }
        let (step, total) = (steps as f64, self.total_steps as f64);
        let first_lr = self.max_lr / self.div_factor;
        let first = (first_lr, self.max_momentum);
        let peak = (self.max_lr, self.base_momentum);
        let last = (first_lr / self.final_div_factor, self.max_momentum);
        let rise = self.pct_start * total - 1.0;
        // Learning rate and momentum at the steps between which the way is gone.
        let corners: &[_] = if self.three_phase {
            let fall = 2.0 * self.pct_start * total - 2.0;
            &[(0.0, first), (rise, peak), (fall, first), (total - 1.0, last)]
        } else {
            &[(0.0, first), (rise, peak), (total - 1.0, last)]
        };
        let passed =
            corners[1..corners.len() - 1].iter().take_while(|(end, _)| step > *end).count();
        let ((start, from), (end, to)) = (corners[passed], corners[passed + 1]);
        let pct = (step - start) / (end - start);
        let anneal = |from: f64, to: f64| match self.anneal_strategy {
            AnnealStrategy::Cos => to + (from - to) / 2.0 * (libm::cos(PI * pct) + 1.0),
            AnnealStrategy::Linear => (to - from) * pct + from,
        };
        Ok(Rates {
            learning_rate: anneal(from.0, to.0),
            momentum: self.cycle_momentum.then(|| anneal(from.1, to.1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::golden::Golden;

    /// tests/golden/optimizers.py has the same names.
    fn schedules() -> Vec<(&'static str, Schedule)> {
        let base = OneCycleLr::new(0.1, 20);
        let one_cycle = Schedule::OneCycleLr;
        vec![
            ("constant", Schedule::Constant),
            ("step_lr", Schedule::StepLr { step_size: 3, gamma: 0.3 }),
            ("cosine_annealing_lr", Schedule::CosineAnnealingLr { t_max: 10, eta_min: 0.0 }),
            (
                "cosine_annealing_lr_eta_min",
                Schedule::CosineAnnealingLr { t_max: 7, eta_min: 0.02 },
            ),
            ("cosine_annealing_lr_of_1", Schedule::CosineAnnealingLr { t_max: 1, eta_min: 0.0 }),
            ("one_cycle_lr", one_cycle(base)),
            (
                "one_cycle_lr_linear",
                one_cycle(OneCycleLr { anneal_strategy: AnnealStrategy::Linear, ..base }),
            ),
            (
                "one_cycle_lr_three_phase",
                one_cycle(OneCycleLr { three_phase: true, pct_start: 0.4, ..base }),
            ),
            (
                "one_cycle_lr_options",
                one_cycle(OneCycleLr {
                    pct_start: 0.25,
                    base_momentum: 0.5,
                    max_momentum: 0.9,
                    div_factor: 10.0,
                    final_div_factor: 100.0,
                    ..OneCycleLr::new(0.4, 33)
                }),
            ),
            ("one_cycle_lr_no_rise", one_cycle(OneCycleLr { pct_start: 0.0, ..base })),
            ("one_cycle_lr_of_1", one_cycle(OneCycleLr::new(0.1, 1))),
        ]
    }

    /// Equal but for the cosine, whose last bit depends on the C library: an error of 1e-16 there, which a second rise of
    /// CosineAnnealingLR multiplies by t_max² / 2.5, makes 4e-15 in what follows.
    fn close(got: f64, expected: f64) -> bool {
        (got - expected).abs() <= 1e-14 * expected.abs().max(0.1)
    }

    #[test]
    fn every_value_is_pytorch_s() {
        let golden = Golden::open();
        for (name, schedule) in schedules() {
            schedule.check().unwrap();
            let expected = golden.numbers(&format!("schedules.{name}"));
            assert!(!expected.is_empty());
            let rates = |base: f64, i| match schedule {
                Schedule::OneCycleLr(_) => schedule.rates(base, 0, i).unwrap(),
                _ => schedule.rates(base, i, 0).unwrap(),
            };
            let momenta =
                name.starts_with("one_cycle").then(|| golden.numbers(&format!("momenta.{name}")));
            for (i, &expected) in expected.iter().enumerate() {
                let got = rates(0.1, i);
                let exact = matches!(schedule, Schedule::Constant | Schedule::StepLr { .. })
                    || name == "one_cycle_lr_linear";
                assert!(
                    if exact {
                        got.learning_rate == expected
                    } else {
                        close(got.learning_rate, expected)
                    },
                    "{name}, {i}: {} and {expected}",
                    got.learning_rate
                );
                assert!(!close(got.learning_rate + 1e-9, expected));
                match (&momenta, got.momentum) {
                    (Some(momenta), Some(momentum)) => {
                        assert!(close(momentum, momenta[i]), "{name}, {i}: {momentum}")
                    }
                    (None, None) => (),
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
    }

    /// No two of them agree, so that each option shows.
    #[test]
    fn another_schedule_s_values_are_told_apart() {
        let golden = Golden::open();
        let mut all: Vec<_> = schedules()
            .into_iter()
            .map(|(name, _)| golden.numbers(&format!("schedules.{name}")))
            .collect();
        let count = all.len();
        all.iter_mut().for_each(|values| values.truncate(5));
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn one_cycle_ends() {
        let one_cycle = OneCycleLr::new(0.1, 20);
        assert!(one_cycle.rates(19).is_ok());
        let error = one_cycle.rates(20).unwrap_err().to_string();
        assert!(error.contains("total_steps") && error.contains("more than 20"), "{error}");
    }

    #[test]
    fn the_momentum_can_be_left_alone() {
        let one_cycle = OneCycleLr { cycle_momentum: false, ..OneCycleLr::new(0.1, 20) };
        assert_eq!(one_cycle.rates(3).unwrap().momentum, None);
    }

    #[test]
    fn schedules_that_cannot_be_followed_are_refused() {
        let base = OneCycleLr::new(0.1, 20);
        let one_cycle = Schedule::OneCycleLr;
        for (expected, schedule) in [
            ("step_size", Schedule::StepLr { step_size: 0, gamma: 0.1 }),
            ("gamma", Schedule::StepLr { step_size: 1, gamma: -0.1 }),
            ("gamma", Schedule::StepLr { step_size: 1, gamma: f64::NAN }),
            ("t_max", Schedule::CosineAnnealingLr { t_max: 0, eta_min: 0.0 }),
            ("eta_min", Schedule::CosineAnnealingLr { t_max: 1, eta_min: f64::INFINITY }),
            ("max_lr", one_cycle(OneCycleLr { max_lr: 0.0, ..base })),
            ("total_steps", one_cycle(OneCycleLr { total_steps: 0, ..base })),
            ("pct_start", one_cycle(OneCycleLr { pct_start: 1.1, ..base })),
            ("pct_start", one_cycle(OneCycleLr { pct_start: 0.05, ..base })),
            ("base_momentum", one_cycle(OneCycleLr { base_momentum: -0.1, ..base })),
            ("max_momentum", one_cycle(OneCycleLr { max_momentum: 1.0, ..base })),
            ("final_div_factor", one_cycle(OneCycleLr { final_div_factor: 0.0, ..base })),
            ("div_factor", one_cycle(OneCycleLr { div_factor: f64::NAN, ..base })),
        ] {
            let error = schedule.check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
