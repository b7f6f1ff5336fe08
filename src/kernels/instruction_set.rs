#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use super::{
    portable::Portable,
    vector::{Kernel, Vector},
};

/// What the kernels are compiled for. They exist for each of these; this file chooses the one that runs, at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// AVX-512 (F, VL, DQ and BW): sixteen images at once.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA: eight images at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every CPU of the architecture has, by the compiler's own vectorising: eight images at once.
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
            $crate::kernels::InstructionSet::Portable => {
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
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        InstructionSet::ALL.iter().copied().filter(|&set| with_vector!(set, V => V::available()))
    }

    /// The fastest that this CPU has.
    pub fn best() -> InstructionSet {
        InstructionSet::available().next().unwrap_or(InstructionSet::Portable)
    }

    /// The fastest that this CPU has with so many lanes; [`Portable`](InstructionSet::Portable) where there is none.
    pub(super) fn best_of_lanes(lanes: usize) -> InstructionSet {
        let mut sets = InstructionSet::available();
        sets.find(|set| set.lanes() == lanes).unwrap_or(InstructionSet::Portable)
    }

    /// How many numbers it computes with at once.
    pub fn lanes(self) -> usize {
        with_vector!(self, V => V::LANES)
    }

    /// Whether a multiplication and an addition are one instruction, which rounds once.
    #[cfg(test)]
    pub(crate) fn is_fused(self) -> bool {
        with_vector!(self, V => V::FUSED)
    }

    /// Runs a kernel.
    pub(crate) fn run<K: AnyKernel<Output>, Output>(self, kernel: K) -> Output {
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
    /// whether a multiplication and an addition are one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Does `work` with the fastest instructions that this CPU has.
pub(crate) fn fastest<W: Work>(work: W) -> W::Output {
    InstructionSet::best().run(Compiled(work))
}

struct Compiled<W>(W);

impl<V: Vector, W: Work> Kernel<V> for Compiled<W> {
    type Output = W::Output;

    #[inline(always)]
    fn run(self) -> W::Output {
        if V::FUSED { self.0.run::<true>() } else { self.0.run::<false>() }
    }
}
