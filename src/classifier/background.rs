//! What there would be without the ink: one level, or paper under uneven light.

use super::{envelopes::Envelopes, luminance::Plane};
use std::ops::Range;

/// The background's luminance at each pixel, and how much pixels differ from it without being ink.
#[derive(Debug)]
pub(super) struct Background {
    surface: Surface,
    /// Where no surface fits.
    envelopes: Option<Envelopes>,
    /// The standard deviation of the background's own pixels.
    pub noise: f32,
    /// Whether it is one level.
    pub flat: bool,
}

/// Levels that differ by no more than this are the same: three steps of 255, as JPEG makes of one.
const TOLERANCE: f32 = 3.5 / 255.0;

/// A picture whose border has this share of one level was drawn, or scanned; else it is a photograph.
const FLAT_SHARE: f32 = 0.6;

/// The border is one pixel wide for each of these that the picture's shorter side has.
const BORDER: u32 = 32;

/// The darkest and the lightest level of a tiny picture: this share of its pixels is darker, or lighter.
const EXTREME: f32 = 0.05;

/// A photograph's background is told from this many means along each side: noise and thin strokes vanish in them.
const CELLS: u32 = 48;

/// Cells that differ from the surface by less than this fit it.
const FITS: f32 = 0.03;

/// A surface that more than this share of the cells fit is the background's. Otherwise a shadow's edge may cross the picture.
const MOST: f32 = 0.85;

/// Noise is told from blocks of so many pixels across and down, or of fewer where the picture is small: more than JPEG's eight.
const BLOCK: u32 = 12;

/// This share of the blocks is without ink, even in a picture that a digit fills.
const CLEAN: f32 = 0.25;

const ITERATIONS: usize = 10;

/// Where Tukey's biweight takes a value for an outlier, in standard deviations; his own figure.
const OUTLIER: f32 = 4.685;

/// Of normally distributed numbers: their standard deviation divided by their median absolute deviation.
const MAD_TO_SIGMA: f32 = 1.4826;

impl Background {
    /// Told from the border, which is mostly background. NaN is no part of the picture.
    pub fn of(plane: &Plane) -> Background {
        let noise = noise(plane);
        let mut border = border(plane);
        if border.len() == border_pixels(plane).count() {
            let (level, same) = densest(&mut border);
            if same as f32 >= FLAT_SHARE * border.len() as f32 {
                return Background {
                    surface: Surface::level(level),
                    envelopes: None,
                    noise,
                    flat: true,
                };
            }
        }
        let cells = cells(plane);
        let (surface, fitting) = Surface::fit(&cells);
        let envelopes = (fitting <= MOST * cells.len() as f32).then(|| Envelopes::of(plane));
        Background { surface, envelopes, noise, flat: false }
    }

    /// Of a tiny picture: one level, its darkest or its lightest, though ink may fill the border. Ink seldom covers more than half of it,
    /// and seldom all corners.
    pub fn of_tiny(plane: &Plane) -> Background {
        let mut values = plane.as_raw().clone();
        values.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| {
            values.get((share * values.len() as f32) as usize).copied().unwrap_or_default()
        };
        let (low, high) = (at(EXTREME), at(1.0 - EXTREME));
        let is_light = |value: f32| value > (low + high) / 2.0;
        let (right, bottom) = (plane.width() - 1, plane.height() - 1);
        let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)];
        let light_corners = corners.iter().filter(|&&(x, y)| is_light(value(plane, x, y))).count();
        let light = values.iter().filter(|&&value| is_light(value)).count();
        let share = light as f32 / values.len() as f32 + light_corners as f32 / 4.0;
        let level = if share > 1.0 { high } else { low };
        Background {
            surface: Surface::level(level),
            envelopes: None,
            noise: noise(plane),
            flat: true,
        }
    }

    /// What it is at a pixel of `plane`, which it is the background of, where no shadow crosses the picture.
    pub fn level(&self, plane: &Plane, x: u32, y: u32) -> f32 {
        self.surface.at(plane, x, y).clamp(0.0, 1.0)
    }

    /// The darkest and the lightest that it may be at a pixel of `plane`: they differ beside the edge of a shadow.
    pub fn range(&self, plane: &Plane, x: u32, y: u32) -> (f32, f32) {
        let level = self.level(plane, x, y);
        match &self.envelopes {
            Some(Envelopes { closed, opened }) => {
                (value(closed, x, y), level.max(value(opened, x, y)))
            }
            None => (level, level),
        }
    }
}

/// The standard deviation of what is smooth: a low quantile of those of blocks.
fn noise(plane: &Plane) -> f32 {
    let (width, height) = plane.dimensions();
    let side = (width.min(height) / 16).clamp(2, BLOCK);
    let mut deviations = vec![];
    for top in (0..height.saturating_sub(side - 1)).step_by(side as usize) {
        for left in (0..width.saturating_sub(side - 1)).step_by(side as usize) {
            let (_, deviation) = statistics(plane, left..left + side, top..top + side);
            if deviation.is_finite() {
                deviations.push(deviation);
            }
        }
    }
    let place = (CLEAN * deviations.len() as f32) as usize;
    if place >= deviations.len() {
        return 0.0;
    }
    // Of a few pixels the deviation varies; that quantile lies below the middle by so much.
    let low = 1.0 - 0.67 / (2.0 * (side * side - 1) as f32).sqrt();
    *deviations.select_nth_unstable_by(place, f32::total_cmp).1 / low
}

/// Mean and standard deviation of a block of pixels; NaN where one of them is.
fn statistics(plane: &Plane, xs: Range<u32>, ys: Range<u32>) -> (f32, f32) {
    let count = (xs.len() * ys.len()).max(1) as f32;
    let values = || ys.clone().flat_map(|y| xs.clone().map(move |x| value(plane, x, y)));
    let mean = values().sum::<f32>() / count;
    let squares: f32 = values().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// The means of blocks of so many pixels across and down, by rows; those at the right and at the bottom may have fewer.
pub(super) fn means(plane: &Plane, side: u32) -> Vec<f32> {
    let (width, height) = plane.dimensions();
    let blocks =
        |length: u32| (0..length).step_by(side as usize).map(move |at| at..(at + side).min(length));
    blocks(height)
        .flat_map(|ys| blocks(width).map(move |xs| statistics(plane, xs, ys.clone()).0))
        .collect()
}

/// The level that most values are within [`TOLERANCE`] of, and how many.
fn densest(values: &mut [f32]) -> (f32, usize) {
    values.sort_unstable_by(f32::total_cmp);
    let (mut end, mut best) = (0, (0, 0));
    for (start, &low) in values.iter().enumerate() {
        while values.get(end).is_some_and(|&value| value - low <= 2.0 * TOLERANCE) {
            end += 1;
        }
        if end - start > best.1 - best.0 {
            best = (start, end);
        }
    }
    let (start, end) = best;
    (values.get((start + end) / 2).copied().unwrap_or_default(), end - start)
}

fn value(plane: &Plane, x: u32, y: u32) -> f32 {
    plane.get_pixel(x, y).0[0]
}

fn border_pixels(plane: &Plane) -> impl Iterator<Item = (u32, u32)> {
    let (width, height) = plane.dimensions();
    let thickness = (width.min(height) / BORDER).max(1);
    let outer = move |at: u32, length: u32| at < thickness || at >= length - thickness;
    (0..height).flat_map(move |y| {
        let whole = outer(y, height);
        (0..width).filter(move |&x| whole || outer(x, width)).map(move |x| (x, y))
    })
}

fn border(plane: &Plane) -> Vec<f32> {
    border_pixels(plane).map(|(x, y)| value(plane, x, y)).filter(|value| !value.is_nan()).collect()
}

/// 0 of none.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The mean of a block of pixels.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// The block's middle, -1 to 1 from edge to edge.
    x: f32,
    y: f32,
    mean: f32,
    /// At the picture's border.
    outer: bool,
}

/// Those that are a part of the picture: whose mean is not NaN.
fn cells(plane: &Plane) -> Vec<Cell> {
    let (width, height) = plane.dimensions();
    let (columns, rows) = (width.min(CELLS), height.min(CELLS));
    // CELLS times a length that has 28 bits at most: no overflow in 64.
    let edge = |i: u32, cells: u32, length: u32| {
        (u64::from(i) * u64::from(length) / u64::from(cells)) as u32
    };
    let mut cells = Vec::with_capacity((columns * rows) as usize);
    for row in 0..rows {
        for column in 0..columns {
            let (left, right) = (edge(column, columns, width), edge(column + 1, columns, width));
            let (top, bottom) = (edge(row, rows, height), edge(row + 1, rows, height));
            let (mean, _) = statistics(plane, left..right, top..bottom);
            cells.push(Cell {
                x: position(left + right - 1, 2 * width - 1),
                y: position(top + bottom - 1, 2 * height - 1),
                mean,
                outer: row == 0 || column == 0 || row + 1 == rows || column + 1 == columns,
            });
        }
    }
    // Beside what is no part of the picture is its border, too.
    let missing: Vec<_> = cells.iter().map(|cell| cell.mean.is_nan()).collect();
    let missing =
        |at: Option<usize>| at.and_then(|at| missing.get(at)).copied().unwrap_or_default();
    for (at, cell) in cells.iter_mut().enumerate() {
        let columns = columns as usize;
        let beside = [at.checked_sub(1), Some(at + 1), at.checked_sub(columns), Some(at + columns)];
        cell.outer |= beside.into_iter().any(missing);
    }
    cells.retain(|cell| !cell.mean.is_nan());
    cells
}

/// `at` of `length` on a scale from -1 to 1.
fn position(at: u32, length: u32) -> f32 {
    2.0 * (at as f32 + 0.5) / length as f32 - 1.0
}

/// A polynomial of the second degree in both coordinates: light that falls off to one side or to all.
#[derive(Debug, Clone, Copy)]
struct Surface([f32; TERMS]);

const TERMS: usize = 6;

impl Surface {
    fn level(level: f32) -> Surface {
        Surface([level, 0.0, 0.0, 0.0, 0.0, 0.0])
    }

    fn terms(x: f32, y: f32) -> [f32; TERMS] {
        [1.0, x, y, x * x, x * y, y * y]
    }

    fn value(&self, x: f32, y: f32) -> f32 {
        self.0.iter().zip(Surface::terms(x, y)).map(|(factor, term)| factor * term).sum()
    }

    fn at(&self, plane: &Plane, x: u32, y: u32) -> f32 {
        self.value(position(x, plane.width()), position(y, plane.height()))
    }

    /// Fitted to the border, then again and again to those cells that it fits so far: the background's, not the ink's. And how
    /// many cells it fits.
    fn fit(cells: &[Cell]) -> (Surface, f32) {
        let mut weights: Vec<f32> =
            cells.iter().map(|cell| f32::from(u8::from(cell.outer))).collect();
        let mut surface = Surface::level(0.0);
        for _ in 0..ITERATIONS {
            surface = Surface::least_squares(cells, &weights);
            let residual = |cell: &Cell| cell.mean - surface.value(cell.x, cell.y);
            let used = cells.iter().zip(&weights).filter(|&(_, &weight)| weight > 0.0);
            let mut deviations: Vec<_> = used.map(|(cell, _)| residual(cell).abs()).collect();
            // Not less than what makes no difference, lest ever fewer cells fit ever better.
            let sigma = (MAD_TO_SIGMA * median(&mut deviations)).max(TOLERANCE / 2.0);
            for (cell, weight) in cells.iter().zip(&mut weights) {
                let distance = residual(cell) / (OUTLIER * sigma);
                *weight = (1.0 - distance * distance).max(0.0).powi(2);
            }
        }
        let fits = |cell: &&Cell| (cell.mean - surface.value(cell.x, cell.y)).abs() < FITS;
        (surface, cells.iter().filter(fits).count() as f32)
    }

    /// By the normal equations, made solvable by a little weight on flatness where the cells do not suffice.
    fn least_squares(cells: &[Cell], weights: &[f32]) -> Surface {
        let mut matrix = [[0f64; TERMS + 1]; TERMS];
        for (cell, &weight) in cells.iter().zip(weights) {
            let terms = Surface::terms(cell.x, cell.y);
            for (row, a) in matrix.iter_mut().zip(terms) {
                for (sum, b) in row.iter_mut().zip(terms.into_iter().chain([cell.mean])) {
                    *sum += f64::from(weight) * f64::from(a) * f64::from(b);
                }
            }
        }
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] += 1e-6 * (1.0 + cells.len() as f64);
        }
        // The matrix is symmetric and positive definite: elimination needs no pivoting.
        for i in 0..TERMS {
            let pivot = matrix[i];
            for row in matrix.iter_mut().skip(i + 1) {
                let factor = row[i] / pivot[i];
                for (value, above) in row.iter_mut().zip(pivot) {
                    *value -= factor * above;
                }
            }
        }
        let mut factors = [0f64; TERMS];
        for i in (0..TERMS).rev() {
            let known: f64 = (i + 1..TERMS).map(|j| matrix[i][j] * factors[j]).sum();
            factors[i] = (matrix[i][TERMS] - known) / matrix[i][i];
        }
        Surface(factors.map(|factor| factor as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::{Background, Plane};
    use crate::classifier::writing::FAINTEST;
    use std::f32::consts::PI;

    /// Paper under a lamp at the left, with a thick dark stroke in the middle.
    fn photograph() -> Plane {
        Plane::from_fn(300, 200, |x, y| {
            let light = 0.9 - 0.4 * (x as f32 / 300.0) - 0.1 * (y as f32 / 200.0).powi(2);
            [if (130..170).contains(&x) && (30..170).contains(&y) { 0.2 * light } else { light }]
                .into()
        })
    }

    #[test]
    fn follows_the_light_and_not_the_ink() {
        let plane = photograph();
        let background = Background::of(&plane);
        assert!(!background.flat);
        for (x, y) in [(5, 5), (290, 190), (100, 100), (150, 100)] {
            let light = 0.9 - 0.4 * (x as f32 / 300.0) - 0.1 * (y as f32 / 200.0).powi(2);
            let (low, high) = background.range(&plane, x, y);
            assert!(
                low > light - 0.03 && high < light + 0.03,
                "{low}, {high} at {x}, {y}, {light} expected"
            );
        }
    }

    /// Half of the picture is in the shade, from each of 24 sides: nothing is taken for ink, and dark ink would be.
    #[test]
    fn follows_the_light_on_both_sides_of_a_shadow_s_edge() {
        for step in 0..24 {
            let (sin, cos) = (step as f32 * PI / 12.0).sin_cos();
            let side = |x: u32, y: u32| cos * (x as f32 - 160.0) + sin * (y as f32 - 110.0);
            let light = |x: u32, y: u32| {
                let falling = 0.9 - 0.2 * (x as f32 / 300.0) - 0.1 * (y as f32 / 200.0);
                if side(x, y) > 0.0 { 0.6 * falling } else { falling }
            };
            let plane = Plane::from_fn(300, 200, |x, y| [light(x, y)].into());
            let background = Background::of(&plane);
            let places = (10..300).step_by(40).flat_map(|x| [10, 100, 190].map(move |y| (x, y)));
            for (x, y) in places {
                let (low, high) = background.range(&plane, x, y);
                let (least, most) = (light(x, y) - FAINTEST, light(x, y) + FAINTEST);
                // Beside the edge ink may be told less well, and the edge itself is smoothed.
                let away = side(x, y).abs();
                assert!(
                    (away < 30.0 || low > least) && low < most && (away < 3.0 || high > least),
                    "{low} to {high} at {x}, {y} from side {step}"
                );
            }
        }
    }

    #[test]
    fn of_a_drawing_is_its_border() {
        let plane = Plane::from_fn(28, 28, |x, _| [if x == 9 { 1.0 } else { 0.25 }].into());
        let background = Background::of(&plane);
        assert!(background.flat && background.noise == 0.0);
        assert_eq!(background.range(&plane, 9, 9), (0.25, 0.25));
    }
}
