use super::draws::Draws;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A random distortion of an image: how the paper makes 540,000 more images of 60,000, and how
/// [`TrainConfig::augmented`](crate::TrainConfig::augmented) shows another version of each image in each epoch.
///
/// Each field is how far the distortion may go either way; it is drawn evenly from there. 0 leaves that part out.
///
/// ```
/// use lenet::data::Distortion;
///
/// let mut image = [0; 32 * 32];
/// image[16 * 32 + 16] = 255;
/// let elastic = Distortion { elastic: 2.0, ..Distortion::NONE };
/// // The second version of image 7, for seed 0.
/// let version = elastic.version(&image, [0, 2, 7]);
/// assert_eq!(version, elastic.version(&image, [0, 2, 7]));
/// assert_ne!(version, elastic.version(&image, [0, 3, 7]));
/// ```
///
/// Source: the paper's section III.A names shift, scale, squeeze and shear; how far they go it does not say. The elastic part is a
/// smooth displacement as in Simard, Steinkraus and Platt (2003), from a grid of B-splines instead of blurred noise, which takes a
/// few microseconds.
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
    /// Turn, in degrees.
    pub rotation: f64,
    /// Shift of each point of a grid of 7x7 points, 8 pixels apart, to the right and, drawn apart, downwards, in pixels. Between
    /// them cubic B-splines are taken, so that pixels move by a quarter of it as a rule.
    pub elastic: f64,
    /// How much thicker or thinner strokes become, up to 1: a pixel of ink more, or less, on either side.
    pub thickness: f64,
}

impl Default for Distortion {
    /// That of the 1998 network: 2.5 pixels, 15 %, 15 % and 0.3, and nothing else.
    fn default() -> Distortion {
        Distortion { translation: 2.5, scale: 0.15, squeeze: 0.15, shear: 0.3, ..Distortion::NONE }
    }
}

/// Height and width of an image.
const SIDE: usize = 32;

/// The middle of an image of 32 pixels.
const MIDDLE: f64 = 15.5;

/// Points of the elastic grid, across and down.
const POINTS: usize = 7;

/// Pixels between two of them: the first and the last two lie outside the image.
const SPACING: usize = SIDE / (POINTS - 3);

/// The cubic B-splines of the four grid points around a pixel, by its place between two points.
const SPLINES: [[f32; SPACING]; 4] = {
    let mut splines = [[0.0; SPACING]; 4];
    let mut pixel = 0;
    while pixel < SPACING {
        let t = (pixel as f32 + 0.5) / SPACING as f32;
        let s = 1.0 - t;
        splines[0][pixel] = s * s * s / 6.0;
        splines[1][pixel] = (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0;
        splines[2][pixel] = (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0;
        splines[3][pixel] = t * t * t / 6.0;
        pixel += 1;
    }
    splines
};

type Image = [[u8; SIDE]; SIDE];

impl Distortion {
    /// None at all.
    pub const NONE: Distortion = Distortion {
        translation: 0.0,
        scale: 0.0,
        squeeze: 0.0,
        shear: 0.0,
        rotation: 0.0,
        elastic: 0.0,
        thickness: 0.0,
    };

    /// That of the recipe for reading.
    pub(crate) const AUGMENTED: Distortion = Distortion {
        translation: 1.5,
        scale: 0.1,
        squeeze: 0.1,
        shear: 0.15,
        rotation: 10.0,
        elastic: 2.0,
        thickness: 0.0,
    };

    /// A version of an image (32x32, by rows, from 0, the background, to 255, ink) that follows from the numbers alone: a seed, an epoch, the
    /// image's place in its set, say. Outside the image there is no ink.
    #[inline(always)] // so that callers compile it for the CPU's own vectors
    pub fn version(&self, image: &[u8; SIDE * SIDE], numbers: [u64; 3]) -> [u8; SIDE * SIDE] {
        let mut version = [0; SIDE * SIDE];
        let (rows, _) = image.as_chunks();
        if let Ok(rows) = rows.try_into() {
            version.copy_from_slice(self.apply(rows, &mut Draws::new(numbers)).as_flattened());
        }
        version
    }

    /// Whether every field is a number that images can be distorted by; otherwise the field that is not, and what it has to be.
    pub(crate) fn check(&self) -> Result<()> {
        let fields = [
            ("distortion.translation", self.translation, 32.0),
            ("distortion.scale", self.scale, 0.9),
            ("distortion.squeeze", self.squeeze, 0.9),
            ("distortion.shear", self.shear, 2.0),
            ("distortion.rotation", self.rotation, 180.0),
            ("distortion.elastic", self.elastic, 32.0),
            ("distortion.thickness", self.thickness, 1.0),
        ];
        match fields.into_iter().find(|(_, value, most)| !(0.0..=*most).contains(value)) {
            None => Ok(()),
            Some((name, value, most)) => {
                Err(Error::invalid(name, format!("0 to {most}"), value.to_string()))
            }
        }
    }

    /// The image, distorted as `draws` has it. Pixels are mixed from the four around where they come from; outside there is no
    /// ink.
    #[inline(always)]
    pub(crate) fn apply(&self, image: &Image, draws: &mut Draws) -> Image {
        let [right, down] = [(); 2].map(|()| draws.within(self.translation));
        let scale = 1.0 + draws.within(self.scale);
        let squeeze = 1.0 + draws.within(self.squeeze);
        let shear = draws.within(self.shear);
        let (sin, cos) = libm::sincos(draws.within(self.rotation).to_radians());
        // Forwards: x' = scale squeeze x + shear y, y' = scale / squeeze y, from the middle; then turned, then shifted.
        let from = |x: f64, y: f64| {
            let (x, y) = (x - MIDDLE - right, y - MIDDLE - down);
            let (x, y) = (x * cos + y * sin, y * cos - x * sin);
            let y = y * squeeze / scale;
            let x = (x - shear * y) / (scale * squeeze);
            (x + MIDDLE, y + MIDDLE)
        };
        let shifts = self.shifts(draws);
        let framed = framed(image);
        let mut distorted = [[0; SIDE]; SIDE];
        for (y, row) in distorted.iter_mut().enumerate() {
            // Whole rows at each step, so that the compiler makes vectors of them.
            let mut places: [[f64; SIDE]; 2] = [[0.0; SIDE]; 2];
            let [across, down] = &mut places;
            for (x, (across, down)) in across.iter_mut().zip(down).enumerate() {
                (*across, *down) = from(x as f64, y as f64);
            }
            if let Some(shifts) = &shifts {
                for (places, shifts) in places.iter_mut().zip(&shifts[y]) {
                    places.iter_mut().zip(shifts).for_each(|(at, &by)| *at += f64::from(by));
                }
            }
            mix(&framed, places, row);
        }
        if self.thickness > 0.0 {
            thicken(&mut distorted, draws.within(self.thickness));
        }
        distorted
    }

    /// By how much each pixel comes from further to the right, and further down, by rows.
    #[inline(always)]
    fn shifts(&self, draws: &mut Draws) -> Option<[[[f32; SIDE]; 2]; SIDE]> {
        if self.elastic == 0.0 {
            return None;
        }
        let mut points = [[[0.0; POINTS]; 2]; POINTS];
        points
            .as_flattened_mut()
            .as_flattened_mut()
            .fill_with(|| draws.within(self.elastic) as f32);
        // Over the rows of points first.
        let mut rows = [[[0.0; SIDE]; 2]; POINTS];
        let lines = rows.as_flattened_mut().iter_mut().zip(points.as_flattened());
        for (row, points) in lines {
            for (part, points) in row.chunks_exact_mut(SPACING).zip(points.windows(4)) {
                for (weights, point) in SPLINES.iter().zip(points) {
                    for (shift, weight) in part.iter_mut().zip(weights) {
                        *shift += weight * point;
                    }
                }
            }
        }
        let mut shifts = [[[0.0; SIDE]; 2]; SIDE];
        for (y, shifts) in shifts.iter_mut().enumerate() {
            let shifts = shifts.as_flattened_mut();
            for (weights, row) in SPLINES.iter().zip(&rows[y / SPACING..]) {
                let weight = weights[y % SPACING];
                for (shift, point) in shifts.iter_mut().zip(row.as_flattened()) {
                    *shift += weight * point;
                }
            }
        }
        Some(shifts)
    }
}

/// An image with background around it, so that each place has four pixels around it.
type Framed = [[u8; SIDE + 3]; SIDE + 3];

#[inline(always)]
fn framed(image: &Image) -> Framed {
    let mut framed = [[0; SIDE + 3]; SIDE + 3];
    for (row, framed) in image.iter().zip(&mut framed[1..]) {
        framed[1..=SIDE].copy_from_slice(row);
    }
    framed
}

/// The ink at a row's places, each between four pixels.
#[inline(always)]
fn mix(image: &Framed, places: [[f64; SIDE]; 2], row: &mut [u8; SIDE]) {
    /// Added, it leaves no digits behind the point: they are rounded away.
    const WHOLE: f64 = (3u64 << 51) as f64;
    let mut firsts = [[0u32; SIDE]; 2];
    let mut shares = [[0.0; SIDE]; 2];
    for ((places, firsts), shares) in places.iter().zip(&mut firsts).zip(&mut shares) {
        for ((at, first), share) in places.iter().zip(firsts).zip(shares) {
            // What lies further outside has no more ink than this.
            let at = at.max(-1.0).min(SIDE as f64);
            // `floor` is a call where SSE 4.1 is not known to be there.
            let near = (at + WHOLE) - WHOLE;
            let floor = if near > at { near - 1.0 } else { near };
            // Counted in the frame.
            *first = (floor + 1.0 + WHOLE).to_bits() as u32;
            *share = at - floor;
        }
    }
    for (x, pixel) in row.iter_mut().enumerate() {
        let (left, top) = (firsts[0][x] as usize, firsts[1][x] as usize);
        let (upper, lower) = (&image[top][left..left + 2], &image[top + 1][left..left + 2]);
        if upper == [0, 0] && lower == [0, 0] {
            *pixel = 0;
            continue;
        }
        let across = |pixels: &[u8]| {
            f64::from(pixels[0]) * (1.0 - shares[0][x]) + f64::from(pixels[1]) * shares[0][x]
        };
        let ink = across(upper) * (1.0 - shares[1][x]) + across(lower) * shares[1][x];
        // To the nearest: it is never below 0.
        *pixel = (ink + 0.5) as u8;
    }
}

/// Mixes each pixel with the darkest of the 3x3 around it by this share, or with the lightest where it is below 0.
#[inline(always)]
fn thicken(image: &mut Image, share: f64) {
    let pick = |a: u8, b: u8| if share > 0.0 { a.max(b) } else { a.min(b) };
    let edge = if share > 0.0 { 0 } else { u8::MAX };
    let across: Image = image.map(|row| {
        std::array::from_fn(|x| {
            let beside = |x: Option<usize>| x.and_then(|x| row.get(x)).copied().unwrap_or(edge);
            pick(row[x], pick(beside(x.checked_sub(1)), beside(Some(x + 1))))
        })
    });
    let share = (share.abs() * 256.0) as u32;
    for (y, row) in image.iter_mut().enumerate() {
        let above = if y > 0 { across[y - 1] } else { [edge; SIDE] };
        let below = across.get(y + 1).copied().unwrap_or([edge; SIDE]);
        for (x, pixel) in row.iter_mut().enumerate() {
            let most = pick(across[y][x], pick(above[x], below[x]));
            let mixed = u32::from(*pixel) * (256 - share) + u32::from(most) * share;
            *pixel = ((mixed + 128) >> 8) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Distortion, Draws, MIDDLE, SPACING, SPLINES, thicken};

    const NONE: Distortion = Distortion::NONE;

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
    fn a_turn_is_a_turn() {
        let most = 20f64;
        let mut furthest = [0f64; 2];
        for seed in 0..500 {
            let one = Distortion { rotation: most, ..NONE };
            let of = |x, y| centre(&one.apply(&blob(x, y), &mut Draws::new([seed])));
            let (right, down) = (of(10.0, 0.0), of(0.0, 10.0));
            let angle = right.1.atan2(right.0);
            is_near(right, (10.0 * angle.cos(), 10.0 * angle.sin()));
            is_near(down, (-10.0 * angle.sin(), 10.0 * angle.cos()));
            furthest = [furthest[0].min(angle), furthest[1].max(angle)];
        }
        let near = |angle: f64| (angle.to_degrees() - most).abs() < 1.0;
        assert!(near(-furthest[0]) && near(furthest[1]), "{furthest:?}");
    }

    /// All weights of a place add up to 1, so that points which shift alike shift the image.
    #[test]
    fn pixels_move_with_the_points_around_them() {
        for pixel in 0..SPACING {
            let sum: f32 = SPLINES.iter().map(|weights| weights[pixel]).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        }
        let one = Distortion { elastic: 2.0, ..NONE };
        let (mut squares, mut apart, mut together) = (0.0, 0.0, 0.0);
        const SEEDS: u64 = 500;
        for seed in 0..SEEDS {
            let shifts = one.shifts(&mut Draws::new([seed])).unwrap();
            let at = |x: usize, y: usize| f64::from(shifts[y][0][x]);
            assert!(shifts.as_flattened().as_flattened().iter().all(|shift| shift.abs() <= 2.0));
            squares += at(16, 16).powi(2);
            together += (at(16, 16) - at(17, 16)).powi(2);
            apart += (at(4, 4) - at(28, 28)).powi(2);
        }
        // Of even draws from -2 to 2, mixed by splines whose squares add up to 0.48 across, and down.
        let deviation = (squares / SEEDS as f64).sqrt();
        assert!((0.4..0.7).contains(&deviation), "{deviation}");
        assert!(together < 0.1 * apart, "{together}, {apart}");
        // The image follows: a blob's centre moves against the shift of where its pixels come from.
        let mut moved = [0.0; 2];
        for seed in 0..50 {
            let mut draws = Draws::new([seed]);
            // The affine part's.
            for _ in 0..6 {
                draws.within(0.0);
            }
            let by = f64::from(one.shifts(&mut draws).unwrap()[16][0][16]);
            let (x, _) = centre(&one.apply(&blob(0.5, 0.5), &mut Draws::new([seed])));
            moved[0] += (x - 0.5 + by).abs() / 50.0;
            moved[1] += by.abs() / 50.0;
        }
        assert!(moved[0] < 0.3 * moved[1], "{moved:?}");
    }

    #[test]
    fn strokes_grow_thicker_and_thinner() {
        let mut line = [[0; 32]; 32];
        line.iter_mut().for_each(|row| row[14..17].fill(200));
        let with = |share| {
            let mut image = line;
            thicken(&mut image, share);
            image[16]
        };
        assert_eq!(with(0.0)[12..19], [0, 0, 200, 200, 200, 0, 0]);
        assert_eq!(with(0.5)[12..19], [0, 100, 200, 200, 200, 100, 0]);
        assert_eq!(with(1.0)[12..19], [0, 200, 200, 200, 200, 200, 0]);
        assert_eq!(with(-0.5)[12..19], [0, 0, 100, 200, 100, 0, 0]);
        assert_eq!(with(-1.0)[12..19], [0, 0, 0, 200, 0, 0, 0]);
        // At the image's border too, where there is nothing beyond.
        let mut full = [[200; 32]; 32];
        thicken(&mut full, -1.0);
        assert_eq!(full, [[200; 32]; 32]);
        let one = Distortion { thickness: 1.0, ..NONE };
        let ink = |seed| {
            one.apply(&line, &mut Draws::new([seed]))
                .as_flattened()
                .iter()
                .fold(0, |sum, &ink| sum + u32::from(ink))
        };
        let (least, most) =
            (0..200).map(ink).fold((u32::MAX, 0), |(a, b), ink| (a.min(ink), b.max(ink)));
        let all = 3 * 32 * 200;
        assert!(least < all / 3 + 400 && most > 5 * all / 3 - 400, "{least} to {most}");
    }

    #[test]
    fn what_no_image_can_be_distorted_by_is_refused() {
        assert!(Distortion::default().check().is_ok() && NONE.check().is_ok());
        for (wrong, field) in [
            (Distortion { translation: -1.0, ..NONE }, "translation"),
            (Distortion { scale: 1.0, ..NONE }, "scale"),
            (Distortion { squeeze: f64::NAN, ..NONE }, "squeeze"),
            (Distortion { shear: f64::INFINITY, ..NONE }, "shear"),
            (Distortion { rotation: 181.0, ..NONE }, "rotation"),
            (Distortion { elastic: -0.1, ..NONE }, "elastic"),
            (Distortion { thickness: 1.1, ..NONE }, "thickness"),
        ] {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
            // Nor does it panic.
            wrong.version(&[7; 1024], [0, 0, 0]);
        }
    }

    #[test]
    fn it_goes_as_far_as_documented() {
        let expected =
            Distortion { translation: 2.5, scale: 0.15, squeeze: 0.15, shear: 0.3, ..NONE };
        assert_eq!(Distortion::default(), expected);
    }
}
