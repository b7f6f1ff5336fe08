use super::ranks::Ranks;
use crate::{
    Dataset, Result,
    data::Distortion,
    kernels::{InstructionSet, PIXELS, Work},
};
use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// Images that a thread takes at once.
const PART: usize = 32;

/// The versions of a set's images that an epoch shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distorted {
    pub distortion: Distortion,
    /// What a version follows from, beside the image's place in the set: the seed and the epochs before.
    pub numbers: [u64; 2],
    pub threads: usize,
    pub instructions: InstructionSet,
}

impl Distorted {
    /// How many batches are made at once: starting threads takes as long as distorting some images.
    pub const BATCHES: usize = 16;

    /// The images at `indices`, in batches of so many: of each batch those that are this rank's. The others are not looked at,
    /// and stay empty.
    pub fn of(
        self,
        data: &Dataset,
        indices: &[usize],
        batch_size: usize,
        ranks: &Ranks,
    ) -> Result<Dataset> {
        let mut images = vec![[0; PIXELS]; indices.len()];
        let batches = images.chunks_mut(batch_size).zip(indices.chunks(batch_size));
        let own = batches.flat_map(|(images, indices)| {
            let part = ranks.part(indices.len());
            images[part.clone()].iter_mut().zip(&indices[part])
        });
        let mut own: Vec<_> = own.collect();
        let pixels = data.image_bytes();
        let parts = Mutex::new(own.chunks_mut(PART));
        let work = || {
            loop {
                let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(part) = part else { return };
                self.instructions.work(Versions { distorted: self, part, pixels });
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.min(indices.len().div_ceil(PART)) {
                // Where the system gives no thread, the others do its part.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let labels = indices.iter().map(|&index| data.label_bytes()[index]);
        Dataset::from_images(images, labels.collect())
    }
}

/// Some images of a set, each with its place there.
type Part<'a, 'b> = &'a mut [(&'b mut [u8; PIXELS], &'b usize)];

/// The versions of some images.
struct Versions<'a, 'b> {
    distorted: Distorted,
    part: Part<'a, 'b>,
    pixels: &'a [[u8; PIXELS]],
}

impl Work for Versions<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Distorted { distortion, numbers: [seed, epoch], .. } = self.distorted;
        for (image, index) in self.part {
            **image = distortion.version(&self.pixels[**index], [seed, epoch, **index as u64]);
        }
    }
}
