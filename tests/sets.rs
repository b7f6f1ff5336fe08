//! Data sets by name and folders of pictures: their images, the names of their classes, and what becomes of those in weights,
//! checkpoints and predictions.

use image::{DynamicImage, GrayImage, RgbImage};
use lenet::{
    Classifier, Dataset, Error, TrainConfig, Trainer,
    data::{Classes, NamedSet, Preparation, Sets},
    image,
    train::Device,
    weights::StateDict,
};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The labels of the sets that are written here.
const LABELS: [u8; 12] = [0, 3, 6, 9, 2, 5, 8, 1, 4, 7, 0, 3];

/// Where torchvision keeps a set, its files, the seeds of their pixels, and the SHA-256 of its images as torchvision resizes them:
/// tests/golden/sets_sha256.py.
struct Written {
    set: NamedSet,
    folder: &'static str,
    files: [[&'static str; 2]; 2],
    seeds: [u64; 2],
    sha256: [&'static str; 2],
}

const FILES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];

const FASHION: Written = Written {
    set: NamedSet::FashionMnist,
    folder: "FashionMNIST/raw",
    files: FILES,
    seeds: [1, 2],
    sha256: [
        "ddcedbb29439a78f0216939ecae38dc466eb1c98c1ab0c924abefea65e7811f9",
        "768c27dc4f2e67461783056fea44a340f4bba996dc30f3ed5e31dc9d7d54f067",
    ],
};

const WRITTEN: [Written; 4] = [
    FASHION,
    Written { set: NamedSet::Kmnist, folder: "KMNIST/raw", ..FASHION },
    Written {
        set: NamedSet::EmnistDigits,
        folder: "EMNIST/raw",
        files: [
            ["emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte"],
            ["emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"],
        ],
        seeds: [3, 4],
        sha256: [
            "32980fd92874cb58bd00d60cbc58336bb7d45a17d7f1924381432feea6376478",
            "0d4eb3431425ea07af466c63b92dd1c03810bc8e8785423974fc73411a615ed4",
        ],
    },
    Written {
        set: NamedSet::Qmnist,
        folder: "QMNIST/raw",
        files: [
            ["qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"],
            ["qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"],
        ],
        seeds: [5, 6],
        sha256: [
            "e3cb82e06c16019377eb361a1b9db237f8bf1953c9fc3c10e7c033d53e0bed79",
            "a4f237820452b6ed5568123650a59f0944df9380c6117375697e6308930aced6",
        ],
    },
];

/// What images and pictures consist of.
fn numbers(seed: u64, n: usize) -> Vec<u8> {
    (0..n as u64).map(|i| ((seed * 7919 + i * i * 31 + i * 7) % 251) as u8).collect()
}

fn idx(of_type: u8, sizes: &[usize], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, of_type, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|&size| (size as u32).to_be_bytes()));
    bytes.extend(content);
    bytes
}

/// QMNIST's eight columns.
fn columns(n: usize) -> Vec<u8> {
    let row = |i: usize| [i as i32 * 3 % 10, 4, 3000 + i as i32, 7, 19, 256, i as i32, 0];
    idx(12, &[n, 8], &(0..n).flat_map(row).flat_map(i32::to_be_bytes).collect::<Vec<_>>())
}

impl Written {
    /// 12 images to train on and 5 to test with.
    fn write(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for (([images, labels], seed), n) in self.files.iter().zip(self.seeds).zip([12, 5]) {
            let pixels = numbers(seed, n * 784);
            fs::write(dir.join(images), idx(8, &[n, 28, 28], &pixels)).unwrap();
            let labelled = match self.set {
                NamedSet::Qmnist => columns(n),
                _ => idx(8, &[n], &LABELS[..n]),
            };
            fs::write(dir.join(labels), labelled).unwrap();
        }
    }
}

fn sha256(data: &Dataset) -> String {
    let digest = Sha256::digest(data.image_bytes().as_flattened());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn config() -> TrainConfig {
    TrainConfig { batch_size: 4, threads: Some(1), ..TrainConfig::pytorch_on(Device::Cpu) }
}

#[test]
fn named_sets_are_what_torchvision_reads() {
    for written in &WRITTEN {
        let root = tempfile::tempdir().unwrap();
        let unpacked = if written.set == NamedSet::EmnistDigits { "gzip" } else { "" };
        for folder in [written.folder, "", "raw", written.set.name(), unpacked] {
            let dir = root.path().join(folder);
            written.write(&dir);
            let sets = written.set.open(root.path()).unwrap();
            let name = written.set.name();
            assert_eq!([&sets.train, &sets.test].map(sha256), written.sha256, "{name} in {folder}");
            assert_eq!(sets.train.label_bytes(), LABELS);
            assert_eq!(sets.test.label_bytes(), &LABELS[..5]);
            for file in written.files.as_flattened() {
                fs::remove_file(dir.join(file)).unwrap();
            }
        }
    }
}

#[test]
fn names_of_classes_are_torchvision_s() {
    let names = |set: NamedSet| set.classes().names().join(" ");
    assert_eq!(
        names(NamedSet::FashionMnist),
        "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle boot"
    );
    assert_eq!(names(NamedSet::Kmnist), "o ki su tsu na ha ma ya re wo");
    for digits in [NamedSet::Mnist, NamedSet::EmnistDigits, NamedSet::Qmnist] {
        assert!(digits.classes().are_digits());
    }
    let root = tempfile::tempdir().unwrap();
    FASHION.write(root.path());
    let train = FASHION.set.open(root.path()).unwrap().train;
    assert_eq!(train.classes().name(train.label_bytes()[3]), "Ankle boot");
    assert_eq!(train.preparation(), Preparation::Scaled);
    for set in NamedSet::ALL {
        assert_eq!(set.name().parse::<NamedSet>().unwrap(), set);
    }
    let error = "cifar".parse::<NamedSet>().unwrap_err().to_string();
    assert!(
        error.contains("one of mnist, fashion-mnist, kmnist, emnist-digits, qmnist"),
        "{error}"
    );
}

#[test]
fn sets_that_are_not_what_they_should_be_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let qmnist = &WRITTEN[3];
    let labels = qmnist.files[0][1];
    let refused = |content: Vec<u8>, reason: &str| {
        qmnist.write(root.path());
        fs::write(root.path().join(labels), content).unwrap();
        let error = qmnist.set.open(root.path()).unwrap_err();
        assert!(
            matches!(&error, Error::Malformed { path, .. } if path.ends_with(labels)),
            "{error}"
        );
        assert!(error.to_string().contains(reason), "{error}");
    };
    let whole = columns(12);
    refused(whole[..whole.len() - 1].to_vec(), "ends after 383 of its 384 bytes");
    refused([&whole[..], &[0]].concat(), "more after");
    refused(idx(8, &[12], &LABELS), "not with [00, 00, 0c, dimensions]");
    refused(idx(12, &[12], &[0; 48]), "sizes [12], not [n, columns]");
    refused(idx(12, &[12, 0], &[]), "sizes [12, 0], not [n, columns]");
    refused(columns(11), "sizes [11] for 12 images");
    let with = |label: i32| [&whole[..12], &label.to_be_bytes(), &whole[16..]].concat();
    refused(with(10), "label 0 is 10, not 0 to 9");
    refused(with(256), "label 0 is 256");
    refused(with(-1), "label 0 is -1");
    // 4 GiB of rows that are not there.
    refused(idx(12, &[0xffff_ffff, 8], &[0; 32]), "more than the file can hold");

    let error = qmnist.set.open("/nowhere").unwrap_err();
    assert!(matches!(&error, Error::SetNotFound { set: "qmnist", .. }), "{error:?}");
    assert!(error.to_string().contains("qmnist-test-labels-idx2-int"), "{error}");
    fs::remove_file(root.path().join(labels)).unwrap();
    let error = qmnist.set.open(root.path()).unwrap_err();
    assert!(
        matches!(&error, Error::MnistIncomplete { missing, .. } if missing == &[labels]),
        "{error}"
    );
}

/// Both have files of the same names.
#[test]
fn mnist_is_not_taken_for_another_set() {
    let mnist = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist");
    for set in [NamedSet::FashionMnist, NamedSet::Kmnist] {
        let error = set.open(mnist).unwrap_err().to_string();
        assert!(error.ends_with("its labels are MNIST's"), "{error}");
    }
    // torchvision's folder of the other set goes first.
    let root = tempfile::tempdir().unwrap();
    for file in FILES.as_flattened() {
        let file = format!("{file}.gz");
        fs::copy(Path::new(mnist).join(&file), root.path().join(&file)).unwrap();
    }
    FASHION.write(&root.path().join(FASHION.folder));
    assert_eq!(FASHION.set.open(root.path()).unwrap().train.len(), 12);
}

const NAMES: [&str; 10] = ["ten", "Two", "three", "four", "4", "six", "seven", "é", "nine", "a b"];

/// The pictures of tests/golden/sets_sha256.py.
fn write_pictures(folder: &Path) {
    let sizes = [
        (1, 1),
        (5, 3),
        (31, 33),
        (64, 48),
        (100, 7),
        (28, 28),
        (333, 257),
        (32, 32),
        (7, 200),
        (40, 31),
        (33, 1),
        (16, 16),
    ];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        let folder = folder.join(NAMES[i % 10]).join(if i < 10 { "" } else { "more" });
        fs::create_dir_all(&folder).unwrap();
        let pixels = |depth| numbers(i as u64, (width * height) as usize * depth);
        let image = match i % 2 {
            0 => DynamicImage::from(RgbImage::from_raw(width, height, pixels(3)).unwrap()),
            _ => DynamicImage::from(GrayImage::from_raw(width, height, pixels(1)).unwrap()),
        };
        image.save(folder.join(format!("{i}.png"))).unwrap();
    }
    fs::write(folder.join("ten/notes.txt"), "no picture").unwrap();
}

#[test]
fn a_folder_of_pictures_is_what_torchvision_reads() {
    let root = tempfile::tempdir().unwrap();
    write_pictures(root.path());
    // What only this crate passes over.
    fs::create_dir(root.path().join(".git")).unwrap();
    fs::write(root.path().join("ten/._0.png"), "no picture").unwrap();
    let set = Dataset::from_folder(root.path(), Preparation::Scaled).unwrap();
    assert_eq!(set.classes().names().join("|"), "4|Two|a b|four|nine|seven|six|ten|three|é");
    assert_eq!(set.label_bytes(), [0, 1, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9]);
    assert_eq!(sha256(&set), "08322c25c2589b8766270985b56c89a4359b28f185a5946816f69e96c10abe60");
    assert_eq!(set.preparation(), Preparation::Scaled);
}

/// Ten folders with pictures of a stroke, `counts` of each, on a level of grey that tells the class and the picture.
fn write_strokes(dir: &Path, names: &[&str], counts: usize) {
    for (class, name) in names.iter().enumerate() {
        fs::create_dir_all(dir.join(name)).unwrap();
        for i in 0..counts {
            let paper = 255 - (10 * class + i) as u8;
            let ink = |x: u32, y: u32| (18..22).contains(&x) && (8..40).contains(&y);
            let picture = GrayImage::from_fn(40, 48, |x, y| {
                image::Luma([if ink(x, y) { 10 } else { paper }])
            });
            picture.save(dir.join(name).join(format!("{i}.png"))).unwrap();
        }
    }
}

#[test]
fn centred_pictures_are_what_a_classifier_sees() {
    let root = tempfile::tempdir().unwrap();
    write_strokes(root.path(), &NAMES, 1);
    let set = Dataset::from_folder(root.path(), Preparation::Centred).unwrap();
    let prepared = lenet::Prepared::open(root.path().join("4/0.png")).unwrap();
    assert_eq!(&set.image_bytes()[0][..], &prepared.input().as_raw()[..]);
}

#[test]
fn a_seventh_of_each_class_is_kept_to_test_with() {
    let root = tempfile::tempdir().unwrap();
    write_strokes(root.path(), &NAMES, 9);
    let split = || Sets::from_folder(root.path(), Preparation::Scaled).unwrap();
    let Sets { train, test } = split();
    assert_eq!((train.len(), test.len()), (80, 10));
    assert_eq!(test.label_bytes(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // All pictures, each once: their paper tells them.
    let mut seen: Vec<_> =
        [&train, &test].iter().flat_map(|set| set.image_bytes()).map(|it| it[0]).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 90);
    // The classes are mixed, in the same way each time.
    let (_, last) = train.split(20).unwrap();
    let classes: std::collections::BTreeSet<_> = last.label_bytes().iter().collect();
    assert!(classes.len() > 5, "{classes:?}");
    assert_eq!(split().train.image_bytes(), train.image_bytes());
    // A new picture changes no other's place.
    fs::copy(root.path().join("4/0.png"), root.path().join("4/new.png")).unwrap();
    let more = split();
    assert_eq!((more.train.len() + more.test.len()), 91);
    assert_eq!(more.test.image_bytes()[1..], test.image_bytes()[1..]);
}

#[test]
fn folders_for_training_and_testing_are_used_where_they_are() {
    let root = tempfile::tempdir().unwrap();
    write_strokes(&root.path().join("train"), &NAMES, 3);
    let read = || {
        Sets::from_folder(root.path(), Preparation::Centred)
            .map(|it| (it.train.len(), it.test.len()))
    };
    assert_eq!(read().unwrap(), (20, 10));
    write_strokes(&root.path().join("val"), &NAMES, 2);
    assert_eq!(read().unwrap(), (30, 20));
    write_strokes(&root.path().join("test"), &NAMES, 1);
    assert_eq!(read().unwrap(), (30, 10));
    fs::rename(root.path().join("test/ten"), root.path().join("test/eleven")).unwrap();
    let error = read().unwrap_err().to_string();
    assert!(
        error.starts_with("classes to test with: expected 4, Two") && error.contains("eleven"),
        "{error}"
    );
    fs::rename(root.path().join("train"), root.path().join("training")).unwrap();
    let error = read().unwrap_err().to_string();
    assert!(error.contains("no train/ beside it"), "{error}");

    // A class may have such a name.
    let root = tempfile::tempdir().unwrap();
    let vehicles = ["train", "test", "bus", "car", "bike", "boat", "ship", "tram", "van", "taxi"];
    write_strokes(root.path(), &vehicles, 2);
    let sets = Sets::from_folder(root.path(), Preparation::Centred).unwrap();
    assert_eq!((sets.train.len(), sets.test.len()), (10, 10));
    assert_eq!(sets.test.classes().name(7), "train");
}

/// Every fault, and what the error says of it.
#[test]
fn folders_that_cannot_be_read_are_refused() {
    type Spoil = fn(&Path);
    let blank =
        |path: PathBuf| GrayImage::from_pixel(30, 30, image::Luma([200])).save(path).unwrap();
    let faults: [(Spoil, &[&str]); 10] = [
        (|dir| fs::write(dir.join("six/1.png"), "no PNG").unwrap(), &["six/1.png", "PNG, JPEG"]),
        (
            |dir| fs::write(dir.join("six/1.HEIC"), b"\0\0\0\x18ftypheic\0\0\0\0").unwrap(),
            &["six/1.HEIC", "a HEIC photograph", "save it as JPEG or PNG"],
        ),
        (|dir| fs::write(dir.join("six/1.webp"), "RIFF").unwrap(), &["six/1.webp", "PNG, JPEG"]),
        (
            |dir| fs::create_dir(dir.join("empty")).unwrap(),
            &["expected 10 names", "got 11: 4, Two"],
        ),
        (|dir| fs::remove_dir_all(dir.join("six")).unwrap(), &["expected 10 names", "got 9: "]),
        (
            |dir| fs::remove_file(dir.join("six/0.png")).unwrap(),
            &["pictures in", "six, whose name", "none"],
        ),
        (
            |dir| NAMES.iter().for_each(|name| fs::remove_dir_all(dir.join(name)).unwrap()),
            &["one folder a class in", "no folders"],
        ),
        (|dir| fs::remove_dir_all(dir).unwrap(), &["cannot read"]),
        (|dir| fs::rename(dir.join("six"), dir.join("si\nx")).unwrap(), &["the name \"si\\nx\""]),
        (
            |dir| {
                fs::create_dir(dir.join("six/0.png.d"))
                    .and(fs::remove_file(dir.join("six/0.png")))
                    .unwrap()
            },
            &["six, whose name"],
        ),
    ];
    for (spoil, words) in faults {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("pictures");
        write_strokes(&dir, &NAMES, 1);
        spoil(&dir);
        let error = Dataset::from_folder(&dir, Preparation::Centred).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    // Nothing in it: no ink to centre, but a picture to scale. Of two the first is told.
    let root = tempfile::tempdir().unwrap();
    write_strokes(root.path(), &NAMES, 1);
    for name in ["ten/0.png", "4/0.png"] {
        blank(root.path().join(name));
    }
    let error = Dataset::from_folder(root.path(), Preparation::Centred).unwrap_err();
    assert!(
        matches!(&error, Error::Malformed { path, .. } if path.ends_with("4/0.png")),
        "{error}"
    );
    assert!(error.to_string().contains("nothing to read in the image (30x30)"), "{error}");
    assert!(Dataset::from_folder(root.path(), Preparation::Scaled).is_ok());
    let error = Sets::from_folder(root.path(), Preparation::Scaled).unwrap_err().to_string();
    assert!(error.contains("two pictures of each class") && error.contains("4/0.png"), "{error}");
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_followed_but_not_in_a_circle() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    write_strokes(root.path(), &NAMES, 1);
    write_strokes(elsewhere.path(), &["more"], 3);
    symlink(elsewhere.path().join("more"), root.path().join("six/more")).unwrap();
    assert_eq!(Dataset::from_folder(root.path(), Preparation::Centred).unwrap().len(), 13);
    for (target, link) in [("..", "ten/up"), ("itself", "ten/itself"), ("nowhere", "ten/gone")] {
        symlink(target, root.path().join(link)).unwrap();
        let error = Dataset::from_folder(root.path(), Preparation::Centred).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if path.ends_with(link)), "{error:?}");
        fs::remove_file(root.path().join(link)).unwrap();
    }
}

#[test]
fn names_of_classes_are_checked() {
    let names = |first: &str| Classes::new([first, "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!(names("0").unwrap().are_digits());
    assert!(!names("zero").unwrap().are_digits());
    for wrong in ["", "1", "a\tb", &"x".repeat(256)] {
        assert!(matches!(names(wrong), Err(Error::Invalid { what: "classes", .. })), "{wrong:?}");
    }
    assert_eq!(names("0").unwrap().name(10), "");
    let error = Classes::new(["a"; 1]).unwrap_err().to_string();
    assert!(error.contains("10 outputs, got 1: a"), "{error}");
}

/// A set of clothing, as small as it can be.
fn clothing() -> Sets {
    let root = tempfile::tempdir().unwrap();
    FASHION.write(root.path());
    FASHION.set.open(root.path()).unwrap()
}

#[test]
fn names_live_in_weights_and_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let sets = clothing();
    let mut trainer = Trainer::new(config()).unwrap();
    assert!(trainer.classes().are_digits());
    trainer.train_epoch(&sets.train).unwrap();
    assert_eq!(trainer.evaluate(&sets.test).unwrap().classes, FASHION.set.classes());
    trainer.save_checkpoint(path("checkpoint")).unwrap();

    // Another set with the same labels is another set.
    let resumed = Trainer::resume(path("checkpoint")).unwrap();
    assert_eq!(resumed.classes(), trainer.classes());
    resumed.check_data(&sets.train).unwrap();
    let letters = sets.train.clone().with_classes(Classes::default());
    let error = resumed.check_data(&letters).unwrap_err().to_string();
    assert!(error.contains("of T-shirt/top, Trouser"), "{error}");

    resumed.save(path("weights.safetensors")).unwrap();
    let weights = StateDict::read(path("weights.safetensors")).unwrap();
    assert_eq!(weights.metadata["preparation"], "scaled");
    let names: Vec<String> = serde_json::from_str(&weights.metadata["classes"]).unwrap();
    assert_eq!(names, FASHION.set.classes().names());
    weights.write(path("weights.onnx")).unwrap();
    StateDict::read(path("weights.onnx")).unwrap().write(path("again.safetensors")).unwrap();
    for file in ["weights.safetensors", "weights.onnx", "again.safetensors", "checkpoint"] {
        let classifier = Classifier::open(path(file)).unwrap();
        assert_eq!(classifier.classes(), &FASHION.set.classes(), "{file}");
        assert_eq!(classifier.preparation(), Preparation::Scaled, "{file}");
    }
    let further = Trainer::with_weights(config(), path("again.safetensors")).unwrap();
    assert_eq!(further.classes().name(9), "Ankle boot");
    further.save(path("further.safetensors")).unwrap();
    assert_eq!(
        Classifier::open(path("further.safetensors")).unwrap().classes().name(9),
        "Ankle boot"
    );
    weights.write(path("weights.pt")).unwrap(); // which keeps no metadata
    assert!(Classifier::open(path("weights.pt")).unwrap().classes().are_digits());
}

/// Digits say nothing of themselves: their files are what they always were.
#[test]
fn weights_of_digits_name_no_classes() {
    let data = Dataset::from_pixels(vec![0; 4 * 1024], vec![0, 1, 2, 3]).unwrap();
    let mut trainer = Trainer::new(config()).unwrap();
    trainer.train_epoch(&data).unwrap();
    assert!(trainer.state_dict().metadata.is_empty());
    assert_eq!(Classifier::pretrained().unwrap().preparation(), Preparation::Centred);
}

#[test]
fn names_in_a_file_that_are_no_names_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let trainer = Trainer::new(config()).unwrap();
    for (key, value, words) in [
        ("classes", "10", "classes: expected a JSON array of ten names"),
        ("classes", r#"["a","b"]"#, "got 2: a, b"),
        ("preparation", "upside down", "preparation: expected centred or scaled, got upside down"),
    ] {
        trainer.state_dict().with_metadata(key, value).write(&path).unwrap();
        for error in [
            Classifier::open(&path).map(drop).unwrap_err(),
            Trainer::with_weights(config(), &path).map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

/// A picture of an image of the set is read as the image itself.
#[test]
fn scaled_pictures_are_read_as_they_were_trained_on() {
    let dir = tempfile::tempdir().unwrap();
    let sets = clothing();
    let mut trainer = Trainer::new(config()).unwrap();
    trainer.train_epoch(&sets.train).unwrap();
    let weights = dir.path().join("weights.safetensors");
    trainer.save(&weights).unwrap();
    let classifier = Classifier::open(&weights).unwrap();

    let picture = GrayImage::from_raw(28, 28, numbers(FASHION.seeds[0], 784)).unwrap();
    let path = dir.path().join("shirt.png");
    picture.save(&path).unwrap();
    let prepared = classifier.preparation().prepare_file(&path).unwrap();
    assert_eq!(&prepared.input().as_raw()[..], &sets.train.image_bytes()[0]);
    assert_eq!((prepared.digit(), prepared.bounds()), (&picture, [0, 0, 28, 28]));

    let expected = classifier.classify_prepared(&prepared);
    let image = DynamicImage::from(picture);
    assert_eq!(classifier.classify(&image).unwrap(), expected);
    assert_eq!(classifier.classify_file(&path).unwrap(), expected);
    assert_eq!(classifier.classify_bytes(&fs::read(&path).unwrap()).unwrap(), expected);
    assert_eq!(classifier.classify_batch(std::slice::from_ref(&image)).unwrap(), [expected]);
    // As a digit it would be another image.
    assert_ne!(
        lenet::Prepared::new(&image).map(|it| it.input().clone()).ok(),
        Some(prepared.input().clone())
    );
    let error = classifier.read(&image).unwrap_err().to_string();
    assert!(error.contains("to read several digits, got scaled"), "{error}");
}

#[test]
fn pictures_that_cannot_be_scaled_are_refused() {
    for (width, height) in [(0, 5), (5, 0), (65_536, 1), (1, 65_536)] {
        let error = Preparation::Scaled.prepare(&GrayImage::new(width, height).into()).unwrap_err();
        assert!(error.to_string().contains("65535 pixels on each side"), "{error}");
    }
    assert!(Preparation::Scaled.prepare(&GrayImage::new(65_535, 2).into()).is_ok());
}
