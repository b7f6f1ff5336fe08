use super::{Classes, Preparation};
use crate::{Error, Result};
use std::str::FromStr;

/// Sets of ten classes in files of MNIST's form, with images of 28x28, by the names that torchvision gives them.
///
/// | name | torchvision's | images |
/// |---|---|---|
/// | `mnist` | `MNIST` | 60,000 and 10,000 digits |
/// | `fashion-mnist` | `FashionMNIST` | 60,000 and 10,000 pieces of clothing |
/// | `kmnist` | `KMNIST` | 60,000 and 10,000 Japanese characters |
/// | `emnist-digits` | `EMNIST`, split `digits` | 240,000 and 40,000 digits. In their files they lie on their side, and torchvision leaves them so; here they are upright |
/// | `qmnist` | `QMNIST` | 60,000 digits, MNIST's again, and 60,000 to test with, of which the first 10,000 are MNIST's |
///
/// ```no_run
/// use lenet::data::NamedSet;
///
/// let fashion = NamedSet::FashionMnist.find()?;
/// let first = fashion.train.label_bytes()[0];
/// println!("{}", fashion.train.classes().name(first)); // Ankle boot
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// Source: torchvision, `torchvision/datasets/mnist.py`, for names, mirrors, files and checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedSet {
    /// [`Mnist`](super::Mnist).
    Mnist,
    /// Xiao, Rasul and Vollgraf, *Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms* (2017).
    FashionMnist,
    /// Clanuwat et al., *Deep Learning for Classical Japanese Literature* (2018).
    Kmnist,
    /// Cohen, Afshar, Tapson and van Schaik, *EMNIST: an extension of MNIST to handwritten letters* (2017).
    EmnistDigits,
    /// Yadav and Bottou, *Cold Case: The Lost MNIST Digits* (2019).
    Qmnist,
}

/// A set's row in the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The folder that torchvision keeps it in.
    pub(super) torchvision: &'static str,
    /// Images and labels of the training set, then of the test set.
    pub(super) files: [[&'static str; 2]; 2],
    /// Where they are not the digits.
    classes: Option<[&'static str; 10]>,
    pub(super) preparation: Preparation,
    /// Whether the images' rows are what should be their columns.
    pub(super) transposed: bool,
}

const MNIST: Row = Row {
    name: "mnist",
    torchvision: "MNIST",
    files: [
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
        ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    ],
    classes: None,
    preparation: Preparation::Centred,
    transposed: false,
};

const FASHION_MNIST: Row = Row {
    name: "fashion-mnist",
    torchvision: "FashionMNIST",
    classes: Some([
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]),
    preparation: Preparation::Scaled,
    ..MNIST
};

const KMNIST: Row = Row {
    name: "kmnist",
    torchvision: "KMNIST",
    classes: Some(["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]),
    preparation: Preparation::Scaled,
    ..MNIST
};

const EMNIST_DIGITS: Row = Row {
    name: "emnist-digits",
    torchvision: "EMNIST",
    files: [
        ["emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte"],
        ["emnist-digits-test-images-idx3-ubyte", "emnist-digits-test-labels-idx1-ubyte"],
    ],
    transposed: true,
    ..MNIST
};

const QMNIST: Row = Row {
    name: "qmnist",
    torchvision: "QMNIST",
    files: [
        ["qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"],
        ["qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"],
    ],
    ..MNIST
};

impl NamedSet {
    /// All of them.
    pub const ALL: [NamedSet; 5] = [
        NamedSet::Mnist,
        NamedSet::FashionMnist,
        NamedSet::Kmnist,
        NamedSet::EmnistDigits,
        NamedSet::Qmnist,
    ];

    pub(super) fn row(self) -> &'static Row {
        match self {
            NamedSet::Mnist => &MNIST,
            NamedSet::FashionMnist => &FASHION_MNIST,
            NamedSet::Kmnist => &KMNIST,
            NamedSet::EmnistDigits => &EMNIST_DIGITS,
            NamedSet::Qmnist => &QMNIST,
        }
    }

    /// Its name: `fashion-mnist`, say.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The names of its classes, as torchvision has them; the digits where they are digits.
    pub fn classes(self) -> Classes {
        let named = self.row().classes.map(Classes::new);
        named.and_then(Result::ok).unwrap_or_default() // the table's names are good
    }
}

impl FromStr for NamedSet {
    type Err = Error;

    fn from_str(name: &str) -> Result<NamedSet> {
        let known = NamedSet::ALL.map(NamedSet::name).join(", ");
        let found = NamedSet::ALL.into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| Error::invalid("data set", format!("one of {known}"), name))
    }
}
