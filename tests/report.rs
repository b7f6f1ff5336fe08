//! The report: that its files are what they say, that a run can go on with it, and what it does when it can't write.

use lenet::{
    Dataset, EpochRecord, Error, Mnist, Report, TrainConfig, Trainer,
    data::Classes,
    train::Device,
    weights::{Array, StateDict},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

const PICTURES: [&str; 5] =
    ["accuracy.png", "confusion.png", "filters.png", "loss.png", "mistakes.png"];

/// MNIST, read once for all tests.
fn mnist() -> &'static Mnist {
    static MNIST: LazyLock<Mnist> =
        LazyLock::new(|| Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).unwrap());
    &MNIST
}

/// A short run: a trainer, what it trains on and what it is tested with.
struct Run {
    trainer: Trainer,
    train: Dataset,
    test: Dataset,
}

impl Run {
    fn new() -> Run {
        let config = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
        let mnist = mnist();
        let (train, test) = (mnist.train.first(1_000), mnist.test.first(500));
        Run { trainer: Trainer::new(config).unwrap(), train, test }
    }

    fn epoch(&mut self) -> EpochRecord {
        let train = self.trainer.train_epoch(&self.train).unwrap();
        let test = self.trainer.evaluate(&self.test).unwrap();
        EpochRecord::new(self.trainer.epochs(), train, test, 0.25)
    }

    fn record(&self, report: &mut Report, record: &EpochRecord) {
        report.record(record, &self.trainer.state_dict(), &self.test).unwrap();
    }
}

/// The lines of `metrics.jsonl`.
fn jsonl(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of `metrics.csv`, as name and field.
fn csv(dir: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(dir.join("metrics.csv")).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(String::from).collect::<Vec<_>>());
    let names = lines.next().unwrap_or_default();
    lines
        .map(|fields| {
            assert_eq!(fields.len(), names.len());
            names.iter().cloned().zip(fields).collect()
        })
        .collect()
}

fn epochs(dir: &Path) -> Vec<u64> {
    jsonl(dir).iter().map(|line| line["epoch"].as_u64().unwrap()).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn event_file(dir: &Path) -> PathBuf {
    let files: Vec<_> =
        names(dir).into_iter().filter(|name| name.starts_with("events.out.tfevents.")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    dir.join(&files[0])
}

/// CRC-32C, bit by bit: not the crate that wrote it.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    })
}

/// The fields of a protobuf message: number, and the value's bytes (a varint's as eight of them).
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut fields = vec![];
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        fields.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    fields
}

/// A step and its scalars, by their tags.
type Event = (u64, BTreeMap<String, f32>);

/// What an event file holds: its version, then each event's step with its scalars. Every length and checksum is checked.
fn events(path: &Path) -> (String, Vec<Event>) {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut take = |n: usize| {
        let (taken, left) = rest.split_at(n);
        rest = left;
        (taken, left.is_empty())
    };
    let check = |data: &[u8], stored: &[u8]| {
        let masked = crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked.to_le_bytes(), stored);
    };
    let (mut version, mut steps) = (String::new(), vec![]);
    loop {
        let length = take(8).0;
        check(length, take(4).0);
        let data = take(u64::from_le_bytes(length.try_into().unwrap()) as usize).0;
        let (stored, end) = take(4);
        check(data, stored);
        let (mut step, mut scalars) = (0, BTreeMap::new());
        for (number, value) in fields(data) {
            match number {
                1 => assert!(f64::from_le_bytes(value.try_into().unwrap()) > 1.7e9),
                2 => step = u64::from_le_bytes(value.try_into().unwrap()),
                3 => version = String::from_utf8(value).unwrap(),
                5 => {
                    for (_, value) in fields(&value) {
                        let parts: BTreeMap<_, _> = fields(&value).into_iter().collect();
                        let tag = String::from_utf8(parts[&1].clone()).unwrap();
                        scalars.insert(tag, f32::from_le_bytes(parts[&2][..].try_into().unwrap()));
                    }
                }
                other => panic!("field {other}"),
            }
        }
        if step > 0 {
            steps.push((step, scalars));
        }
        if end {
            return (version, steps);
        }
    }
}

fn assert_picture(path: &Path) {
    let image = image::open(path).unwrap().into_rgb8();
    let colours: HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 20, "{}: {} colours", path.display(), colours.len());
    // Nothing is cut off: the paper's edge stays white.
    let (width, height) = image.dimensions();
    for (x, y, pixel) in image.enumerate_pixels() {
        if x < 4 || y < 4 || x >= width - 4 || y >= height - 4 {
            assert_eq!(pixel.0, [255; 3], "{} at {x}, {y}", path.display());
        }
    }
}

/// The page needs no network and no file that is not there.
fn assert_page(dir: &Path) {
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let without_names = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http:", "https:", "src=\"//", "href=\"//", "@import", "url(", "<script"] {
        assert!(!without_names.contains(outside), "{outside}");
    }
    for attribute in ["src=\"", "href=\""] {
        for target in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(target.starts_with("data:") || dir.join(target).is_file(), "{target}");
        }
    }
    assert_eq!(page.matches("<img ").count(), page.matches(" alt=\"").count());
    assert_eq!(
        page.matches("<svg ").count(),
        page.matches("<svg role=\"img\" aria-label=\"").count()
    );
    assert_eq!(page.matches("<svg ").count(), 4);
    // Of what is inline as base64 anything may be a part.
    let pieces: Vec<_> = page.split("base64,").collect();
    for piece in &pieces[1..] {
        let text = piece.split_once('"').unwrap().1;
        for wrong in ["NaN", "inf", "{"] {
            assert!(!text.contains(wrong), "{wrong}");
        }
    }
}

#[test]
fn two_epochs_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("runs/first");
    let mut run = Run::new();
    let mut report = Report::create(&dir).unwrap();
    let records = [run.epoch(), run.epoch()];
    for record in &records {
        run.record(&mut report, record);
    }

    let names = names(&dir);
    assert_eq!(names.len(), 5 + 3 + 1, "{names:?}");
    for picture in PICTURES {
        assert_picture(&dir.join(picture));
    }
    assert_page(&dir);

    let (lines, rows) = (jsonl(&dir), csv(&dir));
    let (version, steps) = events(&event_file(&dir));
    assert_eq!(version, "brain.Event:2");
    assert_eq!((lines.len(), rows.len(), steps.len()), (2, 2, 2));
    for (i, record) in records.iter().enumerate() {
        let (line, row, (step, scalars)) = (&lines[i], &rows[i], &steps[i]);
        assert_eq!(*step, i as u64 + 1);
        for (name, tag, value) in [
            ("train_loss", "loss/train", record.train.loss),
            ("test_loss", "loss/test", record.test.loss),
            ("train_accuracy", "accuracy/train", record.train.accuracy),
            ("test_accuracy", "accuracy/test", record.test.accuracy),
            ("images_per_second", "speed/images_per_second", 4_000.0),
            ("learning_rate", "learning_rate", 1e-3),
        ] {
            // Written so that reading gives the same bits; TensorBoard has single precision.
            assert_eq!(line[name].as_f64(), Some(value), "{name}");
            assert_eq!(row[name].parse(), Ok(value), "{name}");
            assert_eq!(scalars[tag], value as f32, "{tag}");
        }
        assert_eq!(scalars.len(), 6);
        assert_eq!(row["epoch"], (i + 1).to_string());
        assert_eq!(row["test_samples"], "500");
        assert!(row["validation_loss"].is_empty() && line["validation_loss"].is_null());
        for (name, figures) in [
            ("test_precision", record.test.precision()),
            ("test_recall", record.test.recall()),
            ("test_f1", record.test.f1()),
        ] {
            assert_eq!(line[name], serde_json::json!(figures), "{name}");
        }
        assert_eq!(line["test_confusion"], serde_json::json!(record.test.confusion));
    }
}

#[test]
fn a_validation_set_is_shown_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let mut record = run.epoch();
    record.validation = Some(run.trainer.evaluate(&run.train.first(100)).unwrap());
    run.record(&mut Report::create(&dir).unwrap(), &record);
    let loss = record.validation.unwrap().loss;
    assert_eq!(jsonl(dir.path())[0]["validation_loss"].as_f64(), Some(loss));
    assert_eq!(events(&event_file(dir.path())).1[0].1["loss/validation"], loss as f32);
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(page.contains("; val "), "no such line in the descriptions of the curves");
    for picture in PICTURES {
        assert_picture(&dir.path().join(picture)); // a third line's name has room as well
    }
}

#[test]
fn the_page_says_what_the_run_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let record = run.epoch();
    assert!(!Report::is_in(&dir).unwrap());
    let mut report = Report::create(&dir).unwrap();
    assert!(!Report::is_in(&dir).unwrap());
    run.record(&mut report, &record);
    assert!(Report::is_in(&dir).unwrap());
    let page = || fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(!page().contains("The run"));
    let mut report = report.with_metadata("seed", "17").with_metadata("command", "a '<b>' & c");
    run.record(&mut report, &record);
    assert_page(dir.path());
    assert!(page().contains("<th scope=\"row\">seed</th><td>17</td>"));
    assert!(page().contains("<td>a '&lt;b&gt;' &amp; c</td>"));
}

/// In the table, the confusion matrix and the mistakes; however long they are, and with all that HTML takes for its own.
#[test]
fn classes_are_called_by_their_names() {
    let long =
        "a name that is far too long for a cell of the matrix, and for a caption under an image";
    let names = ["<b>&\"zero\"", long, "two", "three", "4", "five", "six", "七", "eight", "nine"];
    let classes = Classes::new(names).unwrap();
    let mut run = Run::new();
    run.train = run.train.clone().with_classes(classes.clone());
    run.test = run.test.clone().with_classes(classes);
    let dir = tempfile::tempdir().unwrap();
    let mut report = Report::create(dir.path()).unwrap();
    let record = run.epoch();
    run.record(&mut report, &record);
    assert_page(dir.path());
    PICTURES.iter().for_each(|name| assert_picture(&dir.path().join(name)));

    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    let zero = "&lt;b&gt;&amp;&quot;zero&quot;";
    for words in [
        "<h2>Class by class</h2>",
        "How many of the test images of each class were taken for each class.",
        "true class</text>",
        &format!("<th scope=\"row\">{zero}</th>"),
        &format!("<th scope=\"row\">{long}</th>"),
        "<th scope=\"row\">七</th>",
    ] {
        let lines: Vec<_> = page.lines().map(str::trim).collect();
        assert!(lines.join("").contains(words), "{words}");
    }
    assert!(!page.contains("<b>&\"zero") && !page.contains("digit"));
    // The surest are shown.
    let mistakes = record.test.mistakes.iter();
    let worst = mistakes.max_by(|a, b| a.probability.total_cmp(&b.probability)).unwrap();
    let [label, answer] = [worst.label, worst.answer].map(|label| {
        names[usize::from(label)]
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace("<b>", "&lt;b&gt;")
    });
    assert!(page.contains(&format!("<b>{label}</b> read as <b>{answer}</b>")));
    // The matrix, as SVG, has the long one cut.
    assert!(page.contains("a name that is far") && page.contains(".."));
    // Digits are as they were.
    let digits = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let record = run.epoch();
    run.record(&mut Report::create(digits.path()).unwrap(), &record);
    let page = fs::read_to_string(digits.path().join("report.html")).unwrap();
    assert!(page.contains("<h2>Digit by digit</h2>") && !page.contains("class by class"));
}

#[test]
fn the_mistakes_are_in_the_order_of_the_figures_below_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let record = run.epoch();
    assert!(record.test.mistakes.len() > 40);
    run.record(&mut Report::create(&dir).unwrap(), &record);
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    let figures = page.split("</b><small>").skip(1).map(|rest| rest.split('&').next().unwrap());
    let figures: Vec<f32> = figures.map(|figure| figure.parse().unwrap()).collect();
    assert_eq!(figures.len(), 40);
    assert!(figures.is_sorted_by(|a, b| a >= b), "{figures:?}");
    // No other is surer.
    let mut all: Vec<_> = record.test.mistakes.iter().map(|it| it.probability * 100.0).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    assert!((all[39] - figures[39]).abs() < 0.051, "{all:?}");
}

/// One epoch, no figure that is a number, no mistake, and weights that are gone: all is drawn nevertheless.
#[test]
fn what_is_not_finite_or_not_there_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let mut record = run.epoch();
    record.epoch = 7;
    record.seconds = 0.0;
    record.train.loss = f64::NAN;
    record.test.loss = f64::INFINITY;
    record.test.accuracy = 1.0;
    record.test.mistakes.clear();
    record.test.confusion = [[0; 10]; 10];
    let mut weights = StateDict::new();
    let filters = Array::new(vec![6, 1, 5, 5], vec![f32::NAN; 150]).unwrap();
    weights.insert("con_sam.0.weight", filters).unwrap();
    Report::create(&dir).unwrap().record(&record, &weights, &run.test).unwrap();
    let line = &jsonl(dir.path())[0];
    for name in ["train_loss", "test_loss", "images_per_second"] {
        assert!(line[name].is_null(), "{name}: {}", line[name]);
        assert!(csv(dir.path())[0][name].is_empty(), "{name}");
    }
    let (_, steps) = events(&event_file(dir.path()));
    assert_eq!(steps[0].0, 7);
    assert!(!steps[0].1.contains_key("loss/train"));
    assert_page(dir.path());
    let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(page.contains("No mistakes") && page.contains("7"));
    for picture in PICTURES {
        image::open(dir.path().join(picture)).unwrap();
    }
}

/// Many epochs, and every image a mistake.
#[test]
fn long_and_bad_runs_fit() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::new();
    let mut trainer = Trainer::new(run.trainer.config().clone()).unwrap();
    let train = trainer.train_epoch(&run.train.first(32)).unwrap();
    let test = trainer.evaluate(&run.test).unwrap();
    let mut report = Report::create(&dir).unwrap();
    for epoch in [1, 2, 120, 1_000] {
        let mut record = EpochRecord::new(epoch, train, test.clone(), 1e-9);
        // The longest labels that the axes can get.
        (record.train.loss, record.test.loss) = (1e9, 1e-9);
        (record.train.accuracy, record.test.accuracy) = (0.9995, 0.9998);
        run.record(&mut report, &record);
    }
    for picture in PICTURES {
        assert_picture(&dir.path().join(picture));
    }
    assert_page(dir.path());
}

#[test]
fn a_resumed_run_goes_on_where_its_checkpoint_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let mut report = Report::create(&dir).unwrap();
    let records = [run.epoch(), run.epoch(), run.epoch()];
    for record in &records {
        run.record(&mut report, record);
    }
    let whole = jsonl(dir.path());
    // As a program that was killed leaves it: half of a record, half of a file.
    let old = event_file(dir.path());
    let bytes = fs::read(&old).unwrap();
    let killed = dir.path().join("events.out.tfevents.0000000001.1.lenet");
    fs::write(&killed, &bytes[..bytes.len() - 5]).unwrap();
    fs::remove_file(&old).unwrap();
    let other = dir.path().join("events.out.tfevents.1700000000.host.other");
    fs::write(&other, "another program's").unwrap();
    drop(report);

    let mut report = Report::resume(&dir, 2).unwrap();
    assert!(other.is_file() && !killed.exists());
    fs::remove_file(&other).unwrap();
    assert_eq!(jsonl(dir.path()), whole[..2]);
    assert_eq!(csv(dir.path()).len(), 2);
    assert_eq!(events(&event_file(dir.path())).1.len(), 2);

    run.record(&mut report, &records[2]);
    assert_eq!(epochs(dir.path()), [1, 2, 3]);
    let steps = |dir| events(&event_file(dir)).1.iter().map(|event| event.0).collect::<Vec<_>>();
    assert_eq!(steps(dir.path()), [1, 2, 3]);
    assert!(!names(dir.path()).iter().any(|name| name.ends_with(".tmp")));

    // Told of an epoch again, it takes that one's place.
    run.record(&mut report, &records[1]);
    assert_eq!((epochs(dir.path()), steps(dir.path())), (vec![1, 2], vec![1, 2]));
    drop(report);

    // A new run starts anew; one that goes on where there is no report starts one.
    Report::create(&dir).unwrap();
    assert!(jsonl(dir.path()).is_empty() && steps(dir.path()).is_empty());
    let elsewhere = dir.path().join("elsewhere");
    Report::resume(&elsewhere, 3).unwrap();
    assert!(jsonl(&elsewhere).is_empty());
}

#[test]
fn a_damaged_report_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let record = run.epoch();
    run.record(&mut Report::create(&dir).unwrap(), &record);
    let path = dir.path().join("metrics.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    for (text, reason) in [
        (good[..good.len() / 2].to_string(), "line 1"),
        (format!("{good}{good}"), "line 2: epoch 1 after epoch 1"),
        ("{}\n".into(), "missing field"),
        ("metrics\n".into(), "line 1"),
    ] {
        fs::write(&path, &text).unwrap();
        match Report::resume(&dir, 1) {
            Err(error @ Error::Malformed { .. }) => {
                let message = error.to_string();
                assert!(message.contains("metrics.jsonl") && message.contains(reason), "{message}");
            }
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "it was changed");
    }
}

#[test]
fn errors_name_the_path() {
    let dir = tempfile::tempdir().unwrap();
    // A file where the folder should be, and a folder where a file should be: not even root can write there.
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    match Report::create(&file) {
        Err(Error::Io { path, .. }) => assert_eq!(path, file),
        other => panic!("{other:?}"),
    }
    let dir = dir.path().join("report");
    let mut report = Report::create(&dir).unwrap();
    let mut run = Run::new();
    let first = run.epoch();
    let blocked = dir.join("confusion.png");
    fs::create_dir_all(blocked.join("full")).unwrap();
    match report.record(&first, &run.trainer.state_dict(), &run.test) {
        Err(Error::Io { action: "write", path, .. }) => assert_eq!(path, blocked),
        other => panic!("{other:?}"),
    }
    assert!(!names(&dir).iter().any(|name| name.ends_with(".tmp")));
    // The epoch's figures are safe, and the report goes on once there is room.
    assert_eq!(epochs(&dir), [1]);
    fs::remove_dir_all(&blocked).unwrap();
    let second = run.epoch();
    run.record(&mut report, &second);
    assert_eq!(epochs(&dir), [1, 2]);
    assert_eq!(events(&event_file(&dir)).1.len(), 2);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_found_out_at_once() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(dir.path().join("probe"), "").is_ok() {
        // Root writes everywhere; /proc it can't write to either.
        assert!(matches!(Report::create("/proc/lenet"), Err(Error::Io { .. })));
    } else {
        match Report::create(&dir) {
            Err(Error::Io { action: "write", path, .. }) => assert!(path.starts_with(&dir)),
            other => panic!("{other:?}"),
        }
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn another_network_or_set_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let mut record = run.epoch();
    let mut report = Report::create(&dir).unwrap();

    let other = StateDict::new();
    let refused = report.record(&record, &other, &run.test).unwrap_err().to_string();
    assert!(refused.contains("con_sam.0.weight"), "{refused}");

    record.test.mistakes = {
        let labels = (0..500).map(|i| (i % 10) as u8).collect();
        let blank = Dataset::from_pixels(vec![0; 500 * 1024], labels).unwrap();
        run.trainer.evaluate(&blank).unwrap().mistakes
    };
    let refused = report.record(&record, &run.trainer.state_dict(), &run.test.first(1));
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    assert!(jsonl(dir.path()).is_empty());
}

/// With TensorBoard itself: `LENET_TENSORBOARD_PYTHON` names a Python that has it.
#[test]
#[ignore = "needs TensorBoard: scripts/check-events installs it and runs this"]
fn tensorboard_reads_what_was_written() {
    let python = env::var_os("LENET_TENSORBOARD_PYTHON").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut run = Run::new();
    let mut report = Report::create(&dir).unwrap();
    let records = [run.epoch(), run.epoch(), run.epoch()];
    for record in &records {
        run.record(&mut report, record);
    }
    let read = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/read_events.py");
        let output = Command::new(&python).arg(script).arg(dir.path()).output().unwrap();
        let [out, err] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s));
        assert!(output.status.success(), "{out}{err}");
        out.into_owned()
    };
    assert!(read().contains("3 epochs"));
    let mut report = Report::resume(&dir, 1).unwrap();
    assert!(read().contains("1 epochs"));
    run.record(&mut report, &records[1]);
    assert!(read().contains("2 epochs"));
}
