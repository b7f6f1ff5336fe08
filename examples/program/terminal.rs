//! What is shown: the post's lines on stdout, and on stderr a progress bar, where that is a terminal, and remarks.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
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
