//! The post's program: trains LeNet on MNIST and prints, epoch by epoch, what the post prints.

mod args;
mod signals;
mod terminal;

use anyhow::{Context, Error, Result, bail};
use args::Args;
use clap::Parser;
use lenet::{
    Checkpoints, EpochRecord, Mnist, Report, TrainConfig, Trainer, tch, weights::StateDict,
};
use signals::{Signals, exit_code};
use std::{
    env,
    io::{self, ErrorKind, Write},
    num::NonZeroUsize,
    ops::ControlFlow::{Break, Continue},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};
use terminal::{Terminal, say};

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        // Whoever reads our output has had enough of it: `train_mnist | head -1`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode> {
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads.into());
    }
    args.check_files()?;
    let terminal = Terminal { quiet: args.quiet };
    let checkpoints = args.checkpoint.as_ref().map(Checkpoints::open).transpose()?;
    let (mut trainer, resumed) = trainer(args.config(), args.resume, checkpoints.as_ref())?;
    let TrainConfig { epochs, batch_size, .. } = *trainer.config();

    let mut mnist = load(args.data, &terminal)?;
    let sizes = (mnist.train.len(), mnist.test.len());
    terminal.print(format_args!("train_data:{}, test_data:{}\n", sizes.0, sizes.1))?;
    if let Some(index) = args.show {
        return show(&mnist, index);
    }
    let mut validation = None;
    if let Some(images) = args.validation {
        let (train, kept_out) = mnist.train.split(images.get()).context("--validation")?;
        (mnist.train, validation) = (train, Some(kept_out));
    }
    if args.dry_run {
        mnist.train = mnist.train.first(batch_size);
        mnist.test = mnist.test.first(batch_size);
    }
    mnist.train = mnist.train.to_device(trainer.config().device);
    mnist.test = mnist.test.to_device(trainer.config().device);
    terminal.print(format_args!("{}", lenet::summary([1, 32, 32])))?;
    trainer.check_data(&mnist.train).context("cannot go on with this --data and --validation")?;
    match (resumed, trainer.samples()) {
        (false, _) if args.resume => {
            terminal.note(format_args!("no good checkpoint there: starting"))
        }
        (false, _) => (),
        (true, 0) => terminal.note(format_args!("going on after epoch {}", trainer.epochs())),
        (true, samples) => terminal.note(format_args!(
            "going on in epoch {}, after {samples} of {} images",
            trainer.epochs() + 1,
            mnist.train.len()
        )),
    }

    let mut report = match &args.report {
        Some(dir) if resumed => Some(Report::resume(dir, trainer.epochs())?),
        Some(dir) => Some(Report::create(dir)?),
        None => None,
    };
    let mut test_accuracy = None;
    let signals = Signals::catch()?;
    while trainer.epochs() < epochs && !stalled(&trainer, args.early_stop) {
        if let Some(signal) = signals.caught() {
            return stopped(signal, &trainer, checkpoints.as_ref());
        }
        let epoch = trainer.epochs() + 1;
        terminal.print(format_args!("epoch {epoch}\n"))?;
        let bar = terminal.bar("{prefix} {wide_bar:.cyan/blue} {msg}");
        bar.set_prefix(format!("epoch {epoch}/{epochs}"));
        bar.set_length(mnist.train.len() as u64);
        bar.set_position(trainer.samples() as u64);
        bar.reset_eta();
        let (before, start) = (trainer.samples(), Instant::now());
        let per_second = |samples| (samples - before) as f64 / start.elapsed().as_secs_f64();
        let trained = trainer.train_epoch_with(&mnist.train, |trainer, at| {
            if let (Some(stats), false) = (at.stats, bar.is_hidden()) {
                let (loss, accuracy) = (stats.loss, stats.accuracy);
                let (rate, left) = (per_second(at.samples), bar.eta().as_secs());
                bar.set_position(at.samples as u64);
                bar.set_message(format!(
                    "loss {loss:.4}, acc {accuracy:.4}, {rate:.0} images/s, {left} s left"
                ));
            }
            if let Some(signal) = signals.caught() {
                return Ok(Break(signal));
            }
            if let (Some(checkpoints), Some(every)) = (&checkpoints, args.checkpoint_every)
                && trainer.steps() % every == 0
                && at.samples < at.total
            {
                checkpoints.save(trainer)?;
            }
            Ok(Continue(()))
        })?;
        bar.finish_and_clear();
        let train = match trained {
            Continue(stats) => stats,
            Break(signal) => return stopped(signal, &trainer, checkpoints.as_ref()),
        };
        // The whole epoch, at the pace of the part that was trained here.
        let here = (train.samples - before) as f64 / train.samples as f64;
        let seconds = if here > 0.0 { start.elapsed().as_secs_f64() / here } else { f64::NAN };
        let test = trainer.evaluate(&mnist.test)?;
        test_accuracy = Some(test.accuracy);
        let mut record = EpochRecord::new(epoch, train, test, seconds);
        if let Some(validation) = &validation {
            let validation = trainer.evaluate(validation)?;
            if trainer.note_validation(&validation)
                && let Some(path) = &args.best
            {
                save(&trainer, test_accuracy, path)?;
                terminal.note(format_args!("the best so far: saved to {}", path.display()));
            }
            record.validation = Some(validation);
        }
        let shown = terminal.epoch(&record).and_then(|()| match &mut report {
            Some(report) => Ok(report.record(&record, trainer.var_store(), &mnist.test)?),
            None => Ok(()),
        });
        // Whatever became of that, the epoch is not lost. After it, so that a run which is killed in between reports again.
        if let Some(checkpoints) = &checkpoints {
            checkpoints.save(&trainer)?;
        }
        shown?;
    }
    if let Some(best) = trainer.best() {
        terminal.note(format_args!(
            "epoch {} did best on the validation images: {:.6}",
            best.epoch, best.accuracy
        ));
    }
    terminal.print(format_args!("End of the training\n"))?;
    if let Some(page) = args.report.map(|dir| dir.join("report.html")).filter(|page| page.exists())
    {
        terminal.note(format_args!("report written to {}", page.display()));
    }
    if let Some(path) = args.save_model {
        if test_accuracy.is_none() {
            test_accuracy = Some(trainer.evaluate(&mnist.test)?.accuracy);
        }
        save(&trainer, test_accuracy, &path)?;
        terminal.note(format_args!("weights saved to {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A trainer, and whether it goes on with an earlier run.
fn trainer(
    config: TrainConfig,
    resume: bool,
    checkpoints: Option<&Checkpoints>,
) -> Result<(Trainer, bool)> {
    let Some(checkpoints) = checkpoints else { return Ok((Trainer::new(config)?, false)) };
    if !resume {
        if !checkpoints.is_empty()? {
            bail!(
                "{} holds an earlier run's checkpoints: go on from them with --resume, or name another folder",
                checkpoints.dir().display()
            );
        }
        return Ok((Trainer::new(config)?, false));
    }
    let found = checkpoints.resume(config.clone())?;
    for error in found.damaged {
        say(format_args!("passed over: {:#}", Error::from(error)));
    }
    match found.trainer {
        Some(trainer) => Ok((trainer, true)),
        None => Ok((Trainer::new(config)?, false)),
    }
}

/// Writes the weights, and what they are, where the form keeps that.
fn save(trainer: &Trainer, test_accuracy: Option<f64>, path: &Path) -> Result<()> {
    let mut weights = StateDict::from_var_store(trainer.var_store())?
        .with_metadata("command", format!("train_mnist{}", command_line().1))
        .with_metadata("lenet", env!("CARGO_PKG_VERSION"))
        .with_metadata("epochs", trainer.epochs().to_string())
        .with_metadata("seed", trainer.config().seed.to_string());
    if let Some(accuracy) = test_accuracy {
        weights = weights.with_metadata("test_accuracy", accuracy.to_string());
    }
    Ok(weights.write(path)?)
}

/// Whether so many epochs in a row brought nothing better.
fn stalled(trainer: &Trainer, early_stop: Option<NonZeroUsize>) -> bool {
    match (trainer.best(), early_stop) {
        (Some(best), Some(patience)) => trainer.epochs() - best.epoch >= patience.get(),
        _ => false,
    }
}

/// Saves what was trained, and says how to go on.
fn stopped(
    signal: usize,
    trainer: &Trainer,
    checkpoints: Option<&Checkpoints>,
) -> Result<ExitCode> {
    let (epoch, samples) = (trainer.epochs() + 1, trainer.samples());
    match checkpoints {
        Some(checkpoints) => {
            let path = checkpoints.save(trainer)?;
            let (program, arguments) = command_line();
            let resume = if arguments.contains(" --resume") { "" } else { " --resume" };
            say(format_args!(
                "stopped in epoch {epoch}, after {samples} images; saved to {}. To go on:\n    {program}{arguments}{resume}",
                path.display(),
            ));
        }
        None => say(format_args!(
            "stopped in epoch {epoch}, after {samples} images; nothing was saved: --checkpoint DIR would have"
        )),
    }
    Ok(exit_code(signal).into())
}

/// The program and its arguments, each with a space before it, as a shell takes them.
fn command_line() -> (String, String) {
    let mut words = env::args_os().map(|argument| quoted(&argument.to_string_lossy()));
    let program = words.next().unwrap_or_default();
    (program, words.map(|word| format!(" {word}")).collect())
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
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
    let label = mnist.train.labels().int64_value(&[index as i64]);
    writeln!(io::stdout(), "{path}: label {label}")?;
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
