//! Runs the examples as a user does and reads what they print.

#![cfg(all(feature = "download", feature = "report"))] // as train_mnist is

mod program;

use flate2::{Compression, write::GzEncoder};
use lenet::{
    AdamW, OneCycleLr, Optimizer, Schedule, Sgd, TrainConfig, Trainer, lenet_1998::LeNet1998Config,
    train::Device, weights::StateDict,
};
use program::{SMALL, example, run};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// A number with six decimals.
fn six_decimals(text: &str) -> f64 {
    let (_, decimals) = text.split_once('.').unwrap_or_else(|| panic!("no decimals in {text}"));
    assert_eq!(decimals.len(), 6, "{text}");
    text.parse().unwrap()
}

/// The loss and accuracy of `Train Loss: …, Acc: …`.
fn loss_and_accuracy(line: &str, title: &str) -> (f64, f64) {
    let figures = line.strip_prefix(&format!("{title} Loss: ")).unwrap_or_else(|| panic!("{line}"));
    let (loss, accuracy) = figures.split_once(", Acc: ").unwrap_or_else(|| panic!("{line}"));
    (six_decimals(loss), six_decimals(accuracy))
}

#[test]
fn train_mnist_prints_what_the_post_prints() {
    let args = ["--epochs", "2", "--batch-size", "500", "--device", "cpu", "--threads", "1"];
    let (output, out, err) = run(example("train_mnist").args(args));
    assert!(output.status.success(), "{err}");

    let rest = out.strip_prefix("train_data:60000, test_data:10000\n").unwrap();
    let rest = rest.strip_prefix(include_str!("golden/summary_pytorch.txt")).unwrap();
    let lines: Vec<_> = rest.lines().collect();
    assert_eq!(lines.len(), 7, "{rest}");
    assert_eq!([lines[0], lines[3], lines[6]], ["epoch 1", "epoch 2", "End of the training"]);
    let (_, first) = loss_and_accuracy(lines[1], "Train");
    let (loss, second) = loss_and_accuracy(lines[4], "Train");
    assert!(first > 0.5 && second > first, "{rest}");
    // The post's loss: about the mean loss divided by the batch size.
    assert!(loss < 1.0 / 500.0, "{rest}");
    let (_, test) = loss_and_accuracy(lines[5], "Test");
    assert!(test > 0.85, "{rest}");
    // No terminal: no bar, and a line for each epoch.
    assert_eq!(err.matches("images/s").count(), 2, "{err}");
}

/// Runs it in a terminal, which Python's standard library makes: what it shows there.
#[cfg(unix)]
fn in_a_terminal(command: &mut Command) -> String {
    let spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new("python3");
    terminal.args(["-c", spawn]).arg(command.get_program()).args(command.get_args());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    terminal.envs(variables).env("TERM", "xterm-256color").stdin(Stdio::null());
    let (output, out, err) = run(&mut terminal);
    assert!(output.status.success(), "{out}{err}");
    out
}

#[cfg(unix)]
#[test]
fn train_mnist_shows_its_progress_in_a_terminal() {
    let train = || {
        let mut command = example("train_mnist");
        command.args(["--device", "cpu", "--threads", "1", "--epochs", "1", "--data"]);
        command.arg(SMALL.path());
        command
    };
    let out = in_a_terminal(train().env("NO_COLOR", "1"));
    for part in ["epoch 1/1 ", "loss ", ", acc ", " images/s, ", " s left"] {
        assert!(out.contains(part), "no {part:?} in {out}");
    }
    assert!(out.contains("█") && !out.contains("\x1b[3"), "{out}");
    let coloured = in_a_terminal(train().env_remove("NO_COLOR"));
    assert!(coloured.contains("\x1b[36m"), "{coloured}");
    assert_eq!(in_a_terminal(train().arg("--quiet")), "");
}

#[test]
fn train_mnist_keeps_the_best_and_stops_early() {
    let dir = tempfile::tempdir().unwrap();
    let [best, last] = ["best.safetensors", "last.safetensors"].map(|name| dir.path().join(name));
    // A learning rate that changes no weight: the first epoch stays the best.
    let (output, out, err) = run(example("train_mnist")
        .args(["--device", "cpu", "--data"])
        .arg(SMALL.path())
        .args(["--validation", "600", "--early-stop", "2", "--lr", "1e-30", "--best"])
        .arg(&best)
        .arg("--save-model")
        .arg(&last));
    assert!(output.status.success(), "{err}");
    let lines: Vec<_> = out.lines().skip_while(|line| *line != "epoch 1").collect();
    assert_eq!(lines.len(), 3 * 4 + 1, "{out}");
    assert_eq!([lines[4], lines[8], lines[12]], ["epoch 2", "epoch 3", "End of the training"]);
    let (_, accuracy) = loss_and_accuracy(lines[3], "Validation");
    assert_eq!(err.matches("the best so far").count(), 1, "{err}");
    assert!(err.contains(&format!("epoch 1 did best on the validation images: {accuracy:.6}")));
    assert!(best.exists() && last.exists());

    for option in [&["--early-stop", "1"][..], &["--best", "best.safetensors"]] {
        let (output, _, err) = run(example("train_mnist").args(option));
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("--validation"), "{err}");
    }
}

#[test]
fn train_mnist_repeats_itself() {
    let train = |seed: &str| {
        let args = ["--dry-run", "--device", "cpu", "--threads", "1", "--seed", seed];
        run(example("train_mnist").args(args)).1
    };
    assert_eq!(train("5"), train("5"));
    assert_ne!(train("5"), train("6"));
}

#[test]
fn train_mnist_follows_the_paddle_recipe() {
    let args = ["--dry-run", "--recipe", "paddle", "--device", "cpu"];
    let (output, out, err) = run(example("train_mnist").args(args));
    assert!(output.status.success(), "{err}");
    // One batch of 64: each answer counts 1/64.
    let line = out.lines().find(|line| line.starts_with("Train Loss")).unwrap();
    let (_, accuracy) = loss_and_accuracy(line, "Train");
    assert!((accuracy * 64.0 - (accuracy * 64.0).round()).abs() < 1e-3, "{line}");
}

#[test]
fn train_mnist_shows_a_sample() {
    let dir = tempfile::tempdir().unwrap();
    let (output, out, err) = run(example("train_mnist").args(["--show", "3"]).current_dir(&dir));
    assert!(output.status.success(), "{err}");
    assert!(out.ends_with("sample-3.png: label 1\n"), "{out}");
    let image = image::open(dir.path().join("sample-3.png")).unwrap();
    assert_eq!((image.width(), image.height()), (32, 32));
}

#[test]
fn train_mnist_writes_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--dry-run", "--device", "cpu", "--report", "runs/a"];
    let (output, _, err) = run(example("train_mnist").args(args).current_dir(&dir));
    assert!(output.status.success(), "{err}");
    assert!(err.contains("runs/a/report.html"), "{err}");
    let path = dir.path().join("runs/a/report.html");
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.contains("epoch 1"));
    for said in ["<td>train_mnist --dry-run --device cpu --report runs/a</td>", "<td>32</td>"] {
        assert!(page.contains(said), "{said}");
    }
    for name in ["command", "seed", "batch size", "learning rate", "optimizer", "schedule"] {
        assert!(page.contains(&format!("<th scope=\"row\">{name}</th>")), "{name}");
    }

    // Another run does not write over it, not even one that could resume if there were anything to resume.
    for resume in [&[][..], &["--checkpoint", "runs/new", "--resume"]] {
        let (output, _, err) =
            run(example("train_mnist").args(args).args(resume).current_dir(&dir));
        assert_eq!(output.status.code(), Some(1));
        assert!(err.contains("runs/a holds an earlier run's report"), "{err}");
        assert_eq!(fs::read_to_string(&path).unwrap(), page);
    }
}

/// The report of an epoch is written before its checkpoint.
#[test]
fn a_run_that_was_killed_between_its_first_report_and_checkpoint_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let train = ["--dry-run", "--device", "cpu", "--report", "a", "--checkpoint", "c"];
    let paper = ["--passes", "1", "--pictures", "a", "--checkpoint", "c"];
    for (program, args) in [("train_mnist", &train[..]), ("lenet_1998", &paper)] {
        let root = dir.path().join(program);
        fs::create_dir(&root).unwrap();
        let trained = |resume: &[&str]| {
            let mut command = example(program);
            command.arg("--data").arg(SMALL.path()).args(args).args(resume).current_dir(&root);
            let (output, out, err) = run(&mut command);
            assert!(output.status.success(), "{err}");
            out
        };
        let first = trained(&[]);
        // As if killed before the last checkpoint.
        let seed = root.join("c/seed-1");
        let kept = if seed.exists() { seed } else { root.join("c") };
        let entries = fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path());
        let last = entries.filter(|path| path.extension().is_some()).max().unwrap();
        fs::remove_file(last).unwrap();
        assert_eq!(trained(&["--resume"]), first);
    }
}

#[test]
fn every_example_says_its_version() {
    for name in ["train_mnist", "lenet_1998", "predict", "convert", "summary"] {
        let (output, out, _) = run(example(name).arg("--version"));
        assert!(output.status.success());
        assert_eq!(out, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn train_mnist_starts_from_weights() {
    let dir = tempfile::tempdir().unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors");
    let saved = dir.path().join("same.safetensors");
    let (output, _, err) = run(example("train_mnist")
        .args(["--device", "cpu", "--epochs", "0", "--weights", weights, "--data"])
        .arg(SMALL.path())
        .arg("--save-model")
        .arg(&saved));
    assert!(output.status.success(), "{err}");
    assert!(err.contains("nothing was trained: they are as they were"), "{err}");
    let [before, after] = [weights.as_ref(), saved.as_path()].map(|path: &Path| {
        let weights = StateDict::read(path).unwrap();
        weights.iter().map(|(name, array)| (name.to_owned(), array.clone())).collect::<Vec<_>>()
    });
    assert!(before == after);
    let (output, _, err) = run(example("train_mnist").args(["--weights", "/nowhere.pt"]));
    assert!(!output.status.success() && err.contains("/nowhere.pt"), "{err}");
}

#[test]
fn train_mnist_follows_the_optimizer_and_the_schedule_that_are_asked_for() {
    let sgd = |momentum| Optimizer::Sgd(Sgd { momentum, ..Sgd::default() });
    let recipe = TrainConfig { epochs: 2, device: Device::Cpu, ..TrainConfig::pytorch() };
    let one_cycle = Schedule::OneCycleLr(OneCycleLr::new(0.01, 2 * 50));
    for (args, expected) in [
        (
            "--optimizer adamw",
            TrainConfig { optimizer: Optimizer::AdamW(AdamW::default()), ..recipe.clone() },
        ),
        ("--optimizer sgd", TrainConfig { optimizer: sgd(0.0), ..recipe.clone() }),
        ("--optimizer sgd:0.9", TrainConfig { optimizer: sgd(0.9), ..recipe.clone() }),
        (
            "--schedule step:3",
            TrainConfig {
                schedule: Schedule::StepLr { step_size: 3, gamma: 0.1 },
                ..recipe.clone()
            },
        ),
        (
            "--schedule cosine",
            TrainConfig {
                schedule: Schedule::CosineAnnealingLr { t_max: 2, eta_min: 0.0 },
                ..recipe.clone()
            },
        ),
        (
            "--schedule one-cycle --lr 0.01",
            TrainConfig { schedule: one_cycle, learning_rate: 0.01, ..recipe },
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = example("train_mnist");
        command.args(["--device", "cpu", "--epochs", "2", "--data"]).arg(SMALL.path());
        command.arg("--checkpoint").arg(dir.path()).args(args.split(' '));
        let (output, _, err) = run(&mut command);
        assert!(output.status.success(), "{args}: {err}");
        let trainer = Trainer::resume(dir.path().join("step-000000100.safetensors")).unwrap();
        assert_eq!(*trainer.config(), expected, "{args}");
    }
}

/// Files of MNIST's names and sizes that are another set's, as Fashion-MNIST's are.
#[test]
fn train_mnist_says_that_a_set_is_not_mnist() {
    let dir = tempfile::tempdir().unwrap();
    for (part, images) in [("train", 60_000_u32), ("t10k", 10_000)] {
        for (kind, sizes) in [("images-idx3", &[images, 28, 28][..]), ("labels-idx1", &[images])] {
            let path = dir.path().join(format!("{part}-{kind}-ubyte.gz"));
            let mut file = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
            file.write_all(&[0, 0, 8, sizes.len() as u8]).unwrap();
            sizes.iter().for_each(|size| file.write_all(&size.to_be_bytes()).unwrap());
            let bytes = sizes.iter().product::<u32>() as usize;
            file.write_all(&vec![0; bytes]).unwrap();
            file.finish().unwrap();
        }
    }
    let mut command = example("train_mnist");
    let (output, _, err) =
        run(command.args(["--dry-run", "--device", "cpu", "--data"]).arg(dir.path()));
    assert!(output.status.success(), "{err}");
    let said = format!("{} holds another set than MNIST", dir.path().display());
    assert!(err.starts_with(&said), "{err}");
    let (_, _, err) = run(example("train_mnist").args(["--dry-run", "--device", "cpu"]));
    assert!(!err.contains("another set"), "{err}");
}

/// Beside a driver of a few lines of C: one that is too old for libtorch, and one that is new enough where libtorch is the CPU set.
#[cfg(all(feature = "torch", target_os = "linux"))]
#[test]
fn train_mnist_says_why_it_is_not_on_a_gpu() {
    let program = example("train_mnist").get_program().to_owned();
    let (_, libraries, _) = run(Command::new("ldd").arg(program));
    if !libraries.contains("libcudart.so") {
        println!(
            "this libtorch has no NVIDIA runtime, which would ask the driver: nothing was tested"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let beside = |version: i32| {
        let dir = dir.path().join(version.to_string());
        fs::create_dir(&dir).unwrap();
        let code = format!(
            "int cuDriverGetVersion(int *version) {{ *version = {version}; return 0; }}\nint cuInit(unsigned flags) {{ return 0; }}\n"
        );
        fs::write(dir.join("libcuda.c"), code).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o", "libcuda.so.1", "libcuda.c"]).current_dir(&dir);
        let (output, _, err) = run(&mut cc);
        assert!(output.status.success(), "{err}");
        ["auto", "cuda"].map(|device| {
            let mut command = example("train_mnist");
            command.args(["--dry-run", "--device", device, "--data"]).arg(SMALL.path());
            let (output, _, err) = run(command.env("LD_LIBRARY_PATH", &dir));
            (output.status.code(), err)
        })
    };
    let expect = |seen: [(Option<i32>, String); 2], why: [&str; 2]| {
        let [(code, auto), (refused, cuda)] = seen;
        assert_eq!((code, refused), (Some(0), Some(1)), "{auto}{cuda}");
        for said in ["not on a GPU: no device cuda:0: ", "training on cpu, engine fused", why[0]] {
            assert!(auto.contains(said), "{said} is not in {auto}");
        }
        for said in ["no device cuda:0: ", why[0], why[1]] {
            assert!(cuda.contains(said), "{said} is not in {cuda}");
        }
        assert!(!cuda.contains("training on"), "{cuda}");
    };
    expect(beside(12_020), ["the NVIDIA driver is too old: it supports CUDA 12.2", "driver 580"]);
    if !libraries.contains("libtorch_cuda.so") {
        let why = "this program has no CUDA: its libtorch is the CPU set";
        expect(beside(13_000), [why, "LENET_LIBTORCH=cuda scripts/with-libtorch cargo build"]);
    }
}

/// The first of `refused`, the devices, where starting a program takes libtorch half a second; without it, all.
fn tried<T>(refused: &[T]) -> &[T] {
    if cfg!(feature = "torch") { &refused[..3] } else { refused }
}

#[test]
fn train_mnist_refuses_what_makes_no_sense() {
    let somewhere = tempfile::tempdir().unwrap();
    let file = somewhere.path().join("a file");
    fs::write(&file, "x").unwrap();
    let (file, missing) =
        (file.to_str().unwrap(), somewhere.path().join("missing/model.safetensors"));
    let one_class = somewhere.path().join("pictures");
    fs::create_dir_all(one_class.join("only")).unwrap();
    let one_class = one_class.to_str().unwrap();
    let no_device = if cfg!(feature = "torch") { "no device" } else { "built without libtorch" };
    let refused = [
        (&["--device", "gpu"][..], &["auto, cpu, cuda or cuda:N"][..]),
        (&["--device", "cuda:x"], &["auto, cpu, cuda or cuda:N"]),
        (&["--device", "cuda:99"], &["cuda:99", no_device]),
        (&["--recipe", "keras"], &["pytorch", "paddle"]),
        (&["--threads", "0"], &["0"]),
        (&["--threads", "20000"], &["20000", "1024"]),
        (&["--batch-size", "0"], &["batch_size", "1 or more"]),
        (&["--batch-size", "many"], &["many"]),
        (&["--batch-size", "-1"], &["0 or more"]),
        (&["--epochs", "-1"], &["-1", "0 or more"]),
        (&["--seed", "-1"], &["0 or more"]),
        (&["--lr", "-1"], &["learning_rate: expected a number above 0, got -1"]),
        (&["--validation", "0"], &["1 or more"]),
        (&["--optimizer", "lion"], &["adam, adamw, sgd or sgd:MOMENTUM"]),
        (&["--schedule", "step"], &["constant, step:EPOCHS, cosine or one-cycle"]),
        (&["--lr", "nan"], &["learning_rate"]),
        (&["--lr=-1"], &["learning_rate"]),
        (&["--show", "60000"], &["0 to 59999"]),
        (&["--data", "/nowhere"], &["/nowhere", "no MNIST files"]),
        (&["--data", file], &["no MNIST files"]),
        (&["--data", one_class], &["no MNIST files", "folders of pictures", "got 1: only"]),
        (
            &["--data", one_class, "--preparation", "scaled"],
            &["classes: expected 10", "got 1: only"],
        ),
        (&["--data", one_class, "--dataset", "kmnist"], &["no kmnist files", "KMNIST/raw"]),
        (&["--dataset", "cifar"], &["mnist, fashion-mnist, kmnist, emnist-digits or qmnist"]),
        (&["--preparation", "scaled"], &["--data"]),
        (&["--data", one_class, "--preparation", "thin"], &["centred or scaled"]),
        (&["--save-model", missing.to_str().unwrap()], &["there is no folder"]),
        (&["--save-model", somewhere.path().to_str().unwrap()], &["form"]),
        (&["--save-model", "model.xyz"], &["model.xyz", "safetensors"]),
        (&["--best", "model.xyz", "--validation", "9"], &["model.xyz", "safetensors"]),
        (&["--validation", "60000"], &["--validation", "1 to 59999"]),
        (&["--checkpoint", file], &["cannot", file]),
        (&["--checkpoint-every", "5"], &["--checkpoint"]),
        (&["--resume"], &["--checkpoint"]),
        (&["--report", file], &["cannot", file]),
        (&["--epoch"], &["--epochs"]),
    ];
    for &(args, expected) in tried(&refused) {
        let (output, out, err) = run(example("train_mnist").args(args));
        assert!(!output.status.success(), "{args:?} was taken");
        for expected in expected {
            assert!(err.contains(expected), "{args:?}: {err}");
        }
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        assert!(!out.contains("epoch 1"), "{args:?}: it trained first");
    }
}

#[test]
fn train_mnist_saves_weights_that_load() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let args = ["--dry-run", "--device", "cpu", "--save-model", path.to_str().unwrap()];
    let (output, out, err) = run(example("train_mnist").args(args));
    assert!(output.status.success(), "{err}");
    // The file says what it is.
    let metadata = StateDict::read(&path).unwrap().metadata;
    assert!(metadata["command"].starts_with("train_mnist --dry-run --device cpu"), "{metadata:?}");
    let line = out.lines().find(|line| line.starts_with("Test Loss")).unwrap();
    let (_, accuracy) = loss_and_accuracy(line, "Test");
    assert_eq!(metadata["test_accuracy"], accuracy.to_string());
    assert_eq!((&*metadata["epochs"], &*metadata["seed"]), ("1", "0"));

    let config = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
    let saved = Trainer::with_weights(config.clone(), &path).unwrap();
    let fresh = Trainer::new(config).unwrap();
    let [saved, fresh] = [saved, fresh]
        .map(|trainer| trainer.state_dict().get("fc.2.weight").unwrap().values().to_vec());
    // One step of Adam at 1e-3: each weight has moved by as much.
    for (saved, fresh) in saved.iter().zip(&fresh) {
        assert!(((saved - fresh).abs() - 1e-3).abs() < 1e-4, "{fresh} -> {saved}");
    }
}

/// `train_mnist | head -1`.
#[test]
fn train_mnist_ends_quietly_when_nobody_reads() {
    let mut child = example("train_mnist")
        .args(["--dry-run", "--device", "cpu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{}: {err}", output.status);
}

#[test]
fn train_mnist_finds_the_data_that_lenet_data_names() {
    let (output, _, err) =
        run(example("train_mnist").arg("--dry-run").env("LENET_DATA", "/nowhere"));
    assert!(!output.status.success() && err.contains("/nowhere"), "{err}");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
    let (output, _, err) = run(example("train_mnist").arg("--dry-run").env("LENET_DATA", data));
    assert!(output.status.success(), "{err}");
}

/// A small Fashion-MNIST: MNIST's images, with other labels than MNIST's files have.
fn write_fashion(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for entry in fs::read_dir(SMALL.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
}

/// As torchvision keeps it in the current folder; in the user's cache; where LENET_DATA says. Never MNIST's own files.
#[test]
fn train_mnist_finds_other_sets_by_their_names() {
    let root = tempfile::tempdir().unwrap();
    let here = root.path().join("here");
    write_fashion(&here.join("data/FashionMNIST/raw"));
    write_fashion(&root.path().join("cache/lenet/kmnist"));
    write_fashion(&root.path().join("elsewhere"));
    let train = |set: &str, data: Option<&str>| {
        let mut command = example("train_mnist");
        command.args(["--device", "cpu", "--epochs", "0", "--dataset", set]).current_dir(&here);
        command.env("HOME", root.path().join("home"));
        command.env("XDG_CACHE_HOME", root.path().join("cache"));
        // No network is asked.
        command.env("http_proxy", "http://127.0.0.1:9").env("https_proxy", "http://127.0.0.1:9");
        let data = data.map(|data| root.path().join(data));
        data.map(|data| command.env("LENET_DATA", data));
        run(&mut command)
    };
    for (set, data) in [
        ("fashion-mnist", None),
        ("kmnist", None),
        ("fashion-mnist", Some("elsewhere")),
        ("kmnist", Some("elsewhere")),
        ("mnist", Some("elsewhere")),
    ] {
        let (output, out, err) = train(set, data);
        assert!(output.status.success(), "{set}: {err}");
        assert!(out.starts_with("train_data:1600, test_data:200\n"), "{set}: {out}");
    }
    let (output, _, err) = train("qmnist", Some("elsewhere"));
    assert!(!output.status.success() && err.contains("no qmnist files found in"), "{err}");
    let (output, _, err) = train("qmnist", None);
    assert!(!output.status.success() && err.contains("could not download qmnist-train"), "{err}");
}

/// From pictures to an answer by name, with a stop in between.
/// With libtorch each of its programs takes half a second to start, and does the same.
#[cfg(not(feature = "torch"))]
#[test]
fn names_of_classes_go_from_folders_to_predictions() {
    use lenet::image::{GrayImage, Luma};

    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let names = ["bars", "dots", "edge", "five", "grid", "hook", "iron", "jump", "kilo", "last"];
    for (class, name) in (0u32..).zip(names) {
        fs::create_dir_all(root.path().join("pictures").join(name)).unwrap();
        for i in 0..8 {
            // A bar, lower from class to class.
            let ink = |y: u32| if y / 3 == class { 250 - i as u8 } else { 0 };
            let picture = GrayImage::from_fn(32, 32, |_, y| Luma([ink(y)]));
            picture.save(path(&format!("pictures/{name}/{i}.png"))).unwrap();
        }
    }
    let train = |epochs: &str| {
        let mut command = example("train_mnist");
        command.args(["--data", &path("pictures"), "--preparation", "scaled", "--lr", "0.003"]);
        command.args(["--device", "cpu", "--batch-size", "8", "--epochs", epochs, "--resume"]);
        command.args(["--checkpoint", &path("run"), "--report", &path("report")]);
        let (output, out, err) = run(command.args(["--save-model", &path("bars.safetensors")]));
        assert!(output.status.success(), "{err}");
        assert!(out.starts_with("train_data:70, test_data:10\n"), "{out}");
    };
    train("1");
    train("25");
    let page = fs::read_to_string(path("report/report.html")).unwrap();
    assert!(names.iter().all(|name| page.contains(&format!("<th scope=\"row\">{name}</th>"))));

    let (output, _, err) =
        run(example("convert").args([path("bars.safetensors"), path("bars.onnx")]));
    assert!(output.status.success(), "{err}");
    for weights in ["bars.safetensors", "bars.onnx"] {
        let predict = |args: &[&str]| {
            let mut command = example("predict");
            command.args([&path("pictures/hook/0.png"), "--weights", &path(weights)]);
            run(command.args(args))
        };
        let (output, out, err) = predict(&["--top", "2"]);
        assert!(output.status.success(), "{err}");
        assert!(out.contains("hook/0.png: hook (hook ") && out.contains(" %, "), "{out}");
        let (_, out, _) = predict(&["--json"]);
        let object: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&object["class"], &object["digit"]), (&"hook".into(), &5.into()), "{out}");
        let (output, _, err) = predict(&["--number"]);
        assert!(!output.status.success() && err.contains("to read several digits"), "{err}");
        let (output, _, err) = predict(&["--explain", &path("explained.png")]);
        assert!(output.status.success(), "{err}");
        assert!(lenet::image::open(path("explained.png")).unwrap().width() > 1_000);
    }

    // With other names it is another set.
    fs::rename(path("pictures/last"), path("pictures/lost")).unwrap();
    let mut command = example("train_mnist");
    command.args(["--data", &path("pictures"), "--preparation", "scaled", "--lr", "0.003"]);
    command.args(["--device", "cpu", "--batch-size", "8", "--epochs", "26", "--resume"]);
    let (output, _, err) = run(command.args(["--checkpoint", &path("run")]));
    assert!(!output.status.success() && err.contains("cannot resume with this --dataset"), "{err}");
    assert!(err.contains("kilo, last, scaled") && err.contains("kilo, lost, scaled"), "{err}");

    // The picture that --show writes, and its class.
    let mut command = example("train_mnist");
    command.args(["--data", &path("pictures"), "--preparation", "scaled", "--show", "3"]);
    command.current_dir(root.path());
    let (output, out, err) = run(&mut command);
    assert!(output.status.success() && out.contains("sample-3.png: label "), "{err}");
    assert!(
        names.iter().chain(&["lost"]).any(|name| out.ends_with(&format!(", {name}\n"))),
        "{out}"
    );
}

#[test]
fn summary_prints_all_tables() {
    let (output, out, err) = run(&mut example("summary"));
    assert!(output.status.success(), "{err}");
    assert_eq!(out, include_str!("golden/summary_pytorch.txt"));
    let (output, out, err) = run(example("summary").arg("--paddle"));
    assert!(output.status.success(), "{err}");
    assert_eq!(out, include_str!("golden/summary_paddle.txt"));
    let (output, out, err) = run(example("summary").arg("--paper"));
    assert!(output.status.success(), "{err}");
    assert_eq!(out, LeNet1998Config::default().summary().to_string());
}

/// The blocks of the README and of the other pages that show a command and what it prints. A line of `…` stands for any lines.
#[cfg(unix)]
#[test]
fn the_pages_show_what_the_examples_print() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["examples", "weights"] {
        std::os::unix::fs::symlink(root.join(name), folder.path().join(name)).unwrap();
    }
    let files = [root.to_owned(), root.join("docs")].map(|dir| fs::read_dir(dir).unwrap());
    let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
    let mut shown = vec![];
    for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        for (command, expected) in commands(&fs::read_to_string(&path).unwrap()) {
            let command = command.strip_prefix("cargo run --release --example ").unwrap();
            let (name, args) = command.split_once(" -- ").unwrap_or((command, ""));
            let mut program = example(name);
            let (output, out, err) =
                run(program.args(args.split_whitespace()).current_dir(&folder));
            assert!(output.status.success(), "{command}: {err}");
            let [lines, printed] = [expected, &out].map(|text| text.lines().collect::<Vec<_>>());
            assert!(
                is_shown(&lines, &printed),
                "{command} prints\n{out}{} has\n{expected}",
                path.display()
            );
            shown.push(name.to_owned());
        }
    }
    shown.sort();
    assert_eq!(shown, ["convert", "predict", "predict", "summary", "summary"]);
}

/// The commands in a page's `console` blocks, each with the lines below it. Every such block has to begin with a command.
fn commands(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = page.split("```console\n").skip(1);
    blocks.flat_map(|block| {
        let (block, _) = block.split_once("\n```").unwrap();
        let shown = block.strip_prefix("$ ").unwrap_or_else(|| panic!("no command in\n{block}"));
        shown.split("\n$ ").map(|shown| shown.split_once('\n').unwrap())
    })
}

/// Whether `expected` is `printed`, or has `…` for lines that it leaves out.
fn is_shown(expected: &[&str], printed: &[&str]) -> bool {
    match expected {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|from| is_shown(rest, &printed[from..])),
        [line, rest @ ..] => printed.first() == Some(line) && is_shown(rest, &printed[1..]),
    }
}

#[test]
fn convert_takes_weights_through_every_form_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights/lenet.pt");
    let mut from = golden.clone();
    for name in ["a.pdparams", "b.npz", "c.onnx", "d.safetensors", "e.pt"] {
        let to = folder.path().join(name);
        let (output, out, err) = run(example("convert").args([&from, &to]));
        assert!(output.status.success(), "{err}");
        assert!(out.contains("14 tensors, 61750 values"), "{out}");
        assert!(out.contains("con_sam.8.weight  [120, 16, 5, 5]"), "{out}");
        assert!(out.contains("LeNet: every name"), "{out}");
        assert!(out.contains("every value is finite"), "{out}");
        assert!(out.contains("read again, every bit is the same"), "{out}");
        from = to;
    }
    let read = |path: &Path| lenet::weights::StateDict::read(path).unwrap();
    let (first, last) = (read(&golden), read(&from));
    assert_eq!(first.len(), last.len());
    assert!(first.iter().all(|(name, tensor)| last.get(name) == Some(tensor)));
}

/// A file's names and texts do nothing to the terminal.
#[test]
fn convert_shows_control_characters_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.safetensors");
    let one = lenet::weights::Array::new(vec![1], vec![1.0]).unwrap();
    let mut weights = lenet::weights::StateDict::new().with_metadata("a\nb", "\x1b[31mred");
    weights.insert("x\ny\x1b[2J", one).unwrap();
    weights.write(&file).unwrap();
    let (output, out, err) = run(example("convert").arg(&file));
    assert!(output.status.success(), "{err}");
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "{out}{err}");
    assert!(out.contains("x\\ny") && out.contains("a\\nb: \\u{1b}[31mred"), "{out}");
}

#[test]
fn convert_keeps_metadata_in_onnx() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights/lenet.pt");
    let to = folder.path().join("net.onnx");
    let (output, out, err) =
        run(example("convert").args([&golden, &to]).args(["--metadata", "seed=0"]));
    assert!(output.status.success(), "{err}");
    assert!(out.ends_with("(ONNX); read again, every bit is the same\n"), "{out}");
    assert!(out.contains("seed: 0") && !out.contains("left out"), "{out}");

    let (output, out, err) = run(example("convert").arg(&to));
    assert!(output.status.success(), "{err}");
    assert!(out.contains("net.onnx (ONNX): 14 tensors") && out.contains("seed: 0"), "{out}");
}

#[test]
fn convert_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights");
    let file = folder.path().join("net.pt");
    fs::copy(golden.join("dict.pt"), &file).unwrap();
    let linked = folder.path().join("link.pt");
    std::os::unix::fs::symlink(&file, &linked).unwrap();

    let fails = |from: &Path, to: &Path, why: &str| {
        let (output, _, err) = run(example("convert").args([from, to]));
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(why), "{err}");
    };
    fails(&file, &file, "is both IN and OUT");
    fails(&file, &linked, "is both IN and OUT");
    fails(&file, &folder.path().join("net.tflite"), "unknown form of weights (.tflite)");
    fails(&file, &folder.path().join("net.onnx"), "missing: con_sam.0.bias");
    fails(&folder.path().join("none.pt"), &folder.path().join("x.npz"), "No such file");
    fails(&golden.join("integers.pt"), &folder.path().join("x.npz"), "batches: dtype Long");
    fails(&file, &folder.path().join("no/net.npz"), "cannot write");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    // What is no LeNet is shown and moved all the same.
    let (output, out, err) = run(example("convert").arg(&file));
    assert!(output.status.success(), "{err}");
    assert!(out.contains("not a LeNet") && out.contains("another network's weights"), "{out}");
}
