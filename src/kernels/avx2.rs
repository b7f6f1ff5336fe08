use super::vector::{Kernel, Vector, operators};
use std::arch::x86_64::*;

/// Eight floats in a register of AVX2, with FMA: x86-64 since 2013.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx2(__m256);

operators!(Avx2, Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);

#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel<Avx2>>(kernel: K) -> K::Output {
    kernel.run()
}

// SAFETY: an `__m256` is eight floats.
unsafe impl Vector for Avx2 {
    const LANES: usize = 8;
    const FUSED: bool = true;

    fn available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        assert!(Self::available());
        // SAFETY: the CPU has the instructions.
        unsafe { with_avx2(kernel) }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: only called from `vectorize`, which has made sure of the instructions. So are those below.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        // Where one of the two is NaN, the second comes out.
        // SAFETY: as above.
        Self(unsafe {
            _mm256_min_ps(_mm256_set1_ps(limit), _mm256_max_ps(_mm256_set1_ps(-limit), self.0))
        })
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(self.0))) })
    }
}
