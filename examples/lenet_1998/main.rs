//! The paper's program: trains the LeNet-5 of 1998 on MNIST and prints, pass by pass, the errors that the paper's figure 5
//! shows.

mod args;
#[path = "../program/mod.rs"]
mod program;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use lenet::{
    Checkpoints, LeNet1998Pictures, LeNet1998TrainConfig, LeNet1998Trainer, Mnist, weights,
};
use program::{
    kept_run::{resumed, stop},
    outcome,
    signals::{Signals, exit_code},
    terminal::Terminal,
};
use std::{
    ops::ControlFlow::{self, Break, Continue},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

fn main() -> ExitCode {
    outcome(run(Args::parse()))
}

fn run(args: Args) -> Result<ExitCode> {
    let terminal = Terminal { quiet: args.quiet };
    let config = args.config();
    let dir = match &args.data {
        Some(dir) => dir.clone(),
        None => Mnist::dir()?,
    };
    let mut mnist = Mnist::open_fitted(dir, config.fit)?;
    if let Some(images) = args.validation {
        // The test set is not even looked at.
        (mnist.train, mnist.test) = mnist.train.split(images.get()).context("--validation")?;
    }
    terminal.print(format_args!("{}", config.network.summary()))?;

    let signals = Signals::catch()?;
    let mut errors = vec![];
    for seed in args.seed..args.seed + args.seeds.get() as u64 {
        let config = LeNet1998TrainConfig { seed, ..config.clone() };
        match train(config, &args, &mnist, &terminal, &signals)? {
            Continue(error) => errors.push(error),
            Break(signal) => return Ok(exit_code(signal).into()),
        }
    }
    if errors.len() > 1 {
        let (mean, deviation) = mean_and_deviation(&errors);
        let all: Vec<_> = errors.iter().map(|error| format!("{error:.2}")).collect();
        terminal.print(format_args!(
            "{} error after the last pass, %: {}; mean {mean:.3}, standard deviation {deviation:.3}\n",
            tested_on(&args),
            all.join(" ")
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains with one seed. The test error after the last pass, in per cent, or the signal that stopped it.
fn train(
    config: LeNet1998TrainConfig,
    args: &Args,
    mnist: &Mnist,
    terminal: &Terminal,
    signals: &Signals,
) -> Result<ControlFlow<usize, f64>> {
    let (seed, passes) = (config.seed, config.passes);
    let of_seed = |dir: &PathBuf| dir.join(format!("seed-{seed}"));
    let checkpoints = args.checkpoint.as_ref().map(of_seed).map(Checkpoints::open).transpose()?;
    let mut trainer = match resumed(config.clone(), args.resume, checkpoints.as_ref())? {
        Some(trainer) => {
            let (passes, samples) = (trainer.passes(), trainer.samples());
            terminal.note(format_args!("going on after pass {passes} and {samples} images"));
            trainer
        }
        None => LeNet1998Trainer::new(config)?,
    };
    let dir = args.pictures.as_ref().map(of_seed);
    let mut pictures = match (dir, trainer.passes()) {
        (None, _) => None,
        (Some(dir), 0) => Some(LeNet1998Pictures::create(dir)?),
        (Some(dir), passes) => Some(LeNet1998Pictures::resume(dir, passes)?),
    };
    terminal.print(format_args!("seed {seed}\n"))?;
    while trainer.passes() < passes {
        let pass = trainer.passes() + 1;
        let bar = terminal.bar("{prefix} {wide_bar:.cyan/blue} {msg}");
        bar.set_prefix(format!("pass {pass}/{passes}"));
        bar.set_length(mnist.train.len() as u64);
        bar.set_position(trainer.samples() as u64);
        bar.reset_eta();
        let (before, start) = (trainer.samples(), Instant::now());
        let per_second = |samples| (samples - before) as f64 / start.elapsed().as_secs_f64();
        let trained = trainer.train_pass_with(&mnist.train, |_, at| {
            if !bar.is_hidden() {
                let (rate, left) = (per_second(at.samples), bar.eta().as_secs());
                let (loss, error) = (at.loss(), at.error() * 100.0);
                bar.set_position(at.samples as u64);
                bar.set_message(format!(
                    "criterion {loss:.3}, error {error:.2} %, {rate:.0} images/s, {left} s left"
                ));
            }
            Ok(signals.caught().map_or(Continue(()), Break))
        })?;
        let rate = per_second(mnist.train.len());
        bar.finish_and_clear();
        let seen = match trained {
            Continue(seen) => seen,
            Break(signal) => {
                let place = format!("pass {pass}, after {} images", trainer.samples());
                stop(&place, &trainer, checkpoints.as_ref())?;
                return Ok(Break(signal));
            }
        };
        let train = trainer.evaluate(&mnist.train)?;
        let test = trainer.evaluate(&mnist.test)?;
        terminal.print(format_args!(
            "pass {pass:2}: training error {:.3} % on the way, {:.3} % after; {} error {:.2} % ({} of {})\n",
            seen.error() * 100.0,
            100.0 - train.accuracy * 100.0,
            tested_on(args),
            100.0 - test.accuracy * 100.0,
            test.mistakes.len(),
            test.samples
        ))?;
        terminal.note(format_args!(
            "{:.2} s, {rate:.0} images/s; criterion {:.4} on the way, {:.4} (training), {:.4} ({})",
            seen.samples as f64 / rate,
            seen.loss(),
            train.loss,
            test.loss,
            tested_on(args)
        ));
        // The checkpoint last: what is in it has been reported.
        if let Some(pictures) = &mut pictures {
            pictures.record(pass, &train, &test, &mnist.test)?;
        }
        if let Some(checkpoints) = &checkpoints {
            checkpoints.save(&trainer)?;
        }
    }
    if let Some(path) = &args.save_model {
        weights::save(trainer.var_store(), path)?;
        terminal.note(format_args!("weights saved to {}", path.display()));
    }
    Ok(Continue(100.0 - trainer.evaluate(&mnist.test)?.accuracy * 100.0))
}

fn tested_on(args: &Args) -> &'static str {
    if args.validation.is_some() { "validation" } else { "test" }
}

/// Of the sample: divided by one less than there are.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0)).sqrt())
}
