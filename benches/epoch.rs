//! An epoch of the post's recipe over MNIST, test set included: `epoch/fused/b32` and so on; over fewer images and without the
//! test set, `epoch/fused/b32/7500` and so on; and the test set alone, `evaluate/fused`. The threads are libtorch's: OMP_NUM_THREADS.
//! With LENET_DEVICE=cuda, or cuda:1, libtorch's engine alone, there: `epoch/cuda/b32` and so on.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{Mnist, TrainConfig, Trainer};
use std::time::Duration;

mod place;

fn epoch(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    let images = |n: usize| Throughput::Elements(n as u64);
    for (name, config) in place::configs() {
        let mut trainer = Trainer::new(config.clone()).expect("a good config");
        let mut group = c.benchmark_group(format!("epoch/{name}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(1));
        group.throughput(images(mnist.train.len()));
        group.bench_function("b32", |b| {
            b.iter(|| {
                trainer.train_epoch(&mnist.train).expect("an epoch");
                trainer.evaluate(&mnist.test).expect("an evaluation")
            })
        });
        for batch_size in [256, 1024] {
            let config = TrainConfig { batch_size, ..config.clone() };
            let mut trainer = Trainer::new(config).expect("a good config");
            group.bench_function(format!("b{batch_size}"), |b| {
                b.iter(|| trainer.train_epoch(&mnist.train).expect("an epoch"))
            });
        }
        for n in [7_500, 15_000, 30_000, 60_000] {
            let part = mnist.train.first(n);
            group.throughput(images(n));
            group.bench_function(BenchmarkId::new("b32", n), |b| {
                b.iter(|| trainer.train_epoch(&part).expect("an epoch"))
            });
        }
        group.finish();
        let mut group = c.benchmark_group("evaluate");
        group.throughput(images(mnist.test.len()));
        group.bench_function(name, |b| {
            b.iter(|| trainer.evaluate(&mnist.test).expect("an evaluation"))
        });
        group.finish();
    }
}

criterion_group!(benches, epoch);
criterion_main!(benches);
