//! The boxes that digits stand in, as on forms and keys, and the plates that they are on, as on signs.

use super::{
    background::Background,
    bounds::{Bounds, smallest_rectangle},
    grid::Grid,
    luminance::Plane,
    piece::{Piece, pieces},
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

/// This share of a picture's pixels may be darker than all that it shows, or lighter.
const EXTREME: f32 = 0.02;

/// A background is taken to be no darker.
const DARKEST: f32 = 0.1;

/// In pixels; a smaller box is a digit's hollow.
const SMALLEST: u32 = 12;

/// An edge is blurred over one pixel of so many that the shorter side has, but over one at least, and so many at most.
const BLURRED: u32 = 25;
const MOST_BLURRED: u32 = 8;

/// Boxes are looked for in no more than so many times the picture's pixels. Rings in rings would take seconds.
const MOST: u64 = 4;

/// A piece, and what it encloses.
struct Enclosure {
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
    fn of(piece: &Piece, stride: u32) -> Enclosure {
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
    fn is_box(&self) -> bool {
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
    fn is_plate(&self) -> bool {
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
    fn erase(&self, ink: &mut Plane) {
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
    fn cut(&self, plane: &Plane) -> Plane {
        let Bounds { left, top, .. } = self.bounds;
        let kept = self.moved(&self.inside, f32::min);
        Plane::from_fn(self.bounds.width(), self.bounds.height(), |x, y| {
            let [u, v] = [x, y].map(|at| i64::from(at) + self.around);
            let is_kept = self.grid.at(u, v).is_some_and(|at| kept[at]);
            if is_kept { *plane.get_pixel(left + x, top + y) } else { [f32::NAN].into() }
        })
    }
}

/// Erases those of the ink's `pieces` that are boxes. Whether there are any.
pub(super) fn erase_boxes(ink: &mut Plane, pieces: &[Piece]) -> bool {
    let (width, height) = ink.dimensions();
    let mut left = MOST * u64::from(width) * u64::from(height);
    let mut found = false;
    for piece in pieces {
        let bounds = piece.bounds;
        let (wide, high) = (bounds.width(), bounds.height());
        // A closed line has as many pixels as its bounds' outline, or a little less where it is turned.
        if wide.min(high) < SMALLEST || (piece.pixels.len() as u32) < 3 * (wide + high) / 2 {
            continue;
        }
        let stands_in = |other: &Piece| {
            let Bounds { left, top, right, bottom } = other.bounds;
            left > bounds.left
                && right < bounds.right
                && top > bounds.top
                && bottom < bounds.bottom
                && other.bounds.height() as f32 >= HIGH * high as f32
        };
        let area = u64::from(wide) * u64::from(high);
        if area > left || !pieces.iter().any(stands_in) {
            continue;
        }
        left -= area;
        let enclosure = Enclosure::of(piece, width);
        if enclosure.is_box() {
            enclosure.erase(ink);
            found = true;
        }
    }
    found
}

/// A part of a picture.
#[derive(Debug)]
pub(super) struct Plate {
    /// What is around it is NaN.
    pub plane: Plane,
    pub bounds: Bounds,
    /// Than the background.
    pub is_darker: bool,
}

/// What may be a plate: darker than the background, or lighter.
pub(super) fn plates(plane: &Plane, background: &Background) -> Vec<Plate> {
    let (width, height) = plane.dimensions();
    let share = |x, y| plane.get_pixel(x, y).0[0] / background.level(plane, x, y).max(DARKEST);
    let shares = Plane::from_fn(width, height, |x, y| [share(x, y)].into());
    let mut sorted = shares.as_raw().clone();
    let mut at = |part: f32| {
        let place = ((part * sorted.len() as f32) as usize).min(sorted.len() - 1);
        *sorted.select_nth_unstable_by(place, f32::total_cmp).1
    };
    let middle = (at(EXTREME) + at(1.0 - EXTREME)) / 2.0;
    let plate = |is_darker: bool| {
        let side = |share: f32| if is_darker { middle - share } else { share - middle };
        let sided =
            Plane::from_fn(width, height, |x, y| [side(shares.get_pixel(x, y).0[0])].into());
        let largest = pieces(&sided, 0.0).into_iter().max_by_key(|piece| piece.pixels.len())?;
        let bounds = largest.bounds;
        if bounds.width().min(bounds.height()) < SMALLEST || bounds.touches_edge((width, height)) {
            return None;
        }
        let enclosure = Enclosure::of(&largest, width);
        enclosure.is_plate().then(|| Plate { plane: enclosure.cut(plane), bounds, is_darker })
    };
    [true, false].into_iter().filter_map(plate).collect()
}

#[cfg(test)]
mod tests {
    use super::{Background, Plane, Plate, erase_boxes, plates};
    use crate::classifier::piece::pieces;

    /// Where there is ink.
    type Drawing<'a> = &'a dyn Fn(u32, u32) -> bool;

    /// A picture of 100x100: 1 where there is ink, and 0.
    fn picture(ink: Drawing) -> Plane {
        Plane::from_fn(100, 100, |x, y| [f32::from(u8::from(ink(x, y)))].into())
    }

    /// What is left of the ink; none where there are no boxes.
    fn erased(ink: Drawing) -> Option<Plane> {
        let mut plane = picture(ink);
        let pieces = pieces(&plane, 0.5);
        erase_boxes(&mut plane, &pieces).then_some(plane)
    }

    /// An oblong around the middle of the picture, turned a little.
    fn oblong(x: u32, y: u32, half: (f32, f32)) -> bool {
        let (x, y) = (x as f32 - 50.0, y as f32 - 50.0);
        (x + 0.1 * y).abs() < half.0 && (y - 0.1 * x).abs() < half.1
    }

    /// Its outline.
    fn ring(x: u32, y: u32, thick: f32) -> bool {
        oblong(x, y, (30.0, 40.0)) && !oblong(x, y, (30.0 - thick, 40.0 - thick))
    }

    /// A bar with a foot.
    fn digit(x: u32, y: u32) -> bool {
        y.abs_diff(50) < 18 && (x.abs_diff(50) < 4 || y > 62 && x.abs_diff(50) < 12)
    }

    #[test]
    fn boxes_are_erased_and_what_stands_in_them_is_not() {
        let left = erased(&|x, y| ring(x, y, 3.0) || digit(x, y)).unwrap();
        for (x, y, pixel) in left.enumerate_pixels() {
            assert_eq!(pixel.0[0] > 0.5, digit(x, y), "{x}, {y}");
        }
    }

    #[test]
    fn digits_stay() {
        let round = |x: u32, y: u32, radius: u32| {
            x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) < radius.pow(2)
        };
        let all: [(&str, Drawing); 7] = [
            ("one that touches its box", &|x, y| {
                ring(x, y, 3.0) || digit(x, y) || digit(x, y + 22)
            }),
            ("an angular 0 with specks", &|x, y| {
                ring(x, y, 4.0) || x.abs_diff(50) < 2 && (y.abs_diff(30) < 2 || y.abs_diff(70) < 2)
            }),
            ("an angular 0", &|x, y| ring(x, y, 4.0)),
            ("one with a dot", &|x, y| ring(x, y, 6.0) || oblong(x, y, (5.0, 10.0))),
            ("a bold one with a bar", &|x, y| ring(x, y, 18.0) || oblong(x, y, (3.0, 18.0))),
            ("an angular 8", &|x, y| ring(x, y, 8.0) || oblong(x, y, (29.0, 4.0))),
            ("a 0 with a bar", &|x, y| {
                round(x, y, 40) && !round(x, y, 36) || oblong(x, y, (4.0, 20.0))
            }),
        ];
        for (name, ink) in all {
            assert!(erased(ink).is_none(), "{name}");
        }
    }

    #[test]
    fn plates_are_cut_out() {
        let seen = |plane: &Plane| plates(plane, &Background::of(plane));
        let on_plate = |x, y| oblong(x, y, (30.0, 40.0)) && !digit(x, y);
        for dark in [false, true] {
            let mut found = seen(&picture(&|x, y| dark != on_plate(x, y)));
            let Some(Plate { plane: cut, bounds, is_darker }) = found.pop() else {
                panic!("{dark}")
            };
            assert_eq!((is_darker, found.len()), (dark, 0));
            for (x, y, pixel) in cut.enumerate_pixels() {
                let (x, y) = (bounds.left + x, bounds.top + y);
                if oblong(x, y, (26.0, 36.0)) {
                    assert_eq!(pixel.0[0], f32::from(u8::from(dark == digit(x, y))), "{x}, {y}");
                } else if !oblong(x, y, (30.0, 40.0)) {
                    assert!(pixel.0[0].is_nan(), "{x}, {y}");
                }
            }
        }
        let none: [(&str, Drawing); 5] = [
            ("blank", &|_, _| false),
            ("nothing is on it", &|x, y| oblong(x, y, (30.0, 40.0))),
            ("it goes on beyond the picture", &|x, y| x < 80 && !digit(x, y)),
            ("a ring", &|x, y| ring(x, y, 4.0) || digit(x, y)),
            ("round", &|x, y| {
                (x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) < 1600) && !digit(x, y)
            }),
        ];
        for (name, ink) in none {
            assert!(seen(&picture(ink)).is_empty(), "{name}");
        }
    }

    #[test]
    fn rings_in_rings_are_not_all_looked_at() {
        let left = erased(&|x, y| x.abs_diff(50).max(y.abs_diff(50)).is_multiple_of(2)).unwrap();
        let rings = (50..100).filter(|&x| left.get_pixel(x, 50).0[0] > 0.5).count();
        assert!((6..24).contains(&rings), "{rings}");
    }
}
