use super::{
    activations::Activations,
    batch::Batch,
    groups::Groups,
    images::Images,
    instruction_set::{InstructionSet, with_vector},
    layout::{CLASSES, UNIT, shares, take},
    pool::Pool,
    record::{Record, packed_length},
    share::Share,
    sharing::Sharing,
    vector::Vector,
};
use crate::{Error, Result, network::PARAMETERS};
use std::{fmt::Debug, slice};

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
            with_vector!(set, V => Box::new(Buffers::<V>::new(threads)))
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

/// Memory for a group of images on each thread, and what is recorded of a batch.
#[derive(Debug)]
struct Buffers<V> {
    activations: Vec<Activations<V>>,
    record: Record<V>,
}

impl<V: Vector> Buffers<V> {
    fn new(threads: usize) -> Buffers<V> {
        let activations = (0..threads).map(|_| Activations::new()).collect();
        Buffers { activations, record: Record::new() }
    }
}

/// Does `work` on all groups, each with its own of the `results`. A thread takes as many groups as the others, or one more, one after
/// the other; where there are two threads for each group or more, they share it instead.
fn each_group<V: Vector, R: Send>(
    activations: &mut [Activations<V>],
    pool: &mut Pool,
    parameters: &[f32],
    mut results: &mut [R],
    work: impl Fn(Groups<V>, &mut [R]) + Sync,
) {
    let groups = results.len();
    if let Some(sharing) = Sharing::of(pool, groups) {
        let activations = &mut activations[..groups];
        return work(Groups { activations, first: 0, parameters, sharing }, results);
    }
    let threads = activations.len().min(groups);
    let border = |thread| groups * thread / threads.max(1);
    let mut parts = vec![];
    for (thread, activations) in activations[..threads].iter_mut().enumerate() {
        let own = border(thread)..border(thread + 1);
        parts.push((activations, own.start, take(&mut results, own.len())));
    }
    pool.each(&mut parts, |(activations, first, results)| {
        for (first, result) in (*first..).zip(&mut **results) {
            let activations = slice::from_mut(&mut **activations);
            let groups = Groups { activations, first, parameters, sharing: Sharing::Alone };
            work(groups, slice::from_mut(result));
        }
    });
}

impl<V: Vector> Passes for Buffers<V> {
    fn lanes(&self) -> usize {
        V::LANES
    }

    fn train(&mut self, pool: &mut Pool, parameters: &[f32], batch: &Batch) {
        let mut records = self.record.begin(batch.size()).groups();
        each_group(&mut self.activations, pool, parameters, &mut records, |groups, records| {
            groups.train(batch, records);
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
            let share = take(&mut gradients, range.len());
            parts.push(Share { range, gradients: share });
        }
        pool.each(&mut parts, |share| share.fill(record));

        let losses = record.losses();
        let loss: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        Outcome { loss: (loss / losses.len() as f64) as f32, correct: record.correct() }
    }

    fn logits(&mut self, pool: &mut Pool, parameters: &[f32], images: Images, logits: &mut [f32]) {
        let mut logits: Vec<_> = logits.chunks_mut(V::LANES * CLASSES).collect();
        each_group(&mut self.activations, pool, parameters, &mut logits, |groups, logits| {
            groups.logits(images, logits);
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

    /// No more than a group has.
    const FEW: usize = 3;

    /// Parameters, and images with their labels. The few first have their ink at the right.
    fn drawn() -> (Vec<f32>, Vec<[f32; PIXELS]>, Vec<u8>) {
        let mut generator = Mt::new(3);
        let mut draw = || generator.next_u32() as f32 / u32::MAX as f32;
        let parameters = (0..PARAMETERS).map(|_| draw() * 0.4 - 0.2).collect();
        let mut pixel = |n, at| if n < FEW && at % 32 < 20 { 0.0 } else { draw() };
        let images = (0..IMAGES).map(|n| std::array::from_fn(|at| pixel(n, at))).collect();
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
                // With two threads or more for a group they share it.
                let mut network = Network::with(sets[rank % sets.len()], [1, 2, 20][rank % 3]);
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
        // A single group is shared by 2 threads already, and three are by 8.
        for images in [&images[..FEW], &images] {
            let batch = Batch::new(images, &labels[..images.len()]).unwrap();
            let bits = |numbers: &[f32]| numbers.iter().map(|n| n.to_bits()).collect::<Vec<_>>();
            let results = |set, threads| {
                let mut network = Network::with(set, threads);
                let mut gradients = Box::new([0.0; PARAMETERS]);
                let outcome = network.gradients(parameters, &batch, &mut gradients);
                let logits = network.logits(parameters, batch.images());
                (outcome, bits(&*gradients), bits(logits.as_flattened()))
            };
            let expected = results(InstructionSet::Portable, 1);
            for set in InstructionSet::available() {
                for &threads in if cfg!(miri) { &[2][..] } else { &[1, 2, 3, 5, 8, 20] } {
                    assert!(results(set, threads) == expected, "{set:?}, {threads} threads");
                }
            }
        }
    }
}
