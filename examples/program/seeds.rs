//! A program's runs with several seeds.

use anyhow::{Context, Result};
use std::{num::NonZeroUsize, ops::RangeInclusive};

/// `count` seeds from `first` on.
pub fn seeds(first: u64, count: NonZeroUsize) -> Result<RangeInclusive<u64>> {
    let last = first.checked_add(count.get() as u64 - 1);
    Ok(first..=last.context("--seed and --seeds: there is no such seed as the last")?)
}

/// What each seed came to, with their mean and standard deviation (of the sample: divided by one less than there are).
pub fn spread(what: &str, values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (n - 1.0)).sqrt();
    let all: Vec<_> = values.iter().map(|value| format!("{value:.2}")).collect();
    let all = all.join(" ");
    format!("{what}: {all}; mean {mean:.3}, standard deviation {deviation:.3}\n")
}
