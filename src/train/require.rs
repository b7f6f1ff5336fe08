use crate::{Error, Result};
use std::fmt::Display;

/// Epochs of a run, and of a schedule: more than anybody trains, and few enough to go through at each step.
pub(crate) const MOST: usize = 1_000_000;

/// An [`Error::Invalid`] unless `what` `holds`.
pub(crate) fn require(
    what: &'static str,
    expected: &str,
    got: impl Display,
    holds: bool,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(what, expected, got.to_string())) }
}
