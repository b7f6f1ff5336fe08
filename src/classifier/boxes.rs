//! The boxes that digits stand in, as on forms and keys.

use super::{
    bounds::Bounds,
    enclosure::{Enclosure, HIGH, SMALLEST},
    luminance::Plane,
    piece::Piece,
};

/// Boxes are looked for in no more than so many times the picture's pixels. Rings in rings would take seconds.
const MOST: u64 = 4;

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

#[cfg(test)]
pub(super) mod tests {
    use super::{Plane, erase_boxes};
    use crate::classifier::piece::pieces;

    /// Where there is ink.
    pub type Drawing<'a> = &'a dyn Fn(u32, u32) -> bool;

    /// A picture of 100x100: 1 where there is ink, and 0.
    pub fn picture(ink: Drawing) -> Plane {
        Plane::from_fn(100, 100, |x, y| [f32::from(u8::from(ink(x, y)))].into())
    }

    /// What is left of the ink; none where there are no boxes.
    fn erased(ink: Drawing) -> Option<Plane> {
        let mut plane = picture(ink);
        let pieces = pieces(&plane, 0.5);
        erase_boxes(&mut plane, &pieces).then_some(plane)
    }

    /// An oblong around the middle of the picture, turned a little.
    pub fn oblong(x: u32, y: u32, half: (f32, f32)) -> bool {
        let (x, y) = (x as f32 - 50.0, y as f32 - 50.0);
        (x + 0.1 * y).abs() < half.0 && (y - 0.1 * x).abs() < half.1
    }

    /// Its outline.
    pub fn ring(x: u32, y: u32, thick: f32) -> bool {
        oblong(x, y, (30.0, 40.0)) && !oblong(x, y, (30.0 - thick, 40.0 - thick))
    }

    /// A bar with a foot.
    pub fn digit(x: u32, y: u32) -> bool {
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
    fn rings_in_rings_are_not_all_looked_at() {
        let left = erased(&|x, y| x.abs_diff(50).max(y.abs_diff(50)).is_multiple_of(2)).unwrap();
        let rings = (50..100).filter(|&x| left.get_pixel(x, 50).0[0] > 0.5).count();
        assert!((6..24).contains(&rings), "{rings}");
    }
}
