//! Ctrl-C and SIGTERM: the first is taken down, so that the run can save itself; the second ends the program at once.

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

pub struct Signals {
    /// The number of the last one; 0 before there was one.
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on.
    pub fn catch() -> io::Result<Signals> {
        let number = Arc::new(AtomicUsize::new(0));
        let caught = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset, and sets it.
            flag::register_conditional_shutdown(
                signal,
                exit_code(signal as usize).into(),
                caught.clone(),
            )?;
            flag::register(signal, caught.clone())?;
            flag::register_usize(signal, number.clone(), signal as usize)?;
        }
        Ok(Signals { number })
    }

    /// The number of the signal that came, if one did.
    pub fn caught(&self) -> Option<usize> {
        Some(self.number.load(Ordering::Relaxed)).filter(|&number| number > 0)
    }
}

/// What a shell reports of a program that a signal ended: 130 for Ctrl-C.
pub fn exit_code(signal: usize) -> u8 {
    128 + signal as u8
}
