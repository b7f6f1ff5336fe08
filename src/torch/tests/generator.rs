//! This crate's random numbers against libtorch's.

use crate::generator::Generator;
use tch::{Device, Kind, Tensor};

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

fn numbers(tensor: Tensor) -> Vec<f32> {
    tensor.try_into().unwrap()
}

/// On an x86-64 CPU with AVX2, which normal values depend on.
#[test]
fn draws_are_libtorch_s_bit_for_bit() {
    let _generator = crate::torch::init::generator();
    let lengths = [1, 5, 6, 15, 16, 17, 31, 32, 40, 1_000, 100_003];
    for seed in [0, 1, 7, 1 << 31, (1 << 32) + 5] {
        tch::manual_seed(seed as i64);
        let mut ours = Generator::manual_seed(seed);
        // One after the other: what a call leaves for the next one counts.
        for length in lengths {
            let theirs = numbers(Tensor::randn([length], CPU));
            assert!(ours.normal(length as usize) == theirs, "{length} normal values of {seed}");
            let bound = 1.0 / (length as f64).sqrt();
            let theirs = numbers(Tensor::empty([length], CPU).uniform_(-bound, bound));
            let bound = bound as f32;
            let ours = ours.uniform(length as usize, -bound, bound);
            assert!(ours == theirs, "{length} uniform values of {seed}");
        }
        let order: Vec<i64> =
            Tensor::randperm(1_000, (Kind::Int64, Device::Cpu)).try_into().unwrap();
        let order: Vec<_> = order.into_iter().map(|index| index as usize).collect();
        assert_eq!(ours.permutation(1_000), order, "{seed}");
    }
}
