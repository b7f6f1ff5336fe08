use super::{dense, multiply_add::multiply_add, weights::Layer};
use crate::{
    kernels::Sample,
    lenet_1998::{OutputUnits, codes},
};

/// The output units, and the criterion that judges them.
#[derive(Debug)]
pub(super) struct Output {
    units: OutputUnits,
    codes: [[f32; 84]; 10],
    /// -j of the paper's equation 9, the logit of what is no digit; -∞ where there is no such thing.
    rubbish: f32,
}

impl Output {
    pub fn new(units: OutputUnits, j: Option<f64>) -> Output {
        Output { units, codes: codes(), rubbish: j.map_or(f32::NEG_INFINITY, |j| -j as f32) }
    }

    /// The logits: minus the penalties of radial basis units.
    #[inline(always)]
    pub fn forward<const FMA: bool>(
        &self,
        f6: &[f32; 84],
        layer: &Layer<84, 10>,
        logits: &mut [f32; 10],
    ) {
        match self.units {
            OutputUnits::Linear => dense::forward::<FMA, 84, 10>(f6, layer, logits),
            OutputUnits::Rbf => {
                for (logit, code) in logits.iter_mut().zip(&self.codes) {
                    let mut totals = [0.0; 4];
                    let (values, _) = f6.as_chunks::<4>();
                    let (codes, _) = code.as_chunks::<4>();
                    for (values, codes) in values.iter().zip(codes) {
                        for lane in 0..4 {
                            let distance = values[lane] - codes[lane];
                            totals[lane] = multiply_add::<FMA>(distance, distance, totals[lane]);
                        }
                    }
                    let [a, b, c, d] = totals;
                    *logit = -0.5 * ((a + b) + (c + d));
                }
            }
        }
    }

    /// The share of each digit among the ten and the rubbish class, whose penalty is j, and what the network makes of the
    /// image; the loss is the criterion.
    pub fn judge(&self, logits: &[f32; 10], label: u8) -> ([f32; 10], Sample) {
        let digit = (0..10).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
        // Relative to the largest: exp(logit) alone would be 0 where all penalties are high.
        let most = logits[digit].max(self.rubbish);
        let shares = logits.map(|logit| libm::expf(logit - most));
        let total = shares.iter().sum::<f32>() + libm::expf(self.rubbish - most);
        let loss = most + libm::logf(total) - logits[usize::from(label)];
        let shares = shares.map(|share| share / total);
        (shares, Sample { answer: digit as u8, probability: shares[digit], loss })
    }

    /// The derivative of the criterion by the outputs of F6, from that by the logits.
    #[inline(always)]
    pub fn backward<const FMA: bool>(
        &self,
        f6: &[f32; 84],
        layer: &Layer<84, 10>,
        deltas: &[f32; 10],
        before: &mut [f32; 84],
    ) {
        match self.units {
            OutputUnits::Linear => dense::backward::<FMA, 84, 10>(layer, deltas, before),
            OutputUnits::Rbf => {
                *before = [0.0; 84];
                for (delta, code) in deltas.iter().zip(&self.codes) {
                    for i in 0..84 {
                        before[i] = multiply_add::<FMA>(*delta, code[i] - f6[i], before[i]);
                    }
                }
            }
        }
    }

    /// The second derivative by the outputs of F6; `deltas` are those by the logits, and `squares` those of the weights.
    ///
    /// Of radial basis units it is that of the label's penalty alone, which is 1 whatever the label.
    #[inline(always)]
    pub fn backward_second<const FMA: bool>(
        &self,
        squares: &Layer<84, 10>,
        deltas: &[f32; 10],
        before: &mut [f32; 84],
    ) {
        match self.units {
            OutputUnits::Linear => dense::backward::<FMA, 84, 10>(squares, deltas, before),
            OutputUnits::Rbf => *before = [1.0; 84],
        }
    }

    /// Whether the units have parameters.
    pub fn is_trained(&self) -> bool {
        self.units == OutputUnits::Linear
    }
}
