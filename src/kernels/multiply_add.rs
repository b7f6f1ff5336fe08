/// Whether the compiler can count on an instruction for it.
pub(super) const IS_INSTRUCTION: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

/// `a · b + c` of each lane, rounded once, whatever the CPU has: by its instruction where there [is](IS_INSTRUCTION) one, and
/// otherwise by [`rounded_once`], which takes about ten times as long. `f32::mul_add`, a call of the system's library there,
/// takes thirty times as long.
#[inline(always)]
pub(crate) fn multiply_add<const LANES: usize>(
    a: [f32; LANES],
    b: [f32; LANES],
    c: [f32; LANES],
) -> [f32; LANES] {
    if IS_INSTRUCTION {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    } else {
        all_rounded_once(a, b, c)
    }
}

/// A call: inlined into the kernels it would make them ten times as large.
#[inline(never)]
fn all_rounded_once<const LANES: usize>(
    a: [f32; LANES],
    b: [f32; LANES],
    c: [f32; LANES],
) -> [f32; LANES] {
    std::array::from_fn(|lane| rounded_once(a[lane], b[lane], c[lane]))
}

/// `a · b + c` in `f64`, where the product is exact, and the sum is rounded to an odd last bit where it is not: then the rounding
/// to `f32` is that of the exact sum (Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums").
#[inline(always)]
fn rounded_once(a: f32, b: f32, c: f32) -> f32 {
    let (product, term) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + term;
    // What the sum lacks (Knuth): exact, and NaN where the sum is not finite.
    let share = sum - product;
    let error = (product - (sum - share)) + (term - share);
    let bits = sum.to_bits();
    let inexact = (error > 0.0) | (error < 0.0);
    let to_odd = u64::from(inexact) & !bits & 1;
    // Away from 0 where the error has the sum's sign, towards 0 where it has not.
    let towards_zero = (error.to_bits() ^ bits) >> 63;
    f64::from_bits(bits.wrapping_add(to_odd).wrapping_sub(2 * (to_odd & towards_zero))) as f32
}

#[cfg(test)]
mod tests {
    use super::rounded_once;
    use rand_mt::Mt;

    #[test]
    fn it_is_the_cpu_s_to_the_last_bit() {
        let mut generator = Mt::new(1);
        let special = [0.0, -0.0, 1.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NAN, 1e-45];
        for round in 0..2_000_000 {
            let [a, b, mut c] = [(); 3].map(|()| f32::from_bits(generator.next_u32()));
            let [i, j, k] =
                [(); 3].map(|()| special[generator.next_u32() as usize % special.len()]);
            // Any numbers; a term as large as the product, or half of its last place; and special ones.
            let of_product = f32::from_bits((a * b).to_bits() ^ 1 << (generator.next_u32() % 32));
            let (a, b, c) = match round % 4 {
                0 => (a, b, c),
                1 => (a, b, of_product),
                2 => {
                    c = a * f32::from_bits(
                        (0x3300_0000 + (round % 8)) | generator.next_u32() & 1 << 31,
                    );
                    (a, 1.0 + f32::EPSILON * (round % 5) as f32, c)
                }
                _ => (i, if round % 3 == 0 { j } else { b }, if round % 7 < 4 { k } else { c }),
            };
            let (got, expected) = (rounded_once(a, b, c), a.mul_add(b, c));
            assert!(
                got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                "{a:e} · {b:e} + {c:e} = {expected:e}, not {got:e}"
            );
        }
        // A little more than half way between two numbers. Rounded to f64 first, it is half way.
        let (a, c) = (1.0 + 2f32.powi(-12), 2f32.powi(-60));
        let twice = (f64::from(a) * f64::from(a) + f64::from(c)) as f32;
        assert_eq!(rounded_once(a, a, c), a.mul_add(a, c));
        assert_ne!(rounded_once(a, a, c), twice);
    }
}
