use super::{
    batch::Batch,
    images::Images,
    instruction_set::{InstructionSet, with_vector},
    layout::{CLASSES, UNIT, shares},
    pool::Pool,
    record::{Record, packed_length},
    share::Share,
    vector::Vector,
    worker::Worker,
};
use crate::{Error, Result, network::PARAMETERS};
use std::{fmt::Debug, ops::Range};

/// The network's forward and backward passes, over flat parameters.
#[derive(Debug)]
pub struct Network {
    pool: Pool,
    /// With the widest vectors first.
    passes: Vec<Box<dyn Passes>>,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Mean cross-entropy.
    pub loss: f32,
    /// How many were right.
    pub correct: usize,
}

impl Network {
    /// With the best instructions that the CPU has, and so many threads, 1 at least.
    pub fn new(threads: usize) -> Network {
        let mut sets: Vec<_> = InstructionSet::available().collect();
        // The portable vectors are no narrower than AVX2's, and slower.
        sets.truncate(sets.len().saturating_sub(1).max(1));
        Network::of(&sets, threads)
    }

    /// With these instructions and no others.
    pub fn with(instruction_set: InstructionSet, threads: usize) -> Network {
        Network::of(&[instruction_set], threads)
    }

    fn of(sets: &[InstructionSet], threads: usize) -> Network {
        let pool = Pool::with(sets[0], threads);
        let threads = pool.threads();
        let passes = |set: &InstructionSet| -> Box<dyn Passes> {
            with_vector!(set, V => Box::new(Workers::<V>::new(threads)))
        };
        Network { passes: sets.iter().map(passes).collect(), pool }
    }

    /// The widest vectors of which so many images fill one for each thread, or else the narrowest.
    fn passes(&mut self, images: usize) -> (&mut Pool, &mut dyn Passes) {
        let threads = self.pool.threads();
        let narrowest = self.passes.len() - 1;
        let chosen = self
            .passes
            .iter()
            .position(|passes| images >= passes.lanes() * threads)
            .unwrap_or(narrowest);
        (&mut self.pool, &mut *self.passes[chosen])
    }

    /// The mean loss of a batch, and its gradient in each of the parameters, both `[61,750]` in the order of the
    /// `state_dict`: the same bits with any number of threads and any instructions.
    pub fn gradients(
        &mut self,
        parameters: &[f32; PARAMETERS],
        batch: &Batch,
        gradients: &mut [f32; PARAMETERS],
    ) -> Outcome {
        let (pool, passes) = self.passes(batch.size());
        passes.train(pool, parameters, batch);
        passes.gradients(pool, gradients)
    }

    /// [`gradients`](Network::gradients) of a whole batch, of which this is a [`part`](super::part), and other ranks have the
    /// others. `gather` is given what comes of this part, as [`packed_length`] bytes, and returns those of all parts, one
    /// after another. The results are, bit for bit, those of one process.
    ///
    /// # Errors
    ///
    /// What `gather` returns; [`Error::Invalid`] where it returns too few bytes or too many.
    pub fn gathered_gradients(
        &mut self,
        parameters: &[f32; PARAMETERS],
        part: &Batch,
        gradients: &mut [f32; PARAMETERS],
        gather: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
    ) -> Result<Outcome> {
        let (pool, passes) = self.passes(part.size());
        passes.train(pool, parameters, part);
        let all = gather(&passes.packed())?;
        if all.len() != packed_length(part.whole()) {
            let expected = format!("{} bytes from all ranks", packed_length(part.whole()));
            return Err(Error::invalid("gathered", expected, all.len().to_string()));
        }
        passes.unpack(&all, part.whole());
        Ok(passes.gradients(pool, gradients))
    }

    /// The logits of each image.
    pub fn logits(
        &mut self,
        parameters: &[f32; PARAMETERS],
        images: Images,
    ) -> Vec<[f32; CLASSES]> {
        let mut logits = vec![[0.0; CLASSES]; images.count()];
        let (pool, passes) = self.passes(images.count());
        passes.logits(pool, parameters, images, logits.as_flattened_mut());
        logits
    }

    /// Its threads.
    pub fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }
}

/// The passes with some instruction set.
trait Passes: Debug + Send {
    /// How many images a group has.
    fn lanes(&self) -> usize;

    /// Takes a batch through the network and back, and records what the gradients are made of.
    fn train(&mut self, pool: &mut Pool, parameters: &[f32], batch: &Batch);

    /// What was recorded, as [`packed_length`] bytes.
    fn packed(&self) -> Vec<u8>;

    /// Replaces what was recorded by what all ranks packed, of so many images.
    fn unpack(&mut self, bytes: &[u8], images: usize);

    /// The gradients of what was recorded.
    fn gradients(&mut self, pool: &mut Pool, gradients: &mut [f32]) -> Outcome;

    fn logits(&mut self, pool: &mut Pool, parameters: &[f32], images: Images, logits: &mut [f32]);
}

/// One for each thread, and what they record of a batch.
#[derive(Debug)]
struct Workers<V> {
    workers: Vec<Worker<V>>,
    record: Record<V>,
}

impl<V: Vector> Workers<V> {
    fn new(threads: usize) -> Workers<V> {
        let workers = (0..threads).map(|_| Worker::new()).collect();
        Workers { workers, record: Record::new() }
    }
}

/// The workers that so many images have work for, and which of their groups each takes: as many as the others, or one more.
fn groups<V: Vector>(
    workers: &mut [Worker<V>],
    images: usize,
) -> impl Iterator<Item = (&mut Worker<V>, Range<usize>)> {
    let groups = images.div_ceil(V::LANES);
    let threads = workers.len().min(groups);
    let border = move |thread| groups * thread / threads.max(1);
    let workers = workers[..threads].iter_mut().enumerate();
    workers.map(move |(thread, worker)| (worker, border(thread)..border(thread + 1)))
}

impl<V: Vector> Passes for Workers<V> {
    fn lanes(&self) -> usize {
        V::LANES
    }

    fn train(&mut self, pool: &mut Pool, parameters: &[f32], batch: &Batch) {
        let mut rest = self.record.begin(batch.size());
        let mut parts = vec![];
        for (worker, groups) in groups(&mut self.workers, batch.size()) {
            let images = (groups.end * V::LANES).min(batch.size()) - groups.start * V::LANES;
            parts.push((worker, groups, rest.take(images)));
        }
        pool.each(&mut parts, |(worker, groups, part)| {
            worker.train(parameters, batch, groups.clone(), part);
        });
    }

    fn packed(&self) -> Vec<u8> {
        self.record.pack()
    }

    fn unpack(&mut self, bytes: &[u8], images: usize) {
        self.record.unpack(bytes, images);
    }

    fn gradients(&mut self, pool: &mut Pool, mut gradients: &mut [f32]) -> Outcome {
        let record = &self.record;
        let mut parts = vec![];
        let units = record.losses().len().div_ceil(UNIT);
        for range in shares(pool.worth(units)) {
            let (share, rest) = gradients.split_at_mut(range.len());
            parts.push(Share { range, gradients: share });
            gradients = rest;
        }
        pool.each(&mut parts, |share| share.fill(record));

        let losses = record.losses();
        let loss: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        Outcome { loss: (loss / losses.len() as f64) as f32, correct: record.correct() }
    }

    fn logits(
        &mut self,
        pool: &mut Pool,
        parameters: &[f32],
        images: Images,
        mut logits: &mut [f32],
    ) {
        let mut parts = vec![];
        for (worker, groups) in groups(&mut self.workers, images.count()) {
            let length = (groups.len() * V::LANES * CLASSES).min(logits.len());
            let (own, rest) = logits.split_at_mut(length);
            parts.push((worker, groups, own));
            logits = rest;
        }
        pool.each(&mut parts, |(worker, groups, logits)| {
            worker.logits(parameters, images, groups.clone(), logits);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{PIXELS, part};
    use rand_mt::Mt;

    /// The last unit has three of them. Miri takes minutes an image.
    const IMAGES: usize = if cfg!(miri) { 9 } else { 19 };

    /// Parameters, and images with their labels.
    fn drawn() -> (Vec<f32>, Vec<[f32; PIXELS]>, Vec<u8>) {
        let mut generator = Mt::new(3);
        let mut draw = || generator.next_u32() as f32 / u32::MAX as f32;
        let parameters = (0..PARAMETERS).map(|_| draw() * 0.4 - 0.2).collect();
        let images = (0..IMAGES).map(|_| std::array::from_fn(|_| draw())).collect();
        (parameters, images, (0..IMAGES as u8).map(|label| label % 10).collect())
    }

    /// Of each part what it packs, then the gradients that all of it comes to, beside those of the whole batch.
    #[test]
    fn parts_of_a_batch_give_its_bits() {
        let (parameters, images, labels) = drawn();
        let parameters = parameters.as_array().unwrap();
        let mut expected = Box::new([0.0; PARAMETERS]);
        let batch = Batch::new(&images, &labels).unwrap();
        let outcome = Network::new(1).gradients(parameters, &batch, &mut expected);
        let sets: Vec<_> = InstructionSet::available().collect();
        for parts in 1..5 {
            let gradients = |rank, gather: &mut dyn FnMut(&[u8]) -> Result<Vec<u8>>| {
                let mut network = Network::with(sets[rank % sets.len()], 1 + rank % 2);
                let part = part(IMAGES, rank, parts);
                let batch =
                    Batch::new(&images[part.clone()], &labels[part]).unwrap().part_of(IMAGES);
                let mut gradients = Box::new([0.0; PARAMETERS]);
                let outcome =
                    network.gathered_gradients(parameters, &batch, &mut gradients, gather);
                outcome.map(|outcome| (outcome, gradients))
            };
            let mut all = vec![];
            for rank in 0..parts {
                // Too few bytes are refused, where there are other parts.
                let alone = gradients(rank, &mut |own| {
                    assert_eq!(own.len(), packed_length(part(IMAGES, rank, parts).len()));
                    all.extend_from_slice(own);
                    Ok(own.to_vec())
                });
                assert_eq!(alone.is_ok(), parts == 1);
            }
            for rank in 0..parts {
                let (got, gradients) = gradients(rank, &mut |_| Ok(all.clone())).unwrap();
                assert_eq!(got, outcome, "rank {rank} of {parts}");
                assert!(gradients == expected, "rank {rank} of {parts}");
            }
        }
    }

    /// Needs nothing of libtorch, so that Miri can run it.
    #[test]
    fn instruction_sets_and_threads_give_the_same_bits() {
        let (parameters, images, labels) = drawn();
        let parameters = parameters.as_array().unwrap();
        let batch = Batch::new(&images, &labels).unwrap();

        let gradients = |set, threads| {
            let mut gradients = vec![0.0; PARAMETERS];
            let of = gradients.as_mut_array().unwrap();
            let outcome = Network::with(set, threads).gradients(parameters, &batch, of);
            (outcome, gradients.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let expected = gradients(InstructionSet::Portable, 1);
        for set in InstructionSet::available() {
            for &threads in if cfg!(miri) { &[2][..] } else { &[1, 2, 3, 8, 20] } {
                assert!(gradients(set, threads) == expected, "{set:?}, {threads} threads");
            }
        }
    }
}
