//! The post's program: trains LeNet on MNIST and prints, epoch by epoch, what the post prints.

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use lenet::{
    Engine, EpochRecord, Mnist, Report, TrainConfig, Trainer, tch,
    tch::Device,
    weights::{self, Form},
};
use std::{
    fmt,
    io::{self, ErrorKind, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

/// Train LeNet on MNIST.
#[derive(Parser)]
struct Args {
    /// The post's recipe to follow; the options below change single parts of it
    #[arg(long, value_enum, default_value_t = Recipe::Pytorch)]
    recipe: Recipe,
    /// Times to go through the training set [default: 10]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Images a step [default: 32, recipe paddle: 64]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// What the initial weights and the order of the images follow from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where to train: auto (CUDA where there is a GPU), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device)]
    device: Device,
    /// What computes loss and gradients: auto (fused on a CPU), fused or libtorch
    #[arg(long, value_name = "ENGINE", default_value = "auto", value_parser = engine)]
    engine: Engine,
    /// Threads on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Folder with MNIST's four files [default: the first copy that is found, else a download]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the trained weights to this file; its extension names the form
    #[arg(long, value_name = "PATH")]
    save_model: Option<PathBuf>,
    /// Write figures, pictures and report.html to this folder after each epoch
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Train and test on one batch only, to see that all is in place
    #[arg(long)]
    dry_run: bool,
    /// Write the N-th training image (from 0) to sample-N.png, print its label, and stop
    #[arg(long, value_name = "N")]
    show: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Recipe {
    Pytorch,
    Paddle,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has had enough of it: `train_mnist | head -1`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads.into());
    }
    let recipe = match args.recipe {
        Recipe::Pytorch => TrainConfig::pytorch(),
        Recipe::Paddle => TrainConfig::paddle(),
    };
    let config = TrainConfig {
        epochs: args.epochs.unwrap_or(recipe.epochs),
        batch_size: args.batch_size.unwrap_or(recipe.batch_size),
        learning_rate: args.lr.unwrap_or(recipe.learning_rate),
        seed: args.seed,
        device: args.device,
        engine: args.engine,
        ..recipe
    };
    if let Some(path) = &args.save_model {
        // Not after ten epochs.
        Form::of_path(path)?;
        if path.is_dir() {
            bail!("--save-model {}: that is a folder", path.display());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            bail!("--save-model {}: there is no folder {}", path.display(), folder.display());
        }
    }
    let mut epochs = config.epochs;
    let batch_size = config.batch_size;
    let mut trainer = Trainer::new(config)?;
    let mut mnist = load(args.data)?;
    let mut out = io::stdout();
    writeln!(out, "train_data:{}, test_data:{}", mnist.train.len(), mnist.test.len())?;
    if let Some(index) = args.show {
        return show(&mnist, index);
    }
    if args.dry_run {
        epochs = epochs.min(1);
        mnist.train = mnist.train.first(batch_size);
        mnist.test = mnist.test.first(batch_size);
    }
    write!(out, "{}", lenet::summary([1, 32, 32]))?;

    let mut report = args.report.as_ref().map(Report::create).transpose()?;
    for epoch in 1..=epochs {
        writeln!(out, "epoch {epoch}")?;
        let bar = progress_bar("{bar:40} {pos}/{len} images, {per_sec}, {eta} left");
        bar.set_length(mnist.train.len() as u64);
        let start = Instant::now();
        let train =
            trainer.train_epoch_with(&mnist.train, |at| bar.set_position(at.samples as u64))?;
        let seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        let test = trainer.evaluate(&mnist.test)?;
        writeln!(out, "Train Loss: {:.6}, Acc: {:.6}", train.blog_loss, train.accuracy)?;
        writeln!(out, "Test Loss: {:.6}, Acc: {:.6}", test.blog_loss, test.accuracy)?;
        note(format_args!(
            "{:.1} s, {:.0} images/s; mean loss {:.6} (train), {:.6} (test)",
            seconds,
            train.samples as f64 / seconds,
            train.loss,
            test.loss
        ));
        if let Some(report) = &mut report {
            let record = EpochRecord::new(epoch, train, test, seconds);
            report.record(&record, trainer.var_store(), &mnist.test)?;
        }
    }
    writeln!(out, "End of the training")?;
    if let Some(dir) = args.report {
        note(format_args!("report written to {}", dir.join("report.html").display()));
    }
    if let Some(path) = args.save_model {
        weights::save(trainer.var_store(), &path)?;
        note(format_args!("weights saved to {}", path.display()));
    }
    Ok(())
}

fn load(dir: Option<PathBuf>) -> Result<Mnist> {
    if let Some(dir) = dir {
        return Ok(Mnist::open(dir)?);
    }
    let bar = progress_bar("{msg}: {bar:40} {bytes}/{total_bytes}, {eta} left");
    let mnist = Mnist::find_with(|at| {
        bar.set_message(at.file);
        at.total.inspect(|&total| bar.set_length(total));
        bar.set_position(at.received);
    })?;
    bar.finish_and_clear();
    Ok(mnist)
}

/// The post's look at one sample.
fn show(mnist: &Mnist, index: usize) -> Result<()> {
    let image = mnist.train.image(index).context("--show")?;
    let path = format!("sample-{index}.png");
    image.save(&path).with_context(|| format!("cannot write {path}"))?;
    let label = mnist.train.labels().int64_value(&[index as i64]);
    writeln!(io::stdout(), "{path}: label {label}")?;
    Ok(())
}

/// A line on stderr, which may be closed.
fn note(line: fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// On stderr, where that is a terminal.
fn progress_bar(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn device(name: &str) -> Result<Device, String> {
    match name {
        "auto" => Ok(Device::cuda_if_available()),
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(0)),
        _ => name
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok())
            .map(Device::Cuda)
            .ok_or_else(|| "choose auto, cpu, cuda or cuda:N".into()),
    }
}

fn engine(name: &str) -> Result<Engine, String> {
    match name {
        "auto" => Ok(Engine::Auto),
        "fused" => Ok(Engine::Fused),
        "libtorch" => Ok(Engine::Libtorch),
        _ => Err("choose auto, fused or libtorch".into()),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
