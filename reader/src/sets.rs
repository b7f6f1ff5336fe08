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
    iter,
    ops::Range,
    panic::resume_unwind,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ScopedJoinHandle},
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

/// Makes so many, each from its number alone, on all cores.
pub fn each<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let numbers = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let numbers = numbers.take_while(|&number| number < count);
        numbers.map(|number| (number, make(number))).collect::<Vec<_>>()
    };
    let mut made: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let made = |worker: ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        workers.into_iter().flat_map(made).collect()
    });
    made.sort_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, made)| made).collect()
}

/// Pictures of some kind, prepared. Those in which nothing is found are left out.
pub fn prepared<T: Send>(
    count: usize,
    make: impl Fn(&mut Random, usize) -> Option<(DynamicImage, T)> + Sync,
    seed: u64,
) -> Vec<(Prepared, T)> {
    let made = each(count, |index| {
        let mut random = Random::new(seed.wrapping_mul(1 << 32).wrapping_add(index as u64));
        let (image, truth) = make(&mut random, index)?;
        Some((Prepared::new(&image).ok()?, truth))
    });
    made.into_iter().flatten().collect()
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

/// MNIST's training images in a row, which touch or nearly do, and of which image each pixel's ink is.
struct Row {
    width: usize,
    /// `[28, width]`
    ink: Vec<u8>,
    /// `[28, width]`: the ink of each of the images alone.
    of: Vec<Vec<u8>>,
    labels: Vec<u8>,
}

impl Row {
    fn new(mnist: &Mnist, indices: &Range<usize>, count: usize, random: &mut Random) -> Row {
        let picked: Vec<_> =
            (0..count).map(|_| indices.start + random.below(indices.len())).collect();
        let mut lefts = vec![0i64];
        for pair in picked.windows(2) {
            let [left, right] = [mnist.image(pair[0]), mnist.image(pair[1])];
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
            let shift = (28 - room + random.below(7) as i64 - 3).clamp(8, 28);
            lefts.push(lefts[lefts.len() - 1] + shift);
        }
        let width = lefts[count - 1] as usize + 28;
        let place = |(&index, &left): (&usize, &i64)| {
            let mut own = vec![0; width * 28];
            for (at, &ink) in mnist.image(index).iter().enumerate() {
                own[at / 28 * width + left as usize + at % 28] = ink;
            }
            own
        };
        let of: Vec<_> = picked.iter().zip(&lefts).map(place).collect();
        let mut ink = vec![0u8; width * 28];
        for own in &of {
            ink.iter_mut().zip(own).for_each(|(ink, &own)| *ink = own.max(*ink));
        }
        Row { width, ink, of, labels: picked.iter().map(|&index| mnist.label(index)).collect() }
    }

    fn picture(&self, random: &mut Random) -> DynamicImage {
        let mut canvas = Canvas::new(150);
        let (angle, thicker) = (random.between(-0.15, 0.15), random.between(-0.4, 0.6));
        canvas.stamp(&self.ink, self.width, random.between(60.0, 75.0), angle, thicker);
        canvas.picture(random)
    }
}

/// Two digits side by side: what a reader of numbers is shown where it has cut too little.
pub fn pairs(mnist: &Mnist, indices: Range<usize>, count: usize, seed: u64) -> Vec<Prepared> {
    let make = |random: &mut Random, _: usize| {
        Some((Row::new(mnist, &indices, 2, random).picture(random), ()))
    };
    prepared(count, make, seed).into_iter().map(|(prepared, ())| prepared).collect()
}

/// What is cut out of a row of digits, at the right places and at wrong ones: the digit, or none where too much of it is missing or
/// too much of others is there.
pub fn segments(
    mnist: &Mnist,
    indices: Range<usize>,
    count: usize,
    seed: u64,
) -> Vec<(Prepared, Option<u8>)> {
    let make = |random: &mut Random, _: usize| {
        let mut row = Row::new(mnist, &indices, 3, random);
        let sum = |ink: &[u8]| ink.iter().map(|&ink| f32::from(ink)).sum::<f32>();
        // Two cuts, a little oblique: near the middle digit's edges, or anywhere.
        let columns = |own: &[u8]| -> Vec<usize> {
            (0..row.width).filter(|x| (0..28).any(|y| own[y * row.width + x] > 100)).collect()
        };
        let middle = columns(&row.of[1]);
        let (first, last) = (*middle.first()? as f32, *middle.last()? as f32);
        // Of some lines the one through the least ink.
        let ink = |at: f32, slope: f32| -> f32 {
            (0..28)
                .map(|y| {
                    let x = (at + slope * (y as f32 - 13.5)).round() as i64;
                    let inside = (0..row.width as i64).contains(&x);
                    if inside { f32::from(row.ink[y * row.width + x as usize]) } else { 0.0 }
                })
                .sum()
        };
        let mut cut = |edge: f32, outwards: f32| {
            if random.below(5) == 0 {
                return (edge + outwards * random.between(-12.0, 12.0), random.between(-0.4, 0.4));
            }
            let tried: Vec<_> = (0..12)
                .map(|_| (edge + outwards * random.between(-4.0, 3.0), random.between(-0.5, 0.5)))
                .collect();
            let best = tried.into_iter().min_by(|a, b| ink(a.0, a.1).total_cmp(&ink(b.0, b.1)));
            best.unwrap_or((edge, 0.0))
        };
        let (from, to) = (cut(first, -1.0), cut(last + 1.0, 1.0));
        let total: Vec<_> = row.of.iter().map(|own| sum(own)).collect();
        let inside = |at: usize| {
            let (x, y) = ((at % row.width) as f32 + 0.5, (at / row.width) as f32 - 13.5);
            x >= from.0 + from.1 * y && x < to.0 + to.1 * y
        };
        let left: Vec<f32> = row
            .of
            .iter()
            .map(|own| {
                own.iter()
                    .enumerate()
                    .filter(|(at, _)| inside(*at))
                    .map(|(_, &ink)| f32::from(ink))
                    .sum()
            })
            .collect();
        let shares: Vec<_> = left.iter().zip(&total).map(|(left, total)| left / total).collect();
        let all: f32 = left.iter().sum();
        let best = (0..3).max_by(|&a, &b| left[a].total_cmp(&left[b]))?;
        let (own, others) = (shares[best], (all - left[best]) / all.max(1.0));
        let truth = match () {
            () if own > 0.92 && others < 0.08 => Some(row.labels[best]),
            () if own < 0.7 || others > 0.25 => None,
            () => return None,
        };
        let kept: Vec<u8> =
            row.ink.iter().enumerate().map(|(at, &ink)| if inside(at) { ink } else { 0 }).collect();
        row.ink = kept;
        Some((row.picture(random), truth))
    };
    prepared(count, make, seed)
}

/// What the weights are trained on: digits of all kinds, and what is none. That has any answer, another one in each epoch: what the
/// network learns of it is to be sure of none (after D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly detection with outlier
/// exposure", 2019).
pub struct Training {
    pixels: Vec<u8>,
    /// Those of the digits, which come first.
    labels: Vec<u8>,
}

impl Training {
    pub fn new(mnist: &Mnist) -> Result<Training> {
        let (train, _) = mnist.sets()?;
        let mut pixels = train.image_bytes().as_flattened().to_vec();
        let mut labels = train.label_bytes().to_vec();
        let faces = fonts::faces(fonts::TRAINING)?;
        let all = || 0..mnist.training();
        let (mut cut, mut none) = (vec![], vec![]);
        for (prepared, truth) in segments(mnist, all(), 60_000, 4) {
            match truth {
                Some(digit) => cut.push((prepared, digit)),
                None => none.push(prepared),
            }
        }
        let made = [pictured(mnist, all(), 1), printed(&faces, 14, 2), drawn(20_000, 3), cut];
        for (kind, made) in ["MNIST as pictures", "fonts", "drawn", "cut"].into_iter().zip(made) {
            eprintln!("{kind}: {} images", made.len());
            for (prepared, label) in made {
                pixels.extend_from_slice(prepared.input().as_raw());
                labels.push(label);
            }
        }
        none.truncate(5_000);
        none.extend(pairs(mnist, all(), 4_000, 5));
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let count = match kind {
                Kind::Letter => 8_000,
                Kind::Scribble => 5_000,
                _ => 2_500,
            };
            none.extend(others(kind, Share::Training, &faces, count, 6 + number as u64));
        }
        eprintln!("no digits: {} images", none.len());
        for prepared in none {
            pixels.extend_from_slice(prepared.input().as_raw());
        }
        Ok(Training { pixels, labels })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.pixels.len() / 1024
    }

    pub fn epoch(&self, epoch: usize) -> Result<Dataset> {
        let mut random = Random::new(1_000 + epoch as u64);
        let any = (self.labels.len()..self.len()).map(|_| random.below(10) as u8);
        let labels = self.labels.iter().copied().chain(any).collect();
        Ok(Dataset::from_pixels(self.pixels.clone(), labels)?)
    }
}
