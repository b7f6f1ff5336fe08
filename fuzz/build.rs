//! The fuzz targets find libtorch as the package's own programs do: its build script's link arguments do not reach here.

fn main() {
    if let Ok(lib) = std::env::var("DEP_LENET_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
