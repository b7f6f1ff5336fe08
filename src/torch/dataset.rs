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

/// Sets on a device, each copied there once: those that are evaluated, and the one that is trained on.
#[derive(Debug)]
pub(super) struct DeviceSets {
    device: Device,
    /// 255, as a tensor. A plain number would be turned into a multiplication by 1/255 on CUDA, whose last bit differs from the division's
    /// that `ToTensor` does.
    white: Tensor,
    /// Those used last are last. One at most was brought to be trained on: an augmented epoch brings another one every few
    /// batches, and would push out those that are evaluated after each epoch.
    sets: Vec<DeviceSet>,
    block: Option<Block>,
}

/// A set on a device.
#[derive(Debug)]
struct DeviceSet {
    data: Dataset,
    /// `u8` `[n, 32, 32]`.
    pixels: Tensor,
    /// `i64` `[n]`.
    labels: Tensor,
    /// What it was brought for.
    purpose: Purpose,
}

/// What a set is wanted for on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Training,
    Evaluation,
}

/// Images of a set in the order in which they are trained on, gathered and converted at once for many batches: two operators a
/// batch instead of six, and no indices are uploaded, for which a GPU would stop.
#[derive(Debug)]
struct Block {
    data: Dataset,
    indices: Vec<usize>,
    /// Images of it that were taken.
    taken: usize,
    /// `f32` `[n, 1, 32, 32]`.
    images: Tensor,
    /// `i64` `[n]`.
    labels: Tensor,
}

/// Images of a block, unless a batch has more: 16 MiB.
const BLOCK: usize = 4096;

/// The set that is trained on, or what an augmented epoch shows of it, and three to evaluate: itself, the validation and the test set.
const MOST_SETS: usize = 4;

impl DeviceSets {
    pub fn new(device: Device) -> Result<DeviceSets> {
        let white = Tensor::from(255f32).f_to_device(device)?;
        Ok(DeviceSets { device, white, sets: vec![], block: None })
    }

    /// Images `f32` `[b, 1, 32, 32]` and labels `i64` `[b]` of a set at `indices`; those at `next` are likely to follow.
    pub fn gather(
        &mut self,
        data: &Dataset,
        indices: &[usize],
        next: &[usize],
    ) -> Result<(Tensor, Tensor)> {
        let block = match self.block.take() {
            Some(block) if block.continues(data, indices) => block,
            _ => self.block(data, indices, next)?,
        };
        let block = self.block.insert(block);
        let (start, length) = (block.taken as i64, indices.len() as i64);
        block.taken += indices.len();
        Ok((block.images.f_narrow(0, start, length)?, block.labels.f_narrow(0, start, length)?))
    }

    fn block(&mut self, data: &Dataset, indices: &[usize], next: &[usize]) -> Result<Block> {
        let more = BLOCK.saturating_sub(indices.len()).min(next.len());
        // Whole batches, but for the epoch's last: what is left of one would be gathered again.
        let left = if more < next.len() { more % indices.len().max(1) } else { 0 };
        let more = more - left;
        let indices = [indices, &next[..more]].concat();
        let places: Vec<_> = indices.iter().map(|&index| index as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(self.device)?;
        let (pixels, labels) = self.set(data, Purpose::Training)?;
        let images = self.to_images(&pixels.f_index_select(0, &places)?)?;
        let labels = labels.f_index_select(0, &places)?;
        Ok(Block { data: data.clone(), indices, taken: 0, images, labels })
    }

    /// `length` images of a set from `start` on.
    pub fn range(&mut self, data: &Dataset, start: i64, length: i64) -> Result<Tensor> {
        let pixels = self.set(data, Purpose::Evaluation)?.0.f_narrow(0, start, length)?;
        self.to_images(&pixels)
    }

    /// Images and labels that belong to no set.
    pub fn own(&self, images: &[[f32; PIXELS]], labels: &[u8]) -> Result<(Tensor, Tensor)> {
        let images = Tensor::f_from_slice(images.as_flattened())?.f_view([-1, 1, 32, 32])?;
        let labels = Tensor::f_from_slice(labels)?.f_to_kind(Kind::Int64)?;
        Ok((images.f_to_device(self.device)?, labels.f_to_device(self.device)?))
    }

    /// A set's pixels and labels on the device, copied there unless they are there.
    fn set(&mut self, data: &Dataset, purpose: Purpose) -> Result<(Tensor, Tensor)> {
        let place = self.sets.iter().position(|set| set.data.is(data));
        let set = match place {
            Some(place) => self.sets.remove(place),
            None => {
                if purpose == Purpose::Training {
                    self.sets.retain(|set| set.purpose != purpose);
                }
                let pixels = data.pixels().f_to_device(self.device)?;
                let labels = data.labels().f_to_device(self.device)?;
                DeviceSet { data: data.clone(), pixels, labels, purpose }
            }
        };
        let tensors = (set.pixels.shallow_clone(), set.labels.shallow_clone());
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

impl Block {
    /// Whether these images of the set are the next ones.
    fn continues(&self, data: &Dataset, indices: &[usize]) -> bool {
        self.data.is(data) && self.indices[self.taken..].starts_with(indices)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, DeviceSets};
    use crate::Dataset;
    use tch::{Device, Tensor};

    fn data(seed: usize) -> Dataset {
        let pixels = (0..40 * 1024).map(|place| (place * (seed + 7) % 251) as u8);
        Dataset::from_pixels(pixels.collect(), (0..40).map(|image| image % 10).collect()).unwrap()
    }

    /// What a batch is, image by image.
    fn expected(data: &Dataset, indices: &[usize]) -> (Tensor, Tensor) {
        let at = |index: &usize| *index as i64;
        let places = Tensor::from_slice(&indices.iter().map(at).collect::<Vec<_>>());
        (data.images().index_select(0, &places), data.labels().index_select(0, &places))
    }

    #[test]
    fn batches_of_a_block_are_those_that_were_asked_for() {
        let (first, second) = (data(1), data(2));
        let mut sets = DeviceSets::new(Device::Cpu).unwrap();
        // Twice over the set, so that a block ends within.
        let order: Vec<_> = (0..2 * BLOCK + 50).map(|place| place * 17 % 40).collect();
        for (start, length) in [(0, 500), (500, 500), (1000, 7), (1007, 7), (5, 3), (8, BLOCK + 1)]
        {
            for set in [&first, &second, &first] {
                let (indices, next) = order[start..].split_at(length);
                let got = sets.gather(set, indices, next).unwrap();
                assert_eq!(got, expected(set, indices), "{start}");
            }
        }
        // In a row, to beyond a block's end, as an epoch goes.
        for start in (0..order.len()).step_by(60) {
            let (indices, next) = order[start..].split_at(60.min(order.len() - start));
            assert_eq!(sets.gather(&first, indices, next).unwrap(), expected(&first, indices));
        }
    }

    #[test]
    fn an_epoch_is_gathered_in_few_blocks() {
        let data = data(3);
        let order: Vec<_> = (0..2 * BLOCK).map(|place| place % 40).collect();
        let mut sets = DeviceSets::new(Device::Cpu).unwrap();
        let mut blocks = 0;
        for start in (0..order.len()).step_by(32) {
            let (indices, next) = order[start..].split_at(32);
            let _ = sets.gather(&data, indices, next).unwrap();
            blocks += usize::from(sets.block.as_ref().is_some_and(|block| block.taken == 32));
        }
        assert_eq!(blocks, 2);
    }

    /// How many of the `sets` are copied to the device to be evaluated now: a copy that was there already has been blackened.
    fn copied(device: &mut DeviceSets, sets: &[Dataset]) -> usize {
        let mut is_copied = |set: &Dataset| {
            let is_new = device.range(set, 0, 40).unwrap().max().double_value(&[]) > 0.0;
            let _ = device.sets.last_mut().unwrap().pixels.zero_();
            is_new
        };
        sets.iter().filter(|set| is_copied(set)).count()
    }

    #[test]
    fn four_sets_stay_on_the_device() {
        let sets: Vec<_> = (0..5).map(data).collect();
        let mut device = DeviceSets::new(Device::Cpu).unwrap();
        assert_eq!([(); 3].map(|()| copied(&mut device, &sets[..4])), [4, 0, 0]);
        // A fifth takes the place of the one that was not used for longest, which is not the first.
        assert_eq!([0, 4, 1, 0].map(|set| copied(&mut device, &sets[set..=set])), [0, 1, 1, 0]);
        assert_eq!(device.sets.len(), 4);
    }

    /// An augmented epoch is trained on a new set every 16 batches.
    #[test]
    fn sets_that_are_trained_on_once_push_out_none_that_is_evaluated() {
        let sets: Vec<_> = (0..3).map(data).collect();
        let mut device = DeviceSets::new(Device::Cpu).unwrap();
        let indices: Vec<_> = (0..40).collect();
        for epoch in 0..3 {
            for block in 0..10 {
                let block = data(100 * epoch + block);
                let got = device.gather(&block, &indices[..32], &indices[32..]).unwrap();
                assert_eq!(got, expected(&block, &indices[..32]));
            }
            assert_eq!(copied(&mut device, &sets), if epoch == 0 { 3 } else { 0 });
            assert_eq!(device.sets.len(), 4);
        }
    }

    /// The same copy serves both.
    #[test]
    fn a_set_that_is_trained_on_and_evaluated_is_copied_once() {
        let (set, mut device) = (data(1), DeviceSets::new(Device::Cpu).unwrap());
        let _ = device.gather(&set, &[0], &[]).unwrap();
        let _ = device.range(&set, 0, 40).unwrap();
        let _ = device.gather(&set, &[1], &[]).unwrap();
        assert_eq!(device.sets.len(), 1);
    }
}
