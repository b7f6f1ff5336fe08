//! What the programs that train have in common: signals, the terminal, progress, resuming from a checkpoint.

pub mod kept_run;
pub mod progress;
pub mod seeds;
pub mod signals;
pub mod terminal;
pub mod weights_file;

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};
use terminal::say;

/// What the program ends with.
pub fn outcome(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        // Whoever reads our output has had enough of it: `train_mnist | head -1`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
