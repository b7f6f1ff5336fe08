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
}

impl Evaluation {
    /// From each sample's loss, label and answer, in the order of the set.
    pub(super) fn new(
        losses: &[f32],
        labels: &[i64],
        answers: &[i64],
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
        Evaluation {
            loss: total(losses) / samples as f64,
            blog_loss: batch_means.sum::<f64>() / samples as f64,
            accuracy: f64::from(correct) / samples as f64,
            samples,
            confusion,
        }
    }
}

/// Sums over an epoch's batches. What a batch gave stays on its device until [`settle`](Tally::settle) reads it, all that
/// waits at once, so that the device need not stop after each batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Loss and right answers, on the device, and the number of images of each batch.
    waiting: Vec<(Tensor, Tensor, usize)>,
    steps: usize,
    samples: usize,
    correct: i64,
    total_loss: f64,
    total_means: f64,
    learning_rate: f64,
}

impl Tally {
    /// Takes a batch's mean loss (`[]`), its right answers (`[]`) and its size, and the learning rate of the step that
    /// followed.
    pub fn add(&mut self, loss: Tensor, correct: Tensor, samples: usize, learning_rate: f64) {
        self.learning_rate = learning_rate;
        self.waiting.push((loss, correct, samples));
    }

    /// How many batches wait to be read.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Reads what waits.
    ///
    /// # Errors
    ///
    /// The first loss that is not finite, with its step, counted from 1.
    pub fn settle(&mut self) -> std::result::Result<(), (usize, f32)> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let losses: Vec<_> = waiting.iter().map(|(loss, ..)| loss).collect();
        let correct: Vec<_> = waiting.iter().map(|(_, correct, _)| correct).collect();
        let losses = Tensor::stack(&losses, 0).to_device(Device::Cpu);
        self.correct += Tensor::stack(&correct, 0).sum(Kind::Int64).int64_value(&[]);
        for (i, (.., samples)) in waiting.iter().enumerate() {
            self.steps += 1;
            let loss = losses.double_value(&[i as i64]);
            if !loss.is_finite() {
                return Err((self.steps, loss as f32));
            }
            self.samples += samples;
            self.total_loss += loss * *samples as f64;
            self.total_means += loss;
        }
        Ok(())
    }

    /// The epoch's figures, of all that has been settled.
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
