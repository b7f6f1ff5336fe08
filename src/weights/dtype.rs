use tch::{Kind, Tensor};

use super::fault::{Fault, Parsed};

// Bytes go to libtorch as they lie in the file, and every form is little-endian.
#[cfg(target_endian = "big")]
compile_error!("weights files are little-endian, and nothing here swaps bytes");

/// The element types that weights are read from. Each is converted to `f32`; any other is refused by whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Dtype {
    F16,
    BF16,
    F32,
    F64,
}

impl Dtype {
    /// Bytes per element.
    pub(super) fn size(self) -> usize {
        match self {
            Dtype::F16 | Dtype::BF16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
        }
    }

    /// A tensor of this type over a copy of `bytes`, row-major.
    pub(super) fn tensor(self, bytes: &[u8], shape: &[i64]) -> Parsed<Tensor> {
        let expected = element_count(shape)?
            .checked_mul(self.size())
            .ok_or_else(|| Fault(format!("shape {shape:?} is larger than memory")))?;
        if bytes.len() != expected {
            return Err(format!(
                "shape {shape:?} takes {expected} bytes, there are {}",
                bytes.len()
            )
            .into());
        }
        Ok(Tensor::f_from_data_size(bytes, shape, self.kind())?)
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

/// How many elements a tensor of this shape has.
pub(super) fn element_count(shape: &[i64]) -> Parsed<usize> {
    if shape.len() > MAX_DIMENSIONS {
        return Err(format!("{} dimensions, more than {MAX_DIMENSIONS}", shape.len()).into());
    }
    let mut count = 1usize;
    // An empty tensor's other dimensions have to make sense, too: libtorch multiplies them for the strides.
    let mut extent = 1i64;
    for &length in shape {
        let fits = usize::try_from(length).ok().zip(extent.checked_mul(length.max(1)));
        let Some((length, larger)) = fits else {
            return Err(format!("shape {shape:?} is negative or overflows").into());
        };
        extent = larger;
        count = count.saturating_mul(length);
    }
    Ok(count)
}

/// `tensor` as a contiguous `f32` tensor of its own.
pub(super) fn to_f32(tensor: &Tensor) -> Parsed<Tensor> {
    let single = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    if tensor.f_kind()? == Kind::Double {
        let infinities = |of: &Tensor| of.f_isinf()?.f_sum(Kind::Int64)?.f_int64_value(&[]);
        if infinities(&single)? != infinities(tensor)? {
            return Err("a finite f64 value is too large for f32".into());
        }
    }
    Ok(single)
}
