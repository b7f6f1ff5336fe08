//! What is shown: the post's lines on stdout, and on stderr a progress bar, where that is a terminal, and remarks.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use lenet::EpochRecord;
use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

pub struct Terminal {
    /// Whether nothing but errors is to be shown.
    pub quiet: bool,
}

impl Terminal {
    /// On stdout.
    pub fn print(&self, text: fmt::Arguments) -> Result<()> {
        match self.quiet {
            true => Ok(()),
            false => io::stdout().write_fmt(text).context("cannot write to stdout"),
        }
    }

    /// What the post prints of an epoch, and what it does not.
    pub fn epoch(&self, record: &EpochRecord) -> Result<()> {
        let EpochRecord { train, test, validation, seconds, .. } = record;
        self.print(format_args!(
            "Train Loss: {:.6}, Acc: {:.6}\nTest Loss: {:.6}, Acc: {:.6}\n",
            train.blog_loss, train.accuracy, test.blog_loss, test.accuracy
        ))?;
        if let Some(validation) = validation {
            self.print(format_args!(
                "Validation Loss: {:.6}, Acc: {:.6}\n",
                validation.blog_loss, validation.accuracy
            ))?;
        }
        let (losses, rate) = ((train.loss, test.loss), train.samples as f64 / seconds);
        let losses = format!("mean loss {:.6} (train), {:.6} (test)", losses.0, losses.1);
        match seconds.is_finite() {
            true => self.note(format_args!("{seconds:.1} s, {rate:.0} images/s; {losses}")),
            false => self.note(format_args!("{losses}")), // it was trained before
        }
        Ok(())
    }

    /// A line on stderr, which may be closed.
    pub fn note(&self, line: fmt::Arguments) {
        if !self.quiet {
            say(line);
        }
    }

    /// A progress bar. indicatif leaves the colours out where `NO_COLOR` is set.
    pub fn bar(&self, template: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template);
        ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// A line on stderr, whatever was asked for.
pub fn say(line: fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}
