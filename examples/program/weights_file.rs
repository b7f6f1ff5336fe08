//! The file that weights go to after a run.

use anyhow::{Context, Error, Result, anyhow};
use lenet::weights::StateDict;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Refuses, before any training, a file that can't be written after it; `option` is what named it.
pub fn check(option: &str, path: &Path) -> Result<()> {
    StateDict::check_target(path).with_context(|| option.to_owned())
}

/// Saves weights to the temporary folder, where a file that couldn't be written ended their run; the error, with where they are.
pub fn rescued(error: Error, weights: &StateDict) -> Error {
    let source = match error.downcast_ref() {
        Some(lenet::Error::Io { source, .. }) => Some(source),
        _ => error.downcast_ref::<io::Error>(),
    };
    // Whoever reads our output has had enough of it: nothing went wrong.
    if source.is_none_or(|source| source.kind() == ErrorKind::BrokenPipe) {
        return error;
    }
    match save_elsewhere(weights) {
        Ok(path) => anyhow!("{error:#}; the weights were saved to {} instead", path.display()),
        Err(other) => anyhow!("{error:#}; nor could the weights be saved elsewhere: {other:#}"),
    }
}

fn save_elsewhere(weights: &StateDict) -> Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("lenet-").tempdir()?.keep();
    let path = folder.join("weights.safetensors");
    weights.write(&path)?;
    Ok(path)
}
