//! What there would be without the ink: one level, or paper under uneven light.

use super::luminance::Plane;

/// The background's luminance at each pixel, and how much pixels differ from it without being ink.
#[derive(Debug)]
pub(super) struct Background {
    surface: Surface,
    /// The standard deviation of the background's own pixels; 0 for a picture that was drawn.
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

/// A photograph's background is told from this many means along each side: noise and thin strokes vanish in them.
const CELLS: u32 = 48;

const ITERATIONS: usize = 10;

/// Where Tukey's biweight takes a value for an outlier, in standard deviations; his own figure.
const OUTLIER: f32 = 4.685;

/// Of normally distributed numbers: their standard deviation divided by their median absolute deviation.
const MAD_TO_SIGMA: f32 = 1.4826;

impl Background {
    /// Told from the border, which is mostly background.
    pub fn of(plane: &Plane) -> Background {
        let mut border = border(plane);
        let level = median(&mut border);
        let same = border.iter().filter(|&&value| (value - level).abs() <= TOLERANCE).count();
        if same as f32 >= FLAT_SHARE * border.len() as f32 {
            return Background { surface: Surface::level(level), noise: 0.0, flat: true };
        }
        let surface = Surface::fit(&cells(plane));
        let mut deviations: Vec<_> = border_pixels(plane)
            .map(|(x, y)| (value(plane, x, y) - surface.at(plane, x, y)).abs())
            .collect();
        let noise = MAD_TO_SIGMA * median(&mut deviations);
        Background { surface, noise, flat: false }
    }

    /// Its luminance at a pixel of `plane`, which it is the background of.
    pub fn at(&self, plane: &Plane, x: u32, y: u32) -> f32 {
        self.surface.at(plane, x, y).clamp(0.0, 1.0)
    }
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
    border_pixels(plane).map(|(x, y)| value(plane, x, y)).collect()
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
            let mut sum = 0.0;
            for y in top..bottom {
                for x in left..right {
                    sum += value(plane, x, y);
                }
            }
            let count = (right - left) * (bottom - top);
            cells.push(Cell {
                x: position(left + right - 1, 2 * width - 1),
                y: position(top + bottom - 1, 2 * height - 1),
                mean: sum / count as f32,
                outer: row == 0 || column == 0 || row + 1 == rows || column + 1 == columns,
            });
        }
    }
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

    /// Fitted to the border, then again and again to those cells that it fits so far: the background's, not the ink's.
    fn fit(cells: &[Cell]) -> Surface {
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
        surface
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
            let got = background.at(&plane, x, y);
            assert!((got - light).abs() < 0.02, "{got} at {x}, {y}, {light} expected");
        }
    }

    #[test]
    fn of_a_drawing_is_its_border() {
        let plane = Plane::from_fn(28, 28, |x, _| [if x == 9 { 1.0 } else { 0.25 }].into());
        let background = Background::of(&plane);
        assert!(background.flat && background.noise == 0.0);
        assert_eq!(background.at(&plane, 9, 9), 0.25);
    }
}
