//! Forward alone, without gradients, on a batch in memory: `forward/fused/b32` and so on. A single image has its own way
//! through the fused engine, on one thread. The threads of the others are libtorch's: OMP_NUM_THREADS. With LENET_DEVICE=cuda, or cuda:1,
//! libtorch computes there, and the logits are copied back: `forward/cuda/b32` and so on.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::{
    LeNet, Mnist,
    kernels::{Images, Network, PARAMETERS, Packed},
    tch::{self, Device, Tensor, nn, nn::Module, no_grad_guard},
};

mod place;

const BATCH_SIZES: [usize; 4] = [1, 32, 256, 1024];

fn forward(c: &mut Criterion) {
    let mnist =
        Mnist::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/mnist")).expect("data/mnist");
    let (name, config) = place::configs().pop().expect("libtorch's engine");
    let vs = nn::VarStore::new(config.device);
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

    let mut group = c.benchmark_group(format!("forward/{name}"));
    for batch_size in BATCH_SIZES {
        let images = mnist.test.first(batch_size).images().to_device(config.device);
        group.throughput(Throughput::Elements(batch_size as u64)); // images
        group.bench_function(BenchmarkId::from_parameter(format!("b{batch_size}")), |b| {
            b.iter(|| net.forward(&images).to_device(Device::Cpu)) // or a GPU would not be waited for
        });
    }
    group.finish();
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1]).to_device(Device::Cpu)).expect("floats")
}

criterion_group!(benches, forward);
criterion_main!(benches);
