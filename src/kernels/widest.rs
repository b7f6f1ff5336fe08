//! The same code for CPUs of several kinds: compiled for each, chosen as the program runs.

/// Something to do on this CPU, in safe code that the compiler vectorises.
pub(crate) trait Work {
    type Output;

    /// Does it. Must be `#[inline(always)]`, as all that it calls: what is not inlined is compiled for any CPU. `FMA` says
    /// whether a multiplication and an addition are one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Does it with the widest vectors that this CPU has.
pub(crate) fn widest<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        fn avx512<W: Work>(work: W) -> W::Output {
            work.run::<true>()
        }

        #[target_feature(enable = "avx2,fma")]
        fn avx2<W: Work>(work: W) -> W::Output {
            work.run::<true>()
        }

        let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let [f, vl, dq, bw] = [
            is_x86_feature_detected!("avx512f"),
            is_x86_feature_detected!("avx512vl"),
            is_x86_feature_detected!("avx512dq"),
            is_x86_feature_detected!("avx512bw"),
        ];
        if fma && f && vl && dq && bw {
            // SAFETY: the CPU has all that the function is compiled for.
            return unsafe { avx512(work) };
        } else if fma {
            // SAFETY: as above.
            return unsafe { avx2(work) };
        }
    }
    if cfg!(target_arch = "aarch64") { work.run::<true>() } else { work.run::<false>() }
}
