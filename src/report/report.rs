use super::{
    canvas::{self, Picture},
    confusion::Confusion,
    contact_sheet::ContactSheet,
    curves::Curves,
    events::Events,
    filters::Filters,
    metrics::{self, Metrics},
    page::Page,
    record::EpochRecord,
};
use crate::{Dataset, Result, atomic_file, weights::StateDict};
use std::path::{Path, PathBuf};

/// A folder that shows how a run goes, up to date after each epoch:
///
/// | file | what it has |
/// |---|---|
/// | `report.html` | all of the below on one page, that needs no other file and no network |
/// | `loss.png`, `accuracy.png` | the curves, of training and of the test set |
/// | `confusion.png` | how many of each digit were taken for each digit |
/// | `mistakes.png` | the test images that the network misread most surely |
/// | `filters.png` | the weights of C1 |
/// | `metrics.csv` | the figures, a line an epoch |
/// | `metrics.jsonl` | the same and the confusion matrix, precision, recall and F1 for each digit |
/// | `events.out.tfevents.*` | the figures for `tensorboard --logdir` |
///
/// ```no_run
/// use lenet::{EpochRecord, Mnist, Report, TrainConfig, Trainer};
/// use std::time::Instant;
///
/// let mnist = Mnist::find()?;
/// let mut trainer = Trainer::new(TrainConfig::pytorch())?;
/// let mut report = Report::create("runs/first")?;
/// for epoch in 1..=trainer.config().epochs {
///     let start = Instant::now();
///     let train = trainer.train_epoch(&mnist.train)?;
///     let seconds = start.elapsed().as_secs_f64();
///     let test = trainer.evaluate(&mnist.test)?;
///     let record = EpochRecord::new(epoch, train, test, seconds);
///     report.record(&record, &trainer.state_dict(), &mnist.test)?;
/// }
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// Each file is whole at any time: a program that is killed leaves it as it was, or as it was to be. A run that is resumed
/// from a checkpoint continues its report by [`resume`](Report::resume); so that no epoch is missing there, record an epoch
/// first, and save the checkpoint then.
#[derive(Debug)]
pub struct Report {
    dir: PathBuf,
    epochs: Vec<Metrics>,
    events: Events,
    /// What is said of the run: name and value.
    metadata: Vec<(String, String)>,
}

impl Report {
    /// Whether a folder has a report with an epoch or more, which [`create`](Report::create) would write over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where it can't be read; [`Error::Malformed`](crate::Error::Malformed) where its
    /// `metrics.jsonl` is not one that a report wrote.
    pub fn is_in(dir: impl AsRef<Path>) -> Result<bool> {
        let dir = dir.as_ref();
        Ok(dir.is_dir() && !metrics::from_jsonl(&dir.join(JSONL))?.is_empty())
    }

    /// A report on a new run, in a folder that is made where it is missing. What an earlier run reported there is written
    /// over: [`is_in`](Report::is_in) tells whether there is any.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the folder can't be made or written to.
    pub fn create(dir: impl AsRef<Path>) -> Result<Report> {
        Report::start(dir.as_ref(), vec![])
    }

    /// The report of an earlier run, which continues after `epochs` epochs: what is there about later ones is cut. An empty
    /// report where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the folder can't be made, read or written to; [`Error::Malformed`](crate::Error::Malformed) where its `metrics.jsonl` is
    /// not one that a report wrote.
    pub fn resume(dir: impl AsRef<Path>, epochs: usize) -> Result<Report> {
        let mut earlier = metrics::from_jsonl(&dir.as_ref().join(JSONL))?;
        earlier.retain(|metrics| metrics.epoch <= epochs);
        Report::start(dir.as_ref(), earlier)
    }

    /// Has the page say this of the run, too: its seed, say, or the command that started it.
    ///
    /// ```no_run
    /// use lenet::Report;
    ///
    /// let report = Report::create("runs/first")?.with_metadata("seed", "0");
    /// # Ok::<(), lenet::Error>(())
    /// ```
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Report {
        self.metadata.push((name.into(), value.into()));
        self
    }

    /// Writes at once, so that a folder that can't be written to is found out before an epoch was trained.
    fn start(dir: &Path, epochs: Vec<Metrics>) -> Result<Report> {
        atomic_file::create_folder(dir)?;
        atomic_file::remove_leftovers(dir)?;
        let events = Events::create(dir, &epochs)?;
        let report = Report { dir: dir.into(), epochs, events, metadata: vec![] };
        report.write_figures()?;
        Ok(report)
    }

    /// Records an epoch: its figures, and pictures of the network as it is now. `weights` are the network's, and `test`
    /// the set that the record's `test` was counted on. An epoch that is there already is replaced, and later ones are cut.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where a file can't be written; [`Error::Invalid`](crate::Error::Invalid) where `weights` are not a LeNet's,
    /// or `test` another set. The figures are written before the pictures, and the report can be used further.
    pub fn record(
        &mut self,
        record: &EpochRecord,
        weights: &StateDict,
        test: &Dataset,
    ) -> Result<()> {
        let filters = Filters::new(weights)?;
        let sheet = ContactSheet::new(&record.test.mistakes, test)?;

        let recorded = self.epochs.len();
        self.epochs.retain(|metrics| metrics.epoch < record.epoch);
        if self.epochs.len() < recorded {
            self.events = Events::create(&self.dir, &self.epochs)?;
        }
        let metrics = Metrics::new(record);
        self.events.append(&metrics)?;
        self.epochs.push(metrics);
        self.write_figures()?;

        let page = Page {
            epochs: &self.epochs,
            metadata: &self.metadata,
            loss: Curves::loss(&self.epochs),
            accuracy: Curves::accuracy(&self.epochs),
            confusion: Confusion::new(&record.test),
            sheet,
            filters,
        };
        self.write_png("loss.png", &page.loss)?;
        self.write_png("accuracy.png", &page.accuracy)?;
        self.write_png("confusion.png", &page.confusion)?;
        self.write_png("mistakes.png", &page.sheet)?;
        self.write_png("filters.png", &page.filters)?;
        let path = self.dir.join("report.html");
        atomic_file::write(&path, page.html(&path)?.as_bytes())
    }

    fn write_figures(&self) -> Result<()> {
        let path = self.dir.join(JSONL);
        atomic_file::write(&path, metrics::to_jsonl(&self.epochs, &path)?.as_bytes())?;
        atomic_file::write(&self.dir.join("metrics.csv"), metrics::to_csv(&self.epochs).as_bytes())
    }

    fn write_png(&self, name: &str, picture: &impl Picture) -> Result<()> {
        let path = self.dir.join(name);
        atomic_file::write(&path, &canvas::png(picture, &path)?)
    }
}

const JSONL: &str = "metrics.jsonl";
