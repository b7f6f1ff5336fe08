//! Tells the linker where libtorch is, so that this package's examples, tests and benches start by themselves, and hands on
//! to dependents, whose binaries these arguments do not reach, the folder (`DEP_LENET_LIBTORCH_LIB`) and whether it has CUDA
//! (`DEP_LENET_LIBTORCH_CUDA`, `true` or `false`).

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // From torch-sys (`links = "tch"`). Absent with the feature `doc-only`, on Windows, and for a static libtorch.
    let Ok(lib) = env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::metadata=LIBTORCH_LIB={lib}");

    let cuda = has_cuda(Path::new(&lib));
    println!("cargo::metadata=LIBTORCH_CUDA={cuda}");

    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    if cuda {
        // Nothing refers to libtorch_cuda by name, so the linker would drop it, and CUDA would not be found.
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-ltorch");
    }
}

/// Whether everything that libtorch_cuda needs is there: NVIDIA's libraries lie beside it (libtorch's archives) or in the
/// `nvidia` packages next to `torch` (PyTorch's wheels, installed whole).
fn has_cuda(lib: &Path) -> bool {
    let holds = |folder: &Path, prefix: &str| {
        fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        })
    };
    let nvidia = lib.join("../../nvidia");
    lib.join("libtorch_cuda.so").exists()
        && (holds(lib, "libcublas")
            || fs::read_dir(nvidia).is_ok_and(|packages| {
                packages.flatten().any(|package| holds(&package.path().join("lib"), "libcublas"))
            }))
}
