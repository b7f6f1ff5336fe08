use super::{
    images::Images,
    layout::{CLASSES, PIXELS},
};
use crate::{Error, Result};

/// Images to train on, and their labels.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    images: Images<'a>,
    /// Those of the set that the images are of.
    labels: &'a [u8],
    /// How many images the batch has that these are a part of.
    whole: usize,
}

impl<'a> Batch<'a> {
    /// The images and labels at `indices` of a set: `pixels` `[n, 32, 32]`, `labels` `[n]`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are not equally many, there is no such image, or a label is no digit.
    pub fn gathered(
        pixels: &'a [[u8; PIXELS]],
        labels: &'a [u8],
        indices: &'a [usize],
    ) -> Result<Batch<'a>> {
        Batch::of(Images::gathered(pixels, indices)?, pixels.len(), labels)
    }

    /// `images` `[n, 32, 32]` and `labels` `[n]`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are not equally many, or a label is no digit.
    pub fn new(images: &'a [[f32; PIXELS]], labels: &'a [u8]) -> Result<Batch<'a>> {
        Batch::of(Images::new(images), images.len(), labels)
    }

    fn of(images: Images<'a>, set: usize, labels: &'a [u8]) -> Result<Batch<'a>> {
        if set != labels.len() {
            let expected = format!("{}, as there are labels", labels.len());
            return Err(Error::invalid("images", expected, set.to_string()));
        }
        let mut used = (0..images.count()).map(|n| labels[images.place(n)]);
        match used.find(|label| usize::from(*label) >= CLASSES) {
            None => Ok(Batch { images, labels, whole: images.count() }),
            Some(label) => Err(Error::invalid("labels", "digits 0 to 9", label.to_string())),
        }
    }

    /// As the part of a batch of `whole` images: the mean of the losses, whose gradients are computed, is that batch's.
    pub fn part_of(self, whole: usize) -> Batch<'a> {
        Batch { whole, ..self }
    }

    /// How many images the batch has that this is a part of: its own, where it is no part.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// How many images it has.
    pub fn size(&self) -> usize {
        self.images.count()
    }

    /// The images alone.
    pub fn images(&self) -> Images<'a> {
        self.images
    }

    /// The label of image `n`: a digit.
    pub(super) fn label(&self, n: usize) -> u8 {
        self.labels[self.images.place(n)]
    }
}
