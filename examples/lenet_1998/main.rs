//! The paper's program: trains the LeNet-5 of 1998 on MNIST and prints, pass by pass, the errors that the paper's figure 5
//! shows.

mod args;
#[path = "../program/mod.rs"]
mod program;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use lenet::{
    Checkpoints, Evaluation, Mnist,
    data::NamedSet,
    lenet_1998::{HeldOut, LeNet1998Pictures, LeNet1998TrainConfig, LeNet1998Trainer, PassStats},
};
use program::{
    data,
    kept_run::{check_report, resumed, stop},
    outcome,
    progress::Progress,
    seeds::spread,
    signals::{Signals, exit_code},
    terminal::Terminal,
    weights_file::rescued,
};
use std::{
    ops::ControlFlow::{self, Break, Continue},
    process::ExitCode,
};

fn main() -> ExitCode {
    outcome(run(Args::parse()))
}

fn run(args: Args) -> Result<ExitCode> {
    let terminal = Terminal { quiet: args.quiet };
    let (config, seeds) = (args.config(), args.seeds()?);
    args.check_files()?;
    for dir in seeds.clone().filter_map(|seed| args.pictures_of(seed)) {
        check_report(&dir, "pictures", LeNet1998Pictures::is_in(&dir)?, args.resume)?;
    }
    let sets = data::open(NamedSet::Mnist, args.data.as_deref(), config.fit, &terminal)?;
    let mut mnist = Mnist::from(sets);
    if let Some(images) = args.validation {
        // The test set is not even looked at.
        (mnist.train, mnist.test) = mnist.train.split(images.get()).context("--validation")?;
    }
    terminal.print(format_args!("{}", config.network.summary()))?;

    let signals = Signals::catch()?;
    let mut errors = vec![];
    for seed in seeds {
        let config = LeNet1998TrainConfig { seed, ..config.clone() };
        match train(config, &args, &mnist, &terminal, &signals)? {
            Continue(error) => errors.push(error),
            Break(signal) => return Ok(exit_code(signal).into()),
        }
    }
    if errors.len() > 1 {
        let what = format!("{} error after the last pass, %", name(args.held_out()));
        terminal.print(format_args!("{}", spread(&what, &errors)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains with one seed. The error after the last pass, in per cent, or the signal that stopped it.
fn train(
    config: LeNet1998TrainConfig,
    args: &Args,
    mnist: &Mnist,
    terminal: &Terminal,
    signals: &Signals,
) -> Result<ControlFlow<usize, f64>> {
    let (seed, passes) = (config.seed, config.passes);
    let checkpoints = args.checkpoints_of(seed).map(Checkpoints::open).transpose()?;
    let earlier = resumed(config.clone(), args.resume, checkpoints.as_ref())?;
    let is_resumed = earlier.is_some();
    let mut trainer = match earlier {
        Some(trainer) => trainer,
        None => LeNet1998Trainer::new(config)?,
    };
    trainer.check_data(&mnist.train).context("cannot resume with this --data and --validation")?;
    terminal.print(format_args!("seed {seed}\n"))?;
    match (trainer.passes(), trainer.samples()) {
        (0, 0) => (),
        (trained, _) if trained >= passes => {
            terminal.note(format_args!("all {passes} passes were trained before"))
        }
        (trained, 0) => terminal.note(format_args!("resuming after pass {trained}")),
        (trained, samples) => terminal.note(format_args!(
            "resuming in pass {}, after {samples} of {} images",
            trained + 1,
            mnist.train.len()
        )),
    }
    if let Some(dir) = args.pictures_of(seed) {
        check_report(&dir, "pictures", LeNet1998Pictures::is_in(&dir)?, is_resumed)?;
    }
    let mut pictures = match (args.pictures_of(seed), trainer.passes()) {
        (None, _) => None,
        (Some(dir), 0) => Some(LeNet1998Pictures::create(dir, args.held_out())?),
        (Some(dir), trained) => Some(LeNet1998Pictures::resume(dir, args.held_out(), trained)?),
    };
    // Should the run be killed after the first pass's pictures, and before the checkpoint that follows, there is something to
    // resume.
    if let (Some(checkpoints), Some(_), false) = (&checkpoints, &pictures, is_resumed) {
        checkpoints.save(&trainer)?;
    }
    let lost = |error, trainer: &LeNet1998Trainer| match checkpoints {
        None => rescued(error, &trainer.state_dict()),
        Some(_) => error,
    };
    while trainer.passes() < passes {
        let pass = trainer.passes() + 1;
        let title = format!("pass {pass}/{passes}");
        let (before, total) = (trainer.samples(), mnist.train.len());
        let progress = Progress::start(terminal, title, before, total);
        let trained = trainer.train_pass_with(&mnist.train, |_, at| {
            let (loss, error) = (at.loss(), at.error() * 100.0);
            progress.show(at.samples, || {
                vec![format!("criterion {loss:.3}"), format!("error {error:.2} %")]
            });
            Ok(signals.caught().map_or(Continue(()), Break))
        })?;
        let seen = match trained {
            Continue(seen) => seen,
            Break(signal) => {
                drop(progress);
                let place = format!("pass {pass}, after {} images", trainer.samples());
                stop(&place, &trainer, checkpoints.as_ref())?;
                return Ok(Break(signal));
            }
        };
        let seconds = progress.finish(seen.samples);
        let (train, test) = (trainer.evaluate(&mnist.train)?, trainer.evaluate(&mnist.test)?);
        let recorded = show_pass(pass, &seen, &train, &test, seconds, args.held_out(), terminal)
            .and_then(|()| match &mut pictures {
                Some(pictures) => Ok(pictures.record(pass, &train, &test, &mnist.test)?),
                None => Ok(()),
            });
        // Whatever became of that, the pass is not lost. After it, so that a run which is killed in between records again.
        if let Some(checkpoints) = &checkpoints {
            checkpoints.save(&trainer)?;
        }
        recorded.map_err(|error| lost(error, &trainer))?;
    }
    if let Some(path) = &args.save_model {
        trainer.save(path).map_err(|error| lost(error.into(), &trainer))?;
        terminal.note(format_args!("weights saved to {}", path.display()));
    }
    Ok(Continue(per_cent(&trainer.evaluate(&mnist.test)?)))
}

/// What the paper's figure 5 has of a pass, and what it has not.
fn show_pass(
    pass: usize,
    seen: &PassStats,
    train: &Evaluation,
    test: &Evaluation,
    seconds: f64,
    held_out: HeldOut,
    terminal: &Terminal,
) -> Result<()> {
    let name = name(held_out);
    terminal.print(format_args!(
        "pass {pass:2}: training error {:.3} % on the way, {:.3} % after; {name} error {:.2} % ({} of {})\n",
        seen.error() * 100.0,
        per_cent(train),
        per_cent(test),
        test.mistakes.len(),
        test.samples
    ))?;
    let criterion = format!(
        "criterion {:.4} on the way, {:.4} (training), {:.4} ({name})",
        seen.loss(),
        train.loss,
        test.loss
    );
    let rate = seen.samples as f64 / seconds;
    match seconds.is_finite() {
        true => terminal.note(format_args!("{seconds:.2} s, {rate:.0} images/s; {criterion}")),
        false => terminal.note(format_args!("{criterion}")), // it was trained before
    }
    Ok(())
}

fn name(held_out: HeldOut) -> &'static str {
    match held_out {
        HeldOut::Test => "test",
        HeldOut::Validation => "validation",
    }
}

/// The errors.
fn per_cent(set: &Evaluation) -> f64 {
    set.mistakes.len() as f64 * 100.0 / set.samples as f64
}
