//! The two corpora of tests/weights/corpus.py, with `scripts/check-weights`: every valid file is read with the right values, and
//! every damaged one is refused.

use std::{env, fs, panic, path::Path};

use lenet::{Error, weights::StateDict};

use super::assert_tiny;

#[test]
#[ignore = "needs the corpora: run scripts/check-weights"]
fn valid_files_are_read_and_damaged_ones_refused() {
    let folder = env::var_os("LENET_CORPORA").expect("scripts/check-weights sets LENET_CORPORA");
    let is_good = |bytes: &[u8], name: &str| match StateDict::from_bytes(bytes) {
        Ok(weights) => match panic::catch_unwind(|| assert_tiny(&weights, name)) {
            Ok(()) => None,
            Err(_) => Some("other values than were written".into()),
        },
        Err(error) => Some(error.to_string()),
    };
    let is_refused = |bytes: &[u8], _: &str| match StateDict::from_bytes(bytes) {
        Err(Error::Malformed { .. } | Error::UnknownForm { .. }) => None,
        Err(error) => Some(format!("another kind of error: {error}")),
        Ok(_) => Some("taken".into()),
    };
    let mut failures = check(&Path::new(&folder).join("valid"), is_good);
    failures.extend(check(&Path::new(&folder).join("damaged"), is_refused));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is wrong with which files of the folder.
fn check(folder: &Path, fault: impl Fn(&[u8], &str) -> Option<String>) -> Vec<String> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut failures = vec![];
    for path in &paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let fault = fault(&fs::read(path).unwrap(), name);
        failures.extend(fault.map(|fault| format!("{name}: {fault}")));
    }
    println!(
        "{}: {} files, {} as they should be",
        folder.display(),
        paths.len(),
        paths.len() - failures.len()
    );
    failures
}
