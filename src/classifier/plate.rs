//! The plates that digits are on, as on signs.

use super::{
    background::Background,
    bounds::Bounds,
    enclosure::{Enclosure, SMALLEST},
    luminance::Plane,
    piece::pieces,
};

/// This share of a picture's pixels may be darker than all that it shows, or lighter.
const EXTREME: f32 = 0.02;

/// A background is taken to be no darker.
const DARKEST: f32 = 0.1;

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
    use super::{Background, Plane, Plate, plates};
    use crate::classifier::boxes::tests::{Drawing, digit, oblong, picture, ring};

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
}
