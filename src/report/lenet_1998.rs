use super::{
    canvas::{self, Picture},
    codes::Codes,
    curves::Curves,
    sheet::Sheet,
};
use crate::{Dataset, Error, Result, atomic_file, train::Evaluation};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A folder of what the paper shows of its network, up to date after each pass:
///
/// | file | what it has | paper |
/// |---|---|---|
/// | `errors.png` | errors over the passes, and the 0.95 % that the paper's network makes of the test set | figure 5 |
/// | `misread.png` | the test images that were taken for another digit, up to 120 | figure 8 |
/// | `codes.png` | the bitmaps that F6 is compared with | figure 3 |
/// | `errors.csv` | the errors, a line a pass | |
///
/// ```no_run
/// use lenet::{LeNet1998Pictures, LeNet1998TrainConfig, LeNet1998Trainer, Mnist};
///
/// let config = LeNet1998TrainConfig::default();
/// let mnist = Mnist::open_fitted(Mnist::dir()?, config.fit)?;
/// let mut pictures = LeNet1998Pictures::create("runs/1998")?;
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
    passes: Vec<PassErrors>,
}

/// The errors after a pass, as shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PassErrors {
    pub pass: usize,
    pub train: f64,
    pub test: f64,
}

/// The share of the test set that the paper's network takes for another digit: section III.B.
const PAPERS_TEST_ERROR: f64 = 0.0095;

const CSV: &str = "errors.csv";
const HEADER: &str = "pass,train_error,test_error";

impl LeNet1998Pictures {
    /// Of a new run, in a folder that is made where it is missing. An earlier run's are written over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder can't be made or written to.
    pub fn create(dir: impl AsRef<Path>) -> Result<LeNet1998Pictures> {
        LeNet1998Pictures::start(dir.as_ref(), vec![])
    }

    /// Of an earlier run, which goes on after `passes` passes: what is there about later ones is cut.
    ///
    /// # Errors
    ///
    /// As [`create`](LeNet1998Pictures::create), and [`Error::Malformed`] where its `errors.csv` is not one that was written
    /// here.
    pub fn resume(dir: impl AsRef<Path>, passes: usize) -> Result<LeNet1998Pictures> {
        let path = dir.as_ref().join(CSV);
        let mut earlier = match fs::read_to_string(&path) {
            Ok(text) => from_csv(&text).ok_or_else(|| {
                Error::malformed(&path, "CSV", format!("its lines are not {HEADER}"))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => vec![],
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        earlier.retain(|errors| errors.pass <= passes);
        LeNet1998Pictures::start(dir.as_ref(), earlier)
    }

    fn start(dir: &Path, passes: Vec<PassErrors>) -> Result<LeNet1998Pictures> {
        fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let pictures = LeNet1998Pictures { dir: dir.into(), passes };
        pictures.write_csv()?;
        pictures.write_png("codes.png", &Codes)?;
        Ok(pictures)
    }

    /// Takes down what the network makes of the training and of the test set after a pass, counted from 1. `data` is the set
    /// that `test` was counted on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a file can't be written; [`Error::Invalid`] where `data` is another set.
    pub fn record(
        &mut self,
        pass: usize,
        train: &Evaluation,
        test: &Evaluation,
        data: &Dataset,
    ) -> Result<()> {
        let sheet = Sheet::all(&test.mistakes, data)?;
        self.passes.retain(|errors| errors.pass < pass);
        let error = |set: &Evaluation| set.mistakes.len() as f64 / set.samples as f64;
        self.passes.push(PassErrors { pass, train: error(train), test: error(test) });
        self.write_csv()?;
        self.write_png("errors.png", &Curves::errors(&self.passes, PAPERS_TEST_ERROR))?;
        self.write_png("misread.png", &sheet)
    }

    fn write_csv(&self) -> Result<()> {
        let line =
            |PassErrors { pass, train, test }: &PassErrors| format!("{pass},{train},{test}\n");
        let lines: String = self.passes.iter().map(line).collect();
        atomic_file::write(&self.dir.join(CSV), format!("{HEADER}\n{lines}").as_bytes())
    }

    fn write_png(&self, name: &str, picture: &impl Picture) -> Result<()> {
        let path = self.dir.join(name);
        atomic_file::write(&path, &canvas::png(picture, &path)?)
    }
}

/// What [`write_csv`](LeNet1998Pictures::write_csv) wrote; none where it is something else.
fn from_csv(text: &str) -> Option<Vec<PassErrors>> {
    let mut lines = text.lines();
    lines.next().filter(|&header| header == HEADER)?;
    lines
        .map(|line| {
            let (pass, errors) = line.split_once(',')?;
            let (train, test) = errors.split_once(',')?;
            let [train, test] = [train, test].map(|share| share.parse().ok());
            Some(PassErrors { pass: pass.parse().ok()?, train: train?, test: test? })
        })
        .collect()
}
