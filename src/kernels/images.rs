use super::{
    layout::PIXELS,
    vector::{Kernel, MOST_LANES, Vector},
};
use crate::{Error, Result};
use std::array;

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
                let image = |lane| all.get(*indices.get(first + lane)?);
                V::vectorize(Interleave { images: array::from_fn(image), pixels });
            }
            Kind::Floats(all) => {
                let image = |lane| all.get(first + lane);
                V::vectorize(Interleave { images: array::from_fn(image), pixels });
            }
        }
    }
}

/// A pixel as it lies in memory.
trait Pixel: Copy + 'static {
    const BLANK: &[Self; PIXELS];

    /// From 0 (background) to 1 (ink).
    fn shade(self) -> f32;
}

impl Pixel for u8 {
    const BLANK: &[u8; PIXELS] = &[0; PIXELS];

    /// Divided in `f32`, as `ToTensor` does it.
    #[inline(always)]
    fn shade(self) -> f32 {
        f32::from(self) / 255.0
    }
}

impl Pixel for f32 {
    const BLANK: &[f32; PIXELS] = &[0.0; PIXELS];

    #[inline(always)]
    fn shade(self) -> f32 {
        self
    }
}

#[derive(Debug)]
struct Interleave<'a, P, V> {
    /// One for each lane.
    images: [Option<&'a [P; PIXELS]>; MOST_LANES],
    /// `[32, 32]`: it is overwritten.
    pixels: &'a mut [V],
}

impl<P: Pixel, V: Vector> Kernel<V> for Interleave<'_, P, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut images = [P::BLANK; MOST_LANES];
        for (image, given) in images.iter_mut().zip(self.images) {
            *image = given.unwrap_or(P::BLANK);
        }
        let mut lanes = [P::BLANK[0]; MOST_LANES];
        let pixels = V::floats_mut(self.pixels).chunks_exact_mut(V::LANES);
        for (at, shades) in pixels.enumerate().take(PIXELS) {
            for (lane, image) in lanes.iter_mut().zip(&images).take(V::LANES) {
                *lane = image[at];
            }
            // In a loop of its own, which the compiler makes vectors of.
            for (shade, lane) in shades.iter_mut().zip(lanes) {
                *shade = lane.shade();
            }
        }
    }
}
