//! MNIST from its files to pixels, and what becomes of files that are not what they should be.

use flate2::{Compression, write::GzEncoder};
use lenet::{
    Dataset, Error, Mnist,
    data::{Fit, Idx},
};
use sha2::{Digest, Sha256};
use std::{fs, io::Write, path::Path, sync::LazyLock};

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Header and numbers of an IDX file.
fn idx(sizes: &[u32], numbers: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(numbers);
    bytes
}

/// A small MNIST: `n` images to train on and one to test with.
fn write_mnist(dir: &Path, n: usize, encode: fn(&[u8]) -> Vec<u8>, suffix: &str) {
    fs::create_dir_all(dir).unwrap();
    for (name, n) in FILES.into_iter().zip([n, n, 1, 1]) {
        let content = match name.contains("images") {
            true => idx(&[n as u32, 28, 28], &(0..n * 784).map(|i| i as u8).collect::<Vec<_>>()),
            false => idx(&[n as u32], &(0..n).map(|i| (i % 10) as u8).collect::<Vec<_>>()),
        };
        fs::write(dir.join(format!("{name}{suffix}")), encode(&content)).unwrap();
    }
}

fn bytes_of(data: &Dataset) -> &[u8] {
    data.image_bytes().as_flattened()
}

/// The sums are torchvision's: tests/golden/mnist_sha256.py.
#[test]
fn all_70_000_images_are_resized_as_torchvision_does_it() {
    assert_eq!(
        sha256(bytes_of(&mnist().train)),
        "e2ed02ba3cec0dca9783366b9eb047f61b43620eecb6fd5bd0da3f7cedd17594"
    );
    assert_eq!(
        sha256(bytes_of(&mnist().test)),
        "750966a83c3f66b21f310636df69984b116407e280d0e2fc2f606aa33c6749cc"
    );
}

#[test]
fn sizes_and_labels() {
    assert_eq!((mnist().train.len(), mnist().test.len()), (60_000, 10_000));
    assert_eq!(mnist().train.label_bytes()[..5], [5, 0, 4, 1, 9]);
    let image = mnist().train.image(0).unwrap();
    assert_eq!(image.into_raw(), bytes_of(&mnist().train)[..1024]);
    assert!(matches!(mnist().train.image(60_000), Err(Error::Invalid { what: "index", .. })));
}

#[test]
fn every_layout_is_found() {
    let none: fn(&[u8]) -> Vec<u8> = |bytes| bytes.to_vec();
    for (folder, encode, suffix) in [
        (".", none, ""),
        (".", gzip, ".gz"),
        ("MNIST/raw", none, ""), // torchvision's
        ("MNIST/raw", gzip, ".gz"),
        ("mnist", gzip, ".gz"), // Paddle's
        ("raw", none, ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_mnist(&dir.path().join(folder), 12, encode, suffix);
        let mnist = Mnist::open(dir.path()).unwrap();
        assert_eq!((mnist.train.len(), mnist.test.len()), (12, 1), "{folder} {suffix}");
    }
}

#[test]
fn a_missing_file_is_told_with_where_it_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    write_mnist(dir.path(), 2, gzip, ".gz");
    fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let error = Mnist::open(dir.path()).unwrap_err();
    let expected = format!(
        "t10k-labels-idx1-ubyte is missing in {}: add it, or name another folder",
        dir.path().display()
    );
    assert_eq!(error.to_string(), expected);
    // In the layout that has the most.
    let raw = dir.path().join("MNIST/raw");
    write_mnist(&raw, 2, gzip, ".gz");
    fs::remove_file(raw.join("train-images-idx3-ubyte.gz")).unwrap();
    fs::remove_file(dir.path().join("t10k-images-idx3-ubyte.gz")).unwrap();
    let error = Mnist::open(dir.path()).unwrap_err();
    assert!(
        matches!(&error, Error::MnistIncomplete { folder, missing }
            if *folder == raw && missing == &["train-images-idx3-ubyte"]),
        "{error}"
    );

    let error = Mnist::open("/nowhere").unwrap_err();
    assert!(
        matches!(&error, Error::MnistNotFound { searched } if searched[0] == Path::new("/nowhere"))
    );
    assert!(error.to_string().contains("LENET_DATA"), "{error}");
}

#[test]
fn another_set_in_files_of_these_names_is_told_apart() {
    let mnist = mnist();
    assert!(mnist.is_original());
    let mut labels = mnist.train.label_bytes().to_vec();
    labels[59_999] ^= 1;
    let pixels = mnist.train.image_bytes().as_flattened().to_vec();
    let train = Dataset::from_pixels(pixels, labels).unwrap();
    assert!(!Mnist { train, test: mnist.test.clone() }.is_original());
    assert!(!Mnist { train: mnist.train.first(10), test: mnist.test.clone() }.is_original());
}

/// `all_70_000_images_are_resized_as_torchvision_does_it` shows that these are torchvision's.
#[test]
fn images_of_28x28_become_those_of_mnist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let [images, labels] = [FILES[2], FILES[3]]
        .map(|name| Idx::read(folder.join(format!("{name}.gz"))).unwrap().numbers);
    let enlarged = Dataset::from_mnist_pixels(images.clone(), labels.clone(), Fit::Resize).unwrap();
    assert!(bytes_of(&enlarged) == bytes_of(&mnist().test));
    assert_eq!(enlarged.label_bytes(), mnist().test.label_bytes());
    let padded = Dataset::from_mnist_pixels(images.clone(), labels, Fit::Pad).unwrap();
    assert_eq!(padded.image_bytes()[0][2 * 32 + 2..][..28], images[..28]);

    let error = Dataset::from_mnist_pixels(vec![0; 1024], vec![0], Fit::Resize).unwrap_err();
    assert!(error.to_string().contains("784 for each image"), "{error}");
}

#[test]
fn sets_whose_files_disagree_are_refused() {
    for (name, content, reason) in [
        ("train-labels-idx1-ubyte", idx(&[3], &[1, 2, 3]), "[3] for 2 images"),
        ("train-labels-idx1-ubyte", idx(&[2], &[1, 10]), "label 1 is 10"),
        ("train-images-idx3-ubyte", idx(&[2, 28, 27], &[0; 2 * 28 * 27]), "not [n, 28, 28]"),
        ("train-images-idx3-ubyte", idx(&[2 * 784], &[0; 2 * 784]), "not [n, 28, 28]"),
        ("train-images-idx3-ubyte", idx(&[0, 28, 28], &[]), "no images"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_mnist(dir.path(), 2, |bytes| bytes.to_vec(), "");
        fs::write(dir.path().join(name), content).unwrap();
        let error = Mnist::open(dir.path()).unwrap_err();
        assert!(matches!(&error, Error::Malformed { path, .. } if path.ends_with(name)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_good_idx_file_is_read() {
    let file = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    for bytes in [file.clone(), gzip(&file)] {
        let read = Idx::from_bytes(&bytes).unwrap();
        assert_eq!((read.sizes, read.numbers), (vec![2, 3], vec![1, 2, 3, 4, 5, 6]));
    }
}

/// Each fault, in a plain file and in a gzipped one.
#[test]
fn bad_idx_files_are_refused() {
    let good = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let more = [&good[..], &[7]].concat();
    for (content, reason) in [
        (&b""[..], "first 4 bytes"),
        (b"\x00\x00\x08", "first 4 bytes"),
        (b"\x00\x00\x08\x01\x00\x00", "size of dimension 0"),
        (b"\x00\x00\x08\x02\x00\x00\x00\x01", "size of dimension 1"),
        (b"\x00\x00\x09\x01\x00\x00\x00\x01\x05", "begins with"), // signed bytes
        (b"\x01\x00\x08\x01\x00\x00\x00\x01\x05", "begins with"),
        (b"\x00\x00\x08\x00", "0 dimensions"),
        (b"\x00\x00\x08\x05", "5 dimensions"),
        (b"\x00\x00\x08\x01\xff\xff\xff\xff\x05", "more than the file can hold"),
        (b"\x00\x00\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "can hold"), // overflows
        (&idx(&[1], &[]), "ends after 0 of its 1"),
        (&more, "more after"),
        (b"PNG", "first 4 bytes"),
    ] {
        for bytes in [content.to_vec(), gzip(content)] {
            let error = Idx::from_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{content:02x?}: {error}");
        }
    }
}

#[test]
fn an_idx_file_that_is_cut_short_is_refused() {
    let good = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let cut = &good[..good.len() - 1];
    for bytes in [cut.to_vec(), gzip(cut)] {
        assert!(Idx::from_bytes(&bytes).unwrap_err().to_string().contains("ends after 5 of its 6"));
    }
}

#[test]
fn damaged_gzip_is_refused() {
    let whole = gzip(&idx(&[1000], &[7; 1000]));
    for cut in 0..whole.len() {
        assert!(Idx::from_bytes(&whole[..cut]).is_err(), "cut at {cut}");
    }
    // The checksum and length at the end.
    for at in whole.len() - 8..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(Idx::from_bytes(&damaged).is_err(), "flipped a bit at {at}");
    }
    // A bomb: 64 MiB of zeros behind a header that promises little.
    let bomb = gzip(&[idx(&[10], &[]), vec![0; 64 << 20]].concat());
    assert!(Idx::from_bytes(&bomb).unwrap_err().to_string().contains("more after"));
}

#[test]
fn datasets_that_make_no_sense_are_refused() {
    assert!(Dataset::from_pixels(vec![0; 2 * 1024], vec![0, 9]).is_ok());
    for (pixels, labels, expected) in [
        (2 * 28 * 28, vec![0, 9], "1024 for each image"),
        (0, vec![], "one image"),
        (2 * 1024, vec![0], "2, one for each image"),
        (2 * 1024, vec![0, 10], "digits 0 to 9"),
    ] {
        let error = Dataset::from_pixels(vec![0; pixels], labels).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Sets from and to tensors.
#[cfg(feature = "torch")]
mod torch {
    use super::{bytes_of, mnist};
    use lenet::{
        Dataset,
        tch::{Device, Kind, Tensor},
    };

    #[test]
    fn images_are_divided_by_255() {
        let images = mnist().test.first(100).images();
        assert_eq!((images.size(), images.kind()), (vec![100, 1, 32, 32], Kind::Float));
        let got: Vec<f32> = Vec::try_from(images.reshape([-1])).unwrap();
        let expected: Vec<_> = bytes_of(&mnist().test.first(100))
            .iter()
            .map(|&pixel| f32::from(pixel) / 255.0)
            .collect();
        assert_eq!(got, expected);
        // It makes a difference: times 1/255 is not the same for all of them.
        assert!((0..=255u8).any(|p| f32::from(p) / 255.0 != f32::from(p) * (1.0 / 255.0)));
    }

    #[test]
    fn datasets_that_make_no_sense_are_refused() {
        let pixels = |size: &[i64], kind| Tensor::zeros(size, (kind, Device::Cpu));
        let labels = |labels: &[i64]| Tensor::from_slice(labels);
        let good = pixels(&[2, 32, 32], Kind::Uint8);
        assert!(Dataset::new(good.shallow_clone(), labels(&[0, 9])).is_ok());
        for (pixels, labels, expected) in [
            (pixels(&[2, 28, 28], Kind::Uint8), labels(&[0, 9]), "[n, 32, 32]"),
            (pixels(&[2, 32, 32], Kind::Float), labels(&[0, 9]), "u8"),
            (pixels(&[0, 32, 32], Kind::Uint8), labels(&[]), "one image"),
            (good.shallow_clone(), labels(&[0]), "shape [2]"),
            (good.shallow_clone(), labels(&[0, 1]).to_kind(Kind::Float), "i64"),
            (good.shallow_clone(), labels(&[0, 10]), "digits 0 to 9"),
            (good.shallow_clone(), labels(&[-1, 0]), "digits 0 to 9"),
        ] {
            let error = Dataset::new(pixels, labels).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn tensors_are_copied_to_bytes_and_back() {
        let data = mnist().test.first(20);
        let copy = Dataset::new(data.pixels(), data.labels()).unwrap();
        assert_eq!(copy.image_bytes(), data.image_bytes());
        assert_eq!(copy.label_bytes(), data.label_bytes());
    }
}
