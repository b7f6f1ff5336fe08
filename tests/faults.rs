//! What signals, disks, pipes and files do to a run of `train_mnist`.

#![cfg(all(unix, feature = "download", feature = "report"))] // as train_mnist is

mod program;

use lenet::{
    Checkpoints, Mnist, Trainer,
    weights::{Array, StateDict},
};
use program::{SMALL, example, run};
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What a run says first on stderr.
const WHERE: &str = "training on cpu, engine fused\n";

/// 50 steps an epoch, 4 epochs.
fn train() -> Command {
    let mut command = example("train_mnist");
    command.args(["--device", "cpu", "--threads", "1", "--epochs", "4", "--data"]);
    command.arg(SMALL.path());
    command
}

/// [`train`], with checkpoints in `dir` after each step.
fn checked(dir: &Path) -> Command {
    let mut command = train();
    command.args(["--checkpoint-every", "1", "--checkpoint"]).arg(dir);
    command
}

/// The weights of a run that nothing happened to.
static UNDISTURBED: LazyLock<Vec<Vec<u32>>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    finish(&mut train(), &dir.path().join("model.safetensors"))
});

/// Lets it come to its end; the bits of the weights that it saves.
fn finish(command: &mut Command, model: &Path) -> Vec<Vec<u32>> {
    let (output, out, err) = run(command.arg("--save-model").arg(model));
    assert!(output.status.success() && out.ends_with("End of the training\n"), "{err}");
    bits(model)
}

fn bits(model: &Path) -> Vec<Vec<u32>> {
    let weights = StateDict::read(model).unwrap();
    weights.iter().map(|(_, array)| array.values().iter().map(|v| v.to_bits()).collect()).collect()
}

/// The names in a folder that begin like this.
fn names(dir: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

fn newest(dir: &Path) -> Option<String> {
    names(dir, "step-").pop()
}

/// Waits for a new checkpoint, or the end.
fn wait_for_checkpoint(child: &mut Child, dir: &Path) {
    let (before, start) = (newest(dir), Instant::now());
    while newest(dir) == before && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(300), "no checkpoint within 5 minutes");
        thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// `LENET_KILLS=200 cargo test --release --test faults kill -- --nocapture` for more of it.
#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let kills = env::var("LENET_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let (mut killed, mut while_writing, mut runs) = (0, 0, 0);
    let mut random = 1_u32;
    while killed < kills {
        let dir = tempfile::tempdir().unwrap();
        let (checkpoints, model) = (dir.path().join("run"), dir.path().join("model.safetensors"));
        while killed < kills {
            let mut command = checked(&checkpoints);
            command.args(["--resume", "--quiet", "--save-model"]).arg(&model);
            let mut child = command.spawn().unwrap();
            // Most while it trains and saves, some while it starts.
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if random >> 30 > 0 {
                wait_for_checkpoint(&mut child, &checkpoints);
            }
            thread::sleep(Duration::from_micros(u64::from(random >> 12 & 0xffff)));
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                break; // it was done before
            }
            killed += 1;
            while_writing += usize::from(!names(&checkpoints, ".lenet-").is_empty());
        }
        assert!(finish(checked(&checkpoints).arg("--resume"), &model) == *UNDISTURBED);
        assert!(names(&checkpoints, ".lenet-").is_empty());
        runs += 1;
    }
    eprintln!("{killed} kills in {runs} runs, {while_writing} of them while a file was written");
}

/// A run's folder and a run in it that has saved itself once.
fn under_way() -> (TempDir, PathBuf, Child) {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = dir.path().join("a run");
    let mut command = checked(&checkpoints);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_checkpoint(&mut child, &checkpoints);
    (dir, checkpoints, child)
}

fn ended(child: Child) -> (Output, String) {
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, err)
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let (dir, checkpoints, child) = under_way();
        signal(&child, name);
        let (output, err) = ended(child);
        assert_eq!(output.status.code(), Some(code), "{err}");
        let (said, command) = err.trim_end().split_once(" To resume:\n    ").unwrap();
        let saved = checkpoints.join(newest(&checkpoints).unwrap());
        assert!(said.ends_with(&format!("saved to {}.", saved.display())), "{err}");

        // As a shell takes it.
        let model = dir.path().join("model.safetensors");
        let command = format!("{command} --save-model '{}'", model.display());
        let (output, out, err) =
            run(Command::new("sh").args(["-c", &command]).env("OMP_NUM_THREADS", "1"));
        assert!(output.status.success() && out.ends_with("End of the training\n"), "{err}");
        assert!(err.starts_with(&format!("{WHERE}resuming in epoch ")), "{err}");
        assert!(bits(&model) == *UNDISTURBED);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (_dir, _, child) = under_way();
    // Two that arrive together, before it can do anything about the first. Of one kind they would be one.
    for name in ["-STOP", "-INT", "-TERM", "-CONT"] {
        signal(&child, name);
    }
    let (output, err) = ended(child);
    assert!(matches!(output.status.code(), Some(130 | 143)), "{}", output.status);
    assert_eq!(err, WHERE);
}

#[test]
fn without_checkpoints_ctrl_c_says_what_is_lost() {
    let mut child = train()
        .args(["--epochs", "100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().starts_with("Test Loss")).unwrap().unwrap();
    signal(&child, "-INT");
    lines.for_each(drop);
    let (output, err) = ended(child);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("nothing was saved: --checkpoint DIR would have"), "{err}");
}

#[test]
fn resuming_says_where_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = checked(dir.path());
    let (output, _, err) = run(command.args(["--resume", "--epochs", "1"]));
    assert!(output.status.success(), "{err}");
    assert!(err.starts_with(&format!("{WHERE}no good checkpoint there: start")), "{err}");

    // Without --resume the earlier run is left alone.
    let (output, _, err) = run(&mut checked(dir.path()));
    assert!(!output.status.success() && err.contains("--resume"), "{err}");

    // A damaged newest one falls back to the one before.
    let newest = dir.path().join(newest(dir.path()).unwrap());
    let mut bytes = fs::read(&newest).unwrap();
    bytes.truncate(1_000);
    fs::write(&newest, bytes).unwrap();
    let mut command = checked(dir.path());
    let (output, out, err) = run(command.args(["--resume", "--epochs", "1"]));
    assert!(output.status.success(), "{err}");
    let lines: Vec<_> = err.lines().collect();
    assert!(lines[0].starts_with("passed over: ") && lines[0].contains("step-000000050"), "{err}");
    assert_eq!(lines[1], WHERE.trim_end());
    assert_eq!(lines[2], "resuming in epoch 1, after 1568 of 1600 images");
    assert!(out.contains("epoch 1\nTrain Loss"), "{out}");

    // A run that is over is over.
    let (output, out, err) = run(checked(dir.path()).args(["--resume", "--epochs", "1"]));
    assert!(output.status.success() && err == format!("{WHERE}resuming after epoch 1\n"), "{err}");
    assert!(out.ends_with("----\nEnd of the training\n"), "{out}");
    let model = dir.path().join("model.safetensors");
    finish(checked(dir.path()).args(["--resume", "--epochs", "1"]), &model);
    assert!(StateDict::read(&model).unwrap().metadata.contains_key("test_accuracy"));

    // Other data is refused.
    let mut command = checked(dir.path());
    let (output, _, err) = run(command.args(["--resume", "--validation", "100"]));
    assert!(!output.status.success() && err.contains("--data and --validation: data: "), "{err}");

    // Another config is refused.
    let (output, _, err) = run(checked(dir.path()).args(["--resume", "--lr", "0.1"]));
    assert!(!output.status.success(), "{err}");
    assert!(err.contains("learning_rate: 0.001 there, 0.1 here"), "{err}");
}

/// Files may grow to 512,000 bytes: a checkpoint does not fit.
#[test]
fn a_full_disk_leaves_the_last_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = checked(dir.path());
    let (output, _, err) = run(command.args(["--epochs", "1"]));
    assert!(output.status.success(), "{err}");
    let before = names(dir.path(), "");

    let command = checked(dir.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 1000; exec "$0" "$@""#]);
    limited.arg(command.get_program()).args(command.get_args()).arg("--resume");
    let (output, _, err) = run(limited.env("OMP_NUM_THREADS", "1"));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("error: cannot write ") && err.contains(": File too large (os"), "{err}");
    assert_eq!(names(dir.path(), ""), before);

    let model = dir.path().join("model.safetensors");
    assert!(finish(checked(dir.path()).arg("--resume"), &model) == *UNDISTURBED);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_found_out_before_training() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(&dir, PermissionsExt::from_mode(0o555)).unwrap();
    // root may write there all the same, but nobody in /proc.
    let is_root = File::create(dir.path().join("probe")).is_ok();
    let dir = if is_root { Path::new("/proc") } else { dir.path() };
    let file = dir.join("model.safetensors");
    for (option, path) in
        [("--checkpoint", dir), ("--report", dir), ("--save-model", &file), ("--best", &file)]
    {
        let (output, out, err) = run(train().args(["--validation", "100"]).arg(option).arg(path));
        assert_eq!(output.status.code(), Some(1), "{option}: {err}");
        assert!(err.contains("cannot ") && !out.contains("epoch 1"), "{option}: {err}");
    }
}

/// The folder goes while the run trains: what was trained is saved elsewhere.
#[test]
fn weights_that_cannot_be_saved_where_they_should_are_saved_elsewhere() {
    for option in ["--save-model", "--best", "--report"] {
        let (dir, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let gone = dir.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let mut command = train();
        command.args(["--validation", "100", "--epochs", "30"]).arg(option);
        command.arg(if option == "--report" { gone.clone() } else { gone.join("it.npz") });
        command.env("TMPDIR", temporary.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap() == "epoch 1").unwrap().unwrap();
        fs::remove_dir_all(&gone).unwrap();
        lines.for_each(drop);
        let (output, err) = ended(child);
        assert_eq!(output.status.code(), Some(1), "{option}: {err}");
        let (reason, path) = err.split_once("; the weights were saved to ").unwrap();
        assert!(reason.contains("cannot write "), "{option}: {err}");
        let path = Path::new(path.trim_end().trim_end_matches(" instead"));
        assert!(path.starts_with(&temporary), "{option}: {err}");
        assert!(StateDict::read(path).unwrap().metadata["command"].contains(option));
    }
}

/// `train_mnist | head -1`: the epoch that can't be shown is saved.
#[test]
fn a_reader_who_goes_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = train();
    command.arg("--checkpoint").arg(dir.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "train_data:1600, test_data:200\n");
    let (output, err) = ended(child);
    assert!(output.status.success() && WHERE.starts_with(&err), "{}: {err}", output.status);
    // Where it was to print the table of layers, or after an epoch: it depends on when the reader went.
    assert!(newest(dir.path()).is_none_or(|name| name == "step-000000050.safetensors"));

    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = train().stdout(full).stderr(Stdio::piped()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let error = err.trim_start_matches(WHERE);
    assert!(error.starts_with("error: cannot write to stdout: No space left"), "{err}");
}

/// A path need not be UTF-8.
#[cfg(target_os = "linux")]
#[test]
fn any_path_will_do() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"model-\xff.safetensors"));
    finish(train().args(["--epochs", "1"]), &path);
}

#[test]
fn a_damaged_data_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for name in names(SMALL.path(), "") {
        fs::copy(SMALL.path().join(&name), dir.path().join(&name)).unwrap();
    }
    let path = dir.path().join("train-images-idx3-ubyte");
    let good = fs::read(&path).unwrap();
    let cut = good[..good.len() - 1].to_vec();
    let mut magic = good;
    magic[2] = 9;
    for bytes in [cut, magic, vec![]] {
        fs::write(&path, bytes).unwrap();
        let (output, out, err) = run(train().arg("--data").arg(dir.path()));
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains("train-images-idx3-ubyte is not a good") && out.is_empty(), "{err}");
    }
}

#[test]
fn a_loss_that_is_not_finite_leaves_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (output, _, err) = run(checked(dir.path()).args(["--lr", "1e38"]));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("training has diverged"), "{err}");
    // The first step's losses were finite, but not its weights.
    assert_eq!(newest(dir.path()), None);

    // Where there is one, it stays.
    let mut command = checked(dir.path());
    let (output, _, err) = run(command.args(["--epochs", "1"]));
    assert!(output.status.success(), "{err}");
    let before = names(dir.path(), "");
    let newest = dir.path().join(newest(dir.path()).unwrap());
    let trainer = Trainer::resume(&newest).unwrap();
    let mut spoilt = StateDict::new();
    for (name, array) in trainer.state_dict().iter() {
        let nan = vec![f32::NAN; array.values().len()];
        spoilt.insert(name, Array::new(array.shape().into(), nan).unwrap()).unwrap();
    }
    let path = SMALL.path().join("spoilt.safetensors");
    spoilt.write(&path).unwrap();
    let mut trainer = Trainer::with_weights(trainer.config().clone(), &path).unwrap();
    let checkpoints = Checkpoints::open(dir.path()).unwrap();
    assert!(checkpoints.save(&trainer).is_err());
    assert!(trainer.train_epoch(&Mnist::open(SMALL.path()).unwrap().train).is_err());
    assert!(checkpoints.save(&trainer).is_err());
    assert_eq!(names(dir.path(), ""), before);
    Trainer::resume(&newest).unwrap();
}

/// Resident memory, in kB.
fn memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A step's tensors are 1 MB and more: if any of them stayed, 45 epochs of 50 steps would show it.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_over_50_epochs() {
    let mut child = train()
        .args(["--epochs", "50"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut measured = vec![];
    for line in lines {
        if ["epoch 6", "epoch 50"].contains(&line.as_str()) {
            measured.push(memory(&child));
        }
    }
    assert!(child.wait().unwrap().success());
    let [early, late] = measured[..] else { panic!("{measured:?}") };
    eprintln!("{early} kB in epoch 6, {late} kB in epoch 50");
    assert!(late < early + 4_096, "{early} kB in epoch 6, {late} kB in epoch 50");
}
