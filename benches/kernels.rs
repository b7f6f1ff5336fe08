//! Each of the fused engine's heavy kernels alone, on one thread and one group of images (C5's gradient on a batch), beside `peak` and
//! `tanh peak`, loops that only multiply and add, or take tanh, in registers: Gelem/s are GFLOP/s, or 10⁹ tanh/s. Then all of them
//! together, forward, and forward and backward, at the operations of the convolutions and dense layers: on one thread, and batches of 32
//! and of 8 also on two, which share the single group of 8. In the end two shares of each: of `peak`, which is one core's, and of the
//! limit that also counts its tanh. `two threads meet` is what a layer that is shared costs beside its work.

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use lenet::kernels::{Batch, Images, InstructionSet, Network, PARAMETERS, PIXELS, kernels};
use std::{hint::black_box, time::Instant};

/// Of an image, forward; and with the backward pass, which is twice as much but for the gradient of C1's input.
const FORWARD: u64 = 2 * 416_520;
const BOTH: u64 = 2 * (3 * 416_520 - 117_600);
/// Of an image, forward.
const TANH: u64 = 8_084;

/// What was measured: a name, operations and tanh of a run, and its seconds.
type Measured = (String, u64, u64, f64);

fn kernel(c: &mut Criterion) {
    for set in InstructionSet::available() {
        let mut all = vec![];
        let mut group = c.benchmark_group(format!("kernels/{set:?}"));
        for mut kernel in kernels(set) {
            let (name, operations, tanh) = (kernel.name, kernel.operations, kernel.tanh);
            all.extend(measure(&mut group, name, operations, tanh, || kernel.run()));
        }
        let parameters = [0.01; PARAMETERS];
        let mut gradients = [0.0; PARAMETERS];
        for (n, threads) in [(32, 1), (32, 2), (256, 1), (8, 1), (8, 2)] {
            let mut network = Network::with(set, threads);
            // Background around the ink, as wide as around a group of MNIST's digits.
            let pixel = |at| {
                if [at / 32, at % 32].iter().all(|at| (5..27).contains(at)) { 0.5 } else { 0.0 }
            };
            let (images, labels) =
                (vec![std::array::from_fn::<_, PIXELS, _>(pixel); n], vec![3; n]);
            let batch = Batch::new(&images, &labels).expect("a batch");
            let [forward, both, tanh] = [FORWARD, BOTH, TANH].map(|count| count * n as u64);
            let size =
                if threads == 1 { format!("b{n}") } else { format!("b{n}/{threads} threads") };
            all.extend(measure(&mut group, &format!("forward/{size}"), forward, tanh, || {
                network.logits(&parameters, Images::new(&images))
            }));
            let name = format!("forward and backward/{size}");
            all.extend(measure(&mut group, &name, both, tanh, || {
                network.gradients(&parameters, &batch, &mut gradients)
            }));
        }
        group.finish();
        shares(&format!("{set:?}"), &all);
    }
}

/// The median of a run's seconds, unless the command line leaves this one out.
fn measure<T>(
    group: &mut BenchmarkGroup<WallTime>,
    name: &str,
    operations: u64,
    tanh: u64,
    mut run: impl FnMut() -> T,
) -> Option<Measured> {
    let mut seconds = vec![];
    let elements = if operations > 0 { operations } else { tanh.max(1) };
    group.throughput(Throughput::Elements(elements));
    group.bench_function(name, |b| {
        b.iter_custom(|runs| {
            let start = Instant::now();
            for _ in 0..runs {
                black_box(run());
            }
            let passed = start.elapsed();
            seconds.push(passed.as_secs_f64() / runs as f64);
            passed
        })
    });
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).map(|&seconds| (name.into(), operations, tanh, seconds))
}

fn shares(set: &str, all: &[Measured]) {
    let find = |peak| all.iter().find(|(name, ..)| name == peak);
    let (Some(&(_, operations, _, peak)), Some(&(_, _, tanhs, tanh_peak))) =
        (find("peak"), find("tanh peak"))
    else {
        return;
    };
    let (of_operation, of_tanh) = (peak / operations as f64, tanh_peak / tanhs as f64);
    println!("| {set} | of the peak | of the limit with tanh |\n|---|---|---|");
    for (name, operations, tanh, seconds) in all.iter().filter(|(_, n, tanh, _)| n + tanh > 0) {
        let at_peak = *operations as f64 * of_operation;
        let limit = at_peak + *tanh as f64 * of_tanh;
        println!(
            "| {name} | {:.0} % | {:.0} % |",
            100.0 * at_peak / seconds,
            100.0 * limit / seconds
        );
    }
}

criterion_group!(benches, kernel);
criterion_main!(benches);
