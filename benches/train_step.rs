//! One optimizer step, forward, backward and Adam, on a batch in memory: `train_step/fused/b32` and so on; `tch` is the same step
//! as tch's users write it, with an Adam over 14 tensors. The threads are libtorch's: OMP_NUM_THREADS. And a thousand steps of
//! the 1998 network, one image each: `train_step/lenet_1998`. With LENET_DEVICE=cuda, or cuda:1, this crate's steps run there:
//! `train_step/cuda/b32` and so on.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{
    LeNet, Mnist, Trainer,
    data::Fit,
    lenet_1998::{LeNet1998TrainConfig, LeNet1998Trainer},
    tch::{
        Device,
        nn::{self, Module, OptimizerConfig},
    },
};

mod place;

const BATCH_SIZES: [usize; 4] = [1, 32, 256, 1024];

fn train_step(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    for (name, config) in place::configs() {
        let mut group = c.benchmark_group(format!("train_step/{name}"));
        for batch_size in BATCH_SIZES {
            let batch = mnist.train.first(batch_size);
            let (images, labels) = (batch.images(), batch.labels());
            let (images, labels) =
                (images.to_device(config.device), labels.to_device(config.device));
            let mut trainer = Trainer::new(config.clone()).expect("a good config");
            group.throughput(Throughput::Elements(batch_size as u64)); // images
            group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
                b.iter(|| trainer.train_batch(&images, &labels).expect("a step"))
            });
        }
        group.finish();
    }

    let mut group = c.benchmark_group("train_step/tch");
    for batch_size in BATCH_SIZES {
        let batch = mnist.train.first(batch_size);
        let (images, labels) = (batch.images(), batch.labels());
        let vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet::new(&vs.root());
        let mut adam = nn::Adam::default().build(&vs, 1e-3).expect("an optimizer");
        group.throughput(Throughput::Elements(batch_size as u64)); // images
        group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
            b.iter(|| {
                let loss = net.forward(&images).cross_entropy_for_logits(&labels);
                adam.backward_step(&loss);
                loss.double_value(&[])
            })
        });
    }
    group.finish();
}

fn lenet_1998(c: &mut Criterion) {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist");
    let images = Mnist::open_fitted(dir, Fit::Pad).expect("data/mnist").train.first(1_000);
    // Next to no second derivatives: what is measured are the steps.
    let config = LeNet1998TrainConfig {
        curvature_images: 1,
        early_estimates: None,
        ..LeNet1998TrainConfig::default()
    };
    let mut trainer = LeNet1998Trainer::new(config).expect("a good config");
    let mut group = c.benchmark_group("train_step");
    group.throughput(Throughput::Elements(1_000)); // images
    group.bench_function("lenet_1998", |b| b.iter(|| trainer.train_pass(&images).expect("a pass")));
    group.finish();
}

criterion_group!(benches, train_step, lenet_1998);
criterion_main!(benches);
