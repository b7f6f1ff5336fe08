//! Numbers on the command line.

use std::{num::NonZeroUsize, str::FromStr};

/// A whole number from 0 on.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number, 0 or more".into())
}

/// A whole number from 1 on.
pub fn from_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number, 1 or more".into())
}
