//! One optimizer step, forward, backward and Adam, on a batch in memory: `train_step/fused/b32` and so on. The threads are
//! libtorch's: OMP_NUM_THREADS.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{Engine, Mnist, TrainConfig, Trainer, tch::Device};

fn train_step(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    for (name, engine) in [("fused", Engine::Fused), ("libtorch", Engine::Libtorch)] {
        let mut group = c.benchmark_group(format!("train_step/{name}"));
        for batch_size in [1, 32, 256, 1024] {
            let batch = mnist.train.first(batch_size);
            let (images, labels) = (batch.images(), batch.labels());
            let config = TrainConfig { device: Device::Cpu, engine, ..TrainConfig::pytorch() };
            let mut trainer = Trainer::new(config).expect("a good config");
            group.throughput(Throughput::Elements(batch_size as u64)); // images
            group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
                b.iter(|| trainer.train_batch(&images, &labels).expect("a step"))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, train_step);
criterion_main!(benches);
