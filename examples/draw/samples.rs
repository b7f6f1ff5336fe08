//! The test set, and how the network reads it.

use crate::{answer::base64, reader::Reader};
use anyhow::Result;
use lenet::Dataset;
use serde::Serialize;

/// A digit of the test set, for the page.
#[derive(Serialize)]
pub struct Sample {
    pub index: usize,
    /// What it is.
    pub label: u8,
    /// What the network takes it for.
    pub read_as: u8,
    /// 32x32 bytes in base64, 255 is ink.
    pixels: String,
}

pub struct Samples {
    pixels: Vec<[u8; 32 * 32]>,
    labels: Vec<u8>,
    read_as: Vec<u8>,
}

impl Samples {
    pub fn read(test: &Dataset, reader: &Reader) -> Result<Samples> {
        let pixels = Vec::try_from(test.pixels().flatten(0, -1))?;
        let (pixels, _) = pixels.as_chunks();
        Ok(Samples {
            pixels: pixels.to_vec(),
            labels: Vec::try_from(test.labels().to_kind(lenet::tch::Kind::Uint8))?,
            read_as: reader.digits(test)?,
        })
    }

    pub fn len(&self) -> usize {
        self.pixels.len()
    }

    /// 255 is ink. One that exists.
    pub fn pixels(&self, index: usize) -> &[u8; 32 * 32] {
        &self.pixels[index]
    }

    pub fn get(&self, index: usize) -> Option<Sample> {
        let pixels = base64(self.pixels.get(index)?);
        Some(Sample { index, label: self.labels[index], read_as: self.read_as[index], pixels })
    }

    /// Those that the network takes for what they are not.
    pub fn misread(&self) -> Vec<usize> {
        (0..self.len()).filter(|&index| self.labels[index] != self.read_as[index]).collect()
    }
}
