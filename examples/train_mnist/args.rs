//! What can be asked for on the command line.

use crate::program::{
    numbers::{from_one, whole},
    seeds::seeds,
    weights_file,
};
use anyhow::Result;
use clap::{Parser, ValueEnum};
use lenet::{
    Adam, AdamW, Checkpoints, Engine, Error, OneCycleLr, Optimizer, Schedule, Sgd, TrainConfig,
    data::{NamedSet, Preparation},
    train::{Device, InstructionSet, auto_device, device_named},
};
use std::{
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Train LeNet on MNIST, on another set of ten classes, or on pictures of your own.
#[derive(Parser)]
#[command(name = "train_mnist", version)]
#[command(args_override_self = true)] // so that a command can be repeated with one thing changed at its end
pub struct Args {
    /// The recipe to follow: the post's two, or augmented, which distorts the images and reads far better; the options below
    /// change single parts of it
    #[arg(long, value_enum, default_value_t = Recipe::Pytorch)]
    recipe: Recipe,
    /// Times to go through the training set [default: 10, recipe augmented: 80]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    epochs: Option<usize>,
    /// Images a step [default: 32, recipes paddle and augmented: 64]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    batch_size: Option<usize>,
    /// Learning rate [default: 0.001, recipe augmented: 0.003]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    lr: Option<f64>,
    /// How the weights follow their gradients: adam, adamw, sgd, or sgd:M with a momentum of M [default: adam]
    #[arg(long, value_name = "NAME", value_parser = optimizer)]
    optimizer: Option<Optimizer>,
    /// How the learning rate goes: constant, step:N (a tenth after every N epochs), cosine (to 0 at the end), or one-cycle (up
    /// to --lr and down again) [default: constant, recipe augmented: one-cycle]
    #[arg(long, value_name = "NAME", value_parser = rate_schedule)]
    schedule: Option<RateSchedule>,
    /// Start from the weights in this file, of any form
    #[arg(long, value_name = "PATH")]
    pub weights: Option<PathBuf>,
    /// What the initial weights and the order of the images follow from
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: u64,
    /// Train with N seeds from --seed on, one after the other, and print mean and spread. Each has a folder of its own in those
    /// of --checkpoint and --report
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true)]
    seeds: Option<NonZeroUsize>,
    /// Where to train: auto (CUDA where there is a GPU that can be used), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = place)]
    device: Place,
    /// What computes loss and gradients: auto (fused on a CPU), fused or libtorch
    #[arg(long, value_name = "ENGINE", default_value = "auto", value_parser = engine)]
    engine: Engine,
    /// Threads on the CPU [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), allow_negative_numbers = true)]
    threads: Option<u16>,
    /// What the CPU computes with: auto (the fastest that it has), avx512, avx2 or portable. All give the same bits
    #[arg(long, value_name = "SET", default_value = "auto", value_parser = instructions)]
    instructions: Instructions,
    /// On a GPU: no TF32, so that the numbers are a CPU's but for rounding
    #[arg(long)]
    no_tf32: bool,
    /// On a GPU: only kernels that sum in a fixed order, so that the same GPU repeats the run bit for bit
    #[arg(long)]
    deterministic: bool,
    /// Train as one of the processes that mpirun or srun started (feature mpi): each has a part of every batch
    #[arg(long, conflicts_with_all = ["show", "seeds"])]
    pub ranks: bool,
    /// The set to train on: mnist, fashion-mnist, kmnist, emnist-digits or qmnist [default: mnist, or the pictures in --data]
    #[arg(long, value_name = "NAME", value_parser = named_set)]
    pub dataset: Option<NamedSet>,
    /// Folder with the set's files [default: the first copy that is found, else a download], or a folder of pictures: ten
    /// folders, one a class, in it or in its train/ and test/ (or val/). Without test/ a seventh of the pictures is for testing
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How a folder's pictures become images of 32x32: centred (what is written is found, dark on light or light on dark, and
    /// centred as in MNIST) or scaled (the whole picture, in grey) [default: centred]
    #[arg(long, value_name = "HOW", requires = "data", conflicts_with = "dataset", value_parser = preparation)]
    pub preparation: Option<Preparation>,
    /// Write the trained weights to this file; its extension names the form
    #[arg(long, value_name = "PATH", conflicts_with = "seeds")]
    pub save_model: Option<PathBuf>,
    /// Keep the last N training images out, to choose by: prints how the network does on them after each epoch
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true)]
    pub validation: Option<NonZeroUsize>,
    /// Write the weights that did best on the validation images to this file
    #[arg(long, value_name = "PATH", requires = "validation", conflicts_with = "seeds")]
    pub best: Option<PathBuf>,
    /// Stop when N epochs in a row brought nothing better on the validation images
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true, requires = "validation")]
    pub early_stop: Option<NonZeroUsize>,
    /// Keep checkpoints in this folder: one at the end of each epoch, and on Ctrl-C
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Write a checkpoint every N steps, too
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true, requires = "checkpoint")]
    pub checkpoint_every: Option<NonZeroUsize>,
    /// Resume from the newest good checkpoint in the folder; start where there is none
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Write figures, pictures and report.html to this folder after each epoch; not over an earlier run's, but for --resume
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Train and test on one batch only, to see that all is in place
    #[arg(long)]
    pub dry_run: bool,
    /// Write the N-th training image (from 0) to sample-N.png, print its label, and stop
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub show: Option<usize>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Recipe {
    Pytorch,
    Paddle,
    Augmented,
}

/// A schedule, but for what it takes from the run.
#[derive(Clone, Copy)]
enum RateSchedule {
    Constant,
    Step(usize),
    Cosine,
    OneCycle,
}

impl Args {
    fn recipe(&self, device: Device) -> TrainConfig {
        match self.recipe {
            Recipe::Pytorch => TrainConfig::pytorch_on(device),
            Recipe::Paddle => TrainConfig::paddle_on(device),
            Recipe::Augmented => TrainConfig::augmented_on(device),
        }
    }

    /// Where to train, and why that is the CPU where the machine has a GPU and none was chosen.
    pub fn device(&self) -> (Device, Option<Error>) {
        self.device.0.map_or_else(auto_device, |device| (device, None))
    }

    /// Images a step.
    pub fn batch_size(&self) -> usize {
        self.batch_size.unwrap_or(self.recipe(Device::Cpu).batch_size)
    }

    fn schedule(&self) -> RateSchedule {
        let of_recipe = match self.recipe {
            Recipe::Pytorch | Recipe::Paddle => RateSchedule::Constant,
            Recipe::Augmented => RateSchedule::OneCycle,
        };
        self.schedule.unwrap_or(of_recipe)
    }

    /// The recipe with this seed on a device, and with the parts of it that were asked for otherwise, for a training set of so
    /// many images.
    pub fn config(&self, seed: u64, device: Device, images: usize) -> TrainConfig {
        let recipe = self.recipe(device);
        let epochs = self.epochs.unwrap_or(recipe.epochs);
        let epochs = if self.dry_run { epochs.min(1) } else { epochs };
        let learning_rate = self.lr.unwrap_or(recipe.learning_rate);
        // What a schedule can't do without, where there is nothing to train.
        let (some_epochs, batch_size) = (epochs.max(1), self.batch_size());
        let steps = some_epochs.saturating_mul(images.div_ceil(batch_size.max(1)));
        TrainConfig {
            epochs,
            batch_size,
            learning_rate,
            optimizer: self.optimizer.unwrap_or(recipe.optimizer),
            schedule: match self.schedule() {
                RateSchedule::Constant => Schedule::Constant,
                RateSchedule::Step(step_size) => Schedule::StepLr { step_size, gamma: 0.1 },
                RateSchedule::Cosine => {
                    Schedule::CosineAnnealingLr { t_max: some_epochs, eta_min: 0.0 }
                }
                RateSchedule::OneCycle => {
                    Schedule::OneCycleLr(OneCycleLr::new(learning_rate, steps))
                }
            },
            seed,
            engine: self.engine,
            threads: self.threads.map(usize::from),
            instructions: self.instructions.0,
            allow_tf32: !self.no_tf32,
            deterministic: self.deterministic,
            ..recipe
        }
    }

    /// The seeds to train with.
    pub fn seeds(&self) -> Result<RangeInclusive<u64>> {
        seeds(self.seed, self.seeds.unwrap_or(NonZeroUsize::MIN))
    }

    /// Where a seed's checkpoints are kept, if anywhere.
    pub fn checkpoints(&self, seed: u64) -> Result<Option<Checkpoints>> {
        let dir = self.checkpoint.as_ref().map(|dir| self.folder(dir, seed));
        Ok(dir.map(Checkpoints::open).transpose()?)
    }

    /// Where a seed's part of what goes to `dir` is kept.
    pub fn folder(&self, dir: &Path, seed: u64) -> PathBuf {
        if self.seeds.is_some() { dir.join(format!("seed-{seed}")) } else { dir.into() }
    }

    /// libtorch's own threads, for its engine.
    pub fn set_threads(&self) {
        #[cfg(feature = "torch")]
        if let Some(threads) = self.threads {
            lenet::tch::set_num_threads(threads.into());
        }
    }

    /// As a rank that trains, and leaves all that is written and printed to the first.
    pub fn write_nothing(&mut self) {
        (self.checkpoint, self.report, self.save_model, self.best) = Default::default();
        (self.resume, self.quiet) = (false, true);
    }

    /// Refuses, before any training, files that can't be written after it.
    pub fn check_files(&self) -> Result<()> {
        for (option, path) in [("--save-model", &self.save_model), ("--best", &self.best)] {
            if let Some(path) = path {
                weights_file::check(option, path)?;
            }
        }
        Ok(())
    }
}

/// None is what [`auto_device`] chooses.
#[derive(Clone, Copy)]
struct Place(Option<Device>);

fn place(name: &str) -> Result<Place, String> {
    match name {
        "auto" => Ok(Place(None)),
        _ => device_named(name)
            .map(|device| Place(Some(device)))
            .map_err(|_| "choose auto, cpu, cuda or cuda:N".into()),
    }
}

fn named_set(name: &str) -> Result<NamedSet, String> {
    let names = "choose mnist, fashion-mnist, kmnist, emnist-digits or qmnist";
    name.parse().map_err(|_: Error| names.into())
}

fn preparation(name: &str) -> Result<Preparation, String> {
    name.parse().map_err(|_: Error| "choose centred or scaled".into())
}

fn optimizer(name: &str) -> Result<Optimizer, String> {
    match name {
        "adam" => Ok(Optimizer::Adam(Adam::default())),
        "adamw" => Ok(Optimizer::AdamW(AdamW::default())),
        "sgd" => Ok(Optimizer::Sgd(Sgd::default())),
        _ => name
            .strip_prefix("sgd:")
            .and_then(|momentum| momentum.parse().ok())
            .map(|momentum| Optimizer::Sgd(Sgd { momentum, ..Sgd::default() }))
            .ok_or_else(|| "choose adam, adamw, sgd or sgd:MOMENTUM".into()),
    }
}

fn rate_schedule(name: &str) -> Result<RateSchedule, String> {
    match name {
        "constant" => Ok(RateSchedule::Constant),
        "cosine" => Ok(RateSchedule::Cosine),
        "one-cycle" => Ok(RateSchedule::OneCycle),
        _ => name
            .strip_prefix("step:")
            .and_then(|epochs| epochs.parse().ok())
            .map(RateSchedule::Step)
            .ok_or_else(|| "choose constant, step:EPOCHS, cosine or one-cycle".into()),
    }
}

/// None is the fastest.
#[derive(Clone, Copy)]
struct Instructions(Option<InstructionSet>);

fn instructions(name: &str) -> Result<Instructions, String> {
    match name {
        "auto" => Ok(Instructions(None)),
        "avx512" => Ok(Instructions(Some(InstructionSet::Avx512))),
        "avx2" => Ok(Instructions(Some(InstructionSet::Avx2))),
        "portable" => Ok(Instructions(Some(InstructionSet::Portable))),
        _ => Err("choose auto, avx512, avx2 or portable".into()),
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
