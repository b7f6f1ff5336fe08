//! Logarithm, sine and cosine in `f32` by the polynomials of the Cephes library (S. Moshier), with each multiplication and
//! addition fused: bit for bit what PyTorch draws normal values with on a CPU with AVX2 or AVX-512 (`avx_mathfun.h`).

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_4};

/// `p[0] xⁿ + p[1] xⁿ⁻¹ + … + p[n]`
fn polynomial<const N: usize>(x: f32, p: [f32; N]) -> f32 {
    p.into_iter().fold(0.0, |sum, coefficient| f32::mul_add(sum, x, coefficient))
}

/// The natural logarithm of a number from 2⁻¹²⁶ to 1.
pub(crate) fn ln(x: f32) -> f32 {
    // x = mantissa · 2^exponent, the mantissa from √½ to √2.
    let bits = x.to_bits();
    let mut exponent = (bits >> 23) as f32 - 126.0;
    let mut mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f00_0000);
    if mantissa < FRAC_1_SQRT_2 {
        exponent -= 1.0;
        mantissa += mantissa;
    }
    let rest = mantissa - 1.0;
    let square = rest * rest;
    let series = polynomial(
        rest,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_87e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_4e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    // ln(2) in two parts.
    let low = (series * rest).mul_add(square, exponent * -2.121_944_4e-4);
    exponent.mul_add(0.693_359_4, rest + square.mul_add(-0.5, low))
}

/// Sine and cosine of an angle from 0 to 2π.
pub(crate) fn sin_cos(angle: f32) -> (f32, f32) {
    // Of the eighths of a circle, the even number nearest to the angle; what is left is within ±π/4.
    let eighth = ((angle * (1.0 / f64::from(FRAC_PI_4)) as f32) as u32 + 1) & !1;
    let turns = eighth as f32;
    // π/4 in three parts.
    let rest = [-0.785_156_25, -2.418_756_5e-4, -3.774_895e-8]
        .into_iter()
        .fold(angle, |rest, part| turns.mul_add(part, rest));
    let square = rest * rest;
    let cos = polynomial(square, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]);
    let cos = (cos * square).mul_add(square, square * -0.5) + 1.0;
    let sin = polynomial(square, [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]);
    let sin = (sin * square).mul_add(rest, rest);
    match eighth % 8 {
        0 => (sin, cos),
        2 => (cos, -sin),
        4 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::{ln, sin_cos};

    #[test]
    fn they_are_the_functions() {
        for i in 1..=100_000 {
            let x = i as f32 / 100_000.0;
            let exact = f64::from(x).ln();
            assert!((f64::from(ln(x)) - exact).abs() <= 1.5e-7 * exact.abs().max(1.0), "{x}");
            let angle = 2.0 * std::f32::consts::PI * x;
            let ((sin, cos), exact) = (sin_cos(angle), f64::from(angle).sin_cos());
            let off = (f64::from(sin) - exact.0).hypot(f64::from(cos) - exact.1);
            assert!(off < 2e-7, "{angle}: {sin} {cos}");
        }
    }
}
