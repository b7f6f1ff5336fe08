use super::Communicator;
use crate::{Error, Result};
use mpi::{
    datatype::PartitionMut,
    environment::{Threading, Universe, initialize_with_threading},
    topology::SimpleCommunicator,
    traits::{Communicator as _, CommunicatorCollectives as _},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The processes that `mpirun` or `srun` started, by MPI (feature `mpi`): all of `MPI_COMM_WORLD`.
///
/// ```no_run
/// use lenet::{Mnist, TrainConfig, Trainer, train::{Communicator, Mpi}};
///
/// let mpi = Mpi::start()?;
/// let mnist = Mnist::find()?;
/// let mut trainer = Trainer::new(TrainConfig::pytorch())?.with_communicator(mpi)?;
/// trainer.train_epoch(&mnist.train)?;
/// if mpi.rank() == 0 {
///     trainer.save("lenet.safetensors")?;
/// }
/// mpi.finish();
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// A process that ends without [`finish`](Mpi::finish), after an error say, makes `mpirun` end the others and name it. Where
/// a message can't be sent or received, MPI ends all processes, and says why.
#[derive(Debug, Clone, Copy)]
pub struct Mpi {
    rank: usize,
    size: usize,
}

/// MPI at work. It is kept here since nothing is dropped here: MPI's end waits for all ranks, which an error of one of them
/// must not do. One thread at a time calls MPI, the one that holds the lock.
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);

fn universe() -> MutexGuard<'static, Option<Universe>> {
    UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mpi {
    /// Joins the other processes. A process that neither `mpirun` nor `srun` started is alone.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where MPI was started in this process before, or can't be used by a program with threads.
    pub fn start() -> Result<Mpi> {
        let mut universe = universe();
        let Some((new, threading)) = initialize_with_threading(Threading::Serialized) else {
            return Err(Error::invalid("mpi", "to be started once a process", "a second start"));
        };
        let world = new.world();
        let mpi = Mpi { rank: world.rank() as usize, size: world.size() as usize };
        *universe = Some(new);
        if threading < Threading::Serialized {
            let expected = "an MPI that serves programs with threads (MPI_THREAD_SERIALIZED)";
            return Err(Error::invalid("mpi", expected, format!("{threading:?}")));
        }
        Ok(mpi)
    }

    /// Leaves the other processes, when all ranks call it: after their last work together.
    pub fn finish(self) {
        universe().take();
    }

    /// Ends all processes now; this one exits with `code`.
    pub fn abort(self, code: i32) -> ! {
        SimpleCommunicator::world().abort(code)
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, own: &[u8], lengths: &[usize]) -> Result<Vec<u8>> {
        if lengths.len() != self.size || lengths[self.rank] != own.len() {
            let expected = format!("{} of them, {} bytes here", self.size, own.len());
            return Err(Error::invalid("lengths", expected, format!("{lengths:?}")));
        }
        let total: usize = lengths.iter().sum();
        // MPI counts in an `int`.
        if i32::try_from(total).is_err() {
            let expected = "2 GB a message at most: a smaller batch or data set";
            return Err(Error::invalid("lengths", expected, format!("{total} bytes")));
        }
        let counts: Vec<i32> = lengths.iter().map(|&length| length as i32).collect();
        let starts = counts.iter().scan(0, |end, count| {
            let start = *end;
            *end += count;
            Some(start)
        });
        let starts: Vec<i32> = starts.collect();
        let universe = universe();
        let Some(universe) = universe.as_ref() else {
            return Err(Error::invalid("mpi", "not to be finished yet", "finished"));
        };
        let mut all = vec![0; total];
        let mut parts = PartitionMut::new(&mut all[..], counts, starts);
        universe.world().all_gather_varcount_into(own, &mut parts);
        Ok(all)
    }
}
