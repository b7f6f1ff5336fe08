//! The boxes that digits stand in, as on forms and keys, and the plates that they are lighter or darker than, as on signs.

use super::{
    background::Background,
    bounds::{Bounds, smallest_rectangle},
    grid::Grid,
    luminance::Plane,
    piece::{Piece, pieces},
};

/// A box, a row of boxes that share walls, or a plate is a rectangle, more or less: it fills this share of the smallest one around it. An
/// ellipse, such as a 0 is, fills 0.79.
const FILLED: f32 = 0.88;

/// Of a box at least this share is not its own line, and of a plate less is not the plate, but what is on it.
const HOLLOW: f32 = 0.6;

/// What stands in a box or on a plate has at least this share of its height. The dot in a 0 has less.
pub(super) const HIGH: f32 = 0.33;

/// This share of a picture's pixels is darker than what it shows, or lighter.
const EXTREME: f32 = 0.02;

/// A background is taken to be no darker.
const DARKEST: f32 = 0.1;

/// In pixels; a smaller one is a digit's hollow.
const SMALLEST: u32 = 12;

/// Where its line ends, it is blurred: over one pixel of so many that it is wide or high, and one at least.
const BLURRED: u32 = 40;

/// Boxes are looked for in no more than so many times the picture's pixels, lest rings in rings take a minute.
const MOST: u64 = 4;

/// A piece, and what it encloses.
struct Enclosure {
    bounds: Bounds,
    /// The pixels of these bounds, and some around them.
    grid: Grid,
    around: i64,
    /// Which of them cannot be reached from without but through the piece, and how many.
    inside: Vec<bool>,
    area: f32,
    /// Those that are not the piece itself.
    hollow: Vec<usize>,
}

impl Enclosure {
    /// In a picture so wide.
    fn of(piece: &Piece, stride: u32) -> Enclosure {
        let bounds = piece.bounds;
        let around = i64::from((piece.size() / BLURRED).max(1)) + 1;
        let [width, height] =
            [bounds.width(), bounds.height()].map(|side| i64::from(side) + 2 * around);
        let grid = Grid { width, height };
        let mut taken = vec![false; grid.len()];
        for &at in &piece.pixels {
            let [x, y] = [at % stride - bounds.left, at / stride - bounds.top]
                .map(|at| i64::from(at) + around);
            if let Some(at) = grid.at(x, y) {
                taken[at] = true;
            }
        }
        let own = taken.clone();
        let mut inside = vec![true; grid.len()];
        for at in grid.reached(vec![0], &mut taken, |_, _| true) {
            inside[at] = false;
        }
        let cells = || (0..grid.len()).filter(|&at| inside[at]);
        let hollow = cells().filter(|&at| !own[at]).collect();
        let area = cells().count() as f32;
        Enclosure { bounds, grid, around, inside, area, hollow }
    }

    /// Whether it is a box around `others`, the pieces within its bounds.
    fn is_box(&self, others: &[&Piece]) -> bool {
        let content = others.iter().map(|piece| piece.bounds).reduce(Bounds::union);
        content.is_some_and(|content| {
            content.height() as f32 >= HIGH * self.bounds.height() as f32
                && self.hollow.len() as f32 >= HOLLOW * self.area
                && self.area >= FILLED * self.rectangle()
        })
    }

    /// The area of the smallest rectangle around it, at any angle.
    fn rectangle(&self) -> f32 {
        // The ends of its rows are all that this depends on.
        let rows = self.inside.chunks_exact(self.grid.width as usize);
        let ends: Vec<(f32, f32)> = (0u16..)
            .zip(rows)
            .flat_map(|(y, row)| {
                let first = row.iter().position(|&inside| inside);
                let last = row.iter().rposition(|&inside| inside);
                [first, last].into_iter().flatten().map(move |x| (x as f32, f32::from(y)))
            })
            .collect();
        smallest_rectangle(&ends)
    }

    /// Whether it is a plate with something on it.
    fn is_plate(&self) -> bool {
        let hollow = self.hollow.len() as f32;
        hollow > 0.0 && hollow < HOLLOW * self.area && self.area >= FILLED * self.rectangle()
    }

    /// Which pixels are marked, further from those that are not than lines are blurred; or those nearer to the marked ones, too.
    fn clear(&self, marked: &[bool], choose: fn(f32, f32) -> f32) -> Vec<bool> {
        let numbers: Vec<_> = marked.iter().map(|&marked| f32::from(u8::from(marked))).collect();
        let filtered = self.grid.filtered(&numbers, self.around - 1, choose);
        filtered.into_iter().map(|number| number == 1.0).collect()
    }

    /// Erases the box, with the blurred edges of its line.
    fn erase(&self, ink: &mut Plane) {
        let mut hollow = vec![false; self.grid.len()];
        self.hollow.iter().for_each(|&at| hollow[at] = true);
        let (kept, near) = (self.clear(&hollow, f32::min), self.clear(&self.inside, f32::max));
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
        let kept = self.clear(&self.inside, f32::min);
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
        let Some(rest) = left.checked_sub(u64::from(wide) * u64::from(high)) else { break };
        left = rest;
        let within = |other: &&Piece| {
            let Bounds { left, top, right, bottom } = other.bounds;
            let across = left > bounds.left && right < bounds.right;
            across && top > bounds.top && bottom < bounds.bottom
        };
        let others: Vec<_> = pieces.iter().filter(within).collect();
        let enclosure = Enclosure::of(piece, width);
        if enclosure.is_box(&others) {
            enclosure.erase(ink);
            found = true;
        }
    }
    found
}

/// The part of a picture that is a plate darker than the background, or lighter, and where. `None` where no plate is seen.
pub(super) fn plate(plane: &Plane, background: &Background, dark: bool) -> Option<(Plane, Bounds)> {
    let (width, height) = plane.dimensions();
    let share = |x, y| plane.get_pixel(x, y).0[0] / background.level(plane, x, y).max(DARKEST);
    let shares = Plane::from_fn(width, height, |x, y| [share(x, y)].into());
    let mut sorted = shares.as_raw().clone();
    let mut at = |part: f32| {
        let place = ((part * sorted.len() as f32) as usize).min(sorted.len() - 1);
        *sorted.select_nth_unstable_by(place, f32::total_cmp).1
    };
    let middle = (at(EXTREME) + at(1.0 - EXTREME)) / 2.0;
    let side = |share: f32| if dark { middle - share } else { share - middle };
    let sided = Plane::from_fn(width, height, |x, y| [side(shares.get_pixel(x, y).0[0])].into());
    let largest = pieces(&sided, 0.0).into_iter().max_by_key(|piece| piece.pixels.len())?;
    let bounds = largest.bounds;
    if bounds.width().min(bounds.height()) < SMALLEST || bounds.touches_edge((width, height)) {
        return None;
    }
    let enclosure = Enclosure::of(&largest, width);
    enclosure.is_plate().then(|| (enclosure.cut(plane), bounds))
}

#[cfg(test)]
mod tests {
    use super::{Background, Plane, erase_boxes};
    use crate::classifier::{bounds::Bounds, piece::pieces};

    /// A picture of 100x100: 1 where there is ink, and 0.
    fn picture(ink: &dyn Fn(u32, u32) -> bool) -> Plane {
        Plane::from_fn(100, 100, |x, y| [f32::from(u8::from(ink(x, y)))].into())
    }

    /// What is left of the ink; none where there are no boxes.
    fn erased(ink: &dyn Fn(u32, u32) -> bool) -> Option<Plane> {
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
        let wall = |x: u32, y: u32| x.abs_diff(70) < 2 && oblong(x, y, (30.0, 40.0));
        let left = erased(&|x, y| ring(x, y, 3.0) || wall(x, y) || digit(x, y)).unwrap();
        for (x, y, pixel) in left.enumerate_pixels() {
            assert_eq!(pixel.0[0] > 0.5, digit(x, y), "{x}, {y}");
        }
    }

    #[test]
    fn digits_stay() {
        let round = |x: u32, y: u32, radius: u32| {
            x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) < radius.pow(2)
        };
        let all: [(&str, &dyn Fn(u32, u32) -> bool); 5] = [
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
        let plate = |plane: &Plane, dark| -> Option<(Plane, Bounds)> {
            super::plate(plane, &Background::of(plane), dark)
        };
        let on_plate = |x, y| oblong(x, y, (30.0, 40.0)) && !digit(x, y);
        for dark in [false, true] {
            let (cut, bounds) = plate(&picture(&|x, y| dark != on_plate(x, y)), dark).unwrap();
            for (x, y, pixel) in cut.enumerate_pixels() {
                let (x, y) = (bounds.left + x, bounds.top + y);
                if oblong(x, y, (26.0, 36.0)) {
                    assert_eq!(pixel.0[0], f32::from(u8::from(dark == digit(x, y))), "{x}, {y}");
                } else if !oblong(x, y, (30.0, 40.0)) {
                    assert!(pixel.0[0].is_nan(), "{x}, {y}");
                }
            }
        }
        let none: [(&str, &dyn Fn(u32, u32) -> bool); 4] = [
            ("nothing is on it", &|x, y| oblong(x, y, (30.0, 40.0))),
            ("it goes on beyond the picture", &|x, y| x < 80 && !digit(x, y)),
            ("a ring", &|x, y| ring(x, y, 4.0) || digit(x, y)),
            ("round", &|x, y| {
                (x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) < 1600) && !digit(x, y)
            }),
        ];
        for (name, ink) in none {
            assert!(plate(&picture(ink), false).is_none(), "{name}");
        }
        assert!(plate(&picture(&|_, _| false), true).is_none(), "blank");
    }

    #[test]
    fn rings_in_rings_are_not_all_looked_at() {
        let mut pieces_left = 0;
        let rings = |x: u32, y: u32| x.abs_diff(50).max(y.abs_diff(50)).is_multiple_of(2);
        let left = erased(&rings).unwrap();
        for x in 50..100 {
            pieces_left += u32::from(left.get_pixel(x, 50).0[0] > 0.5);
        }
        assert!(pieces_left > 5, "{pieces_left}");
    }
}
