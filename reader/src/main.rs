//! Makes the weights that `Classifier::pretrained` reads with, and compares weights on pictures of many kinds.
//!
//!     scripts/reader              # makes weights/reader.safetensors
//!     scripts/reader compare      # that and weights/mnist.safetensors, side by side

mod canvas;
mod compare;
mod fonts;
mod head;
mod make;
mod others;
#[path = "../../tests/pictures/mod.rs"]
#[allow(dead_code)]
mod pictures;
mod sets;
mod strokes;

use anyhow::{Result, bail};
use std::{env, path::Path};

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["train", to] => make::train(Path::new(to)),
        ["calibrate", from, to] => make::calibrate(Path::new(from), Path::new(to)),
        ["compare", ..] if args.len() > 1 => compare::compare(&args[1..]),
        ["sheet", to] => compare::sheet(Path::new(to)),
        _ => bail!(
            "usage: lenet-reader train RAW | calibrate RAW WEIGHTS | compare WEIGHTS... | sheet OUT.png"
        ),
    }
}
