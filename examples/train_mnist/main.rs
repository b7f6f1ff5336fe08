//! The post's program: trains LeNet on MNIST and prints, epoch by epoch, what the post prints.

mod args;
#[path = "../program/mod.rs"]
mod program;
mod ranks;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use lenet::{Checkpoints, Dataset, EpochRecord, EpochStats, Evaluation, Mnist, Report, Trainer};
use program::{
    kept_run::{command_line, resumed, stop},
    outcome,
    progress::Progress,
    seeds::spread,
    signals::{Signals, exit_code},
    terminal::Terminal,
};
use ranks::{Ranks, caught, caught_at_a_step};
use std::{
    io::{self, Write},
    ops::ControlFlow::{self, Break, Continue},
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let args = Args::parse();
    match Ranks::start(args.ranks) {
        Ok(ranks) => ranks.end(run(args, ranks)),
        Err(error) => outcome(Err(error)),
    }
}

fn run(mut args: Args, ranks: Ranks) -> Result<ExitCode> {
    args.set_threads();
    if !ranks.is_first() {
        args.write_nothing();
    }
    args.check_files()?;
    let terminal = Terminal { quiet: args.quiet };
    let seeds = args.seeds()?;
    // Before the data: it may have something to refuse.
    let mut first = Some(Kept::open(&args, *seeds.start(), ranks)?);

    let mnist = load(args.data.clone(), &terminal)?;
    let sizes = (mnist.train.len(), mnist.test.len());
    terminal.print(format_args!("train_data:{}, test_data:{}\n", sizes.0, sizes.1))?;
    if let Some(index) = args.show {
        return show(&mnist, index);
    }
    let sets = Sets::of(mnist, &args)?;
    terminal.print(format_args!("{}", lenet::summary([1, 32, 32])))?;
    let signals = Signals::catch()?;
    let mut accuracies = vec![];
    let several = seeds.start() < seeds.end();
    for seed in seeds {
        let kept = first.take().map_or_else(|| Kept::open(&args, seed, ranks), Ok)?;
        if several {
            terminal.print(format_args!("seed {seed}\n"))?;
        }
        let mut run = Run::start(kept, &args, &terminal, &sets, &signals)?;
        while !run.is_over() {
            if let Break(signal) = run.epoch()? {
                return run.stop(signal);
            }
        }
        accuracies.push(run.end()? * 100.0);
    }
    if several {
        let spread = spread("test accuracy after the last epoch, %", &accuracies);
        terminal.print(format_args!("{spread}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A seed's trainer, new or resumed, and where its checkpoints are kept.
struct Kept {
    trainer: Trainer,
    checkpoints: Option<Checkpoints>,
    is_resumed: bool,
}

impl Kept {
    fn open(args: &Args, seed: u64, ranks: Ranks) -> Result<Kept> {
        let dir = args.checkpoint.as_ref().map(|dir| args.folder(dir, seed));
        let checkpoints = dir.map(Checkpoints::open).transpose()?;
        let config = args.config(seed);
        let earlier = resumed(config.clone(), args.resume, checkpoints.as_ref())?;
        let is_resumed = earlier.is_some();
        let trainer = ranks.join(earlier.map_or_else(|| Trainer::new(config), Ok)?)?;
        Ok(Kept { trainer, checkpoints, is_resumed })
    }
}

/// What is trained and tested on.
struct Sets {
    train: Dataset,
    validation: Option<Dataset>,
    test: Dataset,
}

impl Sets {
    fn of(Mnist { mut train, mut test }: Mnist, args: &Args) -> Result<Sets> {
        let mut validation = None;
        if let Some(images) = args.validation {
            let (rest, kept_out) = train.split(images.get()).context("--validation")?;
            (train, validation) = (rest, Some(kept_out));
        }
        if args.dry_run {
            let batch_size = args.config(0).batch_size;
            (train, test) = (train.first(batch_size), test.first(batch_size));
        }
        Ok(Sets { train, validation, test })
    }
}

/// From where the run starts, where that is not the beginning.
fn note_start(
    trainer: &Trainer,
    is_resumed: bool,
    args: &Args,
    terminal: &Terminal,
    images: usize,
) {
    match (is_resumed, trainer.samples()) {
        (false, _) if args.resume => {
            terminal.note(format_args!("no good checkpoint there: starting"))
        }
        (false, _) => (),
        (true, 0) => terminal.note(format_args!("resuming after epoch {}", trainer.epochs())),
        (true, samples) => terminal.note(format_args!(
            "resuming in epoch {}, after {samples} of {images} images",
            trainer.epochs() + 1,
        )),
    }
}

/// A run with one seed, from epoch to epoch.
struct Run<'a> {
    args: &'a Args,
    terminal: &'a Terminal,
    trainer: Trainer,
    sets: &'a Sets,
    checkpoints: Option<Checkpoints>,
    report: Option<(Report, PathBuf)>,
    signals: &'a Signals,
    /// After the last epoch.
    test_accuracy: Option<f64>,
}

impl<'a> Run<'a> {
    fn start(
        Kept { trainer, checkpoints, is_resumed }: Kept,
        args: &'a Args,
        terminal: &'a Terminal,
        sets: &'a Sets,
        signals: &'a Signals,
    ) -> Result<Run<'a>> {
        let unfit = "cannot resume with this --data and --validation";
        trainer.check_data(&sets.train).context(unfit)?;
        note_start(&trainer, is_resumed, args, terminal, sets.train.len());
        let dir = args.report.as_ref().map(|dir| args.folder(dir, trainer.config().seed));
        let report = dir.map(|dir| -> Result<_> {
            let report = match is_resumed {
                true => Report::resume(&dir, trainer.epochs())?,
                false => Report::create(&dir)?,
            };
            Ok((report, dir.join("report.html")))
        });
        let report = report.transpose()?;
        Ok(Run { args, terminal, trainer, sets, checkpoints, report, signals, test_accuracy: None })
    }

    /// Whether all epochs are trained, or so many in a row brought nothing better.
    fn is_over(&self) -> bool {
        let epochs = self.trainer.epochs();
        let stalled = self.trainer.best().zip(self.args.early_stop);
        epochs >= self.trainer.config().epochs
            || stalled.is_some_and(|(best, patience)| epochs - best.epoch >= patience.get())
    }

    /// Trains an epoch, tests, and reports; or the signal that stopped it.
    fn epoch(&mut self) -> Result<ControlFlow<usize>> {
        if let Some(signal) = caught(&self.trainer, self.signals)? {
            return Ok(Break(signal));
        }
        let (epoch, epochs) = (self.trainer.epochs() + 1, self.trainer.config().epochs);
        self.terminal.print(format_args!("epoch {epoch}\n"))?;
        let (done, total) = (self.trainer.samples(), self.sets.train.len());
        let title = format!("epoch {epoch}/{epochs}");
        let progress = Progress::start(self.terminal, title, done, total);
        let train = match self.train(&progress)? {
            Continue(stats) => stats,
            Break(signal) => return Ok(Break(signal)),
        };
        let seconds = progress.finish(train.samples);
        let test = self.trainer.evaluate(&self.sets.test)?;
        self.test_accuracy = Some(test.accuracy);
        let mut record = EpochRecord::new(epoch, train, test, seconds);
        record.validation = self.validate()?;
        let shown = show_epoch(&record, self.terminal).and_then(|()| self.report(&record));
        // Whatever became of that, the epoch is not lost. After it, so that a run which is killed in between reports again.
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.save(&self.trainer)?;
        }
        shown.map(Continue)
    }

    /// Trains what is left of the epoch.
    fn train(&mut self, progress: &Progress) -> Result<ControlFlow<usize, EpochStats>> {
        let Run { args, trainer, sets, checkpoints, signals, .. } = self;
        let trained = trainer.train_epoch_with(&sets.train, |trainer, at| {
            if let Some(stats) = at.stats {
                let figures = || format!("loss {:.4}, acc {:.4}", stats.loss, stats.accuracy);
                progress.show(at.samples, figures);
            }
            if let Some(signal) = caught_at_a_step(trainer, signals)? {
                return Ok(Break(signal));
            }
            if let (Some(checkpoints), Some(every)) = (&checkpoints, args.checkpoint_every)
                && trainer.steps() % every == 0
                && at.samples < at.total
            {
                checkpoints.save(trainer)?;
            }
            Ok(Continue(()))
        });
        Ok(trained?)
    }

    /// What the network makes of the validation images, where there are any; the best weights are saved.
    fn validate(&mut self) -> Result<Option<Evaluation>> {
        let Some(validation) = &self.sets.validation else { return Ok(None) };
        let validation = self.trainer.evaluate(validation)?;
        if self.trainer.note_validation(&validation)
            && let Some(path) = &self.args.best
        {
            self.save(path)?;
            self.terminal.note(format_args!("the best so far: saved to {}", path.display()));
        }
        Ok(Some(validation))
    }

    fn report(&mut self, record: &EpochRecord) -> Result<()> {
        if let Some((report, _)) = &mut self.report {
            report.record(record, &self.trainer.state_dict(), &self.sets.test)?;
        }
        Ok(())
    }

    /// After the last epoch: the test accuracy.
    fn end(mut self) -> Result<f64> {
        if let Some(best) = self.trainer.best() {
            self.terminal.note(format_args!(
                "epoch {} did best on the validation images: {:.6}",
                best.epoch, best.accuracy
            ));
        }
        self.terminal.print(format_args!("End of the training\n"))?;
        if let Some((_, page)) = self.report.as_ref().filter(|(_, page)| page.exists()) {
            self.terminal.note(format_args!("report written to {}", page.display()));
        }
        let accuracy = match self.test_accuracy {
            Some(accuracy) => accuracy,
            None => self.trainer.evaluate(&self.sets.test)?.accuracy, // all was trained before
        };
        self.test_accuracy = Some(accuracy);
        if let Some(path) = &self.args.save_model {
            self.save(path)?;
            self.terminal.note(format_args!("weights saved to {}", path.display()));
        }
        Ok(accuracy)
    }

    /// Saves what was trained, and says how to resume.
    fn stop(&self, signal: usize) -> Result<ExitCode> {
        if self.trainer.communicator().rank() > 0 {
            return Ok(exit_code(signal).into());
        }
        let (epoch, samples) = (self.trainer.epochs() + 1, self.trainer.samples());
        let place = format!("epoch {epoch}, after {samples} images");
        stop(&place, &self.trainer, self.checkpoints.as_ref())?;
        Ok(exit_code(signal).into())
    }

    /// Writes the weights, and what they are, where the form keeps that.
    fn save(&self, path: &Path) -> Result<()> {
        let mut weights = self
            .trainer
            .state_dict()
            .with_metadata("command", format!("train_mnist{}", command_line().1))
            .with_metadata("lenet", env!("CARGO_PKG_VERSION"))
            .with_metadata("epochs", self.trainer.epochs().to_string())
            .with_metadata("seed", self.trainer.config().seed.to_string());
        if let Some(accuracy) = self.test_accuracy {
            weights = weights.with_metadata("test_accuracy", accuracy.to_string());
        }
        Ok(weights.write(path)?)
    }
}

/// What the post prints of an epoch, and what it does not.
fn show_epoch(record: &EpochRecord, terminal: &Terminal) -> Result<()> {
    let EpochRecord { train, test, validation, seconds, .. } = record;
    terminal.print(format_args!(
        "Train Loss: {:.6}, Acc: {:.6}\nTest Loss: {:.6}, Acc: {:.6}\n",
        train.blog_loss, train.accuracy, test.blog_loss, test.accuracy
    ))?;
    if let Some(validation) = validation {
        terminal.print(format_args!(
            "Validation Loss: {:.6}, Acc: {:.6}\n",
            validation.blog_loss, validation.accuracy
        ))?;
    }
    let (losses, rate) = ((train.loss, test.loss), train.samples as f64 / seconds);
    let losses = format!("mean loss {:.6} (train), {:.6} (test)", losses.0, losses.1);
    match seconds.is_finite() {
        true => terminal.note(format_args!("{seconds:.1} s, {rate:.0} images/s; {losses}")),
        false => terminal.note(format_args!("{losses}")), // it was trained before
    }
    Ok(())
}

fn load(dir: Option<PathBuf>, terminal: &Terminal) -> Result<Mnist> {
    if let Some(dir) = dir {
        return Ok(Mnist::open(dir)?);
    }
    let bar = terminal.bar("{msg}: {wide_bar:.cyan/blue} {bytes}/{total_bytes}, {eta} left");
    let mnist = Mnist::find_with(|at| {
        bar.set_message(at.file);
        at.total.inspect(|&total| bar.set_length(total));
        bar.set_position(at.received);
    })?;
    bar.finish_and_clear();
    Ok(mnist)
}

/// The post's look at one sample.
fn show(mnist: &Mnist, index: usize) -> Result<ExitCode> {
    let image = mnist.train.image(index).context("--show")?;
    let path = format!("sample-{index}.png");
    image.save(&path).with_context(|| format!("cannot write {path}"))?;
    let label = mnist.train.label_bytes()[index];
    writeln!(io::stdout(), "{path}: label {label}")?;
    Ok(ExitCode::SUCCESS)
}
