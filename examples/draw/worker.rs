//! The thread that owns the network. libtorch computes there, so that nothing else has to wait for it.

use crate::{answer::Answer, reader::Reader, samples::Samples};
use axum::body::Bytes;
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

/// Digits that may wait. One takes a few milliseconds.
const QUEUE: usize = 32;

/// What to read.
pub enum Digit {
    /// An image file's content.
    File(Bytes),
    /// The index of one in the test set.
    Sample(usize),
}

struct Job {
    digit: Digit,
    towards: Option<u8>,
    answer: oneshot::Sender<Result<Answer, String>>,
}

#[derive(Clone)]
pub struct Worker(SyncSender<Job>);

/// The queue is full.
pub struct Busy;

impl Worker {
    /// It ends with the last of its handles.
    pub fn start(reader: Reader, samples: Arc<Samples>) -> io::Result<Worker> {
        let (sender, jobs) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("network".into())
            .spawn(move || work(&reader, &samples, &jobs))?;
        Ok(Worker(sender))
    }

    /// What the network makes of a digit; the message where there is none.
    pub async fn ask(
        &self,
        digit: Digit,
        towards: Option<u8>,
    ) -> Result<Result<Answer, String>, Busy> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Job { digit, towards, answer }).map_err(|_| Busy)?;
        answered.await.map_err(|_| Busy)
    }
}

fn work(reader: &Reader, samples: &Samples, jobs: &Receiver<Job>) {
    for Job { digit, towards, answer } in jobs {
        // Whoever asked may have left meanwhile.
        if answer.is_closed() {
            continue;
        }
        let read = match digit {
            Digit::File(file) => reader.read_file(&file, towards),
            Digit::Sample(index) => reader.read_pixels(samples.pixels(index), towards),
        };
        let _ = answer.send(read.map_err(|error| format!("{error:#}")));
    }
}
