//! Tensors as slices, where they lie: the one place outside of the kernels that is `unsafe`.

#![allow(unsafe_code)]

use crate::{Error, Result};
use std::slice;
use tch::{Device, Tensor, kind::Element};

/// A tensor's numbers where they lie.
///
/// # Errors
///
/// [`Error::Invalid`] where they do not lie one after the other in the CPU's memory, or are of another kind.
pub fn numbers<T: Element>(tensor: &Tensor) -> Result<&[T]> {
    check::<T>(tensor)?;
    // SAFETY: the tensor is that many `T`s in this memory, which it keeps alive. They are not written to while they are
    // borrowed: that takes a call to libtorch, and this crate makes none meanwhile.
    Ok(unsafe { slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) })
}

/// A tensor's numbers where they lie, to be changed.
///
/// # Errors
///
/// As [`numbers`].
pub fn numbers_mut<T: Element>(tensor: &mut Tensor) -> Result<&mut [T]> {
    check::<T>(tensor)?;
    // SAFETY: as above; and the tensors that share this memory, the network's variables, are not read either.
    Ok(unsafe { slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) })
}

fn check<T: Element>(tensor: &Tensor) -> Result<()> {
    let (kind, device) = (tensor.kind(), tensor.device());
    if kind == T::KIND && device == Device::Cpu && tensor.is_contiguous() && tensor.numel() > 0 {
        return Ok(());
    }
    let got = format!("{kind:?} of shape {:?} on {device:?}", tensor.size());
    Err(Error::invalid("tensor", format!("{:?}, contiguous, on the CPU", T::KIND), got))
}
