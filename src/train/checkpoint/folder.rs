use crate::{Error, Result, atomic_file};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// A folder in which a run keeps its last two checkpoints, so that it can be killed at any moment and resumed.
///
/// ```no_run
/// use lenet::{Checkpoints, Mnist, TrainConfig, Trainer};
///
/// let mnist = Mnist::find()?;
/// let config = TrainConfig::pytorch();
/// let epochs = config.epochs;
/// let checkpoints = Checkpoints::open("runs/first")?;
/// let mut trainer = match checkpoints.resume(config.clone())?.trainer {
///     Some(trainer) => trainer,
///     None => Trainer::new(config)?,
/// };
/// while trainer.epochs() < epochs {
///     trainer.train_epoch(&mnist.train)?;
///     checkpoints.save(&trainer)?;
/// }
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoints {
    dir: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

/// What [`Checkpoints::resume`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed<T> {
    /// The run as its newest good checkpoint has it; `None` where there is none.
    pub trainer: Option<T>,
    /// What was wrong with newer checkpoints. Those that could be read were put out of the way: their names end in `.damaged`
    /// now.
    pub damaged: Vec<Error>,
}

/// A trainer whose runs [`Checkpoints`] can keep. For their callers the methods are the trainer's own.
pub trait Resumable: Sized {
    /// How it trains.
    type Config: Recipe<Trainer = Self>;

    /// Steps that were taken.
    fn steps(&self) -> usize;

    /// Writes all that it takes to resume from here.
    ///
    /// # Errors
    ///
    /// Where it can't be written, or there is nothing to resume.
    fn save_checkpoint(&self, path: &Path) -> Result<()>;

    /// The trainer that was written there, to resume with `config`.
    ///
    /// # Errors
    ///
    /// Where there is no whole checkpoint of such a run.
    fn resume_with(config: Self::Config, path: &Path) -> Result<Self>;
}

/// A config, which says what trainer trains by it.
pub trait Recipe: Clone {
    /// That trainer.
    type Trainer: Resumable<Config = Self>;
}

/// How many checkpoints are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

impl Checkpoints {
    /// A folder to keep checkpoints in. It is made where it is missing, and no other run can use it before this is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be made or written to, or another run is using it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Checkpoints> {
        let dir = dir.as_ref();
        atomic_file::create_folder(dir)?;
        let path = dir.join(".lock");
        let lock = File::create(&path).map_err(Error::io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let busy = io::Error::new(ErrorKind::WouldBlock, "another run is using it");
                return Err(Error::io("keep checkpoints in", dir)(busy));
            }
            // Some network's file system: then it goes without.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => (),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        atomic_file::remove_leftovers(dir)?;
        Ok(Checkpoints { dir: dir.into(), _lock: lock })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is no checkpoint, good or damaged.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder can't be read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.steps()?.is_empty())
    }

    /// Writes a checkpoint, `step-000001875.safetensors` after 1,875 steps, and removes the ones before it but for the last.
    /// The path that was written.
    ///
    /// # Errors
    ///
    /// As [`Trainer::save_checkpoint`](crate::Trainer::save_checkpoint); those that are there stay then.
    pub fn save(&self, trainer: &impl Resumable) -> Result<PathBuf> {
        let path = self.path(trainer.steps());
        trainer.save_checkpoint(&path)?;
        let earlier = self.steps()?.into_iter().filter(|&step| step < trainer.steps());
        for step in earlier.rev().skip(KEPT - 1) {
            let path = self.path(step);
            fs::remove_file(&path).map_err(Error::io("remove", path))?;
        }
        Ok(path)
    }

    /// The run as the newest good checkpoint has it, to resume with `config`: see
    /// [`Trainer::resume_with`](crate::Trainer::resume_with).
    ///
    /// # Errors
    ///
    /// [`Error::CheckpointMismatch`] where that is another version's or another config's; [`Error::Io`] where it can't be
    /// read, or a damaged one can't be put out of the way.
    pub fn resume<C: Recipe>(&self, config: C) -> Result<Resumed<C::Trainer>> {
        let mut damaged = vec![];
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match C::Trainer::resume_with(config.clone(), &path) {
                Ok(trainer) => return Ok(Resumed { trainer: Some(trainer), damaged }),
                Err(error @ (Error::Malformed { .. } | Error::UnknownForm { .. })) => {
                    let aside = path.with_added_extension("damaged");
                    fs::rename(&path, aside).map_err(Error::io("rename", path))?;
                    damaged.push(error);
                }
                // A disk that can't read it any more. Not to be allowed to is another matter.
                Err(Error::Io { action, path, source })
                    if source.kind() != ErrorKind::PermissionDenied =>
                {
                    damaged.push(Error::Io { action, path, source });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Resumed { trainer: None, damaged })
    }

    /// The steps after which there are checkpoints, in order. Files with other names are none of ours.
    fn steps(&self) -> Result<Vec<usize>> {
        let failed = || Error::io("read", &self.dir);
        let mut steps = vec![];
        for entry in fs::read_dir(&self.dir).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            let digits = name.to_str().and_then(|it| it.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
            let step = digits.and_then(|digits| digits.parse().ok());
            steps.extend(step.filter(|&step| self.path(step).ends_with(&name)));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn path(&self, step: usize) -> PathBuf {
        self.dir.join(format!("{PREFIX}{step:09}{SUFFIX}"))
    }
}

const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";
