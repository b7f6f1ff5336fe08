//! One number a pixel, whatever the image consists of.

use crate::{Error, Result};
use image::{
    DynamicImage, ImageBuffer, Luma, LumaA,
    imageops::{self, FilterType, resize},
    metadata::Orientation,
};

/// Of each pixel one number, by rows.
pub(super) type Plane = ImageBuffer<Luma<f32>, Vec<f32>>;

/// More than this is averaged down while it is read: a digit that fills a twentieth of the height of a picture still has 70
/// pixels then, and the network wants 20.
const ENOUGH: u64 = 1 << 21;

/// A picture whose shorter side has fewer pixels than this is enlarged: its strokes are one pixel wide, too few for what follows.
const TINY: u32 = 24;

/// It is enlarged until its shorter side has so many pixels.
const ROOM: u32 = 40;

/// Pixels of the image that are looked at in one go, so that it is not in memory twice: cutting out each row of a narrow one
/// would take longer than reading it.
const TILE: u32 = 1 << 16;

/// From how much alpha on a pixel is there to be seen.
const VISIBLE: f32 = 0.5;

/// Visible pixels that differ by no more than this are all of one colour.
const SAME: f32 = 0.25;

/// How pixels here and pixels of the image compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    /// One here is so many of the image's wide.
    Reduced(u32),
    /// So many here are as wide as one of the image's.
    Enlarged(u32),
}

/// The luminance of `image`, 0 (black) to 1 (white), composited over what its background seems to be, and turned; at most
/// [`ENOUGH`] pixels.
pub(super) fn luminance(image: &DynamicImage, turn: Orientation) -> Result<(Plane, Factor)> {
    let (width, height) = (image.width(), image.height());
    let reduced = |factor| (width.div_ceil(factor), height.div_ceil(factor));
    let mut factor = 1;
    while let (columns, rows) = reduced(factor)
        && u64::from(columns) * u64::from(rows) > ENOUGH
    {
        factor += 1;
    }
    let (columns, rows) = reduced(factor);
    let mut sums = vec![Sum::default(); columns as usize * rows as usize];
    let wide = width.min(TILE);
    let high = TILE / wide;
    for (left, top) in (0..height)
        .step_by(high as usize)
        .flat_map(|top| (0..width).step_by(wide as usize).map(move |left| (left, top)))
    {
        let tile = image.crop_imm(left, top, wide.min(width - left), high.min(height - top));
        for (y, row) in tile.to_luma_alpha16().enumerate_rows() {
            let start = ((top + y) / factor) as usize * columns as usize;
            for (x, _, &LumaA([light, alpha])) in row {
                if let Some(sum) = sums.get_mut(start + ((left + x) / factor) as usize) {
                    sum.add(f32::from(light) / 65_535.0, f32::from(alpha) / 65_535.0);
                }
            }
        }
    }
    let under = behind(&sums);
    let pixels = sums.iter().map(|sum| sum.over(under)).collect();
    let plane = Plane::from_raw(columns, rows, pixels)
        .ok_or_else(|| Error::invalid("image", "pixels for its size", "fewer"))?;
    let plane = turned(plane, turn);
    Ok(enlarged(&plane).unwrap_or((plane, Factor::Reduced(factor))))
}

/// A tiny picture with more pixels, by bicubic interpolation.
fn enlarged(plane: &Plane) -> Option<(Plane, Factor)> {
    let (width, height) = plane.dimensions();
    let times = ROOM.div_ceil(width.min(height));
    let pixels = u64::from(width * times) * u64::from(height * times);
    if width.min(height) >= TINY || pixels > ENOUGH {
        return None;
    }
    let mut plane = resize(plane, width * times, height * times, FilterType::CatmullRom);
    plane.pixels_mut().for_each(|pixel| pixel.0[0] = pixel.0[0].clamp(0.0, 1.0));
    Some((plane, Factor::Enlarged(times)))
}

/// The right way up.
fn turned(mut plane: Plane, turn: Orientation) -> Plane {
    match turn {
        Orientation::NoTransforms => {}
        Orientation::Rotate90 => plane = imageops::rotate90(&plane),
        Orientation::Rotate180 => imageops::rotate180_in_place(&mut plane),
        Orientation::Rotate270 => plane = imageops::rotate270(&plane),
        Orientation::FlipHorizontal => imageops::flip_horizontal_in_place(&mut plane),
        Orientation::FlipVertical => imageops::flip_vertical_in_place(&mut plane),
        Orientation::Rotate90FlipH => {
            plane = imageops::rotate90(&plane);
            imageops::flip_horizontal_in_place(&mut plane);
        }
        Orientation::Rotate270FlipH => {
            plane = imageops::rotate270(&plane);
            imageops::flip_horizontal_in_place(&mut plane);
        }
    }
    plane
}

/// Of the pixels of the image that make one here.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Luminance times alpha.
    light: f32,
    alpha: f32,
    count: f32,
}

impl Sum {
    fn add(&mut self, light: f32, alpha: f32) {
        self.light += light * alpha;
        self.alpha += alpha;
        self.count += 1.0;
    }

    fn alpha(&self) -> f32 {
        self.alpha / self.count
    }

    fn over(&self, under: f32) -> f32 {
        (self.light + (self.count - self.alpha) * under) / self.count
    }
}

/// The luminance to put behind an image that is transparent in places: what makes its ink stand out.
fn behind(sums: &[Sum]) -> f32 {
    let mut visible: Vec<f32> =
        sums.iter().filter(|sum| sum.alpha() >= VISIBLE).map(|sum| sum.light / sum.alpha).collect();
    visible.sort_by(f32::total_cmp);
    let at = |share: f32| {
        visible.get((share * visible.len().saturating_sub(1) as f32) as usize).copied()
    };
    let Some(((low, middle), high)) = at(0.02).zip(at(0.5)).zip(at(0.98)) else {
        // Nothing is more than half there. Take it for faint ink, dark or light.
        let (light, alpha) = sums
            .iter()
            .fold((0.0, 0.0), |(light, alpha), sum| (light + sum.light, alpha + sum.alpha));
        return if light > 0.5 * alpha { 0.0 } else { 1.0 };
    };
    if visible.len() * 2 > sums.len() && high - low > SAME {
        // Paper and ink, with transparent corners say: paper is what there is most of.
        middle
    } else if middle < 0.5 {
        1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Factor, Orientation, Plane};
    use image::{DynamicImage, GrayImage, ImageBuffer, Rgba, RgbaImage};

    fn luminance(image: &DynamicImage) -> crate::Result<(Plane, Factor)> {
        super::luminance(image, Orientation::NoTransforms)
    }

    #[test]
    fn puts_behind_what_the_ink_stands_out_from() {
        // Ink on nothing, dark and light.
        for (ink, under) in [(0, 1.0), (60, 1.0), (200, 0.0), (255, 0.0)] {
            let image = RgbaImage::from_fn(29, 29, |x, _| {
                if x == 4 { Rgba([ink, ink, ink, 255]) } else { Rgba([ink, ink, ink, 0]) }
            });
            let (plane, _) = luminance(&image.into()).unwrap();
            assert_eq!(plane.get_pixel(0, 0).0[0], under, "{ink}");
            assert!((plane.get_pixel(4, 0).0[0] - f32::from(ink) / 255.0).abs() < 1e-3);
        }
        // Dark ink on light paper whose corner is missing.
        let image = RgbaImage::from_fn(29, 29, |x, y| match (x, y) {
            (0, 0) => Rgba([0, 0, 0, 0]),
            (4, _) => Rgba([0, 0, 0, 255]),
            _ => Rgba([230, 230, 230, 255]),
        });
        let (plane, _) = luminance(&image.into()).unwrap();
        assert!((plane.get_pixel(0, 0).0[0] - 230.0 / 255.0).abs() < 1e-3);
    }

    #[test]
    fn tiny_images_get_more_pixels() {
        let image = GrayImage::from_fn(8, 10, |x, _| [if x < 4 { 0 } else { 255 }].into());
        let (plane, factor) = luminance(&image.into()).unwrap();
        assert_eq!((plane.dimensions(), factor), ((40, 50), Factor::Enlarged(5)));
        // What is between two pixels goes from one to the other; their middles are as they were.
        let row: Vec<_> = (0..40).map(|x| plane.get_pixel(x, 25).0[0]).collect();
        assert!(row.iter().all(|value| (0.0..=1.0).contains(value)));
        assert!((row[17] - 0.0).abs() < 0.05 && (row[22] - 1.0).abs() < 0.05, "{row:?}");
        assert!(row[18] < row[19] && row[19] < row[20] && row[20] < row[21], "{row:?}");

        let large_enough = GrayImage::new(24, 24);
        assert_eq!(luminance(&large_enough.into()).unwrap().1, Factor::Reduced(1));
    }

    #[test]
    fn averages_large_images_and_takes_any_numbers() {
        let (plane, factor) =
            luminance(&GrayImage::from_pixel(5001, 1000, [51].into()).into()).unwrap();
        assert_eq!((plane.dimensions(), factor), ((2501, 500), Factor::Reduced(2)));
        assert!(plane.pixels().all(|pixel| (pixel.0[0] - 0.2).abs() < 1e-3));

        // However narrow.
        let (plane, factor) =
            luminance(&GrayImage::from_pixel(1, 3 << 21, [51].into()).into()).unwrap();
        assert_eq!((plane.dimensions(), factor), ((1, 1 << 21), Factor::Reduced(3)));
        assert!(plane.pixels().all(|pixel| (pixel.0[0] - 0.2).abs() < 1e-3));

        let strange = [f32::NAN, f32::INFINITY, -1.0, 1e30];
        let image = ImageBuffer::from_fn(4, 4, |x, y| {
            Rgba([strange[x as usize], strange[y as usize], 0.0, strange[3 - x as usize]])
        });
        let (plane, _) = luminance(&DynamicImage::ImageRgba32F(image)).unwrap();
        assert!(plane.pixels().all(|pixel| (0.0..=1.0).contains(&pixel.0[0])), "{plane:?}");
    }
}
