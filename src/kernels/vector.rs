use std::{
    fmt::Debug,
    ops::{Add, Div, Mul, Sub},
    slice,
};

/// The widest vectors have so many lanes.
pub(super) const MOST_LANES: usize = 16;

/// Some `f32`s that are computed with at once: what the kernels are written in.
///
/// Each instruction set has its own; a kernel is compiled once for each, inside of [`vectorize`](Vector::vectorize).
/// The operations are only called from there, so that they are inlined, and run where the CPU has them.
///
/// # Safety
///
/// It consists of [`LANES`](Vector::LANES) `f32`s one after the other, and nothing else.
pub(crate) unsafe trait Vector:
    Copy
    + Debug
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    /// How many numbers it has.
    const LANES: usize;

    /// Whether [`mul_add`](Vector::mul_add) is an instruction.
    const FUSED: bool;

    /// Whether this CPU can compute with it.
    fn available() -> bool;

    /// Runs a kernel, compiled with the instructions that the vector needs.
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output;

    /// One number in every lane.
    fn splat(value: f32) -> Self;

    /// `self · factor + term`, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// The square root.
    fn sqrt(self) -> Self;

    /// Nothing below `-limit` or above `limit`. NaN stays NaN.
    fn clamp(self, limit: f32) -> Self;

    /// 2ⁿ in every lane of [`POWER_OFFSET`]` + n`, for a whole `n` from -126 to 127.
    fn power_of_two(self) -> Self;

    /// The numbers `from[at..at + LANES]`.
    ///
    /// # Safety
    ///
    /// There have to be that many.
    #[inline(always)]
    unsafe fn load(from: &[f32], at: usize) -> Self {
        debug_assert!(at + Self::LANES <= from.len());
        // SAFETY: the caller sees to it that the numbers are there, and they are all that a vector is.
        unsafe { from.as_ptr().add(at).cast::<Self>().read_unaligned() }
    }

    /// Writes the numbers to `to[at..at + LANES]`.
    ///
    /// # Safety
    ///
    /// There has to be room for that many.
    #[inline(always)]
    unsafe fn store(self, to: &mut [f32], at: usize) {
        debug_assert!(at + Self::LANES <= to.len());
        // SAFETY: the caller sees to it that there is room.
        unsafe { to.as_mut_ptr().add(at).cast::<Self>().write_unaligned(self) }
    }

    /// The numbers `from[at..]`, as many as there are room for, and zeros after the last.
    #[inline(always)]
    fn load_part(from: &[f32], at: usize) -> Self {
        if at + Self::LANES <= from.len() {
            // SAFETY: they are there.
            return unsafe { Self::load(from, at) };
        }
        let mut part = Self::splat(0.0);
        for (lane, &value) in
            Self::floats_mut(slice::from_mut(&mut part)).iter_mut().zip(&from[at..])
        {
            *lane = value;
        }
        part
    }

    /// Writes the numbers to `to[at..]`, as many as there is room for.
    #[inline(always)]
    fn store_part(self, to: &mut [f32], at: usize) {
        if at + Self::LANES <= to.len() {
            // SAFETY: there is room.
            return unsafe { self.store(to, at) };
        }
        for (value, &lane) in to[at..].iter_mut().zip(Self::floats(slice::from_ref(&self))) {
            *value = lane;
        }
    }

    /// Has the cache fetch numbers that are about to be written. It changes no result.
    #[inline(always)]
    fn prefetch(numbers: &[f32]) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        for line in numbers.chunks(16) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: every x86-64 has the instruction, which reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = numbers;
    }

    /// The numbers of all vectors, one after the other.
    #[inline(always)]
    fn floats(vectors: &[Self]) -> &[f32] {
        // SAFETY: vectors are `LANES` floats each, and at least as strictly aligned.
        unsafe { slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * Self::LANES) }
    }

    /// The numbers of all vectors, one after the other.
    #[inline(always)]
    fn floats_mut(vectors: &mut [Self]) -> &mut [f32] {
        let length = vectors.len() * Self::LANES;
        // SAFETY: vectors are `LANES` floats each, and at least as strictly aligned.
        unsafe { slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), length) }
    }
}

/// 1.5 · 2²³ + 127. The last bits of an `f32` of this size are a whole number, and those of 2ⁿ begin with n + 127 (IEEE 754),
/// 23 bits further left.
pub(super) const POWER_OFFSET: f32 = 12_583_039.0;

/// A computation on vectors.
///
/// `run` is `#[inline(always)]`, and so is all that it calls: only what is inlined into [`Vector::vectorize`] is compiled
/// with the vector's instructions. A closure that computes with vectors, as in `array::map`, is not, and costs ten times as much:
/// kernels are written in loops.
pub(crate) trait Kernel<V: Vector> {
    /// What comes of it.
    type Output;

    /// Computes it.
    fn run(self) -> Self::Output;
}

/// `+`, `-`, `*` and `/` of a vector by the intrinsics of these names.
#[cfg(target_arch = "x86_64")]
macro_rules! operators {
    ($vector:ident, $($operator:ident $method:ident $intrinsic:ident),*) => {$(
        impl std::ops::$operator for $vector {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: only called from `vectorize`, which has made sure of the instructions.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    )*};
}
#[cfg(target_arch = "x86_64")]
pub(super) use operators;
