use super::layout::CLASSES;

/// What one image's logits come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sample {
    /// Its cross-entropy: `log Σ exp(logits) - logits[label]`.
    pub loss: f32,
    /// The digit of the greatest logit.
    pub answer: u8,
    /// The answer's probability: its share in the softmax.
    pub probability: f32,
}

/// Cross-entropy of one image's `logits`, and its gradient in them, `softmax(logits) - one_hot(label)`, which takes their
/// place.
pub(crate) fn cross_entropy(logits: &mut [f32; CLASSES], label: u8) -> Sample {
    let (mut answer, label) = (0, usize::from(label));
    for class in 1..CLASSES {
        if logits[class] > logits[answer] {
            answer = class;
        }
    }
    let (greatest, own) = (logits[answer], logits[label]);
    // libm's, since the system's are not the same everywhere.
    let powers = logits.map(|logit| libm::expf(logit - greatest));
    let sum: f32 = powers.iter().sum();
    *logits = powers.map(|power| power / sum);
    let probability = logits[answer];
    logits[label] -= 1.0;
    Sample { loss: libm::logf(sum) - (own - greatest), answer: answer as u8, probability }
}
