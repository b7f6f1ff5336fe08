//! From MNIST's four gzipped files to both sets in memory: read, decompressed, resized to 32x32.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lenet::Mnist;
use std::time::Duration;

fn load_mnist(c: &mut Criterion) {
    let mut group = c.benchmark_group("load_mnist");
    group.throughput(Throughput::Elements(70_000)); // images
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist");
    group.bench_function("gz", |b| b.iter(|| Mnist::open(folder).expect("data/mnist")));
    group.finish();
}

criterion_group!(benches, load_mnist);
criterion_main!(benches);
