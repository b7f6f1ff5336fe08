use super::multiply_add::multiply_add;
use std::f32::consts::{LN_2, LOG2_E};

/// The squash A tanh(S a).
#[derive(Debug, Clone, Copy)]
pub(super) struct Squash {
    pub amplitude: f32,
    pub slope: f32,
}

/// Added and subtracted, it leaves a number rounded to the nearest whole one: 1.5 · 2^23.
const ROUND: f32 = 12_582_912.0;

/// 1/6!, 1/5!, … 1: the exponential's series, for numbers up to ln(2)/2, where what follows is under 2e-7 of the whole.
const SERIES: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];

impl Squash {
    /// Of each of `sums`, in place. libm's tanh would take longer than all the rest of the network.
    #[inline(always)]
    pub fn apply<const FMA: bool>(self, sums: &mut [f32]) {
        for value in sums {
            *value = self.of::<FMA>(*value);
        }
    }

    /// Within 5e-7 of the exact value for the paper's A.
    #[inline(always)]
    pub fn of<const FMA: bool>(self, sum: f32) -> f32 {
        // tanh(z) = 1 - 2/(exp(2z) + 1), and exp(2z) = 2^whole · exp(rest).
        let power = (sum * (2.0 * self.slope * LOG2_E)).clamp(-30.0, 30.0);
        let rounded = power + ROUND;
        let rest = (power - (rounded - ROUND)) * LN_2;
        let mut series = SERIES[0];
        for coefficient in &SERIES[1..] {
            series = multiply_add::<FMA>(series, rest, *coefficient);
        }
        // The low bits of `rounded` are the whole number: added to the exponent they multiply by its power of 2.
        let exp = f32::from_bits(series.to_bits().wrapping_add(rounded.to_bits() << 23));
        multiply_add::<FMA>(-2.0 * self.amplitude, 1.0 / (exp + 1.0), self.amplitude)
    }

    /// The derivative, from the value: S (A - value²/A).
    #[inline(always)]
    pub fn derivative<const FMA: bool>(self, value: f32) -> f32 {
        let Squash { amplitude, slope } = self;
        multiply_add::<FMA>(value * value, -(slope / amplitude), slope * amplitude)
    }

    /// What a derivative by a value is multiplied by to get that by the sum; second derivatives take the square.
    #[inline(always)]
    pub fn factor<const FMA: bool, const SQUARED: bool>(self, value: f32) -> f32 {
        let derivative = self.derivative::<FMA>(value);
        if SQUARED { derivative * derivative } else { derivative }
    }
}

#[cfg(test)]
mod tests {
    use super::Squash;

    const SQUASH: Squash = Squash { amplitude: 1.7159, slope: 2.0 / 3.0 };

    #[test]
    fn it_is_the_tanh() {
        for i in -40_000..=40_000 {
            let sum = i as f32 / 1000.0;
            let exact = 1.7159 * (2.0 / 3.0 * f64::from(sum)).tanh();
            for got in [SQUASH.of::<true>(sum), SQUASH.of::<false>(sum)] {
                assert!((f64::from(got) - exact).abs() < 5e-7, "{sum}: {got}, not {exact}");
            }
            let tanh = (2.0 / 3.0 * f64::from(sum)).tanh();
            let exact = 1.7159 * 2.0 / 3.0 * (1.0 - tanh * tanh);
            let got = f64::from(SQUASH.derivative::<true>(SQUASH.of::<true>(sum)));
            assert!((got - exact).abs() < 6e-7, "{sum}: {got}, not {exact}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(SQUASH.of::<true>(f32::NAN).is_nan());
        assert!((SQUASH.of::<true>(f32::INFINITY) - 1.7159).abs() < 5e-7);
    }
}
