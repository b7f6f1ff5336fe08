use super::layout::{CLASSES, PIXELS};
use crate::{Error, Result};

/// Images to compute with, where they lie, and their labels.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    images: Images<'a>,
    labels: &'a [i64],
}

#[derive(Debug, Clone, Copy)]
enum Images<'a> {
    /// Images `indices` out of `pixels`, `[n, 32, 32]`. The labels are the whole set's too.
    Bytes { pixels: &'a [[u8; PIXELS]], indices: &'a [i64] },
    /// `[n, 32, 32]`.
    Floats(&'a [[f32; PIXELS]]),
}

/// What a byte means as an input: `byte / 255`, divided in `f32` as `ToTensor` does it.
static SHADES: [f32; 256] = {
    let mut shades = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        shades[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    shades
};

impl<'a> Batch<'a> {
    /// The images and labels at `indices` of a set: `pixels` `[n, 32, 32]`, `labels` `[n]`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is no such image, or a label is no digit.
    pub fn gathered(pixels: &'a [u8], labels: &'a [i64], indices: &'a [i64]) -> Result<Batch<'a>> {
        let (pixels, rest) = pixels.as_chunks();
        if pixels.len() != labels.len() || !rest.is_empty() {
            return Err(unequal(labels.len(), pixels.len()));
        }
        let place = |&index: &i64| usize::try_from(index).ok().and_then(|at| labels.get(at));
        for index in indices {
            let label = place(index).ok_or_else(|| {
                Error::invalid("indices", format!("0 to below {}", labels.len()), index.to_string())
            })?;
            check_label(*label)?;
        }
        Ok(Batch { images: Images::Bytes { pixels, indices }, labels })
    }

    /// `images` `[n, 32, 32]` and `labels` `[n]`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are not equally many, or a label is no digit.
    pub fn new(images: &'a [f32], labels: &'a [i64]) -> Result<Batch<'a>> {
        let (images, rest) = images.as_chunks();
        if images.len() != labels.len() || !rest.is_empty() {
            return Err(unequal(labels.len(), images.len()));
        }
        labels.iter().try_for_each(|&label| check_label(label))?;
        Ok(Batch { images: Images::Floats(images), labels })
    }

    /// How many images it has.
    pub fn len(&self) -> usize {
        match self.images {
            Images::Bytes { indices, .. } => indices.len(),
            Images::Floats(images) => images.len(),
        }
    }

    /// The label of image `n`: a digit.
    pub(super) fn label(&self, n: usize) -> usize {
        let place = match self.images {
            Images::Bytes { indices, .. } => indices[n] as usize,
            Images::Floats(_) => n,
        };
        self.labels[place] as usize
    }

    /// Writes `lanes` images from `first` on, interleaved: the first pixel of each, the second of each, and so on. Where there
    /// are no more images they are blank.
    pub(super) fn interleave(&self, first: usize, lanes: usize, pixels: &mut [f32]) {
        match self.images {
            Images::Bytes { pixels: all, indices } => {
                let at = |n| indices.get(n).and_then(|&index| all.get(index as usize));
                interleave(first, lanes, at, |byte| SHADES[usize::from(byte)], pixels);
            }
            Images::Floats(images) => {
                interleave(first, lanes, |n| images.get(n), |shade| shade, pixels);
            }
        }
    }
}

#[inline(always)]
fn interleave<'a, T: Copy + Default + 'a>(
    first: usize,
    lanes: usize,
    image: impl Fn(usize) -> Option<&'a [T; PIXELS]>,
    shade: impl Fn(T) -> f32,
    pixels: &mut [f32],
) {
    let blank = [T::default(); PIXELS];
    for lane in 0..lanes {
        let image = image(first + lane).unwrap_or(&blank);
        for (pixel, &value) in pixels[lane..].iter_mut().step_by(lanes).zip(image) {
            *pixel = shade(value);
        }
    }
}

fn check_label(label: i64) -> Result<()> {
    if (0..CLASSES as i64).contains(&label) {
        return Ok(());
    }
    Err(Error::invalid("labels", "digits 0 to 9", label.to_string()))
}

fn unequal(labels: usize, images: usize) -> Error {
    Error::invalid("images", format!("{labels}, as there are labels"), images.to_string())
}
