//! What build.rs puts into this package's programs, so that they start by themselves.

#![cfg(all(target_os = "linux", feature = "torch"))]

use std::{env, fs, path::PathBuf, process::Command};

fn rpath(section: &str) -> Vec<PathBuf> {
    let paths = section
        .lines()
        .filter(|line| line.contains("(RUNPATH)") || line.contains("(RPATH)"))
        .filter_map(|line| line.split_once('[')?.1.strip_suffix(']'));
    paths.flat_map(|paths| paths.split(':')).map(PathBuf::from).collect()
}

/// The program that runs this very test is linked as the examples and benches are.
fn dynamic_section() -> String {
    // Or the linker would leave out libtorch altogether.
    assert!(lenet::tch::get_num_threads() > 0);
    let program = env::current_exe().unwrap();
    let output = Command::new("readelf").arg("-d").arg(&program).output();
    let output = output.expect("readelf is missing: it comes with the C++ compiler, in binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into()
}

#[test]
fn a_program_knows_where_libtorch_is() {
    let section = dynamic_section();
    let folders = rpath(&section);
    assert!(
        folders.iter().any(|folder| folder.join("libtorch_cpu.so").exists()),
        "libtorch_cpu.so is in none of {folders:?}\n{section}"
    );
}

/// Where libtorch has CUDA's libraries beside it, and only there: without them libtorch.so would not load.
#[test]
fn a_program_needs_libtorch_itself_and_its_cuda_with_it() {
    let section = dynamic_section();
    assert!(section.contains("[libtorch_cpu.so]"), "{section}");
    let lib = rpath(&section).into_iter().find(|folder| folder.join("libtorch_cpu.so").exists());
    let lib = lib.unwrap_or_else(|| panic!("{section}"));
    // cuBLAS, in libtorch's archives or in the packages beside PyTorch's wheel.
    let packages = fs::read_dir(lib.join("../../nvidia")).into_iter().flatten().flatten();
    let folders = packages.map(|package| package.path().join("lib")).chain([lib.clone()]);
    let cublas = folders
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .any(|file| file.file_name().to_string_lossy().starts_with("libcublas.so"));
    let cuda = cublas && lib.join("libtorch_cuda.so").exists();
    assert_eq!(section.contains("[libtorch.so]"), cuda, "{}\n{section}", lib.display());
}
