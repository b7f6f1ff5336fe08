//! An epoch of the post's recipe over MNIST, everything in it: `epoch/fused/b32` and so on. The threads are libtorch's:
//! OMP_NUM_THREADS.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lenet::{Engine, Mnist, TrainConfig, Trainer, tch::Device};
use std::time::Duration;

fn epoch(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    for (name, engine) in [("fused", Engine::Fused), ("libtorch", Engine::Libtorch)] {
        let mut group = c.benchmark_group(format!("epoch/{name}"));
        group.throughput(Throughput::Elements(mnist.train.len() as u64)); // images
        group.sample_size(10).warm_up_time(Duration::from_millis(1));
        let config = TrainConfig { device: Device::Cpu, engine, ..TrainConfig::pytorch() };
        let mut trainer = Trainer::new(config).expect("a good config");
        group.bench_function("b32", |b| {
            b.iter(|| {
                trainer.train_epoch(&mnist.train).expect("an epoch");
                trainer.evaluate(&mnist.test).expect("an evaluation")
            })
        });
        group.finish();
    }
}

criterion_group!(benches, epoch);
criterion_main!(benches);
