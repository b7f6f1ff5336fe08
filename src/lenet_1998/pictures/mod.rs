mod codes;
mod errors;
mod held_out;

pub use held_out::HeldOut;

use crate::{
    Dataset, Error, Result, atomic_file,
    report::{
        canvas::{self, Picture},
        contact_sheet::ContactSheet,
    },
    train::Evaluation,
};
use codes::Codes;
use errors::PassErrors;
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A folder of what the paper shows of its network, up to date after each pass:
///
/// | file | what it has | paper |
/// |---|---|---|
/// | `errors.png` | errors over the passes; with [`HeldOut::Test`] the 0.95 % that the paper's network makes of the test set | figure 5 |
/// | `misread.png` | the images that were taken for another digit, up to 120 | figure 8 |
/// | `codes.png` | the bitmaps that F6 is compared with | figure 3 |
/// | `errors.csv` | the errors, a line a pass | |
///
/// ```no_run
/// use lenet::{Mnist, lenet_1998::{HeldOut, LeNet1998Pictures, LeNet1998TrainConfig, LeNet1998Trainer}};
///
/// let config = LeNet1998TrainConfig::default();
/// let mnist = Mnist::open_fitted(Mnist::dir()?, config.fit)?;
/// let mut pictures = LeNet1998Pictures::create("runs/1998", HeldOut::Test)?;
/// let mut trainer = LeNet1998Trainer::new(config)?;
/// while trainer.passes() < trainer.config().passes {
///     trainer.train_pass(&mnist.train)?;
///     let (train, test) = (trainer.evaluate(&mnist.train)?, trainer.evaluate(&mnist.test)?);
///     pictures.record(trainer.passes(), &train, &test, &mnist.test)?;
/// }
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug)]
pub struct LeNet1998Pictures {
    dir: PathBuf,
    held_out: HeldOut,
    passes: Vec<PassErrors>,
}

const CSV: &str = "errors.csv";

/// Its first line.
fn header(held_out: HeldOut) -> String {
    format!("pass,train_error,{}_error", held_out.name())
}

impl LeNet1998Pictures {
    /// Whether a folder has the pictures of a run with a pass or more, which [`create`](LeNet1998Pictures::create) would write
    /// over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where its `errors.csv` can't be read.
    pub fn is_in(dir: impl AsRef<Path>) -> Result<bool> {
        let path = dir.as_ref().join(CSV);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().count() > 1),
            Err(_) if !path.exists() => Ok(false),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Of a new run that is judged by its errors on `held_out`, in a folder that is made where it is missing. An earlier run's
    /// are written over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder can't be made or written to.
    pub fn create(dir: impl AsRef<Path>, held_out: HeldOut) -> Result<LeNet1998Pictures> {
        LeNet1998Pictures::start(dir.as_ref(), held_out, vec![])
    }

    /// Of an earlier run, which goes on after `passes` passes: what is there about later ones is cut.
    ///
    /// # Errors
    ///
    /// As [`create`](LeNet1998Pictures::create), and [`Error::Malformed`] where its `errors.csv` is not one that was written
    /// here, of a run with the same `held_out`.
    pub fn resume(
        dir: impl AsRef<Path>,
        held_out: HeldOut,
        passes: usize,
    ) -> Result<LeNet1998Pictures> {
        let path = dir.as_ref().join(CSV);
        let mut earlier = match fs::read_to_string(&path) {
            Ok(text) => from_csv(&text, held_out).ok_or_else(|| {
                Error::malformed(&path, "CSV", format!("its lines are not {}", header(held_out)))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => vec![],
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        earlier.retain(|errors| errors.pass <= passes);
        LeNet1998Pictures::start(dir.as_ref(), held_out, earlier)
    }

    fn start(dir: &Path, held_out: HeldOut, passes: Vec<PassErrors>) -> Result<LeNet1998Pictures> {
        atomic_file::create_folder(dir)?;
        atomic_file::remove_leftovers(dir)?;
        let pictures = LeNet1998Pictures { dir: dir.into(), held_out, passes };
        pictures.write_csv()?;
        pictures.write_png("codes.png", &Codes)?;
        Ok(pictures)
    }

    /// Takes down what the network makes of the training images and of those that are held out after a pass, counted from 1.
    /// `data` is the set that `held_out` was counted on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a file can't be written; [`Error::Invalid`] where `data` is another set.
    pub fn record(
        &mut self,
        pass: usize,
        train: &Evaluation,
        held_out: &Evaluation,
        data: &Dataset,
    ) -> Result<()> {
        let sheet = ContactSheet::all(&held_out.mistakes, data)?;
        self.passes.retain(|errors| errors.pass < pass);
        let error = |set: &Evaluation| set.mistakes.len() as f64 / set.samples as f64;
        self.passes.push(PassErrors { pass, train: error(train), held_out: error(held_out) });
        self.write_csv()?;
        self.write_png("errors.png", &errors::curves(&self.passes, self.held_out))?;
        self.write_png("misread.png", &sheet)
    }

    fn write_csv(&self) -> Result<()> {
        let mut text = header(self.held_out) + "\n";
        for PassErrors { pass, train, held_out } in &self.passes {
            text += &format!("{pass},{train},{held_out}\n");
        }
        atomic_file::write(&self.dir.join(CSV), text.as_bytes())
    }

    fn write_png(&self, name: &str, picture: &impl Picture) -> Result<()> {
        let path = self.dir.join(name);
        atomic_file::write(&path, &canvas::png(picture, &path)?)
    }
}

/// What [`write_csv`](LeNet1998Pictures::write_csv) wrote; none where it is something else.
fn from_csv(text: &str, held_out: HeldOut) -> Option<Vec<PassErrors>> {
    let mut lines = text.lines();
    lines.next().filter(|&first| first == header(held_out))?;
    lines
        .map(|line| {
            let (pass, errors) = line.split_once(',')?;
            let (train, held_out) = errors.split_once(',')?;
            let [train, held_out] = [train, held_out].map(|share| share.parse().ok());
            Some(PassErrors { pass: pass.parse().ok()?, train: train?, held_out: held_out? })
        })
        .collect()
}
