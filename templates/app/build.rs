//! With lenet's feature `torch`: where libtorch is, and that the program needs its CUDA, where it has that. Without the feature there
//! is nothing to say, and you can leave this file out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Ok(lib) = std::env::var("DEP_LENET_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    if std::env::var("DEP_LENET_LIBTORCH_CUDA").is_ok_and(|cuda| cuda == "true") {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-ltorch");
    }
}
