//! The arithmetic of a step that is taken with one instruction where the CPU has it.

use crate::kernels;

/// `a b + c`, rounded once.
#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { kernels::multiply_add([a], [b], [c])[0] }
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
