use super::layout::CLASSES;

/// What one image's logits come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sample {
    /// Its cross-entropy: `log Σ exp(logits) - logits[label]`.
    pub loss: f32,
    /// Whether the greatest logit is its label's.
    pub correct: bool,
}

/// Cross-entropy of one image's `logits`, and its gradient in them, `softmax(logits) - one_hot(label)`, which takes their
/// place.
pub(super) fn cross_entropy(logits: &mut [f32; CLASSES], label: usize) -> Sample {
    let mut answer = 0;
    for class in 1..CLASSES {
        if logits[class] > logits[answer] {
            answer = class;
        }
    }
    let (greatest, own) = (logits[answer], logits[label]);
    let powers = logits.map(|logit| (logit - greatest).exp());
    let sum: f32 = powers.iter().sum();
    *logits = powers.map(|power| power / sum);
    logits[label] -= 1.0;
    Sample { loss: sum.ln() - (own - greatest), correct: answer == label }
}
