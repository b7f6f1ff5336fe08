use std::{
    hint,
    sync::{Condvar, Mutex, PoisonError},
};

/// Where threads wait for something: by spinning, since it is a matter of microseconds as a rule, and then asleep, since the one that
/// they wait for may not even have a core.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// How many sleep.
    sleepers: Mutex<usize>,
    wake: Condvar,
}

/// Some 50 to 100 µs, by the length of a pause on x86-64.
const SPINS: usize = 2_000;

impl Signal {
    /// Comes back when it has come, as `has_come` tells.
    pub fn wait(&self, has_come: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if has_come() {
                return;
            }
            hint::spin_loop();
        }
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        *sleepers += 1;
        while !has_come() {
            sleepers = self.wake.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    /// Wakes who sleeps. To be called when what they wait for can be seen.
    pub fn notify(&self) {
        // Who has looked in vain, and does not sleep yet, has the lock.
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if *sleepers > 0 {
            self.wake.notify_all();
        }
    }
}
