use super::{Classes, Domain, Fit, Preparation, resize::FROM};
use crate::{Error, Result, network::INPUT_SIDE};
use image::GrayImage;
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Pixels of an image.
const PIXELS: usize = INPUT_SIDE * INPUT_SIDE;

/// Images that a thread fits at once.
const PART: usize = 1000;

/// Fits the images on all threads: to get the memory from the system takes longer than to fit them.
fn fit_all(fit: Fit, images: &[[u8; FROM * FROM]], fitted: &mut [[u8; PIXELS]]) {
    let parts = Mutex::new(images.chunks(PART).zip(fitted.chunks_mut(PART)));
    let work = || {
        loop {
            let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((images, fitted)) = part else { return };
            images.iter().zip(fitted).for_each(|(from, to)| fit.apply(from, to));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..cores.min(images.len().div_ceil(PART)) {
            // Where the system gives no thread, the others do its part.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

/// Images of 32x32 and their labels, in memory as bytes. Parts of a set, and clones, share its memory.
///
/// ```
/// use lenet::Dataset;
///
/// let data = Dataset::from_pixels(vec![0; 3 * 32 * 32], vec![5, 0, 4])?;
/// assert_eq!(data.len(), 3);
/// assert_eq!(data.label_bytes(), [5, 0, 4]);
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset {
    pixels: Arc<Vec<[u8; PIXELS]>>,
    labels: Arc<Vec<u8>>,
    /// Those of the images that belong to this set.
    range: Range<usize>,
    domain: Domain,
}

impl Dataset {
    /// `pixels` are images of 32x32, each by rows, one after the other, from 0 (background) to 255 (ink); `labels` are from 0
    /// to 9. [`from_mnist_pixels`](Dataset::from_mnist_pixels) takes images of 28x28.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are not as many images as labels, or none, or a label is no digit.
    pub fn from_pixels(pixels: Vec<u8>, labels: Vec<u8>) -> Result<Dataset> {
        let (images, rest) = pixels.as_chunks();
        if !rest.is_empty() {
            let expected = format!("{PIXELS} for each image (from_mnist_pixels takes 28x28)");
            return Err(Error::invalid("pixels", expected, pixels.len().to_string()));
        }
        Dataset::from_images(images.to_vec(), labels)
    }

    /// `pixels` are images of 28x28, as MNIST's are: each by rows, one after the other, from 0 (background) to 255 (ink). `fit`
    /// makes them 32x32; with [`Fit::Resize`] bit for bit as torchvision's `Resize(32)` does it. `labels` are from 0 to
    /// 9.
    ///
    /// ```
    /// use lenet::{Dataset, data::Fit};
    ///
    /// let data = Dataset::from_mnist_pixels(vec![255; 2 * 28 * 28], vec![7, 2], Fit::Resize)?;
    /// assert_eq!((data.len(), data.image_bytes()[0]), (2, [255; 32 * 32]));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_pixels`](Dataset::from_pixels).
    pub fn from_mnist_pixels(pixels: Vec<u8>, labels: Vec<u8>, fit: Fit) -> Result<Dataset> {
        let (images, rest) = pixels.as_chunks::<{ FROM * FROM }>();
        if !rest.is_empty() {
            let expected = format!("{} for each image", FROM * FROM);
            return Err(Error::invalid("pixels", expected, pixels.len().to_string()));
        }
        // Zeros that the system gives as they are first written, where `vec!` would write them all.
        let mut fitted = bytemuck::zeroed_vec(images.len());
        fit_all(fit, images, &mut fitted);
        Dataset::from_images(fitted, labels)
    }

    /// As [`from_pixels`](Dataset::from_pixels), without a copy.
    pub(crate) fn from_images(images: Vec<[u8; PIXELS]>, labels: Vec<u8>) -> Result<Dataset> {
        if images.is_empty() {
            return Err(Error::invalid("pixels", "one image at least", "none"));
        }
        if images.len() != labels.len() {
            let expected = format!("{}, one for each image", images.len());
            return Err(Error::invalid("labels", expected, labels.len().to_string()));
        }
        if let Some(label) = labels.iter().find(|&&label| label > 9) {
            return Err(Error::invalid("labels", "digits 0 to 9", label.to_string()));
        }
        let range = 0..images.len();
        let domain = Domain::default();
        Ok(Dataset { pixels: Arc::new(images), labels: Arc::new(labels), range, domain })
    }

    /// The same images, whose labels stand for these classes. They go where the set goes: a [`Trainer`](crate::Trainer) writes
    /// them to its weights' metadata and its checkpoints, and a [`Classifier`](crate::Classifier) reads them there.
    pub fn with_classes(mut self, classes: Classes) -> Dataset {
        self.domain.classes = classes;
        self
    }

    /// The same images, with how a picture becomes one like them. It goes with them as the classes do.
    pub fn with_preparation(mut self, preparation: Preparation) -> Dataset {
        self.domain.preparation = preparation;
        self
    }

    /// What the labels stand for: the digits, unless [`with_classes`](Dataset::with_classes) said otherwise.
    pub fn classes(&self) -> &Classes {
        &self.domain.classes
    }

    /// How a picture becomes an image like these: [`Centred`](Preparation::Centred), unless
    /// [`with_preparation`](Dataset::with_preparation) said otherwise.
    pub fn preparation(&self) -> Preparation {
        self.domain.preparation
    }

    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }

    /// How many images there are.
    #[allow(clippy::len_without_is_empty)] // it is never empty
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// The images, each 32x32 by rows, 0 (background) to 255 (ink).
    pub fn image_bytes(&self) -> &[[u8; PIXELS]] {
        &self.pixels[self.range.clone()]
    }

    /// The labels, 0 to 9.
    pub fn label_bytes(&self) -> &[u8] {
        &self.labels[self.range.clone()]
    }

    /// The first `n` images, or all where there are fewer; one at least.
    pub fn first(&self, n: usize) -> Dataset {
        let start = self.range.start;
        Dataset { range: start..start + n.clamp(1, self.len()), ..self.clone() }
    }

    /// All but the last `n` images, and these: to choose by, with the test set left for one look at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where one of the two would be empty.
    pub fn split(&self, n: usize) -> Result<(Dataset, Dataset)> {
        if n == 0 || n >= self.len() {
            let expected = format!("1 to {} of {}", self.len() - 1, self.len());
            return Err(Error::invalid("n", expected, n.to_string()));
        }
        let last = self.range.end - n..self.range.end;
        Ok((self.first(self.len() - n), Dataset { range: last, ..self.clone() }))
    }

    /// Image `index`, 32x32, as a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is no such image.
    pub fn image(&self, index: usize) -> Result<GrayImage> {
        let image = self.image_bytes().get(index).and_then(|image| {
            GrayImage::from_raw(INPUT_SIDE as u32, INPUT_SIDE as u32, image.to_vec())
        });
        image.ok_or_else(|| {
            Error::invalid("index", format!("0 to {}", self.len() - 1), index.to_string())
        })
    }

    /// Whether the two are the same images and labels in memory.
    #[cfg(feature = "torch")]
    pub(crate) fn is(&self, other: &Dataset) -> bool {
        Arc::ptr_eq(&self.pixels, &other.pixels)
            && Arc::ptr_eq(&self.labels, &other.labels)
            && self.range == other.range
    }
}
