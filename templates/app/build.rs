//! Has the program find libtorch when it starts: link arguments do not pass from lenet to what depends on it.
fn main() {
    let lib = std::env::var("DEP_LENET_LIBTORCH_LIB").expect("lenet passes on where libtorch is");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
