use crate::{Error, Result, network::Layer};
use std::fmt::Write;

/// Tells what is no digit from F6's activations: a hidden layer of tanh, and a logistic unit. The paper's RBF units were to do
/// this.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NoDigit {
    /// For each hidden unit its weights, its bias and its weight in the output; then the output's bias.
    numbers: Vec<f32>,
    /// How much the temperature falls where an image looks less like a digit.
    power: f32,
}

/// Weights of a hidden unit.
const INPUTS: usize = Layer::F6.units();

/// Numbers of a hidden unit.
const ROW: usize = INPUTS + 2;

/// The temperature falls no further than where an image is a digit with this probability.
const LEAST: f32 = 0.01;

impl NoDigit {
    pub fn new(numbers: &[f32]) -> Result<NoDigit> {
        let whole = numbers.len() > ROW && numbers.len() % ROW == 2;
        // What goes into a sum is within -1 and 1.
        let most: f64 = numbers.iter().map(|&number| f64::from(number).abs()).sum();
        let possible = most <= f64::from(f32::MAX) / 2.0;
        match numbers {
            [numbers @ .., power] if whole && possible && (0.0..=1.0).contains(power) => {
                Ok(NoDigit { numbers: numbers.into(), power: *power })
            }
            _ => {
                let expected = format!(
                    "{ROW} finite numbers for each hidden unit, one more, and last a power from 0 to 1"
                );
                let last = numbers.last().copied().unwrap_or(f32::NAN);
                let got = format!(
                    "{} numbers whose magnitudes add up to {most:e}, the last of them {last}",
                    numbers.len()
                );
                Err(Error::invalid("no_digit", expected, got))
            }
        }
    }

    /// From the metadata of weights, where it is text.
    pub fn parse(text: &str) -> Result<NoDigit> {
        let numbers: std::result::Result<Vec<_>, _> =
            text.split_ascii_whitespace().map(str::parse).collect();
        NoDigit::new(&numbers.map_err(|_| {
            let mut start: String = text.chars().take(40).collect();
            if start.len() < text.len() {
                let _ = write!(start, "…");
            }
            Error::invalid("no_digit", "numbers with spaces between them", start)
        })?)
    }

    /// How likely an image is no digit, from F6's activations.
    pub fn probability(&self, f6: &[f32]) -> f32 {
        let (rows, rest) = self.numbers.split_at(self.numbers.len() - 1);
        let mut logit = rest.iter().sum::<f32>();
        for row in rows.chunks_exact(ROW) {
            let products = row.iter().zip(f6).map(|(weight, value)| weight * value);
            logit += row[INPUTS + 1] * libm::tanhf(products.sum::<f32>() + row[INPUTS]);
        }
        1.0 / (1.0 + libm::expf(-logit))
    }

    /// What the temperature is multiplied by, for an image that is no digit with this probability.
    pub fn temperature(&self, no_digit: f32) -> f32 {
        libm::powf((1.0 - no_digit).max(LEAST), self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::{INPUTS, NoDigit, ROW};

    /// One unit that sees F6's first value, whose tanh counts twice.
    fn one_unit() -> Vec<f32> {
        let mut numbers = vec![0.0; ROW + 2];
        (numbers[0], numbers[INPUTS], numbers[INPUTS + 1]) = (3.0, 0.25, 2.0);
        (numbers[ROW], numbers[ROW + 1]) = (-0.5, 0.5);
        numbers
    }

    #[test]
    fn is_the_logistic_of_the_hidden_units() {
        let mut f6 = [0.5; INPUTS];
        f6[0] = -0.75;
        let logit = 2.0 * (3.0 * -0.75 + 0.25f64).tanh() - 0.5;
        let expected = 1.0 / (1.0 + (-logit).exp());
        let numbers = one_unit();
        let got = NoDigit::new(&numbers).unwrap().probability(&f6);
        assert!((f64::from(got) - expected).abs() < 1e-6, "{got}, not {expected}");
        let text: Vec<_> = numbers.iter().map(f32::to_string).collect();
        assert_eq!(NoDigit::parse(&text.join(" ")).unwrap(), NoDigit::new(&numbers).unwrap());
    }

    #[test]
    fn the_temperature_falls_where_there_is_less_of_a_digit() {
        let root = NoDigit::new(&one_unit()).unwrap();
        for (no_digit, expected) in [(0.0, 1.0), (0.19, 0.9), (0.75, 0.5), (0.999, 0.1), (1.0, 0.1)]
        {
            let got = root.temperature(no_digit);
            assert!((got - expected).abs() < 1e-6, "{no_digit}: {got}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let numbers = one_unit();
        for wrong in [&[][..], &numbers[1..], &[0.5][..], &[&numbers[..], &[1.0]].concat()] {
            assert!(NoDigit::new(wrong).is_err(), "{}", wrong.len());
        }
        for power in [-0.1, 1.1, f32::NAN] {
            let mut numbers = one_unit();
            numbers[ROW + 1] = power;
            assert!(NoDigit::new(&numbers).is_err(), "{power}");
        }
        for wrong in [f32::NAN, f32::INFINITY, f32::MAX] {
            let mut numbers = one_unit();
            numbers[3] = wrong;
            assert!(NoDigit::new(&numbers).is_err(), "{wrong}");
        }
        let error = NoDigit::parse("1 2 three").unwrap_err().to_string();
        assert!(error.contains("1 2 three"), "{error}");
    }
}
