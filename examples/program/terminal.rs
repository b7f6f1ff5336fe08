//! What is shown: the post's lines on stdout, and on stderr a progress bar, where that is a terminal, and remarks.

use anyhow::{Context, Result};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle, TermLike};
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

    /// A progress bar, which goes when it is dropped. indicatif leaves the colours out where `NO_COLOR` is set.
    pub fn bar(&self) -> Bar {
        let screen = Screen(Term::buffered_stderr());
        if self.quiet || !io::stderr().is_terminal() {
            return Bar { bar: ProgressBar::hidden(), screen };
        }
        let style = ProgressStyle::with_template("{prefix} {wide_bar:.cyan/blue} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Bar { bar: bar.with_finish(ProgressFinish::AndClear), screen }
    }
}

/// A progress bar that takes one line of the terminal, however narrow that is.
pub struct Bar {
    bar: ProgressBar,
    screen: Screen,
}

impl Bar {
    /// Begins anew, at `before` of `total`, where that is known.
    pub fn start(&self, before: usize, total: Option<usize>) {
        match total {
            Some(total) => self.bar.set_length(total as u64),
            None => self.bar.unset_length(),
        }
        self.bar.set_message(""); // which was made to fit beside another title
        self.bar.set_position(before as u64);
        self.bar.reset_eta();
    }

    /// Whether nobody sees it.
    pub fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// How many seconds are left at the pace so far.
    pub fn seconds_left(&self) -> u64 {
        self.bar.eta().as_secs()
    }

    /// At `position`: the title, the bar, and of the figures as many as there is room for.
    pub fn show(&self, position: usize, title: &str, figures: &[String]) {
        let room = usize::from(self.screen.width()).saturating_sub(2); // a space on each side of the bar
        let title = if title.len() > room { "" } else { title };
        self.bar.set_position(position as u64);
        self.bar.set_prefix(title.to_owned());
        self.bar.set_message(fitting(figures, room - title.len()));
    }
}

/// The first figures that fit into `room` columns.
fn fitting(figures: &[String], room: usize) -> String {
    let lines = (0..=figures.len()).rev().map(|count| figures[..count].join(", "));
    lines.into_iter().find(|line| line.len() <= room).unwrap_or_default()
}

/// The terminal but for its last columns. indicatif leaves the cursor behind what it wrote: without this room the `^C` that a
/// terminal shows for Ctrl-C would begin a new line, and indicatif would then clear that one and leave its own.
///
/// It is buffered, so that a redraw is a single write: at Ctrl-C the kernel drops what the terminal has not read yet, and a bar
/// without the move to the line's start before it would be added to the old one.
#[derive(Debug, Clone)]
struct Screen(Term);

/// What `^C` takes, and the cursor.
const ROOM_FOR_CTRL_C: u16 = 3;

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(ROOM_FOR_CTRL_C).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A line on stderr, whatever was asked for.
pub fn say(line: fmt::Arguments) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes()); // in one piece
}
