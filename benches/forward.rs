//! Forward alone, without gradients, on a batch in memory: `forward/fused/b32` and so on. A single image has its own way
//! through the fused engine, on one thread. The threads of the others are libtorch's: OMP_NUM_THREADS.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{
    LeNet, Mnist,
    kernels::{Images, Network, PARAMETERS, Packed},
    tch::{self, Device, Tensor, nn, nn::Module, no_grad_guard},
};

const BATCH_SIZES: [usize; 4] = [1, 32, 256, 1024];

fn forward(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    let vs = nn::VarStore::new(Device::Cpu);
    let net = LeNet::new(&vs.root());
    let _no_grad = no_grad_guard();

    let variables = vs.trainable_variables();
    let flat: Vec<_> = variables.iter().map(|variable| variable.reshape([-1])).collect();
    let parameters = floats(&Tensor::cat(&flat, 0));
    let parameters: &[f32; PARAMETERS] = parameters.as_array().expect("all parameters");
    let mut group = c.benchmark_group("forward/fused");
    let packed = Packed::new(parameters);
    let mut network = Network::new(tch::get_num_threads() as usize);
    for batch_size in BATCH_SIZES {
        let images = floats(&mnist.test.first(batch_size).images());
        let (images, _) = images.as_chunks();
        group.throughput(Throughput::Elements(batch_size as u64)); // images
        group.bench_function(
            BenchmarkId::from_parameter(format!("b{batch_size}")),
            |b| match images {
                [image] => b.iter(|| packed.logits(image)),
                _ => b.iter_with_large_drop(|| network.logits(parameters, Images::new(images))),
            },
        );
    }
    group.finish();

    let mut group = c.benchmark_group("forward/libtorch");
    for batch_size in BATCH_SIZES {
        let images = mnist.test.first(batch_size).images();
        group.throughput(Throughput::Elements(batch_size as u64)); // images
        group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
            b.iter(|| net.forward(&images))
        });
    }
    group.finish();
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).expect("floats")
}

criterion_group!(benches, forward);
criterion_main!(benches);
