use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::{fs, io::Read, path::Path};

/// An IDX file of bytes, the form that MNIST comes in: numbers in a grid of some dimensions.
///
/// The form: two zero bytes, the type of the numbers (8: unsigned bytes, the only one read here but for QMNIST's labels), the number of
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
/// The types of numbers that are read: unsigned bytes, and integers of 32 bits.
const BYTES: u8 = 8;
const INTEGERS: u8 = 12;
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
        parse(&bytes, BYTES).map_err(|reason| Error::malformed(path, "IDX", reason))
    }

    /// Reads a file of QMNIST's labels: see [`Idx::first_column`].
    pub(super) fn read_first_column(path: &Path) -> Result<Idx> {
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        parse_first_column(&bytes).map_err(|reason| Error::malformed(path, "IDX", reason))
    }

    /// Reads the bytes of a file, gzipped or not.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where they are no whole IDX file of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Idx> {
        parse(bytes, BYTES).map_err(|reason| Error::malformed("<bytes>", "IDX", reason))
    }

    /// Reads the bytes of a file of QMNIST's labels: of `[n, columns]` big-endian integers of 32 bits, gzipped or not, the first in
    /// each row.
    ///
    /// ```
    /// use lenet::data::Idx;
    ///
    /// let row = [0, 0, 0, 7, 0, 0, 0x10, 0x92]; // a 7, and who wrote it
    /// let labels = Idx::first_column(&[&[0, 0, 12, 2, 0, 0, 0, 1, 0, 0, 0, 2], &row[..]].concat())?;
    /// assert_eq!((labels.sizes, labels.numbers), (vec![1], vec![7]));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where they are no whole such file, or a first number is no byte.
    pub fn first_column(bytes: &[u8]) -> Result<Idx> {
        parse_first_column(bytes).map_err(|reason| Error::malformed("<bytes>", "IDX", reason))
    }
}

/// Parses a file of `[n, columns]` integers into their first column.
fn parse_first_column(bytes: &[u8]) -> std::result::Result<Idx, String> {
    let Idx { sizes, numbers } = parse(bytes, INTEGERS)?;
    let &[n, columns @ 1..=usize::MAX] = &sizes[..] else {
        return Err(format!("sizes {sizes:?}, not [n, columns]"));
    };
    let (numbers, _) = numbers.as_chunks();
    let firsts = numbers.iter().step_by(columns).map(|&number| i32::from_be_bytes(number));
    let bytes = firsts.enumerate().map(|(at, label)| {
        u8::try_from(label).map_err(|_| format!("label {at} is {label}, no byte"))
    });
    Ok(Idx { sizes: vec![n], numbers: bytes.collect::<std::result::Result<_, _>>()? })
}

/// Parses a file with numbers of this type; the numbers are given as bytes.
fn parse(bytes: &[u8], of_type: u8) -> std::result::Result<Idx, String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let most = bytes.len().saturating_mul(MOST_FROM_A_BYTE);
        parse_stream(MultiGzDecoder::new(bytes), most, of_type)
    } else {
        parse_stream(bytes, bytes.len(), of_type)
    }
}

/// How many bytes a number of this type has.
fn bytes_of(of_type: u8) -> usize {
    if of_type == INTEGERS { 4 } else { 1 }
}

fn begins(magic: [u8; 4], of_type: u8) -> String {
    format!("it begins with {magic:02x?}, not with [00, 00, {of_type:02x}, dimensions]")
}

/// Parses what `stream` gives, which is at most `most` bytes.
fn parse_stream(
    mut stream: impl Read,
    most: usize,
    of_type: u8,
) -> std::result::Result<Idx, String> {
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(|error| format!("in the first 4 bytes: {error}"))?;
    let [0, 0, found, dimensions] = magic else { return Err(begins(magic, of_type)) };
    if found != of_type {
        return Err(begins(magic, of_type));
    }
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
        .try_fold(bytes_of(of_type), |product, &size| product.checked_mul(size))
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
