use super::{
    bounds::Bounds,
    luminance::Plane,
    picture::{self, MOST_PIXELS, Picture, Scale},
    writing::{EDGE, Ink},
};
use crate::{
    Error, Result,
    data::{self, Preparation},
    kernels::PIXELS,
};
use image::{DynamicImage, GrayImage, Luma, imageops};
use std::{borrow::Borrow, path::Path};

/// An image made into what MNIST's are, as the network sees it.
///
/// MNIST's digits were "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels
/// from the antialiasing, and then "centered in a 28x28 image by computing the center of mass of the pixels", white on
/// black. Here an image becomes one of them in these steps:
///
/// 1. **Luminance** (Rec. 709), 16 bits too. What is transparent gets a background that the rest stands out from. A picture with fewer
///    than 24 pixels on its shorter side is enlarged by bicubic interpolation.
/// 2. **Sheet.** Where a light sheet of paper lies on something darker that the picture shows too, what is around it is left out.
///    Likewise what is around a plate, as houses have for their numbers, if it is darker or lighter than the rest and something is on it.
/// 3. **Background.** If the border is of one level, that is the background everywhere. Else it is a photograph: a polynomial of the
///    second degree, fitted robustly from the border inwards, follows the light on the paper; large parts that differ from it are
///    in the shade. In a picture that was enlarged it is one level: the darkest or the lightest, by the corners and by how much of
///    the picture each covers.
/// 4. **Ink** is what differs from the background by more than noise: dark on light or light on dark, of which there is more.
///    The lines of ruled and squared paper are erased, and so are the boxes of forms and keys that digits stand in without touching them;
///    Otsu's threshold tells strokes from fainter marks. Specks, and what reaches in from a corner of the picture, are left out; of a
///    photograph also what is far from the largest piece. The middle of the strokes becomes white.
/// 5. **Size.** The ink is cut out and scaled into 20x20, averaging; strokes that would vanish are thickened first.
/// 6. **Centre of mass**, to the nearest pixel, in the middle of 28x28; then `Resize(32)`, as in training.
///
/// One digit is expected: several side by side are taken for one ([`Classifier::read`](crate::Classifier::read) reads them). Colours of like luminance, yellow on white say, do not
/// stand out.
///
/// ```
/// use lenet::{Prepared, image::{DynamicImage, GrayImage, Luma}};
///
/// let stroke = |x, y| Luma([if (90..110).contains(&x) && (40..160).contains(&y) { 30 } else { 240 }]);
/// let prepared = Prepared::new(&DynamicImage::from(GrayImage::from_fn(300, 200, stroke)))?;
/// assert_eq!(prepared.bounds(), [90, 40, 20, 120]);
/// assert!(prepared.is_dark_on_light());
/// assert_eq!(prepared.digit().dimensions(), (28, 28));
/// assert_eq!(prepared.input().dimensions(), (32, 32));
/// assert_eq!(prepared.digit().get_pixel(14, 14), &Luma([255]));
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    digit: GrayImage,
    input: GrayImage,
    bounds: [u32; 4],
    dark_on_light: bool,
}

/// Height and width of the box that MNIST's digits fit in.
const BOX: u32 = 20;

/// Of the middle of an image of 28x28, in pixels whose own middles are whole numbers. That is where the training set's centres
/// of mass are on average.
const MIDDLE: f32 = 14.0;

/// Strokes narrower than this, in pixels of the box, are thickened to it.
const THINNEST: f32 = 1.5;

/// A pixel of the box is made of this many thickened ones, across and down, or fewer. Thickening a large image as it is would
/// take ten seconds where it is hatched all over.
const FINE: u32 = 8;

impl Prepared {
    /// The most pixels an image may have: more than any camera gives, and read in a second or two.
    pub const MAX_PIXELS: u64 = MOST_PIXELS;

    /// Prepares an image. Beside the image itself this takes no more than 256 MiB of memory, whatever the image's size.
    ///
    /// # Errors
    ///
    /// [`Error::NoInk`] where there is nothing to be read, [`Error::Invalid`] for an image without pixels or with more than
    /// [`MAX_PIXELS`](Prepared::MAX_PIXELS).
    pub fn new(image: &DynamicImage) -> Result<Prepared> {
        Prepared::of(&Picture::from(image))
    }

    /// Prepares the image in a file's bytes: a PNG, JPEG, BMP or PNM, turned as its EXIF says. The decoded image may take 512 MiB
    /// of memory.
    ///
    /// ```
    /// use lenet::{Classifier, Prepared};
    ///
    /// # std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    /// let prepared = Prepared::from_bytes(&std::fs::read("examples/images/3-marker.png")?)?;
    /// assert_eq!(Classifier::pretrained()?.classify_prepared(&prepared).digit, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`new`](Prepared::new), and [`Error::Invalid`] where the bytes are no image that can be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Prepared> {
        Prepared::of(&Picture::from_bytes(bytes)?)
    }

    /// Prepares the image in a file: see [`from_bytes`](Prepared::from_bytes).
    ///
    /// # Errors
    ///
    /// Those of [`new`](Prepared::new); [`Error::Io`] where the file cannot be read; [`Error::Malformed`] where it is no image that can
    /// be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Prepared> {
        Prepared::of(&Picture::open(path.as_ref())?)
    }

    /// Whether a file in a folder is a picture by its name's extension: of a form that is read, or of another, such as HEIC, which
    /// [`open`](Prepared::open) refuses by name.
    ///
    /// ```
    /// use lenet::Prepared;
    ///
    /// assert_eq!(["3.jpg", "IMG_3.HEIC", "3.txt"].map(Prepared::has_extension), [true, true, false]);
    /// ```
    pub fn has_extension(path: impl AsRef<Path>) -> bool {
        picture::has_extension(path.as_ref())
    }

    fn of<I: Borrow<DynamicImage>>(picture: &Picture<I>) -> Result<Prepared> {
        let (writing, scale) = picture.writing()?;
        let Scale { width, height, .. } = scale;
        let ink = writing.cut(&writing.digit(), &[]).ok_or(Error::NoInk { width, height })?;
        Prepared::cut_out(&ink, scale)
    }

    /// A digit that was cut out of what was written.
    pub(super) fn cut_out(ink: &Ink, scale: Scale) -> Result<Prepared> {
        Prepared::of_plane(&ink.plane, scale.bounds(ink.bounds), ink.dark)
    }

    fn of_plane(ink: &Plane, bounds: [u32; 4], dark_on_light: bool) -> Result<Prepared> {
        let digit = centred(&boxed(ink));
        Ok(Prepared { input: enlarged(&digit)?, digit, bounds, dark_on_light })
    }

    /// A picture that is scaled as a whole.
    fn scaled<I: Borrow<DynamicImage>>(picture: &Picture<I>) -> Result<Prepared> {
        let (digit, input) = (picture.scaled(data::MNIST_SIDE)?, picture.scaled(data::INPUT_SIDE)?);
        let (width, height) = picture.size();
        Ok(Prepared { digit, input, bounds: [0, 0, width, height], dark_on_light: false })
    }

    /// Prepares a drawing of any size, in which every pixel says how much ink it has: from 0, none, to 255. Nothing is looked for
    /// as in a picture: all ink is the digit's, but for pixels with less than a tenth of the most.
    ///
    /// ```
    /// use lenet::{Prepared, image::{GrayImage, Luma}};
    ///
    /// let stroke = |x, y| Luma([if (90..110).contains(&x) && (40..160).contains(&y) { 255 } else { 0 }]);
    /// let prepared = Prepared::from_ink(&GrayImage::from_fn(300, 200, stroke))?;
    /// assert_eq!(prepared.bounds(), [90, 40, 20, 120]);
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoInk`] where there is none.
    pub fn from_ink(ink: &GrayImage) -> Result<Prepared> {
        let value = |pixel: &Luma<u8>| match f32::from(pixel.0[0]) / 255.0 {
            faint if faint < EDGE => 0.0,
            value => value,
        };
        let inked = ink.enumerate_pixels().filter(|(_, _, pixel)| value(pixel) > 0.0);
        let bounds = inked.map(|(x, y, _)| Bounds::of(x, y)).reduce(Bounds::union);
        let (width, height) = ink.dimensions();
        let bounds = bounds.ok_or(Error::NoInk { width, height })?;
        let digit = Plane::from_fn(bounds.width(), bounds.height(), |x, y| {
            Luma([value(ink.get_pixel(bounds.left + x, bounds.top + y))])
        });
        let bounds = [bounds.left, bounds.top, bounds.width(), bounds.height()];
        Prepared::of_plane(&digit, bounds, false)
    }

    /// A digit that is one of MNIST's, or like them: white on black, 28x28, which stays as it is.
    ///
    /// ```
    /// use lenet::{Prepared, image::GrayImage};
    ///
    /// let prepared = Prepared::from_digit(GrayImage::new(28, 28))?;
    /// assert_eq!(prepared.input().dimensions(), (32, 32));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an image of another size.
    pub fn from_digit(digit: GrayImage) -> Result<Prepared> {
        let input = enlarged(&digit)?;
        let (width, height) = digit.dimensions();
        Ok(Prepared { input, digit, bounds: [0, 0, width, height], dark_on_light: false })
    }

    /// The digit, white on black, 28x28: as MNIST's files have them.
    pub fn digit(&self) -> &GrayImage {
        &self.digit
    }

    /// The same as the network takes it, 32x32.
    pub fn input(&self) -> &GrayImage {
        &self.input
    }

    /// Where in the image the digit was found: left, top, width and height, in pixels.
    pub fn bounds(&self) -> [u32; 4] {
        self.bounds
    }

    /// Whether it is darker there than what it is on.
    pub fn is_dark_on_light(&self) -> bool {
        self.dark_on_light
    }

    /// The network's input, by rows.
    pub(super) fn values(&self) -> [f32; PIXELS] {
        values(self.input.as_raw())
    }
}

/// Making pictures into images.
impl Preparation {
    /// Prepares an image.
    ///
    /// [`Scaled`](Preparation::Scaled) gives what torchvision's `Grayscale()` and `Resize((32, 32))` give with Pillow 12, bit for bit
    /// where the pixels are 8 bits deep: transparency does not count. [`Prepared::digit`] is the same picture in 28x28,
    /// [`Prepared::bounds`] are the whole picture's, and [`Prepared::is_dark_on_light`] is false.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`]; scaled, [`Error::Invalid`] for an image without pixels or with more than 65,535 on a side.
    pub fn prepare(self, image: &DynamicImage) -> Result<Prepared> {
        self.prepared(&Picture::from(image))
    }

    /// [`prepare`](Preparation::prepare) for the bytes of an image file, as [`Prepared::from_bytes`] takes them.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](Preparation::prepare), and [`Error::Invalid`] where the bytes are no image that can be read.
    pub fn prepare_bytes(self, bytes: &[u8]) -> Result<Prepared> {
        self.prepared(&Picture::from_bytes(bytes)?)
    }

    /// [`prepare`](Preparation::prepare) for an image file, as [`Prepared::open`] takes it.
    ///
    /// # Errors
    ///
    /// Those of [`prepare`](Preparation::prepare), and of [`Prepared::open`].
    pub fn prepare_file(self, path: impl AsRef<Path>) -> Result<Prepared> {
        self.prepared(&Picture::open(path.as_ref())?)
    }

    fn prepared<I: Borrow<DynamicImage>>(self, picture: &Picture<I>) -> Result<Prepared> {
        match self {
            Preparation::Centred => Prepared::of(picture),
            Preparation::Scaled => Prepared::scaled(picture),
        }
    }
}

/// An image's bytes as the network takes them, as `ToTensor` gives them.
pub(super) fn values(image: &[u8]) -> [f32; PIXELS] {
    let mut values = [0.0; PIXELS];
    for (value, &byte) in values.iter_mut().zip(image) {
        // A division, as in training: a multiplication by 1/255 differs in the last bit.
        *value = f32::from(byte) / 255.0;
    }
    values
}

/// The ink scaled to fit in the box, its aspect kept.
fn boxed(ink: &Plane) -> Plane {
    let thick;
    let ink = match thickening(ink) {
        0 => ink,
        radius => {
            let factor = (ink.width().max(ink.height()) / (BOX * FINE)).max(1);
            thick = thickened(&gathered(ink, factor), radius / factor);
            &thick
        }
    };
    let longer = ink.width().max(ink.height());
    let scaled = |length: u32| {
        let scaled =
            (2 * u64::from(length) * u64::from(BOX) + u64::from(longer)) / (2 * u64::from(longer));
        (scaled as u32).clamp(1, BOX)
    };
    let (width, height) = (scaled(ink.width()), scaled(ink.height()));
    if (width, height) == ink.dimensions() {
        return ink.clone();
    }
    imageops::resize(ink, width, height, imageops::FilterType::Triangle)
}

/// How many pixels the strokes have to grow on either side to be seen in the box.
fn thickening(ink: &Plane) -> u32 {
    let at = |x: u32, y: u32| ink.get_pixel_checked(x, y).is_some_and(|pixel| pixel.0[0] > 0.5);
    let (mut area, mut outline) = (0u32, 0u32);
    for (x, y, _) in ink.enumerate_pixels().filter(|&(x, y, _)| at(x, y)) {
        area += 1;
        let sides =
            [at(x.wrapping_sub(1), y), at(x + 1, y), at(x, y.wrapping_sub(1)), at(x, y + 1)];
        outline += sides.iter().filter(|&&ink| !ink).count() as u32;
    }
    // A stroke has two sides; along an oblique one the pixels' sides are longer than it is, by 4/pi on average.
    let width = 2.0 * area as f32 / (outline.max(1) as f32 * std::f32::consts::FRAC_PI_4);
    let wanted = THINNEST * ink.width().max(ink.height()) as f32 / BOX as f32;
    ((wanted - width) / 2.0).max(0.0).round() as u32
}

/// The most ink in each block of so many pixels across and down.
fn gathered(ink: &Plane, factor: u32) -> Plane {
    let mut gathered = Plane::new(ink.width().div_ceil(factor), ink.height().div_ceil(factor));
    for (x, y, pixel) in ink.enumerate_pixels() {
        let block = gathered.get_pixel_mut(x / factor, y / factor);
        block.0[0] = block.0[0].max(pixel.0[0]);
    }
    gathered
}

/// Each pixel gets the most ink that is within `radius` of it.
fn thickened(ink: &Plane, radius: u32) -> Plane {
    let mut thick = Plane::new(ink.width() + 2 * radius, ink.height() + 2 * radius);
    // Rows of a disc, by how far from its middle they are.
    let half = |dy: u32| (((radius * radius - dy * dy) as f32).sqrt() + 0.5) as u32;
    for (x, y, pixel) in ink.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] > 0.0) {
        for dy in 0..=2 * radius {
            let half = half(dy.abs_diff(radius));
            for dx in radius - half..=radius + half {
                let thick = thick.get_pixel_mut(x + dx, y + dy);
                thick.0[0] = thick.0[0].max(pixel.0[0]);
            }
        }
    }
    thick
}

/// 28x28, its centre of mass in the middle.
fn centred(digit: &Plane) -> GrayImage {
    let side = data::MNIST_SIDE as u32;
    let (mut mass, mut moment) = (0.0, [0.0, 0.0]);
    for (x, y, pixel) in digit.enumerate_pixels() {
        mass += pixel.0[0];
        moment[0] += pixel.0[0] * x as f32;
        moment[1] += pixel.0[0] * y as f32;
    }
    let offset = |moment: f32, length: u32| {
        let offset = (MIDDLE - moment / mass.max(f32::MIN_POSITIVE)).round();
        offset.clamp(0.0, (side - length) as f32) as u32
    };
    let (left, top) = (offset(moment[0], digit.width()), offset(moment[1], digit.height()));
    let mut centred = GrayImage::new(side, side);
    for (x, y, pixel) in digit.enumerate_pixels() {
        centred.put_pixel(left + x, top + y, Luma([(pixel.0[0] * 255.0).round() as u8]));
    }
    centred
}

/// `Resize(32)`.
fn enlarged(digit: &GrayImage) -> Result<GrayImage> {
    let (width, height) = digit.dimensions();
    let wrong = || Error::invalid("digit", "28x28 pixels", format!("{width}x{height}"));
    if width != height {
        return Err(wrong());
    }
    let from = digit.as_raw().as_slice().try_into().map_err(|_| wrong())?;
    let mut to = [0; data::INPUT_SIDE * data::INPUT_SIDE];
    data::resize(from, &mut to);
    let side = data::INPUT_SIDE as u32;
    GrayImage::from_raw(side, side, to.into()).ok_or_else(wrong)
}
