//! The bar that shows how far an epoch has come, and the clock beside it.

use super::terminal::Terminal;
use indicatif::ProgressBar;
use std::time::Instant;

pub struct Progress {
    bar: ProgressBar,
    /// Images of the epoch that were trained before the clock started.
    before: usize,
    start: Instant,
}

impl Progress {
    /// Of an epoch of `total` images, `before` of which were trained by an earlier run.
    pub fn start(terminal: &Terminal, title: String, before: usize, total: usize) -> Progress {
        let bar = terminal.bar("{prefix} {wide_bar:.cyan/blue} {msg}");
        bar.set_prefix(title);
        bar.set_length(total as u64);
        bar.set_position(before as u64);
        bar.reset_eta();
        Progress { bar, before, start: Instant::now() }
    }

    /// After so many images, with `figures` in front of the pace.
    pub fn show(&self, samples: usize, figures: impl FnOnce() -> String) {
        if self.bar.is_hidden() {
            return;
        }
        let rate = (samples - self.before) as f64 / self.start.elapsed().as_secs_f64();
        self.bar.set_position(samples as u64);
        let left = self.bar.eta().as_secs();
        self.bar.set_message(format!("{}, {rate:.0} images/s, {left} s left", figures()));
    }

    /// Ends with the epoch: how many seconds all of its images take at the pace of those that were trained here; NaN where
    /// there were none.
    pub fn finish(self, samples: usize) -> f64 {
        let seconds = self.start.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        match samples - self.before {
            0 => f64::NAN,
            here => seconds * samples as f64 / here as f64,
        }
    }
}
