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
    kept_run::{command_line, resumed, stop},
    outcome,
    signals::{Signals, exit_code},
    terminal::Terminal,
};
use std::{
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
    mnist.train = mnist.train.to_device(trainer.config().device);
    mnist.test = mnist.test.to_device(trainer.config().device);
    terminal.print(format_args!("{}", lenet::summary([1, 32, 32])))?;
    trainer.check_data(&mnist.train).context("cannot go on with this --data and --validation")?;
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
        let shown = show_epoch(&record, &terminal).and_then(|()| match &mut report {
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
