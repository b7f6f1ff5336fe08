//! A run's state on the disk: one file, and the folder in which a run keeps the last two.

mod file;
mod folder;

pub(super) use file::{Checkpoint, refuse};
pub use folder::{Checkpoints, Recipe, Resumable, Resumed};
