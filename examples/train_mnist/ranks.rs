//! The processes that train together, where `mpirun` started several.

#[cfg(feature = "mpi")]
use super::program::terminal::say;
use super::program::{outcome, signals::Signals};
use anyhow::Result;
use lenet::Trainer;
#[cfg(feature = "mpi")]
use lenet::train::{Communicator, Mpi};
use std::process::ExitCode;

/// This process among them.
#[derive(Clone, Copy)]
pub struct Ranks {
    #[cfg(feature = "mpi")]
    mpi: Option<Mpi>,
}

/// Steps between two questions whether a rank caught a signal: each is a message.
const STEPS: usize = 16;

#[cfg(feature = "mpi")]
impl Ranks {
    /// Joins the others, where that was asked for.
    pub fn start(asked: bool) -> Result<Ranks> {
        Ok(Ranks { mpi: asked.then(Mpi::start).transpose()? })
    }

    /// Whether this one prints, reports and saves for all.
    pub fn is_first(self) -> bool {
        self.mpi.is_none_or(|mpi| mpi.rank() == 0)
    }

    /// The trainer, as one of all ranks'.
    pub fn join(self, trainer: Trainer) -> Result<Trainer> {
        Ok(match self.mpi {
            Some(mpi) => trainer.with_communicator(mpi)?,
            None => trainer,
        })
    }

    /// What the program ends with. An error of one rank ends all.
    pub fn end(self, result: Result<ExitCode>) -> ExitCode {
        let Some(mpi) = self.mpi else { return outcome(result) };
        match result {
            Ok(code) => {
                mpi.finish();
                code
            }
            Err(error) => {
                say(format_args!("rank {} of {}:", mpi.rank(), mpi.size()));
                outcome(Err(error));
                mpi.abort(1)
            }
        }
    }
}

#[cfg(not(feature = "mpi"))]
impl Ranks {
    /// This program can't join others.
    pub fn start(asked: bool) -> Result<Ranks> {
        anyhow::ensure!(!asked, "--ranks: build with the feature `mpi`, as build-notes.md says");
        Ok(Ranks {})
    }

    /// There is no other.
    pub fn is_first(self) -> bool {
        true
    }

    /// The trainer, alone.
    pub fn join(self, trainer: Trainer) -> Result<Trainer> {
        Ok(trainer)
    }

    /// What the program ends with.
    pub fn end(self, result: Result<ExitCode>) -> ExitCode {
        outcome(result)
    }
}

/// The signal that one of the ranks caught, as all of them see it.
pub fn caught(trainer: &Trainer, signals: &Signals) -> Result<Option<usize>, lenet::Error> {
    let own = signals.caught().unwrap_or(0);
    let any = trainer.communicator().highest(own as u8)?;
    Ok(Some(any.into()).filter(|&number| number > 0))
}

/// [`caught`], after each step, or after some where asking takes a message.
pub fn caught_at_a_step(
    trainer: &Trainer,
    signals: &Signals,
) -> Result<Option<usize>, lenet::Error> {
    match trainer.communicator().size() == 1 || trainer.steps().is_multiple_of(STEPS) {
        true => caught(trainer, signals),
        false => Ok(None),
    }
}
