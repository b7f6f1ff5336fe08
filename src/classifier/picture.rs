use super::{jpeg::check_jpeg, luminance::luminance, page::Page};
use crate::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageReader, metadata::Orientation};
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

/// The image, or why there is none.
fn decoded(bytes: &[u8]) -> std::result::Result<Picture<DynamicImage>, String> {
    check_jpeg(bytes)?;
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
    /// The page that it shows, the right way up, and at which scale.
    pub fn page(&self) -> Result<(Page, Scale)> {
        let image = self.image.borrow();
        let (width, height) = (image.width(), image.height());
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > MOST_PIXELS {
            let expected = format!("1 to {MOST_PIXELS} pixels");
            return Err(Error::invalid("image", expected, format!("{width}x{height}")));
        }
        // The few pixels that are needed are turned, so that a photograph is never in memory twice.
        let (plane, factor) = luminance(image, self.turn)?;
        let lies = matches!(
            self.turn,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let (width, height) = if lies { (height, width) } else { (width, height) };
        let page = Page::of(&plane).ok_or(Error::NoInk { width, height })?;
        Ok((page, Scale { factor, width, height }))
    }
}

/// How a page's pixels lie in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// So many of the picture's, across and down, make one of the page's.
    factor: u32,
    /// The picture's width and height.
    pub width: u32,
    pub height: u32,
}

impl Scale {
    /// Left, top, width and height in the picture of what has these on the page.
    pub fn bounds(self, bounds: [u32; 4]) -> [u32; 4] {
        let [left, top, wide, high] = bounds.map(|length| length * self.factor);
        [left, top, wide.min(self.width - left), high.min(self.height - top)]
    }
}
