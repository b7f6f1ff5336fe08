use crate::{Error, Result};
use std::fmt::Display;

/// An [`Error::Invalid`] unless `what` `holds`.
pub(crate) fn require(
    what: &'static str,
    expected: &str,
    got: impl Display,
    holds: bool,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(what, expected, got.to_string())) }
}
