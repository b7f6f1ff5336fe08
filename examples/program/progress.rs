//! The bar that shows how far an epoch has come, and the clock beside it.

use super::terminal::{Bar, Terminal};
use std::time::Instant;

pub struct Progress {
    bar: Bar,
    title: String,
    /// Images of the epoch that were trained before the clock started.
    before: usize,
    start: Instant,
}

impl Progress {
    /// Of an epoch of `total` images, `before` of which were trained by an earlier run.
    pub fn start(terminal: &Terminal, title: String, before: usize, total: usize) -> Progress {
        let bar = terminal.bar();
        bar.start(before, Some(total));
        bar.show(before, &title, &[]);
        Progress { bar, title, before, start: Instant::now() }
    }

    /// After so many images, with `figures` in front of the pace.
    pub fn show(&self, samples: usize, figures: impl FnOnce() -> Vec<String>) {
        if self.bar.is_hidden() {
            return;
        }
        let rate = (samples - self.before) as f64 / self.start.elapsed().as_secs_f64();
        let mut figures = figures();
        figures.push(format!("{rate:.0} images/s"));
        figures.push(format!("{} s left", self.bar.seconds_left()));
        self.bar.show(samples, &self.title, &figures);
    }

    /// Ends with the epoch: how many seconds all of its images take at the pace of those that were trained here; NaN where
    /// there were none.
    pub fn finish(self, samples: usize) -> f64 {
        let seconds = self.start.elapsed().as_secs_f64();
        match samples - self.before {
            0 => f64::NAN,
            here => seconds * samples as f64 / here as f64,
        }
    }
}
