//! Reading digits: MNIST's own, as its files have them and as pictures have them; others; and what is no digit.

use lenet::{
    Classifier, Dataset, Error, Mnist, Prepared, TrainConfig, Trainer,
    data::Idx,
    image::{self, DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, Rgba, imageops},
    train::Device,
    weights::StateDict,
};
use proptest::{prelude::*, test_runner::RngSeed};
use std::{fs, path::Path, sync::Arc, thread};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where those weights are.
const SHIPPED: &str = "weights/reader.safetensors";

fn pretrained() -> Classifier {
    Classifier::pretrained().unwrap()
}

/// MNIST's test images, white on black, 28x28, with their labels.
fn test_images() -> Vec<(GrayImage, u8)> {
    let folder = Path::new(ROOT).join("data/mnist");
    let read = |name: &str| Idx::read(folder.join(name)).unwrap().numbers;
    let pixels = read("t10k-images-idx3-ubyte.gz");
    let images = pixels.chunks(28 * 28);
    let images = images.map(|pixels| GrayImage::from_raw(28, 28, pixels.into()).unwrap());
    images.zip(read("t10k-labels-idx1-ubyte.gz")).collect()
}

/// How many of MNIST's test images, of every so manyth, are read right when `picture` has been made of them.
fn right(every: usize, picture: impl Fn(usize, GrayImage) -> DynamicImage) -> usize {
    let classifier = pretrained();
    let mut right = 0;
    let chosen: Vec<_> = test_images().into_iter().step_by(every).enumerate().collect();
    for chunk in chosen.chunks(500) {
        let pictures = chunk.iter().map(|(i, (image, _))| picture(*i, image.clone()));
        let read = classifier.classify_batch(&pictures.collect::<Vec<_>>()).unwrap();
        let pairs = read.iter().zip(chunk);
        right += pairs.filter(|(read, (_, (_, label)))| read.digit == *label).count();
    }
    right
}

/// How many of them the network reads right when it is given them as in training.
fn right_by_the_network(every: usize) -> usize {
    let config = TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() };
    let weights = Path::new(ROOT).join(SHIPPED);
    let trainer = Trainer::with_weights(config, weights).unwrap();
    let test = Mnist::open(Path::new(ROOT).join("data/mnist")).unwrap().test;
    let pixels = test.image_bytes().iter().step_by(every).flatten().copied().collect();
    let labels = test.label_bytes().iter().step_by(every).copied().collect();
    let test = trainer.evaluate(&Dataset::from_pixels(pixels, labels).unwrap()).unwrap();
    test.samples - test.mistakes.len()
}

fn inverted(mut image: GrayImage) -> GrayImage {
    imageops::invert(&mut image);
    image
}

/// Five times as large, somewhere on a large sheet.
fn on_a_sheet(i: usize, image: &GrayImage) -> GrayImage {
    let mut sheet = GrayImage::new(500, 400);
    let large = imageops::resize(image, 140, 140, imageops::FilterType::Triangle);
    imageops::replace(&mut sheet, &large, (i * 37 % 360) as i64, (i * 53 % 260) as i64);
    sheet
}

/// A photograph of that on paper: the light falls off to the right and below, and there is grain.
fn photograph(i: usize, image: &GrayImage) -> GrayImage {
    let sheet = on_a_sheet(i, image);
    let mut random = random(i as u32);
    let mut noise = move || random(1 << 24) as f32 / (1 << 24) as f32 - 0.5;
    GrayImage::from_fn(500, 400, |x, y| {
        let light = 0.9 - 0.45 * (x as f32 / 500.0) - 0.1 * (y as f32 / 400.0).powi(2);
        let grain = 0.03 * (noise() + noise() + noise() + noise());
        let ink = f32::from(sheet.get_pixel(x, y).0[0]) / 255.0;
        Luma([(255.0 * (light * (1.0 - 0.7 * ink) + grain)).clamp(0.0, 255.0) as u8])
    })
}

/// Numbers below the one that is given, by a linear congruential generator.
fn random(seed: u32) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    }
}

/// How many of the network's right answers are lost on the way is what the preparation costs.
#[test]
fn mnist_s_own_images_are_read_as_well_as_by_the_network() {
    assert_eq!(right_by_the_network(4), 2_482);
    assert_eq!(right(4, |_, image| image.into()), 2_483);
    assert_eq!(right(4, |_, image| inverted(image).into()), 2_483);
}

/// Of every hundredth.
#[test]
fn so_are_they_as_pictures() {
    let figures = [
        right_by_the_network(100),
        right(100, |_, image| image.into()),
        right(100, |i, image| on_a_sheet(i, &image).into()),
        right(100, |i, image| inverted(on_a_sheet(i, &image)).into()),
        right(100, |i, image| photograph(i, &image).into()),
    ];
    assert_eq!(figures, [99, 99, 98, 98, 98]);
}

fn samples() -> Vec<(String, DynamicImage)> {
    let folder = fs::read_dir(Path::new(ROOT).join("examples/images")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| image::ImageFormat::from_path(path).is_ok()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), image::open(path).unwrap())).collect()
}

/// Eight styles of ten digits.
#[test]
fn the_samples_are_all_read_right() {
    let classifier = pretrained();
    let samples = samples();
    assert_eq!(samples.len(), 80);
    let (names, images): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
    let read = classifier.classify_batch(&images).unwrap();
    let wrong: Vec<_> = names
        .iter()
        .zip(&read)
        .filter(|(name, read)| !name.starts_with(char::from(b'0' + read.digit)))
        .map(|(name, read)| format!("{name} read as {}", read.digit))
        .collect();
    assert_eq!(wrong, [""; 0]);
    // Alone as in company.
    for (image, together) in images.iter().zip(&read).step_by(9) {
        let alone = classifier.classify(image).unwrap();
        assert_eq!(alone.digit, together.digit);
        for (a, b) in alone.probabilities.iter().zip(together.probabilities) {
            assert!((a - b).abs() < 1e-5, "{alone:?} {together:?}");
        }
    }
}

/// However many come together: the kernels take them in groups of 8 or 16, and one alone has kernels of its own, whose last
/// stage are the logits. What libtorch computes is a third opinion.
#[test]
fn a_batch_of_any_size_is_read_as_one_by_one() {
    let classifier = pretrained();
    let images: Vec<DynamicImage> =
        test_images().into_iter().take(100).map(|(image, _)| image.into()).collect();
    let alone: Vec<_> = images.iter().map(|image| classifier.classify(image).unwrap()).collect();
    let same = |a: &[f32; 10], b: &[f32; 10]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    for n in [0, 1, 2, 7, 8, 9, 15, 16, 17, 33, 100] {
        let together = classifier.classify_batch(&images[..n]).unwrap();
        assert_eq!(together.len(), n);
        for (i, (alone, together)) in alone.iter().zip(&together).enumerate() {
            assert_eq!(alone.digit, together.digit, "image {i} of {n}");
            let (alone, together) = (&alone.probabilities, &together.probabilities);
            assert!(same(alone, together), "image {i} of {n}: {alone:?} {together:?}");
        }
    }
    for (image, alone) in images.iter().zip(&alone).step_by(7) {
        let prepared = Prepared::new(image).unwrap();
        let logits = [
            classifier.stages(&prepared)[6].values.as_slice().try_into().unwrap(),
            #[cfg(feature = "torch")]
            torch::logits(&prepared),
        ];
        for softmax in logits.map(|logits| softmax(logits, alone.no_digit.unwrap())) {
            assert!(same(&alone.probabilities, &softmax), "{alone:?} {softmax:?}");
        }
    }
}

fn softmax(logits: [f32; 10], no_digit: f32) -> [f32; 10] {
    let metadata = StateDict::read(Path::new(ROOT).join(SHIPPED)).unwrap().metadata;
    let last = |name: &str| metadata[name].rsplit(' ').next().unwrap().parse::<f32>().unwrap();
    let temperature = last("temperature") * (1.0 - no_digit).max(0.01).powf(last("no_digit"));
    let powers = logits.map(|logit| (logit / temperature).exp());
    powers.map(|power| power / powers.iter().sum::<f32>())
}

#[test]
fn a_prepared_image_is_one_of_mnist_s() {
    for (image, _) in test_images().into_iter().step_by(100) {
        let prepared = Prepared::new(&image.into()).unwrap();
        let digit = prepared.digit().enumerate_pixels();
        let ink: Vec<_> = digit.filter(|(.., ink)| ink.0[0] > 0).collect();
        let extent = |along: fn(u32, u32) -> u32| {
            let places = ink.iter().map(|&(x, y, _)| along(x, y));
            (places.clone().min().unwrap(), places.max().unwrap())
        };
        let extents = [extent(|x, _| x), extent(|_, y| y)];
        assert!(extents.iter().any(|(first, last)| last - first == 19), "{extents:?}");
        // The centre of mass is in the middle, as far as the edges let it.
        for ((first, last), along) in extents.into_iter().zip([0, 1]) {
            let sum = |weight: fn(u32) -> f64| -> f64 {
                let weighted = |&(x, y, ink): &(u32, u32, &Luma<u8>)| {
                    weight([x, y][along]) * f64::from(ink.0[0])
                };
                ink.iter().map(weighted).sum()
            };
            let middle = sum(f64::from) / sum(|_| 1.0);
            // Rounding to levels of 255 moves it a little.
            assert!((middle - 14.0).abs() <= 0.51 || first == 0 || last == 27, "{middle}");
        }
    }
}

/// A three, in each of image's pixel types, dark or light, on a background or on none, and in colours.
#[test]
fn every_kind_of_picture_is_read() {
    let classifier = pretrained();
    let three = image::open(Path::new(ROOT).join("examples/images/3-marker.png")).unwrap();
    let ink = inverted(three.to_luma8());
    let mut pictures: Vec<DynamicImage> = vec![
        three.to_luma8().into(),
        three.to_luma_alpha8().into(),
        three.to_rgb8().into(),
        three.to_rgba8().into(),
        three.to_luma16().into(),
        three.to_luma_alpha16().into(),
        three.to_rgb16().into(),
        three.to_rgba16().into(),
        three.to_rgb32f().into(),
        three.to_rgba32f().into(),
    ];
    for level in [0, 90, 160, 255] {
        let clear = ImageBuffer::from_fn(160, 160, |x, y| {
            Rgba([level, level, level, ink.get_pixel(x, y).0[0]])
        });
        pictures.push(clear.into());
    }
    let mixed = |from: [u8; 3], to: [u8; 3]| {
        ImageBuffer::from_fn(160, 160, |x, y| {
            let ink = u32::from(ink.get_pixel(x, y).0[0]);
            Rgb([0, 1, 2]
                .map(|i| ((u32::from(from[i]) * (255 - ink) + u32::from(to[i]) * ink) / 255) as u8))
        })
    };
    for (paper, ink) in [
        ([255, 255, 255], [200, 30, 30]),
        ([250, 240, 120], [30, 60, 200]),
        ([20, 20, 60], [255, 210, 60]),
        ([120, 120, 120], [150, 150, 150]),
        ([120, 120, 120], [90, 90, 90]),
    ] {
        pictures.push(mixed(paper, ink).into());
    }
    for picture in &pictures {
        assert_eq!(classifier.classify(picture).unwrap().digit, 3, "{:?}", picture.color());
    }
}

/// What lies in a corner of the picture, such as the table under the sheet, and specks are not the digit.
#[test]
fn what_is_around_the_digit_is_left_out() {
    let mut picture = GrayImage::from_pixel(600, 500, Luma([240]));
    let five = image::open(Path::new(ROOT).join("examples/images/5-marker.png")).unwrap();
    imageops::replace(&mut picture, &five.to_luma8(), 250, 150);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let speck = x % 97 < 3 && y % 83 < 3;
        if x + y < 160 || speck {
            pixel.0[0] = 40;
        }
    }
    let picture = DynamicImage::from(picture);
    let [left, top, width, height] = Prepared::new(&picture).unwrap().bounds();
    assert!(left >= 250 && top >= 150 && left + width <= 410 && top + height <= 310);
    assert_eq!(pretrained().classify(&picture).unwrap().digit, 5);
}

#[test]
fn what_holds_no_digit_is_an_error() {
    let no_ink = |picture: GrayImage| {
        let error = Prepared::new(&picture.into()).unwrap_err();
        assert!(matches!(error, Error::NoInk { .. }), "{error}");
    };
    for level in [0, 128, 255] {
        no_ink(GrayImage::from_pixel(1, 1, Luma([level])));
        no_ink(GrayImage::from_pixel(300, 200, Luma([level])));
    }
    // Blank paper in uneven light, faint traces, one speck of dust, a ramp from edge to edge.
    no_ink(photograph(1, &GrayImage::new(28, 28)));
    no_ink(GrayImage::from_fn(99, 99, |x, _| Luma([if x == 50 { 245 } else { 255 }])));
    no_ink(GrayImage::from_fn(400, 400, |x, y| Luma([if (x, y) == (9, 9) { 0 } else { 255 }])));
    no_ink(GrayImage::from_fn(640, 480, |x, y| Luma([(x / 8 + y / 8) as u8])));

    for (width, height) in [(0, 0), (0, 9), (9, 0)] {
        let error = Prepared::new(&GrayImage::new(width, height).into()).unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "image", .. }), "{error}");
    }
    let most = Prepared::MAX_PIXELS as u32;
    let error = Prepared::new(&GrayImage::new(most / 4 + 1, 4).into()).unwrap_err();
    assert!(error.to_string().contains("67108865x4"), "{error}");
    let classifier = pretrained();
    let [good, blank] = [
        image::open(Path::new(ROOT).join("examples/images/3-marker.png")).unwrap(),
        GrayImage::new(9, 9).into(),
    ];
    let error = classifier.classify_batch(&[good, blank]).unwrap_err().to_string();
    assert!(error.starts_with("image 1, counted from 0: there is nothing to read"), "{error}");
    assert!(classifier.classify_batch(&[]).unwrap().is_empty());
}

/// Anything may come: it is read or refused, and nothing panics.
#[test]
fn no_picture_makes_it_panic() {
    let mut random = random(1);
    for _ in 0..600 {
        let size = [1, 2, 3, 5, 28, 70, 900].map(|most| 1 + random(most));
        let (width, height) = (size[random(7) as usize], size[random(6) as usize]);
        let levels = 1 + random(255);
        let picture = GrayImage::from_fn(width, height, |_, _| Luma([random(levels) as u8]));
        let _ = Prepared::new(&picture.into());
        let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, 0.5, 1.0, -3.0, 1e38];
        let mut any = || strange[random(8) as usize];
        let picture =
            ImageBuffer::from_fn(width.min(40), height, |_, _| Rgba([any(), any(), any(), any()]));
        let _ = Prepared::new(&DynamicImage::ImageRgba32F(picture));
    }
    // Very long, and large enough to be averaged.
    for (width, height) in [(1, 30_000_000), (30_000_000, 1), (4_000, 3_000)] {
        let picture = GrayImage::from_fn(width, height, |x, y| Luma([(x + y) as u8 & 0x80]));
        let _ = Prepared::new(&picture.into());
    }
}

/// Any pixels, in any type and of any small size, lines and points too.
fn any_image() -> impl Strategy<Value = DynamicImage> {
    let side = || prop_oneof![1..4u32, 1..70u32, Just(1), Just(300)];
    let value = prop_oneof![
        Just(0.0f32),
        Just(1.0),
        0.0..1.0f32,
        Just(0.5),
        Just(f32::NAN),
        Just(f32::INFINITY),
        Just(-3.0),
    ];
    let palette = prop::collection::vec(value, 1..6);
    (side(), side(), palette, any::<u64>(), 0..10, 0..3).prop_map(
        |(width, height, palette, seed, kind, texture)| {
            let at = |x: u32, y: u32, channel: u64| {
                // Noise, blocks or stripes of the palette's values.
                let place = match texture {
                    0 => (u64::from(x) * 7919 + u64::from(y) * 104_729 + channel) ^ seed,
                    1 => u64::from(x / 5 + y / 7) + channel,
                    _ => u64::from(x) + seed % 3 * u64::from(y),
                };
                let mixed = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                palette[mixed as usize % palette.len()]
            };
            let image = ImageBuffer::from_fn(width, height, |x, y| {
                Rgba([at(x, y, 0), at(x, y, 1), at(x, y, 2), at(x, y, 3)])
            });
            let image = DynamicImage::ImageRgba32F(image);
            match kind {
                0 => image.to_luma8().into(),
                1 => image.to_luma_alpha8().into(),
                2 => image.to_rgb8().into(),
                3 => image.to_rgba8().into(),
                4 => image.to_luma16().into(),
                5 => image.to_luma_alpha16().into(),
                6 => image.to_rgb16().into(),
                7 => image.to_rgba16().into(),
                8 => image.to_rgb32f().into(),
                _ => image,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nor_does_one_of_any_type(image in any_image()) {
        match Prepared::new(&image) {
            Ok(prepared) => {
                prop_assert!(prepared.digit().pixels().any(|pixel| pixel.0[0] > 0));
                let [left, top, width, height] = prepared.bounds();
                prop_assert!(width > 0 && left + width <= image.width());
                prop_assert!(height > 0 && top + height <= image.height());
            }
            Err(error) => prop_assert!(matches!(error, Error::NoInk { .. }), "{error}"),
        }
    }
}

#[test]
fn a_large_picture_is_read_as_a_small_one() {
    let seven = image::open(Path::new(ROOT).join("examples/images/7-marker.png")).unwrap();
    let mut sheet = GrayImage::from_pixel(4_000, 3_000, Luma([255]));
    let large = imageops::resize(&seven.to_luma8(), 800, 800, imageops::FilterType::Triangle);
    imageops::replace(&mut sheet, &large, 2_900, 100);
    let prepared = Prepared::new(&sheet.into()).unwrap();
    let [left, top, width, height] = Prepared::new(&seven).unwrap().bounds();
    let expected = [2_900 + 5 * left, 100 + 5 * top, 5 * width, 5 * height];
    for (got, expected) in prepared.bounds().into_iter().zip(expected) {
        // Three pixels are averaged into one, and edges are soft.
        assert!(got.abs_diff(expected) <= 12, "{got} {expected}");
    }
    assert_eq!(pretrained().classify_prepared(&prepared).digit, 7);
}

/// Hairlines on a large sheet are thickened as far as the network's few pixels need it.
#[test]
fn hairlines_are_read_whatever_their_size() {
    let classifier = pretrained();
    for side in [60, 200, 700, 1_400] {
        let seven = GrayImage::from_fn(side, side, |x, y| {
            let (x, y) = (x * 400 / side, y * 400 / side);
            // A step is as many of the 400 as one pixel is wide.
            let step = (400 / side).max(1);
            let bar = (120..280).contains(&x) && y.abs_diff(80) < step;
            let stem = (80..320).contains(&y) && (x + y / 3).abs_diff(280 + 80 / 3) <= step;
            Luma([if bar || stem { 0 } else { 255 }])
        });
        let prepared = Prepared::new(&seven.into()).unwrap();
        let strongest = prepared.digit().pixels().map(|pixel| pixel.0[0]).max();
        assert!(strongest > Some(150), "{strongest:?} at {side}");
        assert_eq!(classifier.classify_prepared(&prepared).digit, 7, "{side}");
    }
}

#[test]
fn many_threads_share_one() {
    fn shared<T: Send + Sync + 'static>(value: T) -> Arc<T> {
        Arc::new(value)
    }
    let classifier = shared(pretrained());
    let samples: Arc<Vec<_>> = Arc::new(samples().into_iter().step_by(4).collect());
    let alone: Vec<_> =
        samples.iter().map(|(_, image)| classifier.classify(image).unwrap()).collect();
    let threads: Vec<_> = (0..8)
        .map(|first| {
            let (classifier, samples) = (classifier.clone(), samples.clone());
            thread::spawn(move || {
                let order = (0..samples.len()).map(|i| (first * 10 + i) % samples.len());
                let read: Vec<_> =
                    order.map(|i| (i, classifier.classify(&samples[i].1).unwrap())).collect();
                let images: Vec<_> = samples.iter().map(|(_, image)| image.clone()).collect();
                (read, classifier.classify_batch(&images).unwrap())
            })
        })
        .collect();
    let images: Vec<_> = samples.iter().map(|(_, image)| image.clone()).collect();
    let batch = classifier.classify_batch(&images).unwrap();
    for thread in threads {
        let (read, together) = thread.join().unwrap();
        for (i, read) in read {
            assert_eq!(read, alone[i]);
        }
        assert_eq!(together, batch);
    }
}

#[test]
fn weights_of_any_form_will_do_but_not_of_any_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = Path::new(ROOT).join("weights/mnist.safetensors");
    let weights = StateDict::read(&path).unwrap();
    let (_, image) = &samples()[0];
    let expected = Classifier::open(path).unwrap().classify(image).unwrap();
    for name in ["a.pt", "b.npz", "c.pdparams"] {
        let path = folder.path().join(name);
        weights.write(&path).unwrap();
        let classifier = Classifier::open(path).unwrap();
        assert_eq!(classifier.classify(image).unwrap(), expected);
        assert_eq!(classifier.stages(&Prepared::new(image).unwrap()).len(), 7);
    }
    let golden = Path::new(ROOT).join("tests/golden/weights");
    assert!(matches!(Classifier::open(golden.join("state_dict.pt")), Err(Error::StateDict(_))));
    assert!(matches!(Classifier::open(golden.join("none.pt")), Err(Error::Io { .. })));

    // A weight that is no number: every answer would be none.
    let path = folder.path().join("nan.safetensors");
    weights.write(&path).unwrap();
    let mut file = fs::read(&path).unwrap();
    let end = file.len();
    file[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, file).unwrap();
    let error = Classifier::open(&path).unwrap_err().to_string();
    assert!(error.contains("1 NaN"), "{error}");

    // Numbers, of which the network would make none.
    let mut file = fs::read(&path).unwrap();
    file[end - 8..end - 4].copy_from_slice(&f32::MAX.to_le_bytes());
    file[end - 4..].copy_from_slice(&f32::MAX.to_le_bytes());
    fs::write(&path, file).unwrap();
    let error = Classifier::open(&path).unwrap_err().to_string();
    assert!(error.contains("add up to 6.8"), "{error}");
}

/// Libtorch beside it.
#[cfg(feature = "torch")]
mod torch {
    use super::{ROOT, SHIPPED, pretrained, samples};
    use lenet::{
        LeNet, Prepared,
        tch::{self, Device, Kind, Tensor, nn, nn::Module},
        weights,
    };
    use std::{path::Path, sync::Mutex};

    /// Held by what draws from libtorch's generator, of which there is one for all tests.
    static GENERATOR: Mutex<()> = Mutex::new(());

    /// What libtorch computes for an image, with the same weights.
    pub fn logits(image: &Prepared) -> [f32; 10] {
        let mut vs = nn::VarStore::new(Device::Cpu);
        let generator = GENERATOR.lock();
        let net = LeNet::new(&vs.root());
        drop(generator);
        weights::load(&mut vs, Path::new(ROOT).join(SHIPPED)).unwrap();
        let pixels = Tensor::from_slice(image.input().as_raw()).view([1, 1, 32, 32]);
        let logits = tch::no_grad(|| net.forward(&(pixels.to_kind(Kind::Float) / 255.0)));
        Vec::try_from(logits.view([10])).unwrap().try_into().unwrap()
    }

    /// A program's own random numbers are the same with and without a classifier.
    #[test]
    fn opening_one_draws_no_random_numbers() {
        let _generator = GENERATOR.lock();
        let draw = || Vec::<f32>::try_from(Tensor::rand([4], (Kind::Float, Device::Cpu))).unwrap();
        tch::manual_seed(5);
        let expected = draw();
        tch::manual_seed(5);
        let classifier = pretrained();
        classifier.stages(&Prepared::new(&samples()[0].1).unwrap());
        assert_eq!(draw(), expected);
    }
}
