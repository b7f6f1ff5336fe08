//! The digits: where they are found, and whether they are MNIST's.

use super::terminal::Terminal;
use anyhow::Result;
use lenet::{Mnist, data::Fit};
use std::path::{Path, PathBuf};

/// The set in `dir`, else the first copy that is found, else one that is downloaded.
pub fn open(dir: Option<&Path>, fit: Fit, terminal: &Terminal) -> Result<Mnist> {
    let dir = dir.map_or_else(|| found(terminal), |dir| Ok(dir.into()))?;
    let mnist = Mnist::open_fitted(&dir, fit)?;
    // A set of another size shows itself by that.
    if (mnist.train.len(), mnist.test.len()) == (60_000, 10_000) && !mnist.is_original() {
        terminal.note(format_args!(
            "{} holds another set than MNIST, in files of the same names and sizes",
            dir.display()
        ));
    }
    Ok(mnist)
}

#[cfg(feature = "download")]
fn found(terminal: &Terminal) -> Result<PathBuf> {
    let bar = terminal.bar();
    let (mut file, mut waits) = ("", false);
    let dir = Mnist::dir_with(|at| {
        if at.waiting && !waits {
            terminal.note(format_args!("another process downloads MNIST: waiting for it"));
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
fn found(_: &Terminal) -> Result<PathBuf> {
    Ok(Mnist::dir()?)
}
