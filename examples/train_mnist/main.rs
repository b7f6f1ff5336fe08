//! The post's program: trains LeNet on MNIST and prints, epoch by epoch, what the post prints.

mod args;
#[path = "../program/mod.rs"]
mod program;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use lenet::{
    Checkpoints, EpochRecord, Mnist, Report, TrainConfig, Trainer, tch, weights::StateDict,
};
use program::{
    kept_run::{quoted, resumed, stop},
    outcome,
    signals::{Signals, exit_code},
    terminal::Terminal,
};
use std::{
    env,
    io::{self, Write},
    num::NonZeroUsize,
    ops::ControlFlow::{Break, Continue},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

fn main() -> ExitCode {
    outcome(run(Args::parse()))
}

fn run(args: Args) -> Result<ExitCode> {
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads.into());
    }
    args.check_files()?;
    let terminal = Terminal { quiet: args.quiet };
    let checkpoints = args.checkpoint.as_ref().map(Checkpoints::open).transpose()?;
    let (mut trainer, is_resumed) = trainer(args.config(), args.resume, checkpoints.as_ref())?;
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
    terminal.print(format_args!("{}", lenet::summary([1, 32, 32])))?;
    match (is_resumed, trainer.samples()) {
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
        Some(dir) if is_resumed => Some(Report::resume(dir, trainer.epochs())?),
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
        let rate = per_second(mnist.train.len());
        bar.finish_and_clear();
        let train = match trained {
            Continue(stats) => stats,
            Break(signal) => return stopped(signal, &trainer, checkpoints.as_ref()),
        };
        let test = trainer.evaluate(&mnist.test)?;
        terminal.print(format_args!(
            "Train Loss: {:.6}, Acc: {:.6}\nTest Loss: {:.6}, Acc: {:.6}\n",
            train.blog_loss, train.accuracy, test.blog_loss, test.accuracy
        ))?;
        // The whole epoch, at the pace of the part that was trained here.
        let seconds = train.samples as f64 / rate;
        terminal.note(format_args!(
            "{seconds:.1} s, {rate:.0} images/s; mean loss {:.6} (train), {:.6} (test)",
            train.loss, test.loss
        ));
        test_accuracy = Some(test.accuracy);
        let mut record = EpochRecord::new(epoch, train, test, seconds);
        if let Some(validation) = &validation {
            let validation = trainer.evaluate(validation)?;
            terminal.print(format_args!(
                "Validation Loss: {:.6}, Acc: {:.6}\n",
                validation.blog_loss, validation.accuracy
            ))?;
            if trainer.note_validation(&validation)
                && let Some(path) = &args.best
            {
                save(&trainer, test_accuracy, path)?;
                terminal.note(format_args!("the best so far: saved to {}", path.display()));
            }
            record.validation = Some(validation);
        }
        // The checkpoint last: what is in it has been reported.
        if let Some(report) = &mut report {
            report.record(&record, trainer.var_store(), &mnist.test)?;
        }
        if let Some(checkpoints) = &checkpoints {
            checkpoints.save(&trainer)?;
        }
    }
    if let Some(best) = trainer.best() {
        terminal.note(format_args!(
            "epoch {} did best on the validation images: {:.6}",
            best.epoch, best.accuracy
        ));
    }
    terminal.print(format_args!("End of the training\n"))?;
    if let Some(dir) = args.report {
        terminal.note(format_args!("report written to {}", dir.join("report.html").display()));
    }
    if let Some(path) = args.save_model {
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
    match resumed(config.clone(), resume, checkpoints)? {
        Some(trainer) => Ok((trainer, true)),
        None => Ok((Trainer::new(config)?, false)),
    }
}

/// Writes the weights, and what they are, where the form keeps that.
fn save(trainer: &Trainer, test_accuracy: Option<f64>, path: &Path) -> Result<()> {
    let command = env::args().skip(1).map(|argument| format!(" {}", quoted(&argument)));
    let mut weights = StateDict::from_var_store(trainer.var_store())?
        .with_metadata("command", format!("train_mnist{}", command.collect::<String>()))
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
    stop(&format!("epoch {epoch}, after {samples} images"), trainer, checkpoints)?;
    Ok(exit_code(signal).into())
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
