use crate::{
    data::{Classes, Dataset},
    kernels::{Outcome, Sample, cross_entropy},
};
use serde::{Deserialize, Serialize};

/// What one optimizer step saw, before it changed the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BatchStats {
    /// Mean cross-entropy over the batch.
    pub loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// How many images.
    pub samples: usize,
    /// The learning rate of the step.
    pub learning_rate: f64,
}

/// What an epoch of training saw: each batch as it was just before its step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct EpochStats {
    /// Mean cross-entropy over the samples.
    pub loss: f64,
    /// What the post prints as loss: the sum of the batches' mean losses, divided by the number of *samples*. It is the mean
    /// loss divided by the batch size, but for the last batch.
    pub blog_loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// How many images.
    pub samples: usize,
    /// The learning rate of the last step.
    pub learning_rate: f64,
}

/// What a network makes of a set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean cross-entropy over the samples.
    pub loss: f64,
    /// What the post prints as loss: see [`EpochStats::blog_loss`].
    pub blog_loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// How many images.
    pub samples: usize,
    /// How many images of each digit, or class, (first index) were taken for each (second).
    pub confusion: [[u32; 10]; 10],
    /// The images that were taken for another digit, the most wrong first: those with the highest loss.
    pub mistakes: Vec<Mistake>,
    /// What the labels stand for: the digits, or the set's other classes.
    pub classes: Classes,
}

/// An image that was taken for another digit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Mistake {
    /// Its place in the set, from 0.
    pub index: usize,
    /// The digit that it is.
    pub label: u8,
    /// The digit that it was taken for.
    pub answer: u8,
    /// The probability that the network gave to its answer, 0 to 1.
    pub probability: f32,
    /// Its cross-entropy: `exp(-loss)` is the probability that the network gave to the label.
    pub loss: f32,
}

impl Evaluation {
    /// From the logits of each image, in the order of the set.
    pub(crate) fn of_logits(logits: &[[f32; 10]], data: &Dataset, batch_size: usize) -> Evaluation {
        let samples = logits.iter().zip(data.label_bytes());
        let samples = samples.map(|(logits, &label)| cross_entropy(&mut logits.clone(), label));
        Evaluation::new(&samples.collect::<Vec<_>>(), data, batch_size)
    }

    /// From what each image came to, in the order of the set.
    pub(crate) fn new(seen: &[Sample], data: &Dataset, batch_size: usize) -> Evaluation {
        let labels = data.label_bytes();
        let samples = seen.len();
        let total = |seen: &[Sample]| seen.iter().map(|seen| f64::from(seen.loss)).sum::<f64>();
        let batch_means = seen.chunks(batch_size).map(|batch| total(batch) / batch.len() as f64);
        let mut confusion = [[0; 10]; 10];
        for (seen, &label) in seen.iter().zip(labels) {
            confusion[usize::from(label)][usize::from(seen.answer)] += 1;
        }
        let correct: u32 = (0..10).map(|digit| confusion[digit][digit]).sum();
        let mistake = |(index, (&Sample { loss, answer, probability }, &label))| Mistake {
            index,
            label,
            answer,
            probability,
            loss,
        };
        let wrong = seen.iter().zip(labels).enumerate().map(mistake);
        let mut mistakes: Vec<_> = wrong.filter(|wrong| wrong.label != wrong.answer).collect();
        mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss)); // stable: equal ones stay in the order of the set
        Evaluation {
            loss: total(seen) / samples as f64,
            blog_loss: batch_means.sum::<f64>() / samples as f64,
            accuracy: f64::from(correct) / samples as f64,
            samples,
            confusion,
            mistakes,
            classes: data.classes().clone(),
        }
    }

    /// For each digit, the share of the images taken for it that are it: `true positives / (true + false positives)`. 0 for
    /// a digit that no image was taken for, as scikit-learn's `precision_score(.., zero_division=0)` has it.
    ///
    /// ```
    /// use lenet::{Dataset, TrainConfig, Trainer};
    ///
    /// let data = Dataset::from_pixels(vec![0; 3 * 32 * 32], vec![1, 2, 3])?; // blank
    /// let test = Trainer::new(TrainConfig::pytorch())?.evaluate(&data)?;
    /// // Equal images are all taken for the same digit: one of the three is it, or none.
    /// assert!(test.precision().iter().all(|&share| share == 0.0 || share == 1.0 / 3.0));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn precision(&self) -> [f64; 10] {
        self.per_digit(|right, _, taken| share(right, taken))
    }

    /// For each digit, the share of its images that were taken for it: `true positives / (true positives + false
    /// negatives)`. 0 for a digit that the set has no image of, as scikit-learn's `recall_score(.., zero_division=0)` has it.
    pub fn recall(&self) -> [f64; 10] {
        self.per_digit(|right, there, _| share(right, there))
    }

    /// For each digit, the harmonic mean of [`precision`](Evaluation::precision) and [`recall`](Evaluation::recall). 0 for a
    /// digit that the set has no image of and that none was taken for, as scikit-learn's `f1_score(.., zero_division=0)` has
    /// it.
    pub fn f1(&self) -> [f64; 10] {
        self.per_digit(|right, there, taken| share(2 * right, there + taken))
    }

    /// `figure` of each digit's counts: its images that were taken for it, its images, the images that were taken for it.
    fn per_digit(&self, figure: impl Fn(u32, u32, u32) -> f64) -> [f64; 10] {
        std::array::from_fn(|digit| {
            let there = self.confusion[digit].iter().sum();
            let taken = self.confusion.iter().map(|row| row[digit]).sum();
            figure(self.confusion[digit][digit], there, taken)
        })
    }
}

/// 0 where there is nothing to have a share in.
fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// What an epoch's batches came to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    /// Images that were summed.
    pub samples: usize,
    pub steps: usize,
    pub correct: i64,
    total_loss: f64,
    total_means: f64,
    learning_rate: f64,
}

impl Sums {
    /// Takes a batch's outcome and size, and the learning rate of the step that followed.
    pub fn add(&mut self, outcome: Outcome, samples: usize, learning_rate: f64) {
        let loss = f64::from(outcome.loss);
        self.steps += 1;
        self.samples += samples;
        self.correct += outcome.correct as i64;
        self.total_loss += loss * samples as f64;
        self.total_means += loss;
        self.learning_rate = learning_rate;
    }

    /// The epoch's figures.
    pub fn stats(&self) -> EpochStats {
        let samples = self.samples as f64;
        EpochStats {
            loss: self.total_loss / samples,
            blog_loss: self.total_means / samples,
            accuracy: self.correct as f64 / samples,
            samples: self.samples,
            learning_rate: self.learning_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dataset, Evaluation, Sample};

    /// Five images of 0, 0, 1, 2, 2, of which the second is taken for 1 and the last for 0.
    fn evaluation() -> Evaluation {
        let seen = [(0.1, 0, 0.9), (2.0, 1, 0.8), (0.2, 1, 0.7), (0.3, 2, 0.6), (5.0, 0, 0.99)]
            .map(|(loss, answer, probability)| Sample { loss, answer, probability });
        let data = Dataset::from_pixels(vec![0; 5 * 32 * 32], vec![0, 0, 1, 2, 2]).unwrap();
        Evaluation::new(&seen, &data, 2)
    }

    /// `sklearn.metrics.precision_recall_fscore_support(labels, answers, labels=range(10), zero_division=0)`, 1.9.1.
    #[test]
    fn figures_per_digit_are_scikit_learn_s() {
        let test = evaluation();
        let expect =
            |first: [f64; 3]| std::array::from_fn(|digit| *first.get(digit).unwrap_or(&0.0));
        assert_eq!(test.precision(), expect([0.5, 0.5, 1.0]));
        assert_eq!(test.recall(), expect([0.5, 1.0, 0.5]));
        assert_eq!(test.f1(), expect([0.5, 2.0 / 3.0, 2.0 / 3.0]));
    }

    #[test]
    fn the_most_wrong_come_first() {
        let mistakes = evaluation().mistakes;
        let first: Vec<_> =
            mistakes.iter().map(|m| (m.index, m.label, m.answer, m.probability, m.loss)).collect();
        assert_eq!(first, [(4, 2, 0, 0.99, 5.0), (1, 0, 1, 0.8, 2.0)]);
    }
}
