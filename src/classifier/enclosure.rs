//! What a piece encloses: a box around digits, as on forms and keys, or a plate that they are on, as on signs.

use super::{
    bounds::{Bounds, smallest_rectangle},
    grid::Grid,
    luminance::Plane,
    piece::Piece,
};

/// A box, a row of boxes that share walls, each hole in it, or a plate is a rectangle, more or less: it fills this share of the smallest one
/// around it. An ellipse, such as a 0 is, fills 0.79.
const FILLED: f32 = 0.88;

/// Holes are at least this share of a box, and a smaller share of a plate: there they are what is written.
const HOLLOW: f32 = 0.6;

/// A hole with less than this share of a box is none of its cells.
const CELL: f32 = 0.02;

/// At most this share of a hole's rows has gaps. Where a digit touches its box and is one piece with it, more rows go around it.
const GAPS: f32 = 0.1;

/// What stands in a box or on a plate has at least this share of its height. The dot in a 0 has less.
pub(super) const HIGH: f32 = 0.33;

/// In pixels; a smaller box is a digit's hollow.
pub(super) const SMALLEST: u32 = 12;

/// An edge is blurred over one pixel of so many that the shorter side has, but over one at least, and so many at most.
const BLURRED: u32 = 25;
const MOST_BLURRED: u32 = 8;

/// A piece, and what it encloses.
pub(super) struct Enclosure {
    bounds: Bounds,
    /// The pixels of these bounds, and so many around them.
    grid: Grid,
    around: i64,
    /// Which of them cannot be reached from without but through the piece.
    inside: Vec<bool>,
    /// Those that are not the piece itself.
    holes: Vec<Vec<usize>>,
}

impl Enclosure {
    /// In a picture so wide.
    pub fn of(piece: &Piece, stride: u32) -> Enclosure {
        let bounds = piece.bounds;
        let shorter = bounds.width().min(bounds.height());
        let around = i64::from((shorter / BLURRED).clamp(1, MOST_BLURRED)) + 1;
        let [width, height] =
            [bounds.width(), bounds.height()].map(|side| i64::from(side) + 2 * around);
        let grid = Grid { width, height };
        let mut taken = vec![false; grid.len()];
        for &at in &piece.pixels {
            let place = [at % stride - bounds.left, at / stride - bounds.top];
            let [x, y] = place.map(|at| i64::from(at) + around);
            if let Some(at) = grid.at(x, y) {
                taken[at] = true;
            }
        }
        let mut inside = vec![true; grid.len()];
        for at in grid.reached(vec![0], &mut taken, |_, _| true) {
            inside[at] = false;
        }
        let mut holes = vec![];
        for start in 0..grid.len() {
            if !taken[start] {
                holes.push(grid.reached(vec![start], &mut taken, |_, _| true));
            }
        }
        Enclosure { bounds, grid, around, inside, holes }
    }

    /// Of all that is inside, the pixels, and those of the holes.
    fn areas(&self) -> (f32, f32) {
        let inside = self.inside.iter().filter(|&&inside| inside).count();
        (inside as f32, self.holes.iter().map(Vec::len).sum::<usize>() as f32)
    }

    /// Of some pixels the share that they fill of the smallest rectangle around them, and the share of their rows that have gaps.
    fn shape(&self, pixels: impl Iterator<Item = usize>) -> (f32, f32) {
        // Of each row the ends, which are all that the rectangle depends on, and the pixels.
        let mut rows = vec![None; self.grid.height as usize];
        for at in pixels {
            let (x, y) = (at as i64 % self.grid.width, at as i64 / self.grid.width);
            let row = &mut rows[y as usize];
            let (first, last, count) = row.unwrap_or((x, x, 0));
            *row = Some((x.min(first), x.max(last), count + 1));
        }
        let rows: Vec<_> =
            rows.into_iter().enumerate().filter_map(|(y, row)| Some((y as f32, row?))).collect();
        let gaps = rows.iter().filter(|(_, (first, last, count))| last - first + 1 > *count);
        let area: i64 = rows.iter().map(|(_, (.., count))| count).sum();
        let ends =
            rows.iter().flat_map(|&(y, (first, last, _))| [first, last].map(|x| (x as f32, y)));
        let filled = area as f32 / smallest_rectangle(&ends.collect::<Vec<_>>());
        (filled, gaps.count() as f32 / rows.len() as f32)
    }

    /// Whether all that is inside is a rectangle.
    fn is_rectangle(&self) -> bool {
        self.shape((0..self.grid.len()).filter(|&at| self.inside[at])).0 >= FILLED
    }

    /// Whether it is a box, or boxes that share walls. With a digit that touches a wall it is none, lest the digit is erased with it.
    pub fn is_box(&self) -> bool {
        let (area, hollow) = self.areas();
        let mut cells = self.holes.iter().filter(|hole| hole.len() as f32 >= CELL * area);
        hollow >= HOLLOW * area
            && self.is_rectangle()
            && cells.all(|hole| {
                let (filled, gaps) = self.shape(hole.iter().copied());
                filled >= FILLED && gaps <= GAPS
            })
    }

    /// Whether it is a plate with something on it.
    pub fn is_plate(&self) -> bool {
        let (area, hollow) = self.areas();
        hollow > 0.0 && hollow < HOLLOW * area && self.is_rectangle()
    }

    /// Marks that are grown by the width of a blurred edge, with `f32::max`, or shrunk, with `f32::min`.
    fn moved(&self, marks: &[bool], choose: fn(f32, f32) -> f32) -> Vec<bool> {
        let numbers: Vec<_> = marks.iter().map(|&marked| f32::from(u8::from(marked))).collect();
        let filtered = self.grid.filtered(&numbers, self.around - 1, choose);
        filtered.into_iter().map(|number| number == 1.0).collect()
    }

    /// Erases the box, with the blurred edges of its line.
    pub fn erase(&self, ink: &mut Plane) {
        let mut hollow = vec![false; self.grid.len()];
        self.holes.iter().flatten().for_each(|&at| hollow[at] = true);
        let (kept, near) = (self.moved(&hollow, f32::min), self.moved(&self.inside, f32::max));
        for (at, (x, y)) in self.grid.places().enumerate() {
            let place = |at: i64, start: u32| u32::try_from(at - self.around + i64::from(start));
            if near[at]
                && !kept[at]
                && let (Ok(x), Ok(y)) = (place(x, self.bounds.left), place(y, self.bounds.top))
                && let Some(pixel) = ink.get_pixel_mut_checked(x, y)
            {
                pixel.0[0] = 0.0;
            }
        }
    }

    /// Cuts the plate out: what is around it, and its blurred edge, are NaN.
    pub fn cut(&self, plane: &Plane) -> Plane {
        let Bounds { left, top, .. } = self.bounds;
        let kept = self.moved(&self.inside, f32::min);
        Plane::from_fn(self.bounds.width(), self.bounds.height(), |x, y| {
            let [u, v] = [x, y].map(|at| i64::from(at) + self.around);
            let is_kept = self.grid.at(u, v).is_some_and(|at| kept[at]);
            if is_kept { *plane.get_pixel(left + x, top + y) } else { [f32::NAN].into() }
        })
    }
}
