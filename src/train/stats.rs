use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

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
    /// How many images of each digit (first index) were taken for each digit (second).
    pub confusion: [[u32; 10]; 10],
    /// The images that were taken for another digit, the most wrong first: those with the highest loss.
    pub mistakes: Vec<Mistake>,
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
    /// From each sample's loss, label, answer and the answer's probability, in the order of the set.
    pub(crate) fn new(
        losses: &[f32],
        labels: &[i64],
        answers: &[i64],
        probabilities: &[f32],
        batch_size: usize,
    ) -> Evaluation {
        let samples = losses.len();
        let total = |losses: &[f32]| losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
        let batch_means = losses.chunks(batch_size).map(|batch| total(batch) / batch.len() as f64);
        let mut confusion = [[0; 10]; 10];
        for (&label, &answer) in labels.iter().zip(answers) {
            confusion[label as usize][answer as usize] += 1;
        }
        let correct: u32 = (0..10).map(|digit| confusion[digit][digit]).sum();
        let mut mistakes: Vec<_> = (0..samples)
            .filter(|&index| labels[index] != answers[index])
            .map(|index| Mistake {
                index,
                label: labels[index] as u8,
                answer: answers[index] as u8,
                probability: probabilities[index],
                loss: losses[index],
            })
            .collect();
        mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss)); // stable: equal ones stay in the order of the set
        Evaluation {
            loss: total(losses) / samples as f64,
            blog_loss: batch_means.sum::<f64>() / samples as f64,
            accuracy: f64::from(correct) / samples as f64,
            samples,
            confusion,
            mistakes,
        }
    }

    /// For each digit, the share of the images taken for it that are it: `true positives / (true + false positives)`. 0 for
    /// a digit that no image was taken for, as scikit-learn's `precision_score(.., zero_division=0)` has it.
    ///
    /// ```
    /// use lenet::{Dataset, TrainConfig, Trainer, tch::{Device, Kind, Tensor}};
    ///
    /// let blank = Tensor::zeros([3, 32, 32], (Kind::Uint8, Device::Cpu));
    /// let data = Dataset::new(blank, Tensor::from_slice(&[1i64, 2, 3]))?;
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
    correct: i64,
    total_loss: f64,
    total_means: f64,
    learning_rate: f64,
}

/// Sums over an epoch's batches. What a batch gave stays on its device until [`settle`](Tally::settle) reads it, all that
/// waits at once, so that the device need not stop after each batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Loss and right answers, on the device, the number of images and the learning rate of each batch.
    waiting: Vec<(Tensor, Tensor, usize, f64)>,
    pub sums: Sums,
}

impl Sums {
    /// Whether batches come to this.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Sums { samples, steps, correct, .. } = *self;
        if steps > samples || !(0..=samples as i64).contains(&correct) {
            return Err(format!("{correct} right answers of {samples} in {steps} steps"));
        }
        Ok(())
    }
}

impl From<Sums> for Tally {
    fn from(sums: Sums) -> Tally {
        Tally { waiting: vec![], sums }
    }
}

impl Tally {
    /// Takes a batch's mean loss (`[]`), its right answers (`[]`) and its size, and the learning rate of the step that
    /// followed.
    pub fn add(&mut self, loss: Tensor, correct: Tensor, samples: usize, learning_rate: f64) {
        self.waiting.push((loss, correct, samples, learning_rate));
    }

    /// How many images were taken, those of the batches that wait as well.
    pub fn samples(&self) -> usize {
        self.sums.samples + self.waiting.iter().map(|(_, _, samples, _)| samples).sum::<usize>()
    }

    /// Reads what waits.
    ///
    /// # Errors
    ///
    /// As [`read`](Tally::read).
    pub fn settle(&mut self) -> std::result::Result<(), (usize, f32)> {
        self.sums = self.read()?;
        self.waiting.clear();
        Ok(())
    }

    /// The sums over all batches, those that wait as well.
    ///
    /// # Errors
    ///
    /// The first loss that is not finite, with its step, counted from 1.
    pub fn read(&self) -> std::result::Result<Sums, (usize, f32)> {
        let mut sums = self.sums;
        if self.waiting.is_empty() {
            return Ok(sums);
        }
        let losses: Vec<_> = self.waiting.iter().map(|(loss, ..)| loss).collect();
        let correct: Vec<_> = self.waiting.iter().map(|(_, correct, ..)| correct).collect();
        let losses = Tensor::stack(&losses, 0).to_device(Device::Cpu);
        sums.correct += Tensor::stack(&correct, 0).sum(Kind::Int64).int64_value(&[]);
        for (i, &(.., samples, learning_rate)) in self.waiting.iter().enumerate() {
            sums.steps += 1;
            let loss = losses.double_value(&[i as i64]);
            if !loss.is_finite() {
                return Err((sums.steps, loss as f32));
            }
            sums.samples += samples;
            sums.total_loss += loss * samples as f64;
            sums.total_means += loss;
            sums.learning_rate = learning_rate;
        }
        Ok(sums)
    }

    /// The epoch's figures, of all that has been settled.
    pub fn stats(&self) -> EpochStats {
        let sums = &self.sums;
        let samples = sums.samples as f64;
        EpochStats {
            loss: sums.total_loss / samples,
            blog_loss: sums.total_means / samples,
            accuracy: sums.correct as f64 / samples,
            samples: sums.samples,
            learning_rate: sums.learning_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Evaluation;

    /// Five images of 0, 0, 1, 2, 2, of which the second is taken for 1 and the last for 0.
    fn evaluation() -> Evaluation {
        let losses = [0.1, 2.0, 0.2, 0.3, 5.0];
        let probabilities = [0.9, 0.8, 0.7, 0.6, 0.99];
        Evaluation::new(&losses, &[0, 0, 1, 2, 2], &[0, 1, 1, 2, 0], &probabilities, 2)
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
