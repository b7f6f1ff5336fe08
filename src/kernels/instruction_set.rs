#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use super::{
    portable::Portable,
    vector::{Kernel, Vector},
};
use serde::{Deserialize, Serialize};

/// What the kernels are compiled for. They exist for each of these; this file chooses the one that runs, at run time. All give
/// the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InstructionSet {
    /// AVX-512 (F, VL, DQ and BW), of x86-64: sixteen images at once.
    Avx512,
    /// AVX2 and FMA, of x86-64: eight images at once.
    Avx2,
    /// What every CPU of the architecture has, by the compiler's own vectorising: eight images at once. On aarch64 that is NEON.
    /// On x86-64 it has no instruction for a multiplication and an addition, so that it takes about ten times as long.
    Portable,
}

/// `body`, with the type `vector` for the set's vectors.
macro_rules! with_vector {
    ($set:expr, $vector:ident => $body:expr) => {
        match $set {
            #[cfg(target_arch = "x86_64")]
            $crate::kernels::InstructionSet::Avx512 => {
                type $vector = $crate::kernels::avx512::Avx512;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            $crate::kernels::InstructionSet::Avx2 => {
                type $vector = $crate::kernels::avx2::Avx2;
                $body
            }
            _ => {
                type $vector = $crate::kernels::portable::Portable;
                $body
            }
        }
    };
}
pub(super) use with_vector;

impl InstructionSet {
    /// All of the architecture, the fastest first.
    const ALL: &'static [InstructionSet] = &[
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2,
        InstructionSet::Portable,
    ];

    /// Those that this CPU has, the fastest first.
    ///
    /// ```
    /// use lenet::train::InstructionSet;
    ///
    /// assert!(InstructionSet::available().any(|set| set == InstructionSet::Portable));
    /// ```
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        InstructionSet::ALL.iter().copied().filter(|&set| with_vector!(set, V => V::available()))
    }

    /// The fastest that this CPU has.
    pub fn best() -> InstructionSet {
        InstructionSet::available().next().unwrap_or(InstructionSet::Portable)
    }

    /// How many numbers it computes with at once.
    pub(super) fn lanes(self) -> usize {
        with_vector!(self, V => V::LANES)
    }

    /// Does `work`.
    pub(crate) fn work<W: Work>(self, work: W) -> W::Output {
        self.run(Compiled(work))
    }

    /// Runs a kernel.
    pub(super) fn run<K: AnyKernel<Output>, Output>(self, kernel: K) -> Output {
        with_vector!(self, V => V::vectorize(kernel))
    }
}

/// A kernel for every instruction set.
#[cfg(target_arch = "x86_64")]
pub(crate) trait AnyKernel<Output>:
    Kernel<Avx512, Output = Output> + Kernel<Avx2, Output = Output> + Kernel<Portable, Output = Output>
{
}

#[cfg(target_arch = "x86_64")]
impl<K, Output> AnyKernel<Output> for K where
    K: Kernel<Avx512, Output = Output>
        + Kernel<Avx2, Output = Output>
        + Kernel<Portable, Output = Output>
{
}

/// A kernel for every instruction set.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) trait AnyKernel<Output>: Kernel<Portable, Output = Output> {}

#[cfg(not(target_arch = "x86_64"))]
impl<K, Output> AnyKernel<Output> for K where K: Kernel<Portable, Output = Output> {}

/// A computation in safe code on plain numbers, which the compiler vectorises.
pub(crate) trait Work {
    /// What comes of it.
    type Output;

    /// Computes it. Must be `#[inline(always)]`, as all that it calls: what is not inlined is compiled for any CPU. `FMA` says
    /// whether `f32::mul_add` is an instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

struct Compiled<W>(W);

impl<V: Vector, W: Work> Kernel<V> for Compiled<W> {
    type Output = W::Output;

    #[inline(always)]
    fn run(self) -> W::Output {
        if V::FUSED { self.0.run::<true>() } else { self.0.run::<false>() }
    }
}
