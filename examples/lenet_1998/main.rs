//! The paper's program: trains the LeNet-5 of 1998 on MNIST and prints, pass by pass, the errors that the paper's figure 5
//! shows.

mod args;
#[path = "../program/mod.rs"]
mod program;

use anyhow::{Context, Error, Result};
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
    path::Path,
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
        match Run::start(config, &args, &mnist, &terminal, &signals)?.all()? {
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

/// A run with one seed, from pass to pass.
struct Run<'a> {
    args: &'a Args,
    mnist: &'a Mnist,
    terminal: &'a Terminal,
    signals: &'a Signals,
    trainer: LeNet1998Trainer,
    checkpoints: Option<Checkpoints>,
    pictures: Option<LeNet1998Pictures>,
}

impl<'a> Run<'a> {
    /// Begins, or resumes. A new run with pictures saves itself: should it be killed after the first pass's pictures, and before
    /// the checkpoint that follows, there is something to resume.
    fn start(
        config: LeNet1998TrainConfig,
        args: &'a Args,
        mnist: &'a Mnist,
        terminal: &'a Terminal,
        signals: &'a Signals,
    ) -> Result<Run<'a>> {
        let seed = config.seed;
        let checkpoints = args.checkpoints_of(seed).map(Checkpoints::open).transpose()?;
        let earlier = resumed(config.clone(), args.resume, checkpoints.as_ref())?;
        let is_resumed = earlier.is_some();
        let trainer = match earlier {
            Some(trainer) => trainer,
            None => LeNet1998Trainer::new(config)?,
        };
        let unfit = "cannot resume with this --data and --validation";
        trainer.check_data(&mnist.train).context(unfit)?;
        terminal.print(format_args!("seed {seed}\n"))?;
        note_start(&trainer, mnist.train.len(), terminal);
        let pictures = match args.pictures_of(seed) {
            Some(dir) => Some(pictures(&dir, &trainer, args.held_out(), is_resumed)?),
            None => None,
        };
        if let (Some(checkpoints), Some(_), false) = (&checkpoints, &pictures, is_resumed) {
            checkpoints.save(&trainer)?;
        }
        Ok(Run { args, mnist, terminal, signals, trainer, checkpoints, pictures })
    }

    /// Trains to the end. The error after the last pass, in per cent, or the signal that stopped it.
    fn all(&mut self) -> Result<ControlFlow<usize, f64>> {
        while self.trainer.passes() < self.trainer.config().passes {
            if let Break(signal) = self.pass()? {
                return Ok(Break(signal));
            }
        }
        if let Some(path) = &self.args.save_model {
            self.trainer.save(path).map_err(|error| self.rescued(error.into()))?;
            self.terminal.note(format_args!("weights saved to {}", path.display()));
        }
        Ok(Continue(per_cent(&self.trainer.evaluate(&self.mnist.test)?)))
    }

    /// Trains a pass, tests, and draws; or the signal that stopped it.
    fn pass(&mut self) -> Result<ControlFlow<usize>> {
        let pass = self.trainer.passes() + 1;
        let (seen, seconds) = match self.train(pass)? {
            Continue(trained) => trained,
            Break(signal) => return Ok(Break(signal)),
        };
        let train = self.trainer.evaluate(&self.mnist.train)?;
        let test = self.trainer.evaluate(&self.mnist.test)?;
        let held_out = self.args.held_out();
        let shown = show_pass(pass, &seen, &train, &test, seconds, held_out, self.terminal)
            .and_then(|()| match &mut self.pictures {
                Some(pictures) => Ok(pictures.record(pass, &train, &test, &self.mnist.test)?),
                None => Ok(()),
            });
        // Whatever became of that, the pass is not lost. After it, so that a run which is killed in between records again.
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.save(&self.trainer)?;
        }
        shown.map_err(|error| self.rescued(error))?;
        Ok(Continue(()))
    }

    /// Trains what is left of the pass: its figures and the seconds that it took.
    fn train(&mut self, pass: usize) -> Result<ControlFlow<usize, (PassStats, f64)>> {
        let Run { mnist, terminal, signals, trainer, checkpoints, .. } = self;
        let title = format!("pass {pass}/{}", trainer.config().passes);
        let progress = Progress::start(terminal, title, trainer.samples(), mnist.train.len());
        let trained = trainer.train_pass_with(&mnist.train, |_, at| {
            let (loss, error) = (at.loss(), at.error() * 100.0);
            progress.show(at.samples, || {
                vec![format!("criterion {loss:.3}"), format!("error {error:.2} %")]
            });
            Ok(signals.caught().map_or(Continue(()), Break))
        })?;
        match trained {
            Continue(seen) => {
                let seconds = progress.finish(seen.samples);
                Ok(Continue((seen, seconds)))
            }
            Break(signal) => {
                drop(progress);
                let place = format!("pass {pass}, after {} images", trainer.samples());
                stop(&place, trainer, checkpoints.as_ref())?;
                Ok(Break(signal))
            }
        }
    }

    /// An error, with where the weights were saved, if there is no checkpoint of them.
    fn rescued(&self, error: Error) -> Error {
        match self.checkpoints {
            None => rescued(error, &self.trainer.state_dict()),
            Some(_) => error,
        }
    }
}

/// From where the run starts, where that is not the beginning.
fn note_start(trainer: &LeNet1998Trainer, images: usize, terminal: &Terminal) {
    let passes = trainer.config().passes;
    match (trainer.passes(), trainer.samples()) {
        (0, 0) => (),
        (trained, _) if trained >= passes => {
            terminal.note(format_args!("all {passes} passes were trained before"))
        }
        (trained, 0) => terminal.note(format_args!("resuming after pass {trained}")),
        (trained, samples) => terminal.note(format_args!(
            "resuming in pass {}, after {samples} of {images} images",
            trained + 1
        )),
    }
}

/// The run's pictures, from its start or from where it is resumed.
fn pictures(
    dir: &Path,
    trainer: &LeNet1998Trainer,
    held_out: HeldOut,
    is_resumed: bool,
) -> Result<LeNet1998Pictures> {
    check_report(dir, "pictures", LeNet1998Pictures::is_in(dir)?, is_resumed)?;
    Ok(match trainer.passes() {
        0 => LeNet1998Pictures::create(dir, held_out)?,
        trained => LeNet1998Pictures::resume(dir, held_out, trained)?,
    })
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
