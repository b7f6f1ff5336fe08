use super::vector::{Kernel, POWER_OFFSET, Vector};

/// The hyperbolic tangent, within 3e-7 of the true value: `1 - 2 / (e²ˣ + 1)`.
///
/// `e²ˣ = 2ⁿ⁺ʳ` with a whole `n` and `r` from -½ to ½: `2ⁿ` is put together from bits, and `2ʳ` is a polynomial (minimax, within
/// 1e-7 of itself). A quotient of polynomials in `x`, as Eigen has it, takes as long, and all its rounding shows where tanh is
/// near 1; here it is divided by `e²ˣ`.
#[inline(always)]
pub(super) fn tanh<V: Vector>(x: V) -> V {
    let x = x.clamp(LIMIT);
    let scale = V::splat(2.0 * std::f32::consts::LOG2_E);
    let offset = V::splat(POWER_OFFSET);
    let offset_n = x.mul_add(scale, offset); // rounded to a whole number, since POWER_OFFSET is above 2²³
    let r = x.mul_add(scale, offset - offset_n);
    let mut power = V::splat(TWO_TO_THE[TWO_TO_THE.len() - 1]);
    for i in (0..TWO_TO_THE.len() - 1).rev() {
        power = power.mul_add(r, V::splat(TWO_TO_THE[i]));
    }
    let one = V::splat(1.0);
    one - V::splat(2.0) / power.mul_add(offset_n.power_of_two(), one)
}

/// Beyond this tanh is 1 to the last bit of an `f32`.
const LIMIT: f32 = 9.1;

/// `2ʳ ≈ c₀ + c₁r + … + c₅r⁵`, with `c₀` = 1 so that tanh 0 is 0.
#[expect(clippy::approx_constant, reason = "the minimax polynomial's, not ln 2")]
const TWO_TO_THE: [f32; 6] =
    [1.0, 0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_6];

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

#[cfg(test)]
mod tests {
    use super::Tanh;
    use crate::kernels::{
        InstructionSet,
        vector::{Kernel, Vector},
    };

    /// Of plain numbers, whatever the vectors.
    struct TanhOf<'a>(&'a mut [f32]);

    impl<V: Vector> Kernel<V> for TanhOf<'_> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            for at in (0..self.0.len()).step_by(V::LANES) {
                let mut values = [V::load_part(self.0, at)];
                Tanh(&mut values).run();
                values[0].store_part(self.0, at);
            }
        }
    }

    #[test]
    fn it_is_within_3e_7_everywhere() {
        for set in InstructionSet::available() {
            // Every 97th float, of either sign and any size.
            let all: Vec<_> = (0..=u32::MAX).step_by(97).map(f32::from_bits).collect();
            for values in all.chunks(4096) {
                let mut got = values.to_vec();
                set.run(TanhOf(&mut got));
                for (&x, got) in values.iter().zip(got) {
                    let off = (f64::from(got) - f64::from(x).tanh()).abs();
                    assert!(
                        off <= 3e-7 || x.is_nan() && got.is_nan(),
                        "{set:?}: tanh({x}) = {got}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_stays_nothing() {
        for set in InstructionSet::available() {
            let mut got = [0.0, -0.0];
            set.run(TanhOf(&mut got));
            assert_eq!(got, [0.0, 0.0], "{set:?}");
        }
    }
}
