//! Several ranks, here threads of one process, train one network: with the bits of one process, however many they are.

use lenet::{
    Adam, Dataset, EpochStats, Error, Evaluation, Mnist, OneCycleLr, Optimizer, Result, Schedule,
    Sgd, TrainConfig, Trainer,
    train::{Communicator, Device, InstructionSet},
};
use std::{
    ops::ControlFlow::{Break, Continue},
    path::Path,
    sync::{
        LazyLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// A rank that is a thread, with a channel to and from each of all ranks.
#[derive(Debug)]
struct Thread {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Receiver<Vec<u8>>>,
}

impl Thread {
    /// So many, connected with each other.
    fn connected(size: usize) -> Vec<Thread> {
        let new = |rank| Thread { rank, to: vec![], from: vec![] };
        let mut threads: Vec<_> = (0..size).map(new).collect();
        for from in 0..size {
            for to in 0..size {
                let (sender, receiver) = channel();
                threads[from].to.push(sender);
                threads[to].from.push(receiver);
            }
        }
        threads
    }
}

impl Communicator for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn all_gather(&self, own: &[u8], lengths: &[usize]) -> Result<Vec<u8>> {
        let gone = |rank| Error::Rank { rank, reason: "it has ended".into() };
        for (rank, to) in self.to.iter().enumerate() {
            to.send(own.to_vec()).map_err(|_| gone(rank))?;
        }
        let mut all = vec![];
        for (rank, from) in self.from.iter().enumerate() {
            let bytes = from.recv().map_err(|_| gone(rank))?;
            assert_eq!(bytes.len(), lengths[rank], "of rank {rank}, on rank {}", self.rank);
            all.extend(bytes);
        }
        Ok(all)
    }
}

/// What each of so many ranks makes of its `work`, in their order.
fn on_ranks<T: Send>(ranks: usize, work: impl Fn(Thread) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let start = |thread| scope.spawn(move || work(thread));
        let running: Vec<_> = Thread::connected(ranks).into_iter().map(start).collect();
        running.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

fn config() -> TrainConfig {
    TrainConfig { device: Device::Cpu, threads: Some(1), ..TrainConfig::pytorch() }
}

/// Of each rank another one, of those that leave the bits alone.
fn config_of(rank: usize, config: &TrainConfig) -> TrainConfig {
    let sets: Vec<_> = InstructionSet::available().collect();
    let instructions = Some(sets[rank % sets.len()]);
    TrainConfig { threads: Some(1 + rank % 2), instructions, ..config.clone() }
}

/// Optimizers, with clipping and without, and batch sizes of which the last batches are partial: fewer images than there
/// are ranks, one unit of 8, several, and one that is no multiple of 8.
fn configs() -> Vec<TrainConfig> {
    let sgd = Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() });
    let adam = Optimizer::Adam(Adam::default());
    let one_cycle = |steps| Schedule::OneCycleLr(OneCycleLr::new(0.01, steps));
    [
        (3, adam, Schedule::Constant, None),
        (8, sgd, one_cycle(2 * 7), Some(0.5)),
        (20, adam, one_cycle(2 * 3), Some(2.0)),
        (32, sgd, Schedule::Constant, None),
        (100, adam, Schedule::Constant, Some(1.0)),
    ]
    .map(|(batch_size, optimizer, schedule, clip_norm)| TrainConfig {
        // With distorted images and without.
        distortion: TrainConfig::augmented().distortion.filter(|_| batch_size % 20 == 0),
        batch_size,
        optimizer,
        schedule,
        clip_norm,
        seed: 3,
        ..config()
    })
    .into()
}

/// All that a run ends with.
#[derive(Debug, PartialEq)]
struct End {
    weights: Vec<u32>,
    epochs: Vec<EpochStats>,
    test: Evaluation,
}

/// Trains until 2 epochs are over.
fn end(mut trainer: Trainer, train: &Dataset, test: &Dataset) -> Result<End> {
    let mut epochs = vec![];
    while trainer.epochs() < 2 {
        epochs.push(trainer.train_epoch(train)?);
    }
    Ok(End { weights: bits(&trainer), epochs, test: trainer.evaluate(test)? })
}

fn bits(trainer: &Trainer) -> Vec<u32> {
    let weights = trainer.state_dict();
    weights.iter().flat_map(|(_, array)| array.values()).map(|value| value.to_bits()).collect()
}

#[test]
fn any_number_of_ranks_gives_the_bits_of_one_process() {
    let (train, test) = (mnist().train.first(50), mnist().test.first(61));
    for config in configs() {
        let alone = end(Trainer::new(config.clone()).unwrap(), &train, &test).unwrap();
        for ranks in 1..=4 {
            let ends = on_ranks(ranks, |thread| {
                let trainer = Trainer::new(config_of(thread.rank, &config))?;
                end(trainer.with_communicator(thread)?, &train, &test)
            });
            for (rank, end) in ends.into_iter().enumerate() {
                assert_eq!(end.unwrap(), alone, "rank {rank} of {ranks}, {config:?}");
            }
        }
        // Another seed is seen.
        let other = Trainer::new(TrainConfig { seed: 4, ..config.clone() }).unwrap();
        assert_ne!(end(other, &train, &test).unwrap(), alone);
    }
}

/// After so many steps of the epoch under way, rank 0 saves.
fn stop_after(steps: usize, trainer: &mut Trainer, train: &Dataset, path: &Path) -> Result<()> {
    let until = trainer.steps() + steps;
    let stopped = trainer.train_epoch_with(train, |trainer, _| {
        let stop = trainer.communicator().highest((trainer.steps() == until).into())?;
        Ok(if stop > 0 { Break(()) } else { Continue(()) })
    })?;
    assert_eq!(stopped, Break(()));
    if trainer.communicator().rank() == 0 {
        trainer.save_checkpoint(path)?;
    }
    Ok(())
}

/// 50 images in batches of 8: 7 steps. Rank 0 alone has the checkpoint.
#[test]
fn a_run_resumes_with_another_number_of_ranks() {
    let (train, test) = (mnist().train.first(50), mnist().test.first(20));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    for config in configs().into_iter().filter(|config| config.batch_size < 20) {
        let alone = end(Trainer::new(config.clone()).unwrap(), &train, &test).unwrap();
        let start = |thread: Thread, resume: bool| -> Result<Trainer> {
            let config = config_of(thread.rank, &config);
            let trainer = match resume && thread.rank == 0 {
                true => Trainer::resume_with(config, &path)?,
                false => Trainer::new(config)?,
            };
            trainer.with_communicator(thread)
        };
        for (at, ranks) in [3, 2, 4].into_iter().enumerate() {
            let stops = on_ranks(ranks, |thread| {
                let mut trainer = start(thread, at > 0)?;
                assert_eq!(trainer.steps(), 2 * at);
                stop_after(2, &mut trainer, &train, &path)
            });
            stops.into_iter().for_each(|stop| stop.unwrap());
        }
        for ranks in [1, 3] {
            for end in on_ranks(ranks, |thread| end(start(thread, true)?, &train, &test)) {
                assert_eq!(end.unwrap(), alone, "{ranks} ranks, {config:?}");
            }
        }
        let resumed = Trainer::resume_with(config.clone(), &path).unwrap();
        assert_eq!(end(resumed, &train, &test).unwrap(), alone, "{config:?}");
    }
}

/// The error of each of three ranks, of which rank 2 has this config and trains on these images.
fn refused(odd: &TrainConfig, images: &Dataset) -> Vec<String> {
    let train = mnist().train.first(20);
    let errors = on_ranks(3, |thread| {
        let is_odd = thread.rank == 2;
        let config = if is_odd { odd.clone() } else { config() };
        let mut trainer = Trainer::new(config)?.with_communicator(thread)?;
        trainer.train_epoch(if is_odd { images } else { &train }).map(|_| ())
    });
    errors.into_iter().map(|error| error.unwrap_err().to_string()).collect()
}

#[test]
fn ranks_that_differ_are_refused_by_all() {
    let train = mnist().train.first(20);
    let mut pixels = train.image_bytes().as_flattened().to_vec();
    pixels[5_000] ^= 1;
    let other_pixels = Dataset::from_pixels(pixels, train.label_bytes().to_vec()).unwrap();
    let batch_size = "batch_size: 64 there, 32 on rank 0";
    for (expected, config, train) in [
        (batch_size, TrainConfig { batch_size: 64, ..config() }, train.clone()),
        ("epochs: 3 there", TrainConfig { epochs: 3, ..config() }, train),
        ("training set: ", config(), mnist().train.first(21)),
        ("pixels: ", config(), other_pixels),
    ] {
        for error in refused(&config, &train) {
            let start = "rank 2 can't train with the others: ";
            assert!(error.starts_with(start) && error.contains(expected), "{error}");
        }
    }
}

/// Rank 1 ends after 2 steps; rank 0 finds out at the next.
#[test]
fn a_rank_that_ended_is_named() {
    let train = mnist().train.first(50);
    let config = TrainConfig { batch_size: 8, ..config() };
    let ends = on_ranks(2, |thread| {
        let mut trainer = Trainer::new(config.clone())?.with_communicator(thread)?;
        let trained = trainer.train_epoch_with(&train, |trainer, _| {
            let ends = trainer.communicator().rank() == 1 && trainer.steps() == 2;
            Ok(if ends { Break(trainer.steps()) } else { Continue(()) })
        })?;
        Ok::<_, Error>(trained)
    });
    for (rank, end) in ends.into_iter().enumerate() {
        match (rank, end) {
            (1, Ok(Break(2))) | (0, Err(Error::Rank { rank: 1, .. })) => (),
            (_, end) => panic!("rank {rank}: {end:?}"),
        }
    }
}

/// Without libtorch there is no other engine to refuse.
#[cfg(feature = "torch")]
#[test]
fn several_ranks_need_the_fused_engine() {
    for error in on_ranks(2, |thread| {
        let config = TrainConfig { engine: lenet::Engine::Libtorch, ..config() };
        Trainer::new(config)?.with_communicator(thread).map(|_| ())
    }) {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("engine") && error.contains("fused"), "{error}");
    }
}
