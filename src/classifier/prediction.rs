/// What a [`Classifier`](crate::Classifier) reads in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// The digit of the highest probability, 0 to 9.
    pub digit: u8,
    /// The network's softmax, by digit, given that the image shows one. They add up to 1. With the weights that come with this crate
    /// those of a single digit are calibrated: of the answers with 0.9, nine in ten are right. Other weights may be surer than they are right.
    pub probabilities: [f32; 10],
    /// How likely the image does not show one digit but a letter, a shape, a scribble, a texture, or two digits: 0 to 1. `None` where the
    /// weights do not tell.
    pub no_digit: Option<f32>,
}

impl Prediction {
    /// The softmax of ten logits, such as the last of a classifier's [stages](crate::Classifier::stages) has.
    pub fn from_logits(logits: [f32; 10]) -> Prediction {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers = logits.map(|logit| libm::expf(logit - largest));
        let sum: f32 = powers.iter().sum();
        let probabilities = powers.map(|power| power / sum);
        let digit = (0..10u8)
            .max_by(|&a, &b| {
                probabilities[usize::from(a)].total_cmp(&probabilities[usize::from(b)])
            })
            .unwrap_or_default();
        Prediction { digit, probabilities, no_digit: None }
    }

    /// Whether the image shows a digit, as far as the weights tell: [`no_digit`](Prediction::no_digit) is below 0.5, or not known.
    pub fn is_digit(&self) -> bool {
        self.no_digit.is_none_or(|probability| probability < 0.5)
    }

    /// The digits, the most probable first, each with its probability.
    ///
    /// ```
    /// use lenet::{Classifier, image::{DynamicImage, GrayImage, Luma}};
    ///
    /// let stroke = |x, y| Luma([if (20..23).contains(&x) && (8..40).contains(&y) { 0 } else { 255 }]);
    /// let image = DynamicImage::from(GrayImage::from_fn(48, 48, stroke));
    /// let prediction = Classifier::pretrained()?.classify(&image)?;
    /// let (digit, probability) = prediction.ranked()[0];
    /// assert_eq!(digit, prediction.digit);
    /// assert_eq!(probability, prediction.probabilities[usize::from(digit)]);
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn ranked(&self) -> [(u8, f32); 10] {
        let mut ranked = [0u8, 1, 2, 3, 4, 5, 6, 7, 8, 9]
            .map(|digit| (digit, self.probabilities[usize::from(digit)]));
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::Prediction;

    #[test]
    fn is_the_softmax_of_the_logits() {
        let mut logits = [0.0; 10];
        logits[7] = 2.0f32.ln();
        let prediction = Prediction::from_logits(logits);
        assert_eq!(prediction.digit, 7);
        assert!((prediction.probabilities[7] - 2.0 / 11.0).abs() < 1e-6);
        assert!((prediction.probabilities[0] - 1.0 / 11.0).abs() < 1e-6);
        assert_eq!(prediction.ranked()[0], (7, prediction.probabilities[7]));
        assert!(prediction.is_digit());
        for (no_digit, is_digit) in [(0.49, true), (0.5, false), (1.0, false)] {
            let told = Prediction { no_digit: Some(no_digit), ..prediction };
            assert_eq!(told.is_digit(), is_digit, "{no_digit}");
        }
        // Large ones do not overflow.
        logits[3] = 1e30;
        assert_eq!(Prediction::from_logits(logits).probabilities[3], 1.0);
    }
}
