use crate::pictures::Random;

/// Hidden units.
const HIDDEN: usize = 48;

/// Tells digits from all else by what a layer gives: one hidden layer of tanh, and a logistic unit, trained by Adam.
pub struct Head {
    inputs: usize,
    /// For each hidden unit its weights, its bias and its weight in the output; then the output's bias.
    pub numbers: Vec<f32>,
}

impl Head {
    /// Trains on examples: the layer's values, and whether it is no digit.
    pub fn train(examples: &[(Vec<f32>, bool)], epochs: usize) -> Head {
        let inputs = examples[0].0.len();
        let mut random = Random::new(5);
        let row = inputs + 2;
        let bound = 1.0 / (inputs as f32).sqrt();
        let numbers = (0..HIDDEN * row + 1).map(|_| random.between(-bound, bound)).collect();
        let mut head = Head { inputs, numbers };
        let count = head.numbers.len();
        let (mut first, mut second, mut gradient) =
            (vec![0.0; count], vec![0.0; count], vec![0.0f32; count]);
        let mut order: Vec<_> = (0..examples.len()).collect();
        let (batch, mut step) = (64, 0);
        let steps = epochs * examples.len().div_ceil(batch);
        for _ in 0..epochs {
            for i in (1..order.len()).rev() {
                order.swap(i, random.below(i + 1));
            }
            for indices in order.chunks(batch) {
                gradient.fill(0.0);
                for &index in indices {
                    head.add_gradient(&examples[index], &mut gradient);
                }
                step += 1;
                let rate =
                    3e-3 * 0.5 * (1.0 + (std::f32::consts::PI * step as f32 / steps as f32).cos());
                let (c1, c2) = (1.0 - 0.9f32.powi(step), 1.0 - 0.999f32.powi(step));
                for i in 0..count {
                    let g = gradient[i] / indices.len() as f32 + 1e-5 * head.numbers[i];
                    first[i] = 0.9 * first[i] + 0.1 * g;
                    second[i] = 0.999 * second[i] + 0.001 * g * g;
                    head.numbers[i] -= rate * (first[i] / c1) / ((second[i] / c2).sqrt() + 1e-8);
                }
            }
        }
        head
    }

    /// The logit of there being no digit.
    pub fn logit(&self, values: &[f32]) -> f32 {
        let (rows, bias) = self.rows();
        bias + rows.map(|row| row[self.inputs + 1] * hidden(row, values)).sum::<f32>()
    }

    fn rows(&self) -> (impl Iterator<Item = &[f32]>, f32) {
        let (rows, bias) = self.numbers.split_at(self.numbers.len() - 1);
        (rows.chunks_exact(self.inputs + 2), bias[0])
    }

    fn add_gradient(&self, (values, other): &(Vec<f32>, bool), gradient: &mut [f32]) {
        let (rows, bias) = self.rows();
        let rows: Vec<_> = rows.map(|row| (row, hidden(row, values))).collect();
        let logit = bias + rows.iter().map(|(row, h)| row[self.inputs + 1] * h).sum::<f32>();
        let delta = 1.0 / (1.0 + (-logit).exp()) - f32::from(u8::from(*other));
        let (gradients, of_bias) = gradient.split_at_mut(gradient.len() - 1);
        of_bias[0] += delta;
        for ((row, h), to) in rows.iter().zip(gradients.chunks_exact_mut(self.inputs + 2)) {
            to[self.inputs + 1] += delta * h;
            let back = delta * row[self.inputs + 1] * (1.0 - h * h);
            to[self.inputs] += back;
            for (to, value) in to.iter_mut().zip(values) {
                *to += back * value;
            }
        }
    }

    /// With its output moved, so that this logit becomes 0; and with no more digits than a file needs.
    pub fn with_threshold(mut self, logit: f32) -> Head {
        let last = self.numbers.len() - 1;
        self.numbers[last] -= logit;
        for number in &mut self.numbers {
            *number = (*number * 4096.0).round() / 4096.0;
        }
        self
    }
}

fn hidden(row: &[f32], values: &[f32]) -> f32 {
    let sum = row.iter().zip(values).map(|(weight, value)| weight * value).sum::<f32>();
    (sum + row[values.len()]).tanh()
}
