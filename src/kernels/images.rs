use super::{layout::PIXELS, vector::Vector};
use crate::{Error, Result};

/// Images to compute with, where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a>(Kind<'a>);

#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    /// Those at `indices` of a set.
    Bytes {
        pixels: &'a [[u8; PIXELS]],
        indices: &'a [usize],
    },
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

impl<'a> Images<'a> {
    /// `[n, 32, 32]`, from 0 (background) to 1 (ink).
    pub fn new(images: &'a [[f32; PIXELS]]) -> Images<'a> {
        Images(Kind::Floats(images))
    }

    /// Those at `indices` of a set `[n, 32, 32]`, from 0 (background) to 255 (ink).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is no such image.
    pub fn gathered(pixels: &'a [[u8; PIXELS]], indices: &'a [usize]) -> Result<Images<'a>> {
        match indices.iter().find(|&&index| index >= pixels.len()) {
            None => Ok(Images(Kind::Bytes { pixels, indices })),
            Some(index) => {
                let expected = format!("0 to below {}", pixels.len());
                Err(Error::invalid("indices", expected, index.to_string()))
            }
        }
    }

    /// How many they are.
    pub fn count(self) -> usize {
        match self.0 {
            Kind::Bytes { indices, .. } => indices.len(),
            Kind::Floats(images) => images.len(),
        }
    }

    /// Where image `n` stands in its set.
    pub(super) fn place(self, n: usize) -> usize {
        match self.0 {
            Kind::Bytes { indices, .. } => indices[n],
            Kind::Floats(_) => n,
        }
    }

    /// Writes a group of them, interleaved: the first pixel of each, the second of each, and so on. Where there are no more
    /// images they are blank.
    pub(super) fn interleave<V: Vector>(self, group: usize, pixels: &mut [V]) {
        let first = group * V::LANES;
        match self.0 {
            Kind::Bytes { pixels: all, indices } => {
                let at = |n| indices.get(n).and_then(|&index| all.get(index));
                interleave(|lane| at(first + lane), |byte| SHADES[usize::from(byte)], pixels);
            }
            Kind::Floats(images) => {
                interleave(|lane| images.get(first + lane), |shade| shade, pixels);
            }
        }
    }
}

/// Pixels that are interleaved at once: few enough that the memory to which all lanes are written stays in the first cache.
const BLOCK: usize = 64;

#[inline(always)]
fn interleave<'a, T: Copy + Default + 'a, V: Vector>(
    image: impl Fn(usize) -> Option<&'a [T; PIXELS]>,
    shade: impl Fn(T) -> f32,
    pixels: &mut [V],
) {
    let blank = [T::default(); PIXELS];
    for (at, block) in pixels.chunks_exact_mut(BLOCK).enumerate() {
        let block = V::floats_mut(block);
        for lane in 0..V::LANES {
            let image = &image(lane).unwrap_or(&blank)[at * BLOCK..][..BLOCK];
            for (pixel, &value) in block.chunks_exact_mut(V::LANES).zip(image) {
                pixel[lane] = shade(value);
            }
        }
    }
}
