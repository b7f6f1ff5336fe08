use super::{instruction_set::InstructionSet, signal::Signal};
use std::{
    cell::UnsafeCell,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
    /// One for each worker.
    slots: Box<[Slot]>,
    /// What to do next. Written by the pool's owner alone, while no worker has work.
    job: UnsafeCell<Option<Job>>,
    /// How many workers have not done their part yet.
    left: AtomicUsize,
    /// That all have.
    done: Signal,
    /// Whether a worker's part has panicked.
    panicked: AtomicBool,
}

/// Where a worker waits, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Slot {
    has_work: AtomicBool,
    given: Signal,
}

/// Does the part of the thread with that number.
type Job = *const (dyn Fn(usize) + Sync);

// SAFETY: the job is only written while no worker has work, and only read by those that have; and what it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

/// So many threads are worth waking for an optimizer's step, which takes one of them 25 µs.
const FEW: usize = 8;

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
        let mut workers: Vec<_> =
            (1..threads).map_while(|thread| start(&shared, thread).ok()).collect();
        if workers.len() + 1 < threads {
            // Those that were started go home.
            shared.give(shared.slots.len(), None);
            workers.drain(..).for_each(|worker| drop(worker.join()));
            shared = Arc::new(Shared::new(1));
        }
        Pool { shared, workers, instructions }
    }

    /// How many threads work.
    pub fn threads(&self) -> usize {
        self.shared.slots.len() + 1
    }

    /// What they work with.
    pub(super) fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// How many threads are worth waking for the dense gradients of so many units of images, which take one of them 10 µs each.
    pub(super) fn worth(&self, units: usize) -> usize {
        self.threads().min(units.max(FEW))
    }

    /// How long a part for each thread is, of `length` numbers: a multiple of what any vector has, but for the last.
    pub(super) fn share_of(&self, length: usize) -> usize {
        length.div_ceil(self.threads().min(FEW)).next_multiple_of(16).max(16)
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
        self.run(parts.len(), &|thread| {
            if let Some(part) = parts.get(thread) {
                work(&mut part.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
    }

    /// Does the job on the first threads. The others go on sleeping.
    fn run(&mut self, threads: usize, job: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. All that is done with it is done when this function returns.
        let job_of_any_lifetime =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(job) };
        shared.give(threads.saturating_sub(1), Some(job_of_any_lifetime));
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| job(0)));
        shared.done.wait(|| shared.left.load(Ordering::Acquire) == 0);
        let panicked = shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(panic) = outcome {
            panic::resume_unwind(panic);
        }
        assert!(!panicked, "a worker thread panicked");
    }
}

impl Shared {
    fn new(threads: usize) -> Shared {
        Shared {
            slots: (1..threads).map(|_| Slot::default()).collect(),
            job: UnsafeCell::new(None),
            left: AtomicUsize::new(0),
            done: Signal::default(),
            panicked: AtomicBool::new(false),
        }
    }

    /// Gives the first workers a job; none sends them home. The owner alone calls it, while no worker has work.
    fn give(&self, workers: usize, job: Option<Job>) {
        // SAFETY: no worker looks at it before its slot says that it has work.
        unsafe { *self.job.get() = job };
        self.left.store(workers, Ordering::Relaxed);
        for slot in self.slots.iter().take(workers) {
            slot.has_work.store(true, Ordering::Release);
            slot.given.notify();
        }
    }

    /// What a worker does.
    fn work(&self, thread: usize) {
        let slot = &self.slots[thread - 1];
        loop {
            slot.given.wait(|| slot.has_work.load(Ordering::Acquire));
            slot.has_work.store(false, Ordering::Relaxed);
            // SAFETY: the owner wrote it before it gave this worker work, and writes again when all have done theirs.
            let Some(job) = (unsafe { *self.job.get() }) else { return };
            // SAFETY: the owner keeps it alive until all have done their parts.
            let job = unsafe { &*job };
            if panic::catch_unwind(AssertUnwindSafe(|| job(thread))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.done.notify();
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.give(self.workers.len(), None);
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

    /// Those that have no part in some calls have one in later ones.
    #[test]
    fn only_as_many_threads_work_as_there_are_parts() {
        let mut pool = Pool::new(4);
        let mut counts = [0; 4];
        let calls = if cfg!(miri) { 8 } else { 4_000 };
        for call in 0..calls {
            pool.each(&mut counts[..1 + call % 4], |count| *count += 1);
        }
        assert_eq!(counts, [calls, calls * 3 / 4, calls / 2, calls / 4]);
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
        let all = |_: &mut i32| panic!("each part");
        assert!(catch_unwind(AssertUnwindSafe(|| pool.each(&mut [0, 1, 2], all))).is_err());
        pool.each(&mut [0, 1, 2], |part| *part += 1);
    }
}
