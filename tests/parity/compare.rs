//! How numbers are compared, and what is made of it.

use safetensors::Dtype;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Numbers of any kind, and their shape.
#[derive(Clone)]
pub struct Tensor {
    pub kind: Dtype,
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    /// Numbers that are `f32`.
    pub fn f32(shape: Vec<usize>, values: impl IntoIterator<Item = f32>) -> Tensor {
        Tensor { kind: Dtype::F32, shape, values: values.into_iter().map(f64::from).collect() }
    }
}

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// How far apart two sets of tensors are at worst.
pub struct Difference {
    /// The largest difference of two numbers.
    pub absolute: Worst,
    /// The largest difference of two numbers, divided by the largest entry of the tensor that they are in, or by
    /// [`SMALLEST`] where that is more.
    pub relative: Worst,
}

/// Where a tensor's sums cancel to less than this, rounding is much of what is left of them. The gradient of con_sam.0.bias
/// sums 784 numbers an image: where its entries come to 2e-4, PyTorch's and Paddle's f32 are up to 7e-5 of that off what
/// PyTorch gives in f64.
const SMALLEST: f64 = 1e-3;

/// A difference and the name of the tensor that it is in.
pub struct Worst {
    pub value: f64,
    pub at: String,
}

impl Worst {
    fn take(&mut self, value: f64, at: &str) {
        // Whatever is not a number is as wrong as can be.
        let value = if value.is_nan() { f64::INFINITY } else { value };
        if self.at.is_empty() || value > self.value {
            *self = Worst { value, at: at.to_string() };
        }
    }
}

/// Compares the tensors named `part` or `part.…` with their namesakes. One that only one side has, or whose shape or kind
/// differs, is infinitely wrong; so is a part that is empty.
pub fn compare(part: &str, ours: &Tensors, theirs: &Tensors) -> Difference {
    let nothing = || Worst { value: f64::INFINITY, at: String::new() };
    let mut worst = Difference { absolute: nothing(), relative: nothing() };
    let names: BTreeSet<_> =
        ours.keys().chain(theirs.keys()).filter(|name| belongs(name, part)).collect();
    for name in names {
        let (absolute, relative) = match (ours.get(name), theirs.get(name)) {
            (Some(a), Some(b)) if a.shape == b.shape && a.kind == b.kind => {
                let absolute = largest(a.values.iter().zip(&b.values).map(|(a, b)| a - b));
                (absolute, absolute / largest(b.values.iter().copied()).max(SMALLEST))
            }
            _ => (f64::INFINITY, f64::INFINITY),
        };
        worst.absolute.take(absolute, name);
        worst.relative.take(relative, name);
    }
    worst
}

/// The largest magnitude, and NaN where there is one, or no number.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).max_by(f64::total_cmp).unwrap_or(f64::NAN)
}

/// Whether a tensor is of a part: `gradients.fc.0.bias` is of `gradients`, of `gradients.fc`, and of itself.
fn belongs(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How far apart is near enough.
#[derive(Clone, Copy)]
pub enum Allowed {
    Equal,
    Absolute(f64),
    Relative(f64),
}

impl Allowed {
    fn admits(self, difference: &Difference) -> bool {
        match self {
            Allowed::Equal => difference.absolute.value == 0.0,
            Allowed::Absolute(limit) => difference.absolute.value <= limit,
            Allowed::Relative(limit) => difference.relative.value <= limit,
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Equal => f.pad("equal"),
            Allowed::Absolute(limit) => f.pad(&format!("{limit:.0e} absolute")),
            Allowed::Relative(limit) => f.pad(&format!("{limit:.0e} relative")),
        }
    }
}

/// Comparisons and what came of them, in order.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    comparison: String,
    difference: Difference,
    allowed: Allowed,
    /// Whether something was made wrong, so that the comparison has to notice.
    spoilt: bool,
}

impl Row {
    fn verdict(&self) -> &'static str {
        match (self.allowed.admits(&self.difference), self.spoilt) {
            (true, false) => "ok",
            (false, true) => "caught",
            (false, false) => "FAILED",
            (true, true) => "NOT CAUGHT",
        }
    }
}

impl Table {
    /// This part of both has to agree.
    pub fn agree(
        &mut self,
        comparison: &str,
        part: &str,
        allowed: Allowed,
        ours: &Tensors,
        theirs: &Tensors,
    ) {
        self.add(comparison, compare(part, ours, theirs), allowed, false);
    }

    /// One weight was changed: the comparison has to notice.
    pub fn differ(
        &mut self,
        comparison: &str,
        part: &str,
        allowed: Allowed,
        ours: &Tensors,
        theirs: &Tensors,
    ) {
        self.add(comparison, compare(part, ours, theirs), allowed, true);
    }

    fn add(&mut self, comparison: &str, difference: Difference, allowed: Allowed, spoilt: bool) {
        self.rows.push(Row { comparison: comparison.to_string(), difference, allowed, spoilt });
    }

    /// Panics, showing the table, unless every row is as it has to be.
    pub fn check(&self) {
        let wrong =
            self.rows.iter().filter(|row| !matches!(row.verdict(), "ok" | "caught")).count();
        assert!(
            wrong == 0 && !self.rows.is_empty(),
            "{wrong} of {} comparisons failed\n{self}",
            self.rows.len()
        );
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.comparison.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>8}  {:>8}  {:15}  {:10}  worst at",
            "comparison", "absolute", "relative", "allowed", "verdict"
        )?;
        for row in &self.rows {
            let Difference { absolute, relative } = &row.difference;
            let at = if matches!(row.allowed, Allowed::Relative(_)) {
                &relative.at
            } else {
                &absolute.at
            };
            writeln!(
                f,
                "{:width$}  {:>8.1e}  {:>8.1e}  {:15}  {:10}  {at}",
                row.comparison,
                absolute.value,
                relative.value,
                row.allowed,
                row.verdict()
            )?;
        }
        Ok(())
    }
}
