//! What build.rs puts into this package's programs, so that they start by themselves.

#![cfg(target_os = "linux")]

use std::{env, path::Path, process::Command};

/// The program that runs this very test is linked as the examples and benches are.
fn dynamic_section() -> String {
    let program = env::current_exe().unwrap();
    let output = Command::new("readelf").arg("-d").arg(&program).output();
    let output = output.expect("readelf is missing: it comes with the C++ compiler, in binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into()
}

#[test]
fn a_program_knows_where_libtorch_is() {
    let section = dynamic_section();
    let paths = section
        .lines()
        .filter(|line| line.contains("(RUNPATH)") || line.contains("(RPATH)"))
        .filter_map(|line| line.split_once('[')?.1.strip_suffix(']'));
    let folders: Vec<_> = paths.flat_map(|paths| paths.split(':')).collect();
    assert!(
        folders.iter().any(|folder| Path::new(folder).join("libtorch_cpu.so").exists()),
        "libtorch_cpu.so is in none of {folders:?}\n{section}"
    );
}

/// Where libtorch has CUDA's libraries beside it; scripts/check-cuda-link looks at such a build.
#[test]
fn a_program_needs_libtorch_itself_and_its_cuda_with_it() {
    let section = dynamic_section();
    assert!(section.contains("[libtorch_cpu.so]"), "{section}");
    assert_eq!(section.contains("[libtorch.so]"), lenet::tch::utils::has_cuda(), "{section}");
}
