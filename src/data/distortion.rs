use super::draws::Draws;
use serde::{Deserialize, Serialize};

/// A random planar affine map of an image: how the paper makes 540,000 more images of 60,000.
///
/// Each field is how far the map may go either way; it is drawn evenly from there.
///
/// Source: the paper's section III.A names the four; how far they go it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distortion {
    /// Shift to the right and, drawn apart, downwards, in pixels.
    pub translation: f64,
    /// Share by which the image grows.
    pub scale: f64,
    /// Share by which it grows in width, as much as it shrinks in height.
    pub squeeze: f64,
    /// Pixels to the right for each pixel downwards.
    pub shear: f64,
}

impl Default for Distortion {
    /// 2.5 pixels, 15 %, 15 % and 0.3.
    fn default() -> Distortion {
        Distortion { translation: 2.5, scale: 0.15, squeeze: 0.15, shear: 0.3 }
    }
}

/// The middle of an image of 32 pixels.
const MIDDLE: f64 = 15.5;

impl Distortion {
    /// The image, distorted as `draws` has it. Pixels are mixed from the four around where they come from; outside there is no
    /// ink.
    pub(crate) fn apply(&self, image: &[[u8; 32]; 32], draws: &mut Draws) -> [[u8; 32]; 32] {
        let [right, down] = [(); 2].map(|()| draws.within(self.translation));
        let scale = 1.0 + draws.within(self.scale);
        let squeeze = 1.0 + draws.within(self.squeeze);
        let shear = draws.within(self.shear);
        // Forwards: x' = scale squeeze x + shear y + right, y' = scale / squeeze y + down, from the middle.
        let from = |x: usize, y: usize| {
            let y = (y as f64 - MIDDLE - down) * squeeze / scale;
            let x = (x as f64 - MIDDLE - right - shear * y) / (scale * squeeze);
            (x + MIDDLE, y + MIDDLE)
        };
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let (x, y) = from(x, y);
                mix(image, x, y)
            })
        })
    }
}

/// The ink at a place between four pixels.
fn mix(image: &[[u8; 32]; 32], x: f64, y: f64) -> u8 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let ink = |dx: i64, dy: i64| {
        let pixel = |at: f64, d: i64| usize::try_from(at as i64 + d).ok();
        let row = pixel(top, dy).and_then(|y| image.get(y));
        let pixel = row.zip(pixel(left, dx)).and_then(|(row, x)| row.get(x));
        f64::from(*pixel.unwrap_or(&0))
    };
    let upper = ink(0, 0) * (1.0 - right_share) + ink(1, 0) * right_share;
    let lower = ink(0, 1) * (1.0 - right_share) + ink(1, 1) * right_share;
    (upper * (1.0 - lower_share) + lower * lower_share).round() as u8
}

#[cfg(test)]
mod tests {
    use super::{Distortion, Draws, MIDDLE};

    const NONE: Distortion = Distortion { translation: 0.0, scale: 0.0, squeeze: 0.0, shear: 0.0 };

    fn cross() -> [[u8; 32]; 32] {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| if x == 15 || y == 10 { 200 } else { (x * y % 7) as u8 })
        })
    }

    #[test]
    fn nothing_drawn_changes_nothing() {
        assert_eq!(NONE.apply(&cross(), &mut Draws::new([1])), cross());
    }

    #[test]
    fn one_draw_gives_one_image() {
        let of = |seed| Distortion::default().apply(&cross(), &mut Draws::new([seed]));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    /// A spot moves where the map says, and no further than it may.
    #[test]
    fn a_spot_stays_within_reach() {
        let mut image = [[0; 32]; 32];
        image[15][15] = 250;
        let mut furthest = 0f64;
        for seed in 0..2_000 {
            let distorted =
                Distortion { translation: 2.5, ..NONE }.apply(&image, &mut Draws::new([seed]));
            let total: f64 = distorted.as_flattened().iter().map(|&ink| f64::from(ink)).sum();
            assert!((total - 250.0).abs() <= 2.0, "{total}"); // of four rounded pixels
            let x: f64 = (0..1024)
                .map(|i| f64::from(distorted[i / 32][i % 32]) * (i % 32) as f64)
                .sum::<f64>()
                / total;
            furthest = furthest.max((x - 15.0).abs());
        }
        assert!((2.4..2.6).contains(&furthest), "{furthest}");
    }
    /// A blob of ink there, from the middle.
    fn blob(x: f64, y: f64) -> [[u8; 32]; 32] {
        std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                let (dx, dy) = (column as f64 - MIDDLE - x, row as f64 - MIDDLE - y);
                (250.0 * (-(dx * dx + dy * dy) / 4.0).exp()).round() as u8
            })
        })
    }

    /// Where the ink is, from the middle.
    fn centre(image: &[[u8; 32]; 32]) -> (f64, f64) {
        let (mut x, mut y, mut total) = (0.0, 0.0, 0.0);
        for (i, &ink) in image.as_flattened().iter().enumerate() {
            let ink = f64::from(ink);
            x += ink * ((i % 32) as f64 - MIDDLE);
            y += ink * ((i / 32) as f64 - MIDDLE);
            total += ink;
        }
        (x / total, y / total)
    }

    /// What the map makes of 10 pixels to the right and of 10 downwards; how far it goes; all of it is reached.
    fn maps(one: Distortion, most: f64, check: impl Fn(f64, [(f64, f64); 2])) {
        let mut furthest = [0f64; 2];
        for seed in 0..500 {
            let of = |x, y| centre(&one.apply(&blob(x, y), &mut Draws::new([seed])));
            let ends = [of(10.0, 0.0), of(0.0, 10.0)];
            let amount = if one.shear > 0.0 { ends[1].0 / 10.0 } else { ends[0].0 / 10.0 - 1.0 };
            furthest = [furthest[0].min(amount), furthest[1].max(amount)];
            check(amount, ends);
        }
        let near = |amount: f64| (amount - most).abs() < 0.05 * most;
        assert!(near(-furthest[0]) && near(furthest[1]), "{furthest:?}");
    }

    fn is_near(got: (f64, f64), expected: (f64, f64)) {
        let off = (got.0 - expected.0).hypot(got.1 - expected.1);
        // The blob is made of whole pixels, with whole numbers.
        assert!(off < 0.1, "{got:?}, not {expected:?}");
    }

    #[test]
    fn each_map_is_its_own() {
        maps(Distortion { scale: 0.15, ..NONE }, 0.15, |growth, [right, down]| {
            is_near(right, (10.0 * (1.0 + growth), 0.0));
            is_near(down, (0.0, 10.0 * (1.0 + growth)));
        });
        maps(Distortion { squeeze: 0.15, ..NONE }, 0.15, |growth, [right, down]| {
            is_near(right, (10.0 * (1.0 + growth), 0.0));
            is_near(down, (0.0, 10.0 / (1.0 + growth)));
        });
        maps(Distortion { shear: 0.3, ..NONE }, 0.3, |shear, [right, down]| {
            is_near(right, (10.0, 0.0));
            is_near(down, (10.0 * shear, 10.0));
        });
    }

    #[test]
    fn it_goes_as_far_as_documented() {
        let expected = Distortion { translation: 2.5, scale: 0.15, squeeze: 0.15, shear: 0.3 };
        assert_eq!(Distortion::default(), expected);
    }
}
