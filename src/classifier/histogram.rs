use super::luminance::Plane;

/// How often each amount of ink occurs.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [u32; STEPS],
    total: u32,
}

const STEPS: usize = 256;

impl Histogram {
    /// Of the pixels with more ink than `faintest`; `None` where there are none.
    pub fn of(ink: &Plane, faintest: f32) -> Option<Histogram> {
        let mut histogram = Histogram { counts: [0; STEPS], total: 0 };
        for value in ink.pixels().map(|pixel| pixel.0[0]).filter(|&value| value > faintest) {
            let step = (value * (STEPS - 1) as f32).round() as usize;
            histogram.counts[step.min(STEPS - 1)] += 1;
            histogram.total += 1;
        }
        (histogram.total > 0).then_some(histogram)
    }

    /// The amount that this share of the pixels do not exceed.
    pub fn quantile(&self, share: f32) -> f32 {
        let mut below = 0;
        let step = self.counts.iter().position(|&count| {
            below += count;
            below as f32 >= share * self.total as f32
        });
        amount(step.unwrap_or(STEPS - 1) as f64)
    }

    /// The amount that parts less from more so that the two differ most (N. Otsu, "A threshold selection method from
    /// gray-level histograms", 1979).
    pub fn otsu(&self) -> f32 {
        let weighted = |(step, &count): (usize, &u32)| step as f64 * f64::from(count);
        let all: f64 = self.counts.iter().enumerate().map(weighted).sum();
        let (mut count, mut sum, mut best) = (0.0, 0.0, (0.0, 0.0));
        for (step, &here) in self.counts.iter().enumerate() {
            count += f64::from(here);
            sum += step as f64 * f64::from(here);
            let rest = f64::from(self.total) - count;
            if count > 0.0 && rest > 0.0 {
                let apart = (all - sum) / rest - sum / count;
                let between = count * rest * apart * apart;
                if between > best.0 {
                    best = (between, step as f64 + 0.5);
                }
            }
        }
        amount(best.1)
    }
}

fn amount(step: f64) -> f32 {
    (step / (STEPS - 1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Plane};

    #[test]
    fn parts_two_amounts() {
        let values = [0.0, 0.2, 0.2, 0.22, 0.9, 0.91, 0.9, 0.0, 0.05].map(f64::from);
        let plane = Plane::from_fn(9, 1, |x, _| [values[x as usize] as f32].into());
        let histogram = Histogram::of(&plane, 0.1).unwrap();
        assert!((0.22..0.9).contains(&histogram.otsu()), "{}", histogram.otsu());
        assert!((histogram.quantile(0.5) - 0.22).abs() < 0.01);
        assert!((histogram.quantile(1.0) - 0.91).abs() < 0.01);
        assert!(Histogram::of(&plane, 0.95).is_none());
    }
}
