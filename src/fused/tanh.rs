use super::vector::{Kernel, Vector};

/// The hyperbolic tangent, within 3e-7 of the true value: a quotient of two polynomials, as Eigen and XLA have it.
///
/// `tanh x ≈ x · (α₁ + α₃x² + … + α₁₃x¹²) / (β₀ + β₂x² + β₄x⁴ + β₆x⁶)` for |x| up to 7.9988; beyond that tanh is 1 to the
/// last bit but one.
#[inline(always)]
pub(super) fn tanh<V: Vector>(x: V) -> V {
    let x = x.clamp(LIMIT);
    let square = x * x;
    x * polynomial(&ALPHA, square) / polynomial(&BETA, square)
}

/// `c₀ + c₁x + c₂x² + …`, by Horner's rule.
#[inline(always)]
fn polynomial<V: Vector, const N: usize>(coefficients: &[f32; N], x: V) -> V {
    let mut sum = V::splat(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, V::splat(coefficients[i]));
    }
    sum
}

const LIMIT: f32 = 7.998_812;
const ALPHA: [f32; 7] = [
    4.893_524_6e-3,
    6.372_619_3e-4,
    1.485_722_4e-5,
    5.122_297_1e-8,
    -8.604_672e-11,
    2.000_187_9e-13,
    -2.760_768_5e-16,
];
const BETA: [f32; 4] = [4.893_525e-3, 2.268_434_6e-3, 1.185_347_1e-4, 1.198_258_4e-6];

/// [`tanh`] of every number, in place.
#[derive(Debug)]
pub(crate) struct Tanh<'a, V>(pub &'a mut [V]);

impl<V: Vector> Kernel<V> for Tanh<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // Four at a time, so that one's latency hides behind the others'.
        let (fours, rest) = self.0.as_chunks_mut::<4>();
        for four in fours {
            for value in four {
                *value = tanh(*value);
            }
        }
        for value in rest {
            *value = tanh(*value);
        }
    }
}
