//! The post's program: trains LeNet on MNIST, or on other sets, and prints, epoch by epoch, what the post prints.

mod args;
mod figures;
#[path = "../program/mod.rs"]
mod program;
mod ranks;

use anyhow::{Context, Error, Result, anyhow};
use args::Args;
use clap::Parser;
use figures::figures;
use lenet::{
    Checkpoints, Dataset, EpochRecord, EpochStats, Evaluation, Report, Trainer,
    data::{self as library, Fit, NamedSet},
    train::Device,
    weights::StateDict,
};
use program::{
    data,
    kept_run::{check_report, command_line, resumed, stop},
    outcome,
    progress::Progress,
    seeds::spread,
    signals::{Signals, exit_code},
    terminal::Terminal,
    weights_file::rescued,
};
use ranks::{Ranks, caught, caught_at_a_step};
use std::{
    fs,
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
    let several = seeds.start() < seeds.end();
    // Before the data: another run may be using them.
    let mut checkpoints = args.checkpoints(*seeds.start())?;
    let all = open(&args, &terminal)?;
    let sizes = (all.train.len(), all.test.len());
    terminal.print(format_args!("train_data:{}, test_data:{}\n", sizes.0, sizes.1))?;
    if let Some(index) = args.show {
        return show(&all.train, index);
    }
    let sets = Sets::of(all, &args)?;
    let (device, why_not_cuda) = args.device();
    if let Some(reason) = why_not_cuda {
        terminal.note(format_args!("not on a GPU: {reason}"));
    }
    let signals = Signals::catch()?;
    let mut accuracies = vec![];
    for seed in seeds.clone() {
        let is_first = seed == *seeds.start();
        if !is_first {
            checkpoints = args.checkpoints(seed)?;
        }
        let (trainer, is_resumed) =
            trainer(&args, seed, device, &sets, checkpoints.as_ref(), ranks)?;
        if is_first {
            terminal.note(format_args!("training on {}", trainer.config().place()));
            terminal.print(format_args!("{}", lenet::summary([1, 32, 32])))?;
        }
        if several {
            terminal.print(format_args!("seed {seed}\n"))?;
        }
        note_start(&trainer, is_resumed, &args, &terminal, sets.train.len());
        let mut run = Run::new(trainer, &args, &terminal, &sets, checkpoints.take(), &signals);
        run.start(is_resumed)?;
        match run.all().map_err(|error| run.rescued(error))? {
            Continue(accuracy) => accuracies.push(accuracy * 100.0),
            Break(signal) => return Ok(exit_code(signal).into()),
        }
    }
    if several {
        let spread = spread("test accuracy after the last epoch, %", &accuracies);
        terminal.print(format_args!("{spread}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The set that was asked for; without a name MNIST, or where --data has other folders than MNIST's, the pictures in these.
fn open(args: &Args, terminal: &Terminal) -> Result<library::Sets> {
    let dir = args.data.as_deref();
    let pictures = |dir| library::Sets::from_folder(dir, args.preparation.unwrap_or_default());
    if let (Some(dir), Some(_)) = (dir, args.preparation) {
        return Ok(pictures(dir)?);
    }
    let set = args.dataset.unwrap_or(NamedSet::Mnist);
    match (data::open(set, dir, Fit::Resize, terminal), dir) {
        (Err(error), Some(dir)) if args.dataset.is_none() && has_only_folders(dir, &error) => {
            pictures(dir).with_context(|| format!("{error}; nor are these folders of pictures"))
        }
        (sets, _) => sets,
    }
}

/// Whether `error` says that a folder has none of MNIST's files, and it has folders.
fn has_only_folders(dir: &Path, error: &Error) -> bool {
    let is_folder = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|it| it.path().is_dir());
    matches!(error.downcast_ref(), Some(lenet::Error::MnistNotFound { .. }))
        && fs::read_dir(dir).is_ok_and(|mut entries| entries.any(is_folder))
}

/// The trainer of a seed: resumed, or with the weights of a file, or new; and whether it is resumed.
fn trainer(
    args: &Args,
    seed: u64,
    device: Device,
    sets: &Sets,
    checkpoints: Option<&Checkpoints>,
    ranks: Ranks,
) -> Result<(Trainer, bool)> {
    let config = args.config(seed, device, sets.train.len());
    let earlier = resumed(config.clone(), args.resume, checkpoints)?;
    let is_resumed = earlier.is_some();
    let trainer = match (earlier, &args.weights) {
        (Some(trainer), _) => trainer,
        (None, Some(path)) => Trainer::with_weights(config, path)?,
        (None, None) => Trainer::new(config)?,
    };
    let unfit = "cannot resume with this --dataset, --data and --validation";
    trainer.check_data(&sets.train).context(unfit)?;
    Ok((ranks.join(trainer)?, is_resumed))
}

/// The report on the run, from its start or from where it is resumed.
fn report(dir: &Path, trainer: &Trainer, is_resumed: bool) -> Result<Report> {
    check_report(dir, "report", Report::is_in(dir)?, is_resumed)?;
    let report = match trainer.steps() {
        0 => Report::create(dir)?,
        _ => Report::resume(dir, trainer.epochs())?,
    };
    let config = trainer.config();
    Ok(report
        .with_metadata("command", format!("train_mnist{}", command_line().1))
        .with_metadata("seed", config.seed.to_string())
        .with_metadata("batch size", config.batch_size.to_string())
        .with_metadata("learning rate", config.learning_rate.to_string())
        .with_metadata("optimizer", format!("{:?}", config.optimizer))
        .with_metadata("schedule", format!("{:?}", config.schedule)))
}

/// What is trained and tested on.
struct Sets {
    train: Dataset,
    validation: Option<Dataset>,
    test: Dataset,
}

impl Sets {
    fn of(library::Sets { mut train, mut test }: library::Sets, args: &Args) -> Result<Sets> {
        let mut validation = None;
        if let Some(images) = args.validation {
            let (rest, kept_out) = train.split(images.get()).context("--validation")?;
            (train, validation) = (rest, Some(kept_out));
        }
        if args.dry_run {
            let batch_size = args.batch_size();
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
    for change in trainer.changes() {
        terminal.note(format_args!(
            "{change}: the weights will not be those that the run would have had, bit for bit"
        ));
    }
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
    report: Option<Report>,
    signals: &'a Signals,
    /// After the last epoch.
    test_accuracy: Option<f64>,
}

impl<'a> Run<'a> {
    fn new(
        trainer: Trainer,
        args: &'a Args,
        terminal: &'a Terminal,
        sets: &'a Sets,
        checkpoints: Option<Checkpoints>,
        signals: &'a Signals,
    ) -> Run<'a> {
        let (report, test_accuracy) = (None, None);
        Run { args, terminal, trainer, sets, checkpoints, report, signals, test_accuracy }
    }

    /// Opens the report. A new run saves itself: should it be killed after the first epoch's report, and before the checkpoint
    /// that follows, there is something to resume.
    fn start(&mut self, is_resumed: bool) -> Result<()> {
        let Some(dir) = self.report_folder() else { return Ok(()) };
        self.report = Some(report(&dir, &self.trainer, is_resumed)?);
        match &self.checkpoints {
            Some(checkpoints) if !is_resumed => {
                checkpoints.save(&self.trainer)?;
            }
            _ => (),
        }
        Ok(())
    }

    fn report_folder(&self) -> Option<PathBuf> {
        let dir = self.args.report.as_ref()?;
        Some(self.args.folder(dir, self.trainer.config().seed))
    }

    /// Trains, tests and reports to the end: the test accuracy; or until a signal.
    fn all(&mut self) -> Result<ControlFlow<usize, f64>> {
        while !self.is_over() {
            if let Break(signal) = self.epoch()? {
                self.stop()?;
                return Ok(Break(signal));
            }
        }
        self.end().map(Continue)
    }

    /// An error, with where the weights were saved, if there is no checkpoint of them.
    fn rescued(&self, error: Error) -> Error {
        match self.checkpoints {
            None if self.trainer.steps() > 0 => match self.weights() {
                Ok(weights) => rescued(error, &weights),
                Err(other) => anyhow!("{error:#}; nor could the weights be saved: {other:#}"),
            },
            _ => error,
        }
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
        let validation = self.sets.validation.as_ref();
        record.validation = validation.map(|set| self.trainer.evaluate(set)).transpose()?;
        let shown = self
            .note_validation(record.validation.as_ref())
            .and_then(|()| show_epoch(&record, self.terminal))
            .and_then(|()| self.report(&record));
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
            progress.show(at.samples, || figures(at.stats));
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

    /// Records what the network makes of the validation images, where there are any; the best weights are saved.
    fn note_validation(&mut self, validation: Option<&Evaluation>) -> Result<()> {
        if let Some(validation) = validation
            && self.trainer.note_validation(validation)
            && let Some(path) = &self.args.best
        {
            self.weights()?.write(path)?;
            self.terminal.note(format_args!("the best so far: saved to {}", path.display()));
        }
        Ok(())
    }

    fn report(&mut self, record: &EpochRecord) -> Result<()> {
        if let Some(report) = &mut self.report {
            report.record(record, &self.trainer.state_dict(), &self.sets.test)?;
        }
        Ok(())
    }

    /// After the last epoch: the test accuracy.
    fn end(&mut self) -> Result<f64> {
        if let Some(best) = self.trainer.best() {
            self.terminal.note(format_args!(
                "epoch {} did best on the validation images: {:.6}",
                best.epoch, best.accuracy
            ));
        }
        self.terminal.print(format_args!("End of the training\n"))?;
        let page = self.report_folder().map(|dir| dir.join("report.html"));
        if let Some(page) = page.filter(|page| page.exists()) {
            self.terminal.note(format_args!("report written to {}", page.display()));
        }
        let accuracy = match self.test_accuracy {
            Some(accuracy) => accuracy,
            None => self.trainer.evaluate(&self.sets.test)?.accuracy, // all was trained before
        };
        self.test_accuracy = Some(accuracy);
        if let Some(path) = &self.args.save_model {
            self.weights()?.write(path)?;
            self.terminal.note(format_args!("weights saved to {}", path.display()));
            if self.trainer.steps() == 0 {
                self.terminal.note(format_args!("nothing was trained: they are as they were"));
            }
        }
        Ok(accuracy)
    }

    /// Saves what was trained, and says how to resume.
    fn stop(&self) -> Result<()> {
        if self.trainer.communicator().rank() > 0 {
            return Ok(());
        }
        let (epoch, samples) = (self.trainer.epochs() + 1, self.trainer.samples());
        let place = format!("epoch {epoch}, after {samples} images");
        stop(&place, &self.trainer, self.checkpoints.as_ref())
    }

    /// The weights, with what they are.
    fn weights(&self) -> Result<StateDict> {
        let mut weights = self
            .trainer
            .try_state_dict()?
            .with_metadata("command", format!("train_mnist{}", command_line().1))
            .with_metadata("lenet", env!("CARGO_PKG_VERSION"))
            .with_metadata("epochs", self.trainer.epochs().to_string())
            .with_metadata("seed", self.trainer.config().seed.to_string());
        if let Some(accuracy) = self.test_accuracy {
            weights = weights.with_metadata("test_accuracy", accuracy.to_string());
        }
        Ok(weights)
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

/// The post's look at one sample.
fn show(train: &Dataset, index: usize) -> Result<ExitCode> {
    let image = train.image(index).context("--show")?;
    let path = format!("sample-{index}.png");
    image.save(&path).with_context(|| format!("cannot write {path}"))?;
    let label = train.label_bytes()[index];
    let name = match train.classes() {
        digits if digits.are_digits() => String::new(),
        classes => format!(", {}", classes.name(label)),
    };
    writeln!(io::stdout(), "{path}: label {label}{name}")?;
    Ok(ExitCode::SUCCESS)
}
