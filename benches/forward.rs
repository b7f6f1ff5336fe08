//! Forward alone, without gradients, on a batch in memory: `forward/libtorch/b32` and so on.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{
    LeNet, Mnist,
    tch::{Device, nn, nn::Module, no_grad_guard},
};

fn forward(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    let net = LeNet::new(&nn::VarStore::new(Device::Cpu).root());
    let _no_grad = no_grad_guard();
    let mut group = c.benchmark_group("forward/libtorch");
    for batch_size in [1, 32, 256, 1024] {
        let images = mnist.test.first(batch_size).images();
        group.throughput(Throughput::Elements(batch_size as u64)); // images
        group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
            b.iter(|| net.forward(&images))
        });
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
