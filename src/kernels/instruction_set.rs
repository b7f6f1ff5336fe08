#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use super::{
    portable::Portable,
    vector::{Kernel, Vector},
};

/// What the kernels are compiled for. They exist for each of these; which one runs is chosen at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512F: sixteen images at once.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA: eight images at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every CPU of the architecture has, by the compiler's own vectorising: eight images at once.
    Portable,
}

impl InstructionSet {
    /// Those that this CPU has, the fastest first.
    pub fn available() -> Vec<InstructionSet> {
        let mut sets = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(Avx512::available().then_some(InstructionSet::Avx512));
            sets.extend(Avx2::available().then_some(InstructionSet::Avx2));
        }
        sets.push(InstructionSet::Portable);
        sets
    }

    /// The fastest that this CPU has.
    pub fn best() -> InstructionSet {
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::available() {
                return InstructionSet::Avx512;
            }
            if Avx2::available() {
                return InstructionSet::Avx2;
            }
        }
        InstructionSet::Portable
    }

    /// How many numbers it computes with at once.
    pub fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Avx512::LANES,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Avx2::LANES,
            InstructionSet::Portable => Portable::LANES,
        }
    }

    /// Runs a kernel.
    pub(crate) fn run<K: AnyKernel<Output>, Output>(self, kernel: K) -> Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Avx512::vectorize(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Avx2::vectorize(kernel),
            InstructionSet::Portable => Portable::vectorize(kernel),
        }
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
