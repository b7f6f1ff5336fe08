use super::{
    multiply_add::multiply_add,
    vector::{Kernel, Vector},
};
use std::{
    array::from_fn,
    ops::{Add, Div, Mul, Sub},
};

/// Eight floats in whatever registers the compiler takes for them: for every CPU.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Portable([f32; 8]);

macro_rules! operators {
    ($($operator:ident $method:ident),*) => {$(
        impl $operator for Portable {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Portable(from_fn(|lane| self.0[lane].$method(other.0[lane])))
            }
        }
    )*};
}

operators!(Add add, Sub sub, Mul mul, Div div);

// SAFETY: it is eight floats; 32 bytes are a multiple of its alignment, so there is no padding.
unsafe impl Vector for Portable {
    const LANES: usize = 8;
    const FUSED: bool = super::multiply_add::IS_INSTRUCTION;

    fn available() -> bool {
        true
    }

    #[inline(never)]
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        kernel.run()
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Portable([value; 8])
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Portable(multiply_add(self.0, factor.0, term.0))
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Portable(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        Portable(self.0.map(|value| value.clamp(-limit, limit)))
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        Portable(self.0.map(|value| f32::from_bits(value.to_bits() << 23)))
    }
}
