//! The same code for CPUs of several kinds: compiled for each, chosen as the program runs.

/// Something to do on this CPU.
pub(super) trait Work {
    type Output;

    /// Does it. Must be `#[inline(always)]`, as all that it calls: what is not inlined is compiled for any CPU. `FMA` says
    /// whether a multiplication and an addition are one instruction.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// Does it with the widest vectors that this CPU has.
pub(super) fn run<W: Work>(work: W) -> W::Output {
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
        #[allow(unsafe_code)]
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

/// `a b + c`.
#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction `mul_add` is a call that takes a hundred times as long.
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Takes `derivatives` from `target`, each times its rate.
#[inline(always)]
pub(super) fn descend<const FMA: bool, const N: usize>(
    target: &mut [f32; N],
    rates: &[f32; N],
    derivatives: &[f32; N],
) {
    for ((target, rate), derivative) in target.iter_mut().zip(rates).zip(derivatives) {
        *target = multiply_add::<FMA>(-rate, *derivative, *target);
    }
}
