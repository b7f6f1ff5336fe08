use super::{barrier::Barrier, instruction_set::InstructionSet};
use std::{
    cell::UnsafeCell,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// Threads that stay and wait for work. Starting them anew for each batch would take longer than the batch.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    instructions: InstructionSet,
}

struct Shared {
    threads: usize,
    barrier: Barrier,
    /// What to do next. Written by the pool's owner alone, while the workers wait.
    job: UnsafeCell<Option<Job>>,
    /// Whether a worker's part has panicked.
    panicked: AtomicBool,
}

/// Does the part of the thread with that number.
type Job = *const (dyn Fn(usize) + Sync);

// SAFETY: the job is only written between two barriers at which all workers wait, and only read between the next two; and
// what it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

/// More than any machine has cores. Each takes memory of the system, of which tens of thousands find none.
const MOST_THREADS: usize = 1_024;

impl Pool {
    /// A pool in which `threads` threads work, 1 to 1,024, with the best instructions that the CPU has: the caller's own is one
    /// of them. Where the system gives fewer, there are fewer.
    pub fn new(threads: usize) -> Pool {
        Pool::with(InstructionSet::best(), threads)
    }

    /// A pool that works with these instructions.
    pub(super) fn with(instructions: InstructionSet, threads: usize) -> Pool {
        let threads = threads.clamp(1, MOST_THREADS);
        let mut shared = Arc::new(Shared::new(threads));
        let start = |shared: &Arc<Shared>, thread| {
            let shared = Arc::clone(shared);
            let builder = thread::Builder::new().name(format!("lenet-{thread}"));
            builder.spawn(move || shared.work(thread))
        };
        let workers: Vec<_> =
            (1..threads).map_while(|thread| start(&shared, thread).ok()).collect();
        if workers.len() + 1 < threads {
            // Those that were started wait for one that never comes. They are left to sleep.
            shared = Arc::new(Shared::new(1));
            return Pool { shared, workers: vec![], instructions };
        }
        Pool { shared, workers, instructions }
    }

    /// How many threads work.
    pub fn threads(&self) -> usize {
        self.shared.threads
    }

    /// What they work with.
    pub(super) fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// How long a part for each thread is, of `length` numbers: a multiple of what any vector has, but for the last.
    pub(super) fn share_of(&self, length: usize) -> usize {
        length.div_ceil(self.threads()).next_multiple_of(16).max(16)
    }

    /// Does `work` on each of the `parts`, one a thread, at the same time.
    ///
    /// # Panics
    ///
    /// Where `work` does, or there are more parts than threads.
    pub(super) fn each<T: Send>(&mut self, parts: &mut [T], work: impl Fn(&mut T) + Sync) {
        assert!(parts.len() <= self.threads());
        if let [part] = parts {
            return work(part);
        }
        let parts: Vec<_> = parts.iter_mut().map(Mutex::new).collect();
        self.run(&|thread| {
            if let Some(part) = parts.get(thread) {
                work(&mut part.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
    }

    fn run(&mut self, job: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. All that is done with it is done when this function returns.
        let job_of_any_lifetime =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(job) };
        // SAFETY: the workers wait at the first barrier, and do not look at it before they have passed.
        unsafe { *shared.job.get() = Some(job_of_any_lifetime) };
        shared.barrier.wait();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| job(0)));
        shared.barrier.wait();
        if let Err(panic) = outcome {
            panic::resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a worker thread panicked");
    }
}

impl Shared {
    fn new(threads: usize) -> Shared {
        Shared {
            threads,
            barrier: Barrier::new(threads),
            job: UnsafeCell::new(None),
            panicked: AtomicBool::new(false),
        }
    }

    /// What a worker does.
    fn work(&self, thread: usize) {
        loop {
            self.barrier.wait();
            // SAFETY: the owner has written it before it came to the barrier, and writes again after the next one only.
            let Some(job) = (unsafe { *self.job.get() }) else { return };
            // SAFETY: the owner keeps it alive until all have passed the next barrier.
            let job = unsafe { &*job };
            if panic::catch_unwind(AssertUnwindSafe(|| job(thread))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.barrier.wait();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: the workers wait at the first barrier.
        unsafe { *self.shared.job.get() = None };
        self.shared.barrier.wait();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_THREADS, Pool};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn every_part_is_worked_on_once_a_call() {
        let calls = if cfg!(miri) { 10 } else { 1_000 };
        for threads in 1..=5 {
            let mut pool = Pool::new(threads);
            let mut counts = vec![0; threads];
            for _ in 0..calls {
                pool.each(&mut counts, |count| *count += 1);
            }
            pool.each(&mut counts[..1], |count| *count += 1);
            assert_eq!(counts[0], calls + 1);
            assert!(counts[1..].iter().all(|&count| count == calls), "{counts:?}");
        }
    }

    #[test]
    fn there_are_no_more_threads_than_the_system_has_room_for() {
        let threads = if cfg!(miri) { 1 } else { 100_000 };
        assert!((1..=MOST_THREADS).contains(&Pool::new(threads).threads()));
    }

    #[test]
    fn a_panic_comes_to_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(3);
        for bad in 0..3 {
            let mut parts = [0, 1, 2];
            let work = |part: &mut i32| assert_ne!(*part, bad);
            let outcome = catch_unwind(AssertUnwindSafe(|| pool.each(&mut parts, work)));
            assert!(outcome.is_err(), "{bad}");
            pool.each(&mut parts, |part| *part += 3);
            assert_eq!(parts, [3, 4, 5]);
        }
    }
}
