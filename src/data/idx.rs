use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::{fs, io::Read, path::Path};

/// An IDX file of bytes, the form that MNIST comes in: numbers in a grid of some dimensions.
///
/// The form: two zero bytes, the type of the numbers (8: unsigned bytes, the only one read here), the number of
/// dimensions, each dimension's size as a big-endian `u32`, and the numbers, the last dimension fastest.
///
/// ```
/// use lenet::data::Idx;
///
/// let labels = Idx::from_bytes(&[0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4])?;
/// assert_eq!((labels.sizes, labels.numbers), (vec![3], vec![5, 0, 4]));
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// Source: the page on which MNIST was published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idx {
    /// The size of each dimension.
    pub sizes: Vec<usize>,
    /// The numbers: as many as the product of the sizes.
    pub numbers: Vec<u8>,
}

/// A byte of deflate stands for at most 1,032: a header that promises more than the file can hold is refused before memory
/// is set aside for it.
const MOST_FROM_A_BYTE: usize = 1032;
/// Four dimensions are images with channels; more have no meaning here.
const MOST_DIMENSIONS: usize = 4;

impl Idx {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be read; [`Error::Malformed`] where it is no whole IDX file of bytes.
    pub fn read(path: impl AsRef<Path>) -> Result<Idx> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        parse(&bytes).map_err(|reason| Error::malformed(path, "IDX", reason))
    }

    /// Reads the bytes of a file, gzipped or not.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where they are no whole IDX file of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Idx> {
        parse(bytes).map_err(|reason| Error::malformed("<bytes>", "IDX", reason))
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Idx, String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        parse_stream(MultiGzDecoder::new(bytes), bytes.len().saturating_mul(MOST_FROM_A_BYTE))
    } else {
        parse_stream(bytes, bytes.len())
    }
}

/// Parses what `stream` gives, which is at most `most` bytes.
fn parse_stream(mut stream: impl Read, most: usize) -> std::result::Result<Idx, String> {
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(|error| format!("in the first 4 bytes: {error}"))?;
    let [0, 0, 8, dimensions] = magic else {
        return Err(format!("it begins with {magic:02x?}, not with [00, 00, 08, dimensions]"));
    };
    let dimensions = usize::from(dimensions);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(format!("it has {dimensions} dimensions, not 1 to {MOST_DIMENSIONS}"));
    }
    let mut sizes = Vec::with_capacity(dimensions);
    for dimension in 0..dimensions {
        let mut size = [0; 4];
        stream
            .read_exact(&mut size)
            .map_err(|error| format!("in the size of dimension {dimension}: {error}"))?;
        sizes.push(u32::from_be_bytes(size) as usize);
    }
    let expected = sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
        .filter(|&expected| expected <= most)
        .ok_or_else(|| {
            format!("its header promises {sizes:?} bytes, more than the file can hold")
        })?;
    // Memory is taken as the numbers come, not as the header promises them.
    let mut numbers = vec![];
    stream
        .by_ref()
        .take(expected as u64)
        .read_to_end(&mut numbers)
        .map_err(|error| format!("in its {expected} bytes of numbers: {error}"))?;
    if numbers.len() < expected {
        return Err(format!("it ends after {} of its {expected} bytes of numbers", numbers.len()));
    }
    match stream.read(&mut [0]) {
        Ok(0) => Ok(Idx { sizes, numbers }),
        Ok(_) => Err(format!("there is more after its {expected} bytes of numbers")),
        Err(error) => Err(format!("after its numbers: {error}")),
    }
}
