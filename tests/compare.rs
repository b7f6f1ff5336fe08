//! `scripts/compare`, without what it compares: its options, and its tables from programs that only answer.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(command: &mut Command) -> (Output, String, String) {
    let output = command.output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into());
    (output, out, err)
}

/// A command in the repository, with an empty cache and no way to the network.
fn command(program: &str, cache: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("XDG_CACHE_HOME", cache);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    command
}

#[test]
fn a_wrong_option_is_refused_before_anything_is_installed() {
    let cache = tempfile::tempdir().unwrap();
    for (options, says) in [
        (&["--rouns", "3"][..], "there is no option '--rouns'"),
        (&["--rounds", "x"], "--rounds needs a whole number from 1 on, and got 'x'"),
        (&["--threads"], "--threads needs a whole number from 1 on, and got ''"),
        (&["--seconds", "0.0"], "--seconds needs a number above 0, and got '0.0'"),
        (&["--to-accuracy", "0"], "--to-accuracy needs a whole number from 1 on, and got '0'"),
        (&["--to-accuracy", "--quick"], "--to-accuracy takes --threads and --busy"),
    ] {
        let (output, out, err) = run(command("scripts/compare", cache.path()).args(options));
        assert_eq!((output.status.code(), &*out), (Some(2), ""), "{options:?}: {err}");
        assert!(err.contains(says), "{options:?}: {err}");
    }
    assert!(fs::read_dir(cache.path()).unwrap().next().is_none(), "nothing was installed");
}

#[test]
fn help_prints_the_options() {
    let cache = tempfile::tempdir().unwrap();
    let (output, out, err) = run(command("scripts/compare", cache.path()).arg("--help"));
    assert!(output.status.success() && err.is_empty(), "{err}");
    for option in ["--quick", "--rounds N", "--to-accuracy [SEEDS]", "--busy", "--svg FILE"] {
        assert!(out.contains(option), "{option} is missing: {out}");
    }
}

#[test]
fn what_is_missing_is_named_and_what_is_there_is_not() {
    let cache = tempfile::tempdir().unwrap();
    let packages = || {
        let mut packages = command("scripts/python-packages", cache.path());
        packages.args(["--announce", "corpora"]);
        run(&mut packages)
    };
    let (output, out, err) = packages();
    assert!(output.status.success() && out.is_empty(), "{out}{err}");
    let folder = cache.path().join("lenet/corpora-1-");
    for part in ["numpy==", "from the Python package index", "1 GB", folder.to_str().unwrap()] {
        assert!(err.contains(part), "{part} is missing: {err}");
    }
    // As after the install, whose folder has the Python's name, too.
    let start = err.find(folder.to_str().unwrap()).unwrap();
    let folder = err[start..].split([',', ' ', '\n']).next().unwrap();
    fs::create_dir_all(folder).unwrap();
    let (output, out, err) = packages();
    assert_eq!((output.status.success(), &*out, &*err), (true, "", ""));
}

/// Writes a Python program and returns its path.
fn python(dir: &Path, name: &str, program: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, program).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Answers as a worker does: one that takes 1,000 images a second at the peak of 2 GFLOP/s and 10⁸ tanh/s.
const WORKER: &str = "
import json, sys
for line in sys.stdin:
    limit = json.loads(line)['task'] == 'limit'
    rate = {'images_per_second': 1000.0, 'peak_mb': 9, 'version': sys.argv[1] + ' 1.0'}
    print(json.dumps({'gflops': 2.0, 'tanh_per_second': 1e8} if limit else rate), flush=True)
";

#[test]
fn the_quick_table_says_so_and_has_both_shares() {
    let dir = tempfile::tempdir().unwrap();
    let worker = python(dir.path(), "worker.py", WORKER);
    let compare = |quick: &[&str], names: &[&str]| {
        let mut compare = command("python3", dir.path());
        compare.args(["benches/compare/compare.py", "--busy", "--rounds", "1"]).args(quick);
        for name in names {
            compare.args(["--worker", name, &format!("python3 {worker} {name}")]);
        }
        let (output, out, err) = run(&mut compare);
        assert!(output.status.success(), "{err}");
        out
    };
    let quick = compare(&["--quick"], &["lenet", "pytorch", "onnxruntime"]);
    assert!(quick.starts_with("The quick table (--quick)"), "{quick}");
    // Forward: 1,000 images of 833,040 operations at 2 GFLOP/s are 41.7 %, and their 8,084 tanh at 10⁸/s 8.1 %.
    assert!(quick.contains("| of the peak | of the limit with tanh |"), "{quick}");
    assert!(
        quick.contains("| onnxruntime | 1,000 | 1,000 to 1,000 | 1.00 | 41.7% | 49.7% |"),
        "{quick}"
    );
    assert!(!quick.contains("PaddlePaddle") && !quick.contains("Epoch"), "{quick}");

    let whole = compare(&[], &["lenet", "pytorch", "onnxruntime", "paddle"]);
    assert!(!whole.contains("quick") && whole.contains("PaddlePaddle"), "{whole}");
}

/// Prints the lines of a training program: of seed 0 an accuracy of 98.6 % after the second epoch and of 99.1 % after the third, of others
/// 98.7 % at once and no more.
const PROGRAM: &str = "
import sys
seed = sys.argv[sys.argv.index('--seed') + 1]
assert '--schedule' in sys.argv and '--threads' in sys.argv
for accuracy in [0.97, 0.986, 0.991] if seed == '0' else [0.987, 0.988]:
    print('Train Loss: 0.1, Acc: 0.999')
    print(f'Test Loss: 0.1, Acc: {accuracy:.6f}', flush=True)
";

#[test]
fn time_to_accuracy_counts_the_seeds_that_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let program = python(dir.path(), "program.py", PROGRAM);
    let accuracy = |program: &str, seeds: &str| {
        let mut accuracy = command("python3", dir.path());
        accuracy.args(["benches/compare/accuracy.py", "--busy", "--threads", "1"]);
        let command = format!("python3 {program}");
        run(accuracy.args(["--seeds", seeds, "--program", "it", &command, ""]))
    };
    let (output, out, err) = accuracy(&program, "3");
    assert!(output.status.success(), "{err}");
    let row = |bar: &str| out.lines().find(|line| line.contains(&format!("| {bar} |"))).unwrap();
    assert!(row("98.5%").starts_with("| it | 98.5% | 3 of 3 | "), "{out}");
    assert!(row("98.5%").ends_with("| 1 |"), "the median of 2, 1 and 1 epochs: {out}");
    assert!(row("99.0%").starts_with("| it | 99.0% | 1 of 3 | never | "), "{out}");
    assert!(row("99.0%").ends_with(" | never | never |"), "{out}");

    // A program that fails is no slow one.
    let failing = python(dir.path(), "failing.py", "raise SystemExit('no images here')");
    let (output, out, err) = accuracy(&failing, "1");
    assert_eq!((output.status.code(), &*out), (Some(1), ""), "{err}");
    assert!(err.contains("after 0 epochs") && err.contains("no images here"), "{err}");
}
