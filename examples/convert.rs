//! Moves weights between PyTorch, PaddlePaddle, NumPy, safetensors and ONNX.
//!
//!     cargo run --release --example convert -- lenet.pt lenet.pdparams

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};
use clap::Parser;
use lenet::{
    Error,
    weights::{Array, Form, StateDict},
};

/// Moves weights between forms and prints what is in them.
///
/// The form of IN is told from its content; the form of OUT from its extension: .safetensors, .pt, .pth or .bin
/// (torch.save), .npz (numpy.savez), .pdparams (paddle.save), .onnx (LeNet with its weights, for onnxruntime; as IN
/// also what torch.onnx.export writes of the post's LeNet). Names and shapes stay PyTorch's; the matrices of Linear layers are transposed for Paddle. Values in
/// f16, bf16 and f64 become f32. OUT is written whole or not at all.
#[derive(Parser)]
#[command(name = "convert", version, verbatim_doc_comment)]
struct Args {
    /// The file to read.
    #[arg(value_name = "IN")]
    from: PathBuf,

    /// The file to write; one that is there already is replaced. Without it, IN is only looked at.
    #[arg(value_name = "OUT")]
    to: Option<PathBuf>,

    /// An entry of metadata to keep in OUT, which must be a .safetensors or .onnx. May be given more than once.
    #[arg(short, long = "metadata", value_name = "KEY=VALUE", value_parser = key_and_value)]
    metadata: Vec<(String, String)>,
}

/// Characters of an entry of metadata that are printed at most.
const SHOWN: usize = 160;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has had enough of it: `convert net.pt | head -1`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<()> {
    // Before the work: nobody should wait for a file that will not be written.
    let target = args.to.as_deref().map(|to| check_target(&args.from, to)).transpose()?;
    if !target.is_some_and(Form::keeps_metadata) && !args.metadata.is_empty() {
        bail!("only a .safetensors or .onnx keeps metadata");
    }

    let mut weights = StateDict::read(&args.from)?;
    weights.metadata.extend(args.metadata);
    if let Some(to) = &args.to {
        weights.write(to)?;
        check_written(&weights, to)?;
    }

    let mut out = io::stdout().lock();
    report(&weights, &args.from, &mut out)?;
    if let Some((to, form)) = args.to.zip(target) {
        if !form.keeps_metadata() && !weights.metadata.is_empty() {
            writeln!(out, "metadata is left out: {form} keeps none")?;
        }
        writeln!(out, "wrote {} ({form}); read again, every bit is the same", to.display())?;
    }
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it should be KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

/// The form of the file to write, if it is not the one to read.
fn check_target(from: &Path, to: &Path) -> Result<Form> {
    let form = Form::of_path(to)?;
    if let (Ok(real_from), Ok(real_to)) = (fs::canonicalize(from), fs::canonicalize(to))
        && real_from == real_to
    {
        bail!("{} is both IN and OUT", from.display());
    }
    Ok(form)
}

/// With control characters escaped: a file's names and texts do nothing to the terminal.
fn shown(text: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_debug().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Names and shapes, what the file says about itself, and whether it is the network of this crate.
fn report(weights: &StateDict, from: &Path, out: &mut impl Write) -> Result<()> {
    let form = weights.form().map_or(String::new(), |form| form.to_string());
    let parameters: usize = weights.iter().map(|(_, array)| array.values().len()).sum();
    writeln!(out, "{} ({form}): {} tensors, {parameters} values", from.display(), weights.len())?;

    let width = weights.names().map(str::len).max().unwrap_or_default();
    for (name, array) in weights.iter() {
        writeln!(out, "  {:width$}  {:?}", shown(name), array.shape())?;
    }
    writeln!(out, "sha256 of the values: {}", weights.sha256())?;
    for (key, value) in &weights.metadata {
        // Two lines of a terminal: what weights tell of no digit is 3,000 numbers.
        match value.char_indices().nth(SHOWN) {
            None => writeln!(out, "{}: {}", shown(key), shown(value))?,
            Some((end, _)) => {
                let (key, start) = (shown(key), shown(&value[..end]));
                writeln!(out, "{key}: {start}… ({} characters)", value.chars().count())?
            }
        }
    }

    match weights.check_lenet() {
        Ok(()) => writeln!(out, "LeNet: every name and shape fits")?,
        Err(error @ Error::StateDict(_)) => {
            writeln!(out, "not a LeNet: {}", shown(&error.to_string()))?
        }
        Err(error) => return Err(error.into()),
    }

    let non_finite = weights.non_finite();
    if non_finite.is_empty() {
        writeln!(out, "every value is finite")?;
    }
    for tensor in non_finite {
        writeln!(
            out,
            "WARNING: {} has {} NaN, {} infinite",
            tensor.name, tensor.nan, tensor.infinite
        )?;
    }
    Ok(())
}

/// Reads the file that was just written, and compares.
fn check_written(weights: &StateDict, to: &Path) -> Result<()> {
    let written = StateDict::read(to)?;
    for (name, array) in weights.iter() {
        // NaN is not equal to itself, its bits are.
        let bits = |array: &Array| array.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let same = written
            .get(name)
            .is_some_and(|other| array.shape() == other.shape() && bits(array) == bits(other));
        if !same {
            bail!("{name} is not the same in {}", to.display());
        }
    }
    Ok(())
}
