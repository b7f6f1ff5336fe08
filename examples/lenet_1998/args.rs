//! What can be asked for on the command line.

use crate::program::{seeds::seeds, weights_file};
use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use lenet::{
    data::{Distortion, Fit},
    lenet_1998::{C3, HeldOut, LeNet1998Config, LeNet1998TrainConfig},
    weights::Form,
};
use std::{num::NonZeroUsize, ops::RangeInclusive, path::PathBuf};

/// Train the LeNet-5 of the 1998 paper on MNIST, as the paper does.
#[derive(Parser)]
#[command(args_override_self = true)] // so that a command can be repeated with one thing changed at its end
pub struct Args {
    /// The row of docs/paper.md to train
    #[arg(long, value_enum, default_value_t = Variant::Recipe)]
    variant: Variant,
    /// Train on distorted images, too: 540,000 of them, as the paper does
    #[arg(long)]
    distort: bool,
    /// Times to go through the training set [default: 20]
    #[arg(long, value_name = "N")]
    passes: Option<usize>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Train with N seeds, one after the other, and print mean and spread
    #[arg(long, value_name = "N", default_value = "1")]
    seeds: NonZeroUsize,
    /// What all learning rates are multiplied by [default: the variant's]
    #[arg(long, value_name = "X")]
    rate_factor: Option<f64>,
    /// j of the criterion [default: the variant's]
    #[arg(long, value_name = "X")]
    j: Option<f64>,
    /// Estimate the second derivatives before each pass only, as the paper does
    #[arg(long)]
    paper_rhythm: bool,
    /// Keep the last N training images out and test on these: to choose by
    #[arg(long, value_name = "N")]
    pub validation: Option<NonZeroUsize>,
    /// Folder with MNIST's four files [default: the first copy that is found, else a download]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Write the trained weights to this file; its extension names the form
    #[arg(long, value_name = "PATH", conflicts_with = "seeds")]
    pub save_model: Option<PathBuf>,
    /// Keep checkpoints in this folder, in one of its own for each seed: after each pass, and on Ctrl-C
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Resume from the newest good checkpoint in the folder; start where there is none
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// Write pictures to this folder, in one of its own for each seed, after each pass: the errors, the digits that were
    /// misread, the codes
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Variant {
    /// The paper's network and training, with smaller rates and other initial values
    Recipe,
    /// All that the paper prints: it diverges
    Printed,
    /// The initial values that the paper prints, at a fifth of its rates
    PrintedInit,
    /// C3 sees all maps of S2
    FullC3,
    /// Ten linear units and a softmax
    Softmax,
    /// Images enlarged to 32x32, not padded
    Resize,
}

impl Args {
    /// The variant, with the parts of it that were asked for otherwise.
    pub fn config(&self) -> LeNet1998TrainConfig {
        let recipe = LeNet1998TrainConfig::default();
        let variant = match self.variant {
            Variant::Recipe => recipe,
            Variant::Printed => LeNet1998TrainConfig::printed(),
            Variant::PrintedInit => LeNet1998TrainConfig {
                network: LeNet1998Config::printed(),
                rate_factor: recipe.rate_factor / 2.0,
                ..recipe
            },
            Variant::FullC3 => LeNet1998TrainConfig {
                network: LeNet1998Config { c3: C3::Full, ..recipe.network },
                ..recipe
            },
            Variant::Softmax => LeNet1998TrainConfig::softmax(),
            Variant::Resize => LeNet1998TrainConfig { fit: Fit::Resize, ..recipe },
        };
        LeNet1998TrainConfig {
            passes: self.passes.unwrap_or(variant.passes),
            rate_factor: self.rate_factor.unwrap_or(variant.rate_factor),
            j: self.j.or(variant.j),
            early_estimates: variant.early_estimates.filter(|_| !self.paper_rhythm),
            distortion: self.distort.then(Distortion::default),
            seed: self.seed,
            ..variant
        }
    }

    /// The seeds to train with.
    pub fn seeds(&self) -> Result<RangeInclusive<u64>> {
        seeds(self.seed, self.seeds)
    }

    /// What the network is judged by.
    pub fn held_out(&self) -> HeldOut {
        if self.validation.is_some() { HeldOut::Validation } else { HeldOut::Test }
    }

    /// Refuses, before any training, a file that the weights can't be written to after it.
    pub fn check_files(&self) -> Result<()> {
        let Some(path) = &self.save_model else { return Ok(()) };
        weights_file::check("--save-model", path)?;
        if Form::of_path(path)? == Form::Onnx {
            bail!("--save-model {}: only the post's LeNet is written as ONNX", path.display());
        }
        Ok(())
    }
}
