//! Runs the example `lenet_1998` as a user does and reads what it prints. Nothing in it uses libtorch: with the feature `torch`
//! the same program takes half a second longer to start, each of about fifty times.

#![cfg(all(feature = "download", feature = "report", not(feature = "torch")))]

#[allow(dead_code)] // what other tests run
mod program;

use lenet::{
    data::{Distortion, Fit},
    lenet_1998::{C3, LeNet1998Config, LeNet1998TrainConfig, LeNet1998Trainer, OutputUnits},
};
use program::{SMALL, example, run};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The lines that a run prints for a pass each, of the digits in `SMALL`.
fn lenet_1998(args: &[&str]) -> (String, String) {
    let mut command = example("lenet_1998");
    let (output, out, err) = run(command.arg("--data").arg(SMALL.path()).args(args));
    assert!(output.status.success(), "{err}");
    (out, err)
}

#[test]
fn lenet_1998_prints_the_table_and_the_errors() {
    let (out, err) = lenet_1998(&["--passes", "2", "--seeds", "2", "--distort"]);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[10], "                        60,000      340,908", "{out}");
    assert_eq!([lines[11], lines[14]], ["seed 1", "seed 2"], "{out}");
    for (line, start) in [(12, "pass  1: "), (13, "pass  2: "), (15, "pass  1: ")] {
        let figures = lines[line].strip_prefix(start).unwrap();
        assert!(figures.starts_with("training error "), "{out}");
        assert!(
            figures.contains(" % on the way, ") && figures.contains(" % after; test "),
            "{out}"
        );
        assert!(figures.ends_with(" of 200)"), "{out}");
    }
    // The last errors of both seeds, and what comes of them.
    let error = |line: &str| -> f64 {
        let (_, error) = line.split_once("test error ").unwrap();
        error.split(' ').next().unwrap().parse().unwrap()
    };
    let (first, second) = (error(lines[13]), error(lines[16]));
    let mean = (first + second) / 2.0;
    let deviation = (first - second).abs() / 2f64.sqrt();
    assert_eq!(
        lines[17],
        format!(
            "test error after the last pass, %: {first:.2} {second:.2}; mean {mean:.3}, standard deviation {deviation:.3}"
        )
    );
    assert_eq!(err.matches("images/s").count(), 4, "{err}");
}

#[test]
fn lenet_1998_goes_on_with_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (straight, stopped, kept) = (path("straight.npz"), path("stopped.npz"), path("run"));
    let pictures = path("pictures");
    lenet_1998(&["--passes", "2", "--save-model", &straight]);
    lenet_1998(&["--passes", "1", "--checkpoint", &kept, "--pictures", &pictures]);
    let args = ["--passes", "2", "--checkpoint", &kept, "--pictures", &pictures, "--resume"];
    let (_, err) = lenet_1998(&[&args[..], &["--save-model", &stopped]].concat());
    assert!(err.starts_with("resuming after pass 1\n"), "{err}");
    assert_eq!(fs::read(straight).unwrap(), fs::read(&stopped).unwrap());
    let errors = fs::read_to_string(dir.path().join("pictures/seed-1/errors.csv")).unwrap();
    assert_eq!(errors.lines().count(), 3, "{errors}");

    // All is done.
    let (out, err) = lenet_1998(&args);
    assert!(out.ends_with("seed 1\n") && err == "all 2 passes were trained before\n", "{out}{err}");
    // A new run does not draw over them, not even with --resume and nothing to resume.
    let new = path("new");
    for resume in [&[][..], &["--checkpoint", &new, "--resume"]] {
        let mut command = example("lenet_1998");
        command.arg("--data").arg(SMALL.path()).args(["--passes", "1", "--pictures", &pictures]);
        let (output, _, err) = run(command.args(resume));
        assert!(!output.status.success(), "it drew");
        assert!(err.contains("holds an earlier run's pictures"), "{err}");
    }

    // With other images it would be another run.
    let mut command = example("lenet_1998");
    command.arg("--data").arg(SMALL.path()).args(args).args(["--validation", "100"]);
    let (output, _, err) = run(command.args(["--passes", "3"]));
    assert!(!output.status.success(), "it went on");
    assert!(err.contains("the set so far, 1600 images") && err.contains("1500 images"), "{err}");
}

/// Each is a row of the table in docs/paper.md.
#[test]
fn lenet_1998_trains_what_the_variant_says() {
    let recipe = LeNet1998TrainConfig { seed: 1, passes: 1, ..LeNet1998TrainConfig::default() };
    let full_c3 = LeNet1998Config { c3: C3::Full, ..recipe.network };
    let linear = LeNet1998Config { output: OutputUnits::Linear, ..recipe.network };
    let printed = LeNet1998Config::printed();
    for (args, parameters, expected) in [
        ("recipe", "60,000", recipe.clone()),
        ("full-c3", "60,900", LeNet1998TrainConfig { network: full_c3, ..recipe.clone() }),
        ("softmax", "60,850", LeNet1998TrainConfig { network: linear, j: None, ..recipe.clone() }),
        ("resize", "60,000", LeNet1998TrainConfig { fit: Fit::Resize, ..recipe.clone() }),
        (
            "printed-init",
            "60,000",
            LeNet1998TrainConfig { network: printed, rate_factor: 0.2, ..recipe.clone() },
        ),
        (
            "printed",
            "60,000",
            LeNet1998TrainConfig {
                network: printed,
                rate_factor: 1.0,
                j: Some(0.1),
                early_estimates: None,
                ..recipe.clone()
            },
        ),
        (
            "recipe --distort --paper-rhythm --j 3 --rate-factor 0.1 --seed 7",
            "60,000",
            LeNet1998TrainConfig {
                distortion: Some(Distortion::default()),
                early_estimates: None,
                j: Some(3.0),
                rate_factor: 0.1,
                seed: 7,
                ..recipe
            },
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().to_str().unwrap();
        let fixed = ["--passes", "1", "--checkpoint", kept, "--variant"];
        let args: Vec<_> = fixed.into_iter().chain(args.split(' ')).collect();
        let (out, _) = lenet_1998(&args);
        assert!(out.lines().nth(10).unwrap().contains(parameters), "{args:?}: {out}");
        let run = format!("seed-{}/step-000001600.safetensors", expected.seed);
        let trainer = LeNet1998Trainer::resume(dir.path().join(run)).unwrap();
        assert_eq!(*trainer.config(), expected, "{args:?}");
    }
}

/// In the midst of a pass, of its evaluation, of its pictures, of its checkpoint.
#[test]
fn lenet_1998_can_be_killed_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (straight, killed, kept) = (path("straight.npz"), path("killed.npz"), path("run"));
    let drawn = [path("drawn"), path("redrawn")];
    let args = ["--passes", "5", "--distort"];
    lenet_1998(&[&args[..], &["--save-model", &straight, "--pictures", &drawn[0]]].concat());

    let kept = ["--checkpoint", &kept, "--pictures", &drawn[1], "--resume"];
    let args = [&args[..], &kept].concat();
    for kill in 0..3 {
        let mut command = example("lenet_1998");
        command.arg("--data").arg(SMALL.path()).args(&args).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().starts_with("pass "));
        thread::sleep(Duration::from_millis(62 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    lenet_1998(&[&args[..], &["--save-model", &killed]].concat());
    assert_eq!(fs::read(straight).unwrap(), fs::read(killed).unwrap());
    for name in ["errors.csv", "errors.png", "misread.png"] {
        let [straight, killed] = [&drawn[0], &drawn[1]]
            .map(|dir| fs::read(Path::new(dir).join("seed-1").join(name)).unwrap());
        assert!(straight == killed, "{name}");
    }
}

#[test]
fn lenet_1998_refuses_what_makes_no_sense() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, "x").unwrap();
    let file = file.to_str().unwrap();
    let missing = dir.path().join("missing/net.npz");
    let last = u64::MAX.to_string();
    let refused = [
        (&["--variant", "lenet-5"][..], &["printed-init", "full-c3"][..]),
        (&["--rate-factor", "0"], &["rate_factor: expected a number above 0"]),
        (&["--j", "inf"], &["j: expected a number"]),
        (&["--seeds", "0"], &["--seeds", "1 or more"]),
        (&["--passes", "-1"], &["0 or more"]),
        (&["--seed", &last, "--seeds", "2"], &["--seed and --seeds"]),
        (&["--seeds", "2", "--save-model", "net.pt"], &["cannot be used with"]),
        (&["--save-model", missing.to_str().unwrap()], &["there is no folder"]),
        (&["--save-model", "net.xyz"], &["net.xyz", "safetensors"]),
        (&["--save-model", "net.onnx"], &["only the post's LeNet"]),
        (&["--validation", "1600"], &["--validation", "1 to 1599"]),
        (&["--resume"], &["--checkpoint"]),
        (&["--checkpoint", file], &["cannot create", file]),
        (&["--pictures", file], &["cannot create", file]),
    ];
    for &(args, expected) in &refused {
        let mut command = example("lenet_1998");
        let (output, out, err) = run(command.arg("--data").arg(SMALL.path()).args(args));
        assert!(!output.status.success(), "{args:?} was taken");
        for expected in expected {
            assert!(err.contains(expected), "{args:?}: {err}");
        }
        assert!(!err.contains("panicked") && !out.contains("pass "), "{args:?}: {out}{err}");
    }
    let (output, _, err) = run(example("lenet_1998").args(["--data", "/nowhere"]));
    assert!(!output.status.success() && err.contains("no MNIST files"), "{err}");
    // The last seed there is.
    let (out, _) = lenet_1998(&["--seed", &last, "--passes", "1"]);
    assert!(out.contains(&format!("seed {last}\npass  1: ")), "{out}");
}

/// `lenet_1998 | head -12`: it ends quietly, and the pass that was trained is kept all the same.
#[test]
fn lenet_1998_keeps_a_pass_that_nobody_reads_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = example("lenet_1998");
    command.arg("--data").arg(SMALL.path()).args(["--passes", "2", "--checkpoint"]);
    command.arg(dir.path()).stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap() == "seed 1").unwrap().unwrap();
    drop(lines);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{}: {err}", output.status);
    assert!(dir.path().join("seed-1/step-000001600.safetensors").exists());
}

#[test]
fn lenet_1998_looks_at_the_validation_images_only() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = ["--pictures", dir.path().to_str().unwrap()];
    let args = [&["--passes", "1", "--validation", "100"], &pictures[..]].concat();
    let (out, _) = lenet_1998(&args);
    let errors = fs::read_to_string(dir.path().join("seed-1/errors.csv")).unwrap();
    assert!(errors.starts_with("pass,train_error,val_error\n1,"), "{errors}");
    assert!(out.contains("validation error") && !out.contains("test error"), "{out}");
    assert!(out.ends_with(" of 100)\n"), "{out}");
}

#[cfg(unix)]
#[test]
fn lenet_1998_saves_itself_on_ctrl_c() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (straight, stopped, kept) = (path("straight.npz"), path("stopped.npz"), path("run"));
    lenet_1998(&["--passes", "8", "--save-model", &straight]);

    let mut command = example("lenet_1998");
    command.arg("--data").arg(SMALL.path()).args(["--passes", "8", "--checkpoint", &kept]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let first = dir.path().join("run/seed-1/step-000001600.safetensors");
    let start = Instant::now();
    while !first.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint within a minute");
        thread::sleep(Duration::from_millis(1));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("stopped in pass ") && err.trim_end().ends_with("--resume"), "{err}");

    let args = ["--passes", "8", "--checkpoint", &kept, "--resume", "--save-model", &stopped];
    let (_, err) = lenet_1998(&args);
    assert!(err.starts_with("resuming "), "{err}");
    assert_eq!(fs::read(straight).unwrap(), fs::read(stopped).unwrap());
}
