use crate::{Error, Result};
use image::GrayImage;
use tch::{Device, Kind, Tensor};

/// Images and their labels, in memory as bytes; batches become `f32` when they are gathered.
///
/// ```
/// use lenet::{Dataset, tch::{Device, Kind, Tensor}};
///
/// let pixels = Tensor::zeros([3, 32, 32], (Kind::Uint8, Device::Cpu));
/// let data = Dataset::new(pixels, Tensor::from_slice(&[5i64, 0, 4]))?;
/// assert_eq!(data.len(), 3);
/// assert_eq!(data.images().size(), [3, 1, 32, 32]);
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug)]
pub struct Dataset {
    /// `u8` `[n, 32, 32]`.
    pixels: Tensor,
    /// `i64` `[n]`.
    labels: Tensor,
    /// 255, on the device of the pixels. A plain 255 would be turned into a multiplication by 1/255 on CUDA, whose last
    /// bit differs from the division's that `ToTensor` does.
    white: Tensor,
}

impl Dataset {
    /// `pixels` are `u8` `[n, 32, 32]`, from 0 (background) to 255 (ink); `labels` are `i64` `[n]`, from 0 to 9.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are something else, or there is not one image at least.
    pub fn new(pixels: Tensor, labels: Tensor) -> Result<Dataset> {
        let [n, 32, 32] = pixels.size()[..] else {
            return Err(Error::invalid(
                "pixels",
                "shape [n, 32, 32]",
                format!("{:?}", pixels.size()),
            ));
        };
        if pixels.kind() != Kind::Uint8 {
            return Err(Error::invalid("pixels", "u8", format!("{:?}", pixels.kind())));
        }
        if n == 0 {
            return Err(Error::invalid("pixels", "one image at least", "none"));
        }
        if labels.size() != [n] || labels.kind() != Kind::Int64 {
            let got = format!("{:?} of shape {:?}", labels.kind(), labels.size());
            return Err(Error::invalid("labels", format!("i64 of shape [{n}]"), got));
        }
        let (low, high) = (labels.min().int64_value(&[]), labels.max().int64_value(&[]));
        if low < 0 || high > 9 {
            return Err(Error::invalid("labels", "digits 0 to 9", format!("{low} to {high}")));
        }
        let device = pixels.device();
        let (pixels, labels) = (pixels.contiguous(), labels.to_device(device));
        Ok(Dataset { pixels, labels, white: Tensor::from(255f32).to_device(device) })
    }

    /// How many images there are.
    #[allow(clippy::len_without_is_empty)] // it is never empty
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// All images as the network takes them, as `Resize(32)` and `ToTensor` give them: `f32` `[n, 1, 32, 32]`, 0 to 1. Four
    /// bytes for each that the set has in memory.
    pub fn images(&self) -> Tensor {
        self.to_images(&self.pixels)
    }

    /// All labels: `i64` `[n]`.
    pub fn labels(&self) -> Tensor {
        self.labels.shallow_clone()
    }

    /// All pixels: `u8` `[n, 32, 32]`.
    pub fn pixels(&self) -> Tensor {
        self.pixels.shallow_clone()
    }

    /// The first `n` images, or all where there are fewer; one at least. The memory is shared.
    pub fn first(&self, n: usize) -> Dataset {
        let n = n.clamp(1, self.len()) as i64;
        Dataset {
            pixels: self.pixels.narrow(0, 0, n),
            labels: self.labels.narrow(0, 0, n),
            white: self.white.shallow_clone(),
        }
    }

    /// All but the last `n` images, and these: to choose by, with the test set left for one look at the end. The memory is
    /// shared.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where one of the two would be empty.
    pub fn split(&self, n: usize) -> Result<(Dataset, Dataset)> {
        if n == 0 || n >= self.len() {
            let most = self.len() - 1;
            return Err(Error::invalid(
                "n",
                format!("1 to {most} of {}", self.len()),
                n.to_string(),
            ));
        }
        let (start, n) = ((self.len() - n) as i64, n as i64);
        let last = Dataset {
            pixels: self.pixels.narrow(0, start, n),
            labels: self.labels.narrow(0, start, n),
            white: self.white.shallow_clone(),
        };
        Ok((self.first(start as usize), last))
    }

    /// Image `index`, 32x32, as a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is no such image.
    pub fn image(&self, index: usize) -> Result<GrayImage> {
        if index >= self.len() {
            return Err(Error::invalid(
                "index",
                format!("0 to {}", self.len() - 1),
                index.to_string(),
            ));
        }
        let pixels = Vec::try_from(self.pixels.get(index as i64).reshape([-1]))?;
        GrayImage::from_raw(32, 32, pixels)
            .ok_or_else(|| Error::invalid("pixels", "32x32", format!("{:?}", self.pixels.size())))
    }

    /// The same set on another device; on its own, the same memory.
    ///
    /// # Panics
    ///
    /// Where there is no such device, or its memory runs out.
    pub fn to_device(&self, device: Device) -> Dataset {
        Dataset {
            pixels: self.pixels.to_device(device),
            labels: self.labels.to_device(device),
            white: self.white.to_device(device),
        }
    }

    /// Images and labels at `indices` (`i64`, on the set's device): a batch, `f32` `[b, 1, 32, 32]` and `i64` `[b]`.
    pub(crate) fn gather(&self, indices: &Tensor) -> (Tensor, Tensor) {
        let pixels = self.pixels.index_select(0, indices);
        (self.to_images(&pixels), self.labels.index_select(0, indices))
    }

    /// `length` images and labels from `start` on.
    pub(crate) fn range(&self, start: i64, length: i64) -> (Tensor, Tensor) {
        let pixels = self.pixels.narrow(0, start, length);
        (self.to_images(&pixels), self.labels.narrow(0, start, length))
    }

    fn to_images(&self, pixels: &Tensor) -> Tensor {
        (pixels.to_kind(Kind::Float) / &self.white).unsqueeze(1)
    }
}
