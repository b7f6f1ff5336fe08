use crate::{
    canvas::Canvas,
    fonts::{self, Face},
    others::{self, Kind, Share},
    pictures::Random,
    strokes,
};
use anyhow::{Context, Result};
use lenet::{
    Dataset, Prepared,
    data::{Fit, Idx},
    image::DynamicImage,
};
use std::{
    ops::Range,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// MNIST's training images that are kept out, the last ones: the temperature and the threshold are fitted on them.
pub const VALIDATION: usize = 5_000;

/// MNIST's training images as its files have them, white on black, 28x28.
pub struct Mnist {
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Mnist {
    pub fn read(folder: &Path) -> Result<Mnist> {
        let read = |name| Ok::<_, anyhow::Error>(Idx::read(folder.join(name))?.numbers);
        let images = read("train-images-idx3-ubyte.gz").context("MNIST's images")?;
        Ok(Mnist { images, labels: read("train-labels-idx1-ubyte.gz")? })
    }

    fn image(&self, index: usize) -> &[u8] {
        &self.images[index * 28 * 28..(index + 1) * 28 * 28]
    }

    /// As the network sees them: those to train with, and those that are kept out.
    pub fn sets(&self) -> Result<(Dataset, Dataset)> {
        let all =
            Dataset::from_mnist_pixels(self.images.clone(), self.labels.clone(), Fit::Resize)?;
        Ok(all.split(VALIDATION)?)
    }

    /// As a picture: turned, with a thicker or thinner pen.
    pub fn picture(&self, index: usize, random: &mut Random) -> DynamicImage {
        let mut canvas = Canvas::new(140);
        let (angle, thicker) = (random.between(-0.5, 0.5), random.between(-0.5, 0.9));
        let height = random.between(70.0, 120.0);
        canvas.stamp(self.image(index), 28, height, angle, thicker);
        canvas.picture(random)
    }

    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    pub fn training(&self) -> usize {
        self.labels.len() - VALIDATION
    }
}

/// Pictures of some kind, prepared, each from its number alone. Those in which nothing is found are left out.
pub fn prepared<T: Send>(
    count: usize,
    make: impl Fn(&mut Random, usize) -> Option<(DynamicImage, T)> + Sync,
    seed: u64,
) -> Vec<(Prepared, T)> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut made = vec![];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return made;
            }
            let mut random = Random::new(seed.wrapping_mul(1 << 32).wrapping_add(index as u64));
            if let Some((image, truth)) = make(&mut random, index)
                && let Ok(prepared) = Prepared::new(&image)
            {
                made.push((index, (prepared, truth)));
            }
        }
    };
    let mut made: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, made)| made).collect()
}

/// Digits of fonts: each face's ten, so many times.
pub fn printed(faces: &[Face], times: usize, seed: u64) -> Vec<(Prepared, u8)> {
    let make = |random: &mut Random, index: usize| {
        let digit = (index % 10) as u8;
        let face = &faces[index / 10 % faces.len()];
        Some((face.picture(char::from(b'0' + digit), random)?, digit))
    };
    prepared(10 * faces.len() * times, make, seed)
}

/// Digits that were drawn.
pub fn drawn(count: usize, seed: u64) -> Vec<(Prepared, u8)> {
    let make = |random: &mut Random, index: usize| {
        let digit = (index % 10) as u8;
        Some((strokes::digit(digit, random), digit))
    };
    prepared(count, make, seed)
}

/// MNIST's training images as pictures.
pub fn pictured(mnist: &Mnist, indices: Range<usize>, seed: u64) -> Vec<(Prepared, u8)> {
    let make = |random: &mut Random, index: usize| {
        let index = indices.start + index;
        Some((mnist.picture(index, random), mnist.label(index)))
    };
    prepared(indices.len(), make, seed)
}

/// What is no digit, of one kind.
pub fn others(kind: Kind, share: Share, faces: &[Face], count: usize, seed: u64) -> Vec<Prepared> {
    let make =
        |random: &mut Random, _: usize| Some((others::picture(kind, share, faces, random), ()));
    prepared(count, make, seed).into_iter().map(|(prepared, ())| prepared).collect()
}

/// Two digits side by side, which touch or nearly do: what a reader of numbers is shown where it has cut too little.
pub fn pairs(mnist: &Mnist, indices: Range<usize>, count: usize, seed: u64) -> Vec<Prepared> {
    let make = |random: &mut Random, _: usize| {
        let mut pick = || mnist.image(indices.start + random.below(indices.len()));
        let (left, right) = (pick(), pick());
        // The second one moves to the left until the ink of some row meets.
        let room = (0..28).filter_map(|y| {
            let row = |image: &[u8]| -> Vec<bool> {
                image[y * 28..(y + 1) * 28].iter().map(|&ink| ink > 100).collect()
            };
            let end = row(left).iter().rposition(|&ink| ink)?;
            let start = row(right).iter().position(|&ink| ink)?;
            Some(27 - end + start)
        });
        let room = room.min().unwrap_or(8) as i64;
        let shift = (28 - room + random.below(7) as i64 - 3).clamp(8, 28) as usize;
        let width = 28 + shift;
        let mut strip = vec![0; width * 28];
        for (image, left) in [(left, 0), (right, shift)] {
            for (at, &ink) in image.iter().enumerate() {
                let to = &mut strip[at / 28 * width + left + at % 28];
                *to = ink.max(*to);
            }
        }
        let mut canvas = Canvas::new(150);
        let (angle, thicker) = (random.between(-0.15, 0.15), random.between(-0.4, 0.6));
        canvas.stamp(&strip, width, random.between(60.0, 75.0), angle, thicker);
        Some((canvas.picture(random), ()))
    };
    prepared(count, make, seed).into_iter().map(|(prepared, ())| prepared).collect()
}

/// What the weights are trained on: MNIST's images as they are and as pictures, digits of fonts and drawn ones.
pub fn training(mnist: &Mnist) -> Result<Dataset> {
    let (train, _) = mnist.sets()?;
    let mut pixels = train.image_bytes().as_flattened().to_vec();
    let mut labels = train.label_bytes().to_vec();
    let faces = fonts::faces(fonts::TRAINING)?;
    let made = [pictured(mnist, 0..30_000, 1), printed(&faces, 7, 2), drawn(20_000, 3)];
    for (kind, made) in ["MNIST as pictures", "fonts", "drawn"].into_iter().zip(made) {
        eprintln!("{kind}: {} images", made.len());
        for (prepared, label) in made {
            pixels.extend_from_slice(prepared.input().as_raw());
            labels.push(label);
        }
    }
    Ok(Dataset::from_pixels(pixels, labels)?)
}
