//! The SHA-256 of MNIST's labels, by which MNIST is told from other sets in files of the same names.

use sha2::{Digest, Sha256};

/// The SHA-256 of the unpacked files of labels, in hexadecimal: of the training set, then of the test set.
pub(super) const LABELS_SHA256: [&str; 2] = [
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
];

/// The SHA-256 of the file that holds these labels.
pub(super) fn labels_sha256(labels: &[u8]) -> String {
    let count = labels.len() as u32;
    let header = [[0, 0, 8, 1], count.to_be_bytes()].concat();
    super::hex(&Sha256::new().chain_update(header).chain_update(labels).finalize())
}

/// Whether they are the labels of MNIST's training set or test set.
pub(super) fn are_labels_of_mnist(labels: &[u8]) -> bool {
    LABELS_SHA256.contains(&&*labels_sha256(labels))
}
