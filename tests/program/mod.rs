//! The examples as programs, and what they are given.

use flate2::read::GzDecoder;
use std::{
    env,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};
use tempfile::TempDir;

/// The first 1,600 images to train on, and 200 to test on.
pub static SMALL: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    for (part, images) in [("train", 1_600_u32), ("t10k", 200)] {
        for (kind, header, size) in [("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)] {
            let name = format!("{part}-{kind}-ubyte");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist");
            let source = File::open(source.join(format!("{name}.gz"))).unwrap();
            let mut bytes = vec![0; header + images as usize * size];
            GzDecoder::new(source).read_exact(&mut bytes).unwrap();
            bytes[4..8].copy_from_slice(&images.to_be_bytes());
            fs::write(dir.path().join(name), bytes).unwrap();
        }
    }
    dir
});

/// An example's program. `cargo test` builds the examples before it runs a test, beside the tests' folder; after
/// `cargo test --test examples` it is the one that was built last.
pub fn example(name: &str) -> Command {
    let deps = env::current_exe().unwrap();
    let profile = deps.ancestors().nth(2).unwrap();
    let program: PathBuf = profile.join("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    let mut command = Command::new(program);
    // As plain cargo leaves them: the program has to find its libraries by itself.
    command.env_remove("LD_LIBRARY_PATH").env_remove("LIBTORCH").stdin(Stdio::null());
    // The tests run side by side: threads of several programs that wait for each other by spinning stand in each other's way.
    command.env("OMP_NUM_THREADS", "1");
    command
}

pub fn run(command: &mut Command) -> (Output, String, String) {
    let output = command.output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into());
    (output, out, err)
}
