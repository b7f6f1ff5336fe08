//! Each of the fused engine's heavy kernels alone, on one thread and one group of images, beside `peak`, a loop that only
//! multiplies and adds in registers: Gelem/s are GFLOP/s (of `tanh`: 10⁹ tanh/s). Then all of them together, forward and
//! backward on one thread, at the operations of the convolutions and dense layers alone. The share of the peak is the quotient.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lenet::kernels::{Batch, InstructionSet, Network, PARAMETERS, PIXELS, kernels};

/// Of an image: three times the forward pass's multiplications and additions, but for the gradient of C1's input.
const OPERATIONS: u64 = 2 * (3 * 416_520 - 117_600);

fn kernel(c: &mut Criterion) {
    for set in InstructionSet::available() {
        let mut group = c.benchmark_group(format!("kernels/{set:?}"));
        for mut kernel in kernels(set) {
            group.throughput(Throughput::Elements(kernel.operations));
            group.bench_function(kernel.name, |b| b.iter(|| kernel.run()));
        }
        let mut network = Network::with(set, 1);
        let parameters = [0.01; PARAMETERS];
        let mut gradients = [0.0; PARAMETERS];
        for n in [32, 256] {
            // Background around the ink, as wide as around a group of MNIST's digits.
            let pixel = |at| {
                if [at / 32, at % 32].iter().all(|at| (5..27).contains(at)) { 0.5 } else { 0.0 }
            };
            let (images, labels) =
                (vec![std::array::from_fn::<_, PIXELS, _>(pixel); n], vec![3; n]);
            let batch = Batch::new(&images, &labels).expect("a batch");
            group.throughput(Throughput::Elements(n as u64 * OPERATIONS));
            group.bench_function(BenchmarkId::new("forward and backward", format!("b{n}")), |b| {
                b.iter(|| network.gradients(&parameters, &batch, &mut gradients))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernel);
criterion_main!(benches);
