//! What build.rs puts into this package's programs, so that they start by themselves; and which libtorch the scripts take.

#![cfg(all(target_os = "linux", feature = "torch"))]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

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

fn executable(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The headers and libraries of a libtorch that scripts/libtorch looks at.
fn fake_libtorch(folder: &Path, libraries: &[&str]) {
    let header = folder.join("include/torch/headeronly");
    fs::create_dir_all(&header).unwrap();
    let version = [("MAJOR", 2), ("MINOR", 13), ("PATCH", 0)];
    let lines = version.map(|(part, n)| format!("#define TORCH_VERSION_{part} {n}\n"));
    fs::write(header.join("version.h"), lines.concat()).unwrap();
    fs::create_dir_all(folder.join("lib")).unwrap();
    libraries.iter().for_each(|name| fs::write(folder.join("lib").join(name), "").unwrap());
}

/// On a machine whose Python has PyTorch's `2.13.0+cpu`, with a CUDA set that was installed before, and an nvidia-smi that tells
/// of drivers and GPUs.
#[test]
fn the_set_fits_the_gpu_and_its_driver() {
    let dir = tempfile::tempdir().unwrap();
    let (cpu, cuda) =
        (dir.path().join("torch"), dir.path().join("lenet/libtorch-2.13.0-cuda/torch"));
    fake_libtorch(&cpu, &["libtorch_cpu.so"]);
    fake_libtorch(&cuda, &["libtorch_cpu.so", "libtorch_cuda.so", "libcublas.so.13"]);
    let python = format!("case $2 in *find_spec*) echo {};; *) exit 1;; esac", cpu.display());
    executable(&dir.path().join("python3"), &python);

    let mut cases = vec![
        ("echo 580.95.05, 8.6", "", &cuda, "has no CUDA libraries"),
        ("echo 590.10, 7.5", "cpu", &cpu, "using the torch 2.13.0 of"),
        ("echo 535.104.05, 8.6", "", &cpu, "driver is 535.104.05, and version 2.13.0 needs 580"),
        ("echo 535.104.05, 8.6", "cuda", &cuda, "the copy made before"),
        ("echo 580.95.05, 6.1", "", &cpu, "capability 6.1, and version 2.13.0 needs 7.5"),
        ("echo 580.95.05, 6.1; echo 580.95.05, 12.0", "", &cuda, "the copy made before"),
        ("echo 1000.1, 10.0", "", &cuda, "the copy made before"),
    ];
    if !Path::new("/proc/driver/nvidia/version").exists() {
        let failed = "echo NVIDIA-SMI has failed; exit 9";
        cases.push((failed, "", &cpu, "using the torch 2.13.0 of"));
    }
    for (nvidia_smi, set, expected, said) in cases {
        executable(&dir.path().join("nvidia-smi"), nvidia_smi);
        let path = format!("{}:{}", dir.path().display(), env::var("PATH").unwrap());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/libtorch");
        let mut command = Command::new(script);
        command.env("PATH", path).env("XDG_CACHE_HOME", dir.path()).env("LENET_LIBTORCH", set);
        let output = command.env_remove("LIBTORCH").env_remove("VIRTUAL_ENV").output().unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(out.trim_end(), expected.to_str().unwrap(), "{nvidia_smi}, {set:?}: {err}");
        assert!(err.contains(said), "{nvidia_smi}, {set:?}: {err}");
    }
}
