use crate::{Error, Result, data::Dataset, kernels::PIXELS};
use tch::{Device, Kind, Tensor};

/// With the feature `torch`: sets from and to tensors.
impl Dataset {
    /// `pixels` are `u8` `[n, 32, 32]`, from 0 (background) to 255 (ink); `labels` are `i64` `[n]`, from 0 to 9. They are copied
    /// to the CPU's memory, wherever they are.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are something else, or there is not one image at least.
    pub fn new(pixels: Tensor, labels: Tensor) -> Result<Dataset> {
        let [n, 32, 32] = pixels.size()[..] else {
            let got = format!("{:?}", pixels.size());
            let expected = "shape [n, 32, 32] (from_mnist_pixels takes 28x28)";
            return Err(Error::invalid("pixels", expected, got));
        };
        if pixels.kind() != Kind::Uint8 {
            return Err(Error::invalid("pixels", "u8", format!("{:?}", pixels.kind())));
        }
        if labels.size() != [n] || labels.kind() != Kind::Int64 {
            let got = format!("{:?} of shape {:?}", labels.kind(), labels.size());
            return Err(Error::invalid("labels", format!("i64 of shape [{n}]"), got));
        }
        let pixels = pixels.f_to_device(Device::Cpu)?.f_reshape([-1])?;
        Dataset::from_pixels(Vec::try_from(pixels)?, label_bytes(&labels)?)
    }

    /// All images as the network takes them, as `Resize(32)` and `ToTensor` give them: `f32` `[n, 1, 32, 32]`, 0 to 1. Four
    /// bytes for each that the set has in memory.
    pub fn images(&self) -> Tensor {
        self.pixels().to_kind(Kind::Float).unsqueeze(1) / 255.0
    }

    /// A copy of all labels: `i64` `[n]`.
    pub fn labels(&self) -> Tensor {
        Tensor::from_slice(self.label_bytes()).to_kind(Kind::Int64)
    }

    /// A copy of all pixels: `u8` `[n, 32, 32]`.
    pub fn pixels(&self) -> Tensor {
        Tensor::from_slice(self.image_bytes().as_flattened()).view([-1, 32, 32])
    }
}

/// Labels, `i64` of whatever shape, as bytes.
pub(super) fn label_bytes(labels: &Tensor) -> Result<Vec<u8>> {
    let digits: Vec<i64> = labels.f_to_device(Device::Cpu)?.f_reshape([-1])?.try_into()?;
    let bytes: Option<Vec<_>> = digits.iter().map(|&digit| u8::try_from(digit).ok()).collect();
    bytes.filter(|bytes| bytes.iter().all(|&label| label < 10)).ok_or_else(|| {
        let range = digits.iter().min().zip(digits.iter().max());
        let got = range.map_or("none".into(), |(low, high)| format!("{low} to {high}"));
        Error::invalid("labels", "digits 0 to 9", got)
    })
}

/// Sets on a device, each copied there once: the one that is trained on and those that are evaluated.
#[derive(Debug)]
pub(super) struct DeviceSets {
    device: Device,
    /// 255, as a tensor. A plain number would be turned into a multiplication by 1/255 on CUDA, whose last bit differs from the division's
    /// that `ToTensor` does.
    white: Tensor,
    /// The set, its pixels `u8` `[n, 32, 32]`, its labels `i64` `[n]`; those used last are last.
    sets: Vec<(Dataset, Tensor, Tensor)>,
}

/// Training, validation and test set.
const MOST_SETS: usize = 3;

impl DeviceSets {
    pub fn new(device: Device) -> Result<DeviceSets> {
        let white = Tensor::from(255f32).f_to_device(device)?;
        Ok(DeviceSets { device, white, sets: vec![] })
    }

    /// Images `f32` `[b, 1, 32, 32]` and labels `i64` `[b]` of a set at `indices`.
    pub fn gather(&mut self, data: &Dataset, indices: &[usize]) -> Result<(Tensor, Tensor)> {
        let indices: Vec<_> = indices.iter().map(|&index| index as i64).collect();
        let indices = Tensor::f_from_slice(&indices)?.f_to_device(self.device)?;
        let (pixels, labels) = self.set(data)?;
        let (pixels, labels) =
            (pixels.f_index_select(0, &indices)?, labels.f_index_select(0, &indices)?);
        Ok((self.to_images(&pixels)?, labels))
    }

    /// `length` images of a set from `start` on.
    pub fn range(&mut self, data: &Dataset, start: i64, length: i64) -> Result<Tensor> {
        let pixels = self.set(data)?.0.f_narrow(0, start, length)?;
        self.to_images(&pixels)
    }

    /// Images and labels that belong to no set.
    pub fn own(&self, images: &[[f32; PIXELS]], labels: &[u8]) -> Result<(Tensor, Tensor)> {
        let images = Tensor::f_from_slice(images.as_flattened())?.f_view([-1, 1, 32, 32])?;
        let labels = Tensor::f_from_slice(labels)?.f_to_kind(Kind::Int64)?;
        Ok((images.f_to_device(self.device)?, labels.f_to_device(self.device)?))
    }

    fn set(&mut self, data: &Dataset) -> Result<(Tensor, Tensor)> {
        let place = self.sets.iter().position(|(set, ..)| set.is(data));
        let set = match place {
            Some(place) => self.sets.remove(place),
            None => {
                let (pixels, labels) = (data.pixels(), data.labels());
                let pixels = pixels.f_to_device(self.device)?;
                (data.clone(), pixels, labels.f_to_device(self.device)?)
            }
        };
        let tensors = (set.1.shallow_clone(), set.2.shallow_clone());
        self.sets.push(set);
        if self.sets.len() > MOST_SETS {
            drop(self.sets.remove(0));
        }
        Ok(tensors)
    }

    fn to_images(&self, pixels: &Tensor) -> Result<Tensor> {
        Ok(pixels.f_to_kind(Kind::Float)?.f_div(&self.white)?.f_unsqueeze(1)?)
    }
}
