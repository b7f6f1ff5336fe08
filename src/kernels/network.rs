use super::{
    batch::Batch,
    images::Images,
    instruction_set::{InstructionSet, with_vector},
    layout::{CLASSES, shares},
    pool::Pool,
    share::Share,
    vector::Vector,
    worker::Worker,
};
use crate::network::PARAMETERS;
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
        passes.gradients(pool, parameters, batch, gradients)
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

    fn gradients(
        &mut self,
        pool: &mut Pool,
        parameters: &[f32],
        batch: &Batch,
        gradients: &mut [f32],
    ) -> Outcome;

    fn logits(&mut self, pool: &mut Pool, parameters: &[f32], images: Images, logits: &mut [f32]);
}

/// One for each thread.
#[derive(Debug)]
struct Workers<V>(Vec<Worker<V>>);

impl<V: Vector> Workers<V> {
    fn new(threads: usize) -> Workers<V> {
        Workers((0..threads).map(|_| Worker::new()).collect())
    }

    /// The workers that so many images have work for, and which of their groups each takes: as many as the others, or one more.
    fn groups(&mut self, images: usize) -> impl Iterator<Item = (&mut Worker<V>, Range<usize>)> {
        let groups = images.div_ceil(V::LANES);
        let threads = self.0.len().min(groups);
        let border = move |thread| groups * thread / threads.max(1);
        let workers = self.0[..threads].iter_mut().enumerate();
        workers.map(move |(thread, worker)| (worker, border(thread)..border(thread + 1)))
    }
}

impl<V: Vector> Passes for Workers<V> {
    fn lanes(&self) -> usize {
        V::LANES
    }

    fn gradients(
        &mut self,
        pool: &mut Pool,
        parameters: &[f32],
        batch: &Batch,
        mut gradients: &mut [f32],
    ) -> Outcome {
        let mut parts: Vec<_> = self.groups(batch.size()).collect();
        pool.each(&mut parts, |(worker, groups)| {
            worker.train(parameters, batch, groups.clone());
        });

        let busy = parts.len();
        let workers = &self.0[..busy];
        let mut parts = vec![];
        for range in shares(pool.threads()) {
            let (share, rest) = gradients.split_at_mut(range.len());
            parts.push(Share { range, gradients: share });
            gradients = rest;
        }
        pool.each(&mut parts, |share| share.fill(workers));

        let samples = workers.iter().flat_map(Worker::samples);
        let loss: f64 = samples.map(|sample| f64::from(sample.loss)).sum();
        Outcome {
            loss: (loss / batch.size() as f64) as f32,
            correct: workers.iter().map(Worker::correct).sum(),
        }
    }

    fn logits(
        &mut self,
        pool: &mut Pool,
        parameters: &[f32],
        images: Images,
        mut logits: &mut [f32],
    ) {
        let mut parts = vec![];
        for (worker, groups) in self.groups(images.count()) {
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
    use crate::kernels::PIXELS;
    use rand_mt::Mt;

    /// Needs nothing of libtorch, so that Miri can run it. 19 images: the last unit has three.
    #[test]
    fn instruction_sets_and_threads_give_the_same_bits() {
        let mut generator = Mt::new(3);
        let mut draw = || generator.next_u32() as f32 / u32::MAX as f32;
        let parameters: Vec<f32> = (0..PARAMETERS).map(|_| draw() * 0.4 - 0.2).collect();
        let parameters = parameters.as_array().unwrap();
        let images: Vec<[f32; PIXELS]> = (0..19).map(|_| std::array::from_fn(|_| draw())).collect();
        let labels: Vec<u8> = (0..19).map(|label| label % 10).collect();
        let batch = Batch::new(&images, &labels).unwrap();

        let gradients = |set, threads| {
            let mut gradients = vec![0.0; PARAMETERS];
            let of = gradients.as_mut_array().unwrap();
            let outcome = Network::with(set, threads).gradients(parameters, &batch, of);
            (outcome, gradients.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let expected = gradients(InstructionSet::Portable, 1);
        for set in InstructionSet::available() {
            for threads in [1, 2, 3, 8] {
                assert!(gradients(set, threads) == expected, "{set:?}, {threads} threads");
            }
        }
    }
}
