//! The data: where they are found, and whether they are what was asked for.

use super::terminal::Terminal;
use anyhow::Result;
use lenet::{
    Mnist,
    data::{Fit, NamedSet, Sets},
};
use std::path::{Path, PathBuf};

/// The set in `dir`, else the first copy that is found, else one that is downloaded.
pub fn open(set: NamedSet, dir: Option<&Path>, fit: Fit, terminal: &Terminal) -> Result<Sets> {
    let dir = dir.map_or_else(|| found(set, terminal), |dir| Ok(dir.into()))?;
    let sets = set.open_fitted(&dir, fit)?;
    // A set of another size shows itself by that.
    let is_as_large = (sets.train.len(), sets.test.len()) == (60_000, 10_000);
    if set == NamedSet::Mnist && is_as_large && !Mnist::from(sets.clone()).is_original() {
        terminal.note(format_args!(
            "{} holds another set than MNIST, in files of the same names and sizes: --dataset names it",
            dir.display()
        ));
    }
    Ok(sets)
}

#[cfg(feature = "download")]
fn found(set: NamedSet, terminal: &Terminal) -> Result<PathBuf> {
    let bar = terminal.bar();
    let (mut file, mut waits) = ("", false);
    let dir = set.dir_with(|at| {
        if at.waiting && !waits {
            terminal.note(format_args!("another process downloads {}: waiting for it", set.name()));
            waits = true;
        }
        let (received, total) = (at.received as usize, at.total.map(|total| total as usize));
        if at.file != file {
            file = at.file;
            bar.start(received, total);
        }
        let megabytes = format!("{:.1} MB", at.received as f64 / 1e6);
        let left = total.map(|_| format!("{} s left", bar.seconds_left()));
        bar.show(
            received,
            file,
            &[Some(megabytes), left].into_iter().flatten().collect::<Vec<_>>(),
        );
    })?;
    Ok(dir)
}

#[cfg(not(feature = "download"))]
fn found(set: NamedSet, _: &Terminal) -> Result<PathBuf> {
    Ok(set.dir()?)
}
