use super::{
    heif::{check_heif, has_heif_extension},
    jpeg::check_jpeg,
    luminance::{Factor, luminance},
    writing::Writing,
};
use crate::{Error, Result, data};
use image::{
    DynamicImage, GenericImageView, GrayImage, ImageDecoder, ImageFormat, ImageReader,
    metadata::Orientation,
};
use std::{
    borrow::Borrow,
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

/// An image, and how it has to be turned: a camera notes how it was held.
#[derive(Debug)]
pub(super) struct Picture<I> {
    image: I,
    turn: Orientation,
}

/// Of an image in memory; as large as decoders let their own buffers become.
const MOST_BYTES: u64 = 512 << 20;

/// The most pixels an image may have.
pub(super) const MOST_PIXELS: u64 = 1 << 28;

/// The longest side of a picture that is scaled as a whole: what a JPEG can have.
const LONGEST_SIDE: u32 = 0xffff;

/// What can be decoded.
const FORMS: &str = "PNG, JPEG, BMP or PNM";

impl<'a> From<&'a DynamicImage> for Picture<&'a DynamicImage> {
    /// As it is.
    fn from(image: &DynamicImage) -> Picture<&DynamicImage> {
        Picture { image, turn: Orientation::NoTransforms }
    }
}

impl Picture<DynamicImage> {
    /// A file, whose form is told from its content.
    pub fn open(path: &Path) -> Result<Picture<DynamicImage>> {
        let mut bytes = vec![];
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        read.map_err(Error::io("read", path))?;
        decoded(&bytes).map_err(|reason| Error::malformed(path, FORMS, reason))
    }

    /// The bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Picture<DynamicImage>> {
        decoded(bytes).map_err(|reason| {
            Error::invalid("image", format!("a {FORMS} that can be read"), reason)
        })
    }
}

/// Whether a file's name is one of a picture, of a form that is read or of another, so that nobody's is passed over in silence.
pub(super) fn has_extension(path: &Path) -> bool {
    ImageFormat::from_path(path).is_ok() || has_heif_extension(path)
}

/// The image, or why there is none.
fn decoded(bytes: &[u8]) -> std::result::Result<Picture<DynamicImage>, String> {
    check_jpeg(bytes)?;
    check_heif(bytes)?;
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    // What a broken note says is of no interest where the pixels are whole.
    let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!("{width}x{height} are more than {MOST_PIXELS} pixels"));
    }
    let size = decoder.total_bytes();
    if size > MOST_BYTES {
        let (got, most) = (size >> 20, MOST_BYTES >> 20);
        return Err(format!("{width}x{height} pixels take {got} MiB, more than {most}"));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    Ok(Picture { image, turn })
}

impl<I: Borrow<DynamicImage>> Picture<I> {
    /// Width and height, the right way up.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.image.borrow().dimensions();
        let lies = matches!(
            self.turn,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        if lies { (height, width) } else { (width, height) }
    }

    /// The writing that it shows, the right way up, and at which scale.
    pub fn writing(&self) -> Result<(Writing, Scale)> {
        let image = self.image.borrow();
        let (width, height) = (image.width(), image.height());
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > MOST_PIXELS {
            let expected = format!("1 to {MOST_PIXELS} pixels");
            return Err(Error::invalid("image", expected, format!("{width}x{height}")));
        }
        // The few pixels that are needed are turned, so that a photograph is never in memory twice.
        let (plane, factor) = luminance(image, self.turn)?;
        let (width, height) = self.size();
        let writing = match factor {
            Factor::Enlarged(_) => Writing::of_tiny(&plane),
            Factor::Reduced(_) => Writing::of(&plane),
        };
        let writing = writing.ok_or(Error::NoInk { width, height })?;
        Ok((writing, Scale { factor, width, height }))
    }

    /// The whole of it in grey, as Pillow's `convert("L")` gives it, scaled to a square, the right way up. No copy is made of it.
    pub fn scaled(&self, side: usize) -> Result<GrayImage> {
        let image = self.image.borrow();
        let (width, height) = image.dimensions();
        let fits = |length| (1..=LONGEST_SIDE).contains(&length);
        if !fits(width) || !fits(height) {
            let expected = format!("1 to {LONGEST_SIDE} pixels on each side");
            return Err(Error::invalid("image", expected, format!("{width}x{height}")));
        }
        let pixel = |x, y| {
            let [r, g, b, _] = image.get_pixel(x as u32, y as u32).0.map(u32::from);
            ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
        };
        let pixels = data::scaled((width as usize, height as usize), pixel, side);
        let mut scaled = DynamicImage::from(
            GrayImage::from_raw(side as u32, side as u32, pixels).unwrap_or_default(),
        );
        scaled.apply_orientation(self.turn);
        Ok(scaled.into_luma8())
    }
}

/// How the writing's pixels lie in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    factor: Factor,
    /// The picture's width and height.
    pub width: u32,
    pub height: u32,
}

impl Scale {
    /// Left, top, width and height in the picture of what has these there.
    pub fn bounds(self, bounds: [u32; 4]) -> [u32; 4] {
        let [left, top, wide, high] = bounds;
        let spans =
            [(left, wide, self.width), (top, high, self.height)].map(|(start, length, all)| {
                let (start, end) = match self.factor {
                    Factor::Reduced(by) => (start * by, (start + length) * by),
                    Factor::Enlarged(by) => (start / by, (start + length).div_ceil(by)),
                };
                (start, end.min(all) - start)
            });
        let [(left, wide), (top, high)] = spans;
        [left, top, wide, high]
    }
}
