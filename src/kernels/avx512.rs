use super::{
    avx2::Avx2,
    vector::{Kernel, Vector, operators},
};
use std::arch::x86_64::*;

/// Sixteen floats in a register of AVX-512.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx512(__m512);

operators!(Avx512, Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn with_avx512<K: Kernel<Avx512>>(kernel: K) -> K::Output {
    kernel.run()
}

// SAFETY: an `__m512` is sixteen floats.
unsafe impl Vector for Avx512 {
    const LANES: usize = 16;
    const FUSED: bool = true;

    fn available() -> bool {
        // All but Xeon Phi have these four together. The vectors need F alone; code that the compiler vectorises, the others.
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && Avx2::available()
    }

    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        assert!(Self::available());
        // SAFETY: the CPU has the instructions.
        unsafe { with_avx512(kernel) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: only called from `vectorize`, which has made sure of the instructions. So are those below.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        // Where one of the two is NaN, the second comes out.
        // SAFETY: as above.
        Self(unsafe {
            _mm512_min_ps(_mm512_set1_ps(limit), _mm512_max_ps(_mm512_set1_ps(-limit), self.0))
        })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0))) })
    }
}
