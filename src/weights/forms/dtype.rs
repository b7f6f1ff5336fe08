use std::fmt::Debug;

use half::{bf16, f16};

use super::{
    super::Array,
    fault::{Fault, Parsed},
};

/// The element types that weights are read from, in every form that has them. Each is converted to `f32`; any other is
/// refused by whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Dtype {
    F16,
    BF16,
    F32,
    F64,
}

/// An element as a file has it: its type, and whether its most significant byte comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Element {
    pub(super) dtype: Dtype,
    pub(super) big_endian: bool,
}

impl Element {
    pub(super) fn little_endian(dtype: Dtype) -> Element {
        Element { dtype, big_endian: false }
    }

    /// NumPy's short name of a type: the byte order, a letter, the bytes per element.
    pub(super) fn of_numpy(descr: &str) -> Parsed<Element> {
        let element = |big_endian, name| {
            let dtype = match name {
                "f2" => Dtype::F16,
                "f4" => Dtype::F32,
                "f8" => Dtype::F64,
                _ => return None,
            };
            Some(Element { dtype, big_endian })
        };
        let element = match descr.split_at_checked(1) {
            Some(("<", name)) => element(false, name),
            Some((">", name)) => element(true, name),
            _ => None,
        };
        element.ok_or_else(|| not_floating(descr))
    }

    /// Bytes per element.
    pub(super) fn size(self) -> usize {
        match self.dtype {
            Dtype::F16 | Dtype::BF16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        }
    }

    /// The array of this shape whose elements are `bytes`, row-major.
    pub(super) fn array(self, bytes: &[u8], shape: Vec<usize>) -> Parsed<Array> {
        self.check_length(bytes, &shape)?;
        let values = self.values(bytes, 0..bytes.len() / self.size())?;
        Ok(Array::new(shape, values)?)
    }

    /// Whether `bytes` are as many as an array of this shape takes.
    pub(super) fn check_length(self, bytes: &[u8], shape: &[usize]) -> Parsed<()> {
        check_length(self.size(), bytes, shape)
    }

    /// The elements at these positions in `bytes`.
    pub(super) fn values(
        self,
        bytes: &[u8],
        positions: impl Iterator<Item = usize>,
    ) -> Parsed<Vec<f32>> {
        match self.dtype {
            Dtype::F16 => self.convert(bytes, positions, |le| Ok(f16::from_le_bytes(le).to_f32())),
            Dtype::BF16 => {
                self.convert(bytes, positions, |le| Ok(bf16::from_le_bytes(le).to_f32()))
            }
            Dtype::F32 => self.convert(bytes, positions, |le| Ok(f32::from_le_bytes(le))),
            Dtype::F64 => self.convert(bytes, positions, |le| {
                let double = f64::from_le_bytes(le);
                let single = double as f32;
                match single.is_infinite() && double.is_finite() {
                    true => Err("a finite f64 value is too large for f32".into()),
                    false => Ok(single),
                }
            }),
        }
    }

    fn convert<const SIZE: usize>(
        self,
        bytes: &[u8],
        positions: impl Iterator<Item = usize>,
        value: impl Fn([u8; SIZE]) -> Parsed<f32>,
    ) -> Parsed<Vec<f32>> {
        let (elements, _) = bytes.as_chunks::<SIZE>();
        let value = |at: usize| {
            let mut element = *elements.get(at).ok_or("an element outside the bytes")?;
            if self.big_endian {
                element.reverse();
            }
            value(element)
        };
        positions.map(value).collect()
    }
}

/// Whether `bytes` are as many as an array of this shape takes, at `size` bytes per element.
pub(super) fn check_length(size: usize, bytes: &[u8], shape: &[usize]) -> Parsed<()> {
    let expected = shape
        .iter()
        .try_fold(size, |size, &length| size.checked_mul(length))
        .ok_or_else(|| Fault(format!("shape {shape:?} is larger than memory")))?;
    match bytes.len() == expected {
        true => Ok(()),
        false => {
            Err(Fault(format!("shape {shape:?} takes {expected} bytes, there are {}", bytes.len())))
        }
    }
}

/// What every refusal of an element type says.
pub(super) fn not_floating(dtype: &str) -> Fault {
    Fault(format!(
        "dtype {dtype} is not a floating-point type that weights are read from (f16, bf16, f32, f64)"
    ))
}

/// The most dimensions a tensor may have: NumPy 1's limit.
const MAX_DIMENSIONS: usize = 32;

/// The shape that a file gives as these lengths.
pub(super) fn checked_shape<L>(lengths: &[L]) -> Parsed<Vec<usize>>
where
    L: Copy + Debug + TryInto<usize>,
{
    if lengths.len() > MAX_DIMENSIONS {
        return Err(format!("{} dimensions, more than {MAX_DIMENSIONS}", lengths.len()).into());
    }
    // An empty array's other lengths are multiplied, too, for its strides.
    let mut extent = 1isize;
    let shape = lengths.iter().map(|&length| {
        let length = length.try_into().ok()?;
        extent = extent.checked_mul(isize::try_from(length).ok()?.max(1))?;
        Some(length)
    });
    let shape: Option<_> = shape.collect();
    shape.ok_or_else(|| Fault(format!("shape {lengths:?} is negative or overflows")))
}
