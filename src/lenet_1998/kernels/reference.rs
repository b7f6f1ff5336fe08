//! The network connection by connection, in f64, as slowly as it is plain: what the kernels are measured by.

use crate::lenet_1998::{LeNet1998Config, OutputUnits, codes};

/// A parameter times the sum of some units' values: more than one for the coefficient of a sub-sampling unit.
struct Term {
    parameter: usize,
    sources: Vec<usize>,
}

/// What a unit sums before its squash.
type Unit = Vec<Term>;

/// The value of the unit that biases come from.
const ONE: usize = 0;

/// The network as a list of units: 1, the pixels, then layer by layer.
pub(crate) struct Reference {
    config: LeNet1998Config,
    j: Option<f64>,
    /// Those that have inputs: all but the 1 and the pixels.
    units: Vec<Unit>,
    /// How many parameters there are.
    pub parameters: usize,
}

/// What an image gave.
pub(crate) struct Derivatives {
    /// The answer.
    pub digit: usize,
    pub loss: f64,
    pub gradient: Vec<f64>,
    pub curvature: Vec<f64>,
}

impl Reference {
    pub fn new(config: LeNet1998Config, j: Option<f64>) -> Reference {
        let mut net = Reference { config, j, units: vec![], parameters: 0 };
        let c3 = config.c3.inputs();
        let pixels = maps(1, 1, 32);
        let c1 = net.convolve(&pixels, &[&[0][..]; 6], 32);
        let s2 = net.sub_sample(&c1, 28);
        let c3 = net.convolve(&s2, &c3, 14);
        let s4 = net.sub_sample(&c3, 10);
        let all: Vec<_> = (0..16).collect();
        let c5 = net.convolve(&s4, &[&all[..]; 120], 5).concat();
        let f6 = net.connect(&c5, 84);
        if config.output == OutputUnits::Linear {
            net.connect(&f6, 10);
        }
        net
    }

    /// Links from a unit, or from the 1, to a unit.
    pub fn connections(&self) -> usize {
        let terms = self.units.iter().flatten();
        let trained: usize = terms.map(|term| term.sources.len()).sum();
        match self.config.output {
            OutputUnits::Rbf => trained + 84 * 10,
            OutputUnits::Linear => trained,
        }
    }

    /// A parameter that no unit has yet.
    fn parameter(&mut self) -> usize {
        self.parameters += 1;
        self.parameters - 1
    }

    fn unit(&mut self, terms: Unit) -> usize {
        self.units.push(terms);
        FIRST + self.units.len() - 1
    }

    /// Maps of a convolution 5x5 over those maps of `side` x `side` that `inputs` names for each.
    fn convolve(
        &mut self,
        before: &[Vec<usize>],
        inputs: &[&[usize]],
        side: usize,
    ) -> Vec<Vec<usize>> {
        let kernels: Vec<Vec<Vec<usize>>> = inputs
            .iter()
            .map(|maps| maps.iter().map(|_| (0..25).map(|_| self.parameter()).collect()).collect())
            .collect();
        let biases: Vec<_> = inputs.iter().map(|_| self.parameter()).collect();
        let mut after = vec![];
        for (map, inputs) in inputs.iter().enumerate() {
            let mut units = vec![];
            for (y, x) in places(side - 4) {
                let mut terms = vec![Term { parameter: biases[map], sources: vec![ONE] }];
                for (kernel, &input) in kernels[map].iter().zip(*inputs) {
                    for ((dy, dx), &parameter) in places(5).zip(kernel) {
                        let source = before[input][(y + dy) * side + x + dx];
                        terms.push(Term { parameter, sources: vec![source] });
                    }
                }
                units.push(self.unit(terms));
            }
            after.push(units);
        }
        after
    }

    fn sub_sample(&mut self, before: &[Vec<usize>], side: usize) -> Vec<Vec<usize>> {
        let coefficients: Vec<_> = before.iter().map(|_| self.parameter()).collect();
        let biases: Vec<_> = before.iter().map(|_| self.parameter()).collect();
        let mut after = vec![];
        for (map, before) in before.iter().enumerate() {
            let mut units = vec![];
            for (y, x) in places(side / 2) {
                let window = places(2).map(|(dy, dx)| before[(2 * y + dy) * side + 2 * x + dx]);
                units.push(self.unit(vec![
                    Term { parameter: coefficients[map], sources: window.collect() },
                    Term { parameter: biases[map], sources: vec![ONE] },
                ]));
            }
            after.push(units);
        }
        after
    }

    /// Units that see all of those before.
    fn connect(&mut self, before: &[usize], count: usize) -> Vec<usize> {
        let weights: Vec<_> = (0..count * before.len()).map(|_| self.parameter()).collect();
        let biases: Vec<_> = (0..count).map(|_| self.parameter()).collect();
        let rows = weights.chunks(before.len()).zip(biases);
        rows.map(|(weights, bias)| {
            let terms = before.iter().zip(weights);
            let terms = terms.map(|(&from, &parameter)| Term { parameter, sources: vec![from] });
            let bias = Term { parameter: bias, sources: vec![ONE] };
            self.unit(terms.chain([bias]).collect())
        })
        .collect()
    }

    /// The criterion, its gradient, and the Gauss-Newton second derivatives, for an image of 0 to 255.
    pub fn look(&self, parameters: &[f32], image: &[u8], label: usize) -> Derivatives {
        let LeNet1998Config { background, ink, amplitude, slope, output, .. } = self.config;
        let parameters: Vec<_> = parameters.iter().map(|&value| f64::from(value)).collect();
        let pixel = |&pixel: &u8| background + (ink - background) * f64::from(pixel) / 255.0;
        let mut values: Vec<f64> = [1.0].into_iter().chain(image.iter().map(pixel)).collect();
        let logits_from = match output {
            OutputUnits::Rbf => usize::MAX,
            OutputUnits::Linear => self.units.len() - 10,
        };
        for (i, unit) in self.units.iter().enumerate() {
            let sum = |term: &Term| term.sources.iter().map(|&from| values[from]).sum::<f64>();
            let total: f64 = unit.iter().map(|term| parameters[term.parameter] * sum(term)).sum();
            let value = if i < logits_from { amplitude * (slope * total).tanh() } else { total };
            values.push(value);
        }

        let end = values.len();
        let f6 = end - 84..end;
        let codes = codes().map(|code| code.map(f64::from));
        let logits: Vec<f64> = match output {
            OutputUnits::Linear => values[end - 10..].into(),
            OutputUnits::Rbf => codes
                .iter()
                .map(|code| {
                    let pairs = values[f6.clone()].iter().zip(code);
                    -0.5 * pairs.map(|(value, code)| (value - code).powi(2)).sum::<f64>()
                })
                .collect(),
        };
        let exps = logits.iter().map(|logit| logit.exp());
        let total = exps.clone().sum::<f64>() + self.j.map_or(0.0, |j| (-j).exp());
        let shares: Vec<_> = exps.map(|exp| exp / total).collect();
        let loss = total.ln() - logits[label];
        let digit = (0..10).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });

        // By the values, first and second.
        let (mut first, mut second) = (vec![0.0; end], vec![0.0; end]);
        for (digit, share) in shares.iter().enumerate() {
            let delta = share - f64::from(u8::from(digit == label));
            match output {
                OutputUnits::Linear => {
                    first[end - 10 + digit] = delta;
                    second[end - 10 + digit] = share * (1.0 - share);
                }
                OutputUnits::Rbf => {
                    for (i, code) in f6.clone().zip(codes[digit]) {
                        first[i] -= delta * (values[i] - code);
                        second[i] = 1.0; // of the label's penalty alone
                    }
                }
            }
        }
        let mut gradient = vec![0.0; self.parameters];
        let mut curvature = vec![0.0; self.parameters];
        for (i, unit) in self.units.iter().enumerate().rev() {
            let at = FIRST + i;
            let derivative = if i < logits_from {
                slope * (amplitude - values[at].powi(2) / amplitude)
            } else {
                1.0
            };
            let (by_sum, twice) = (first[at] * derivative, second[at] * derivative.powi(2));
            for Term { parameter, sources } in unit {
                let value: f64 = sources.iter().map(|&from| values[from]).sum();
                gradient[*parameter] += by_sum * value;
                curvature[*parameter] += twice * value.powi(2);
                for &from in sources {
                    first[from] += by_sum * parameters[*parameter];
                    second[from] += twice * parameters[*parameter].powi(2);
                }
            }
        }
        Derivatives { digit, loss, gradient, curvature }
    }
}

/// The first unit with inputs.
const FIRST: usize = 1 + 32 * 32;

/// `count` maps of `side` x `side` units, numbered from `first` on.
fn maps(first: usize, count: usize, side: usize) -> Vec<Vec<usize>> {
    let size = side * side;
    (0..count).map(|map| (first + map * size..first + (map + 1) * size).collect()).collect()
}

/// Row and column of each place, row by row.
fn places(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side * side).map(move |place| (place / side, place % side))
}

#[cfg(test)]
mod tests {
    use super::Reference;
    use crate::lenet_1998::{C3, LeNet1998Config, OutputUnits};

    #[test]
    fn the_reference_has_the_paper_s_counts() {
        let counts = |config| {
            let reference = Reference::new(config, None);
            (reference.parameters, reference.connections())
        };
        let paper = LeNet1998Config::default();
        assert_eq!(counts(paper), (60_000, 340_908));
        let full = LeNet1998Config { c3: C3::Full, ..paper };
        for config in [full, LeNet1998Config { output: OutputUnits::Linear, ..full }] {
            let summary = config.summary();
            assert_eq!(counts(config), (summary.parameters(), summary.connections()));
        }
    }
}
