//! The network against the PyTorch version's table: shapes, counts, keys, initial values.

use lenet::{
    Init, Summary, TrainConfig, Trainer, conv_output_size, conv_parameters, linear_parameters,
    pool_output_size, summary,
    train::Device,
    weights::{Array, StateDict},
};
use safetensors::SafeTensors;
use std::f64::consts::SQRT_2;

/// `state_dict` of the post's network, in its order.
const STATE_DICT: [(&str, &[usize]); 14] = [
    ("con_sam.0.weight", &[6, 1, 5, 5]),
    ("con_sam.0.bias", &[6]),
    ("con_sam.2.weight", &[6]),
    ("con_sam.2.bias", &[6]),
    ("con_sam.4.weight", &[16, 6, 5, 5]),
    ("con_sam.4.bias", &[16]),
    ("con_sam.6.weight", &[16]),
    ("con_sam.6.bias", &[16]),
    ("con_sam.8.weight", &[120, 16, 5, 5]),
    ("con_sam.8.bias", &[120]),
    ("fc.0.weight", &[84, 120]),
    ("fc.0.bias", &[84]),
    ("fc.2.weight", &[10, 84]),
    ("fc.2.bias", &[10]),
];

/// A new network's weights.
fn seeded(seed: u64, init: Init) -> StateDict {
    let config = TrainConfig { seed, init, device: Device::Cpu, ..TrainConfig::pytorch() };
    Trainer::new(config).unwrap().state_dict()
}

#[test]
fn keys_and_shapes_are_the_reference_s() {
    let weights = seeded(0, Init::PyTorch);
    let got: Vec<_> = weights.iter().map(|(name, array)| (name, array.shape())).collect();
    assert_eq!(got, STATE_DICT);
}

#[test]
fn the_layers_have_the_table_s_parameters() {
    let counts: Vec<_> =
        summary([1, 32, 32]).rows().iter().map(|row| row.parameters).filter(|&n| n > 0).collect();
    assert_eq!(counts, [156, 12, 2_416, 32, 48_120, 10_164, 850]);
    assert_eq!(summary([1, 32, 32]).parameters(), 61_750);
    let weights = seeded(0, Init::PyTorch);
    let lengths: Vec<_> = weights.iter().map(|(_, array)| array.values().len() as i64).collect();
    let of_the_network: Vec<i64> = lengths.chunks(2).map(|pair| pair.iter().sum()).collect();
    assert_eq!(of_the_network, counts);
}

#[test]
fn an_input_that_the_network_does_not_take_is_an_error() {
    for input in [[1, 32, 32], [1, 35, 33]] {
        assert_eq!(Summary::new(input).unwrap(), summary(input));
    }
    for input in
        [[3, 32, 32], [1, 31, 32], [1, 32, 36], [1, i64::MAX, 32], [1, 32, i64::MIN], [0; 3]]
    {
        let error = Summary::new(input).unwrap_err().to_string();
        let expected = "input: expected 1 channel, and a height and width from 32 to 35, got";
        assert_eq!(error, format!("{expected} {input:?}"));
    }
}

#[test]
fn the_summary_is_torchsummary_s_byte_for_byte() {
    let expected = include_str!("golden/summary_pytorch.txt");
    assert_eq!(summary([1, 32, 32]).to_string(), expected);
}

#[test]
fn the_paddle_summary_is_paddle_s_byte_for_byte() {
    let expected = include_str!("golden/summary_paddle.txt");
    assert_eq!(summary([1, 32, 32]).paddle().to_string(), expected);
}

#[test]
fn the_post_s_formulas() {
    assert_eq!(conv_output_size(32, 5, 0, 1), 28);
    assert_eq!(conv_output_size(28, 5, 2, 1), 28);
    assert_eq!(conv_output_size(7, 3, 1, 2), 4);
    assert_eq!(conv_output_size(8, 3, 0, 2), 3); // rounded down
    assert_eq!(pool_output_size(28, 2, 0, 2), 14);
    assert_eq!(conv_parameters(1, 6, 5), 156);
    assert_eq!(conv_parameters(6, 16, 5), 2_416);
    assert_eq!(conv_parameters(16, 120, 5), 48_120);
    assert_eq!(linear_parameters(120, 84), 10_164);
    assert_eq!(linear_parameters(84, 10), 850);
}

/// The values of this name in all of them.
fn all(draws: &[StateDict], name: &str) -> Vec<f64> {
    let arrays = draws.iter().filter_map(|weights| weights.get(name));
    arrays.flat_map(Array::values).map(|&value| f64::from(value)).collect()
}

/// The bound of U(±bound) and the mean and deviation of N(0, 1) show in the values drawn.
#[test]
fn initial_values_are_pytorch_s() {
    let draws: Vec<_> = (0..40).map(|seed| seeded(seed, Init::PyTorch)).collect();
    for (name, _) in STATE_DICT {
        let values = all(&draws, name);
        if name.starts_with("con_sam.2") || name.starts_with("con_sam.6") {
            assert_normal(name, &values, 1.0);
        } else {
            let fan_in = match name.rsplit_once('.').unwrap().0 {
                "con_sam.0" => 25.0,
                "con_sam.4" => 150.0,
                "con_sam.8" => 400.0,
                "fc.0" => 120.0,
                _ => 84.0,
            };
            assert_uniform(name, &values, 1.0 / f64::sqrt(fan_in));
        }
    }
}

#[test]
fn initial_values_are_paddle_s() {
    let draws: Vec<_> = (0..40).map(|seed| seeded(seed, Init::Paddle)).collect();
    for (name, _) in STATE_DICT {
        let values = all(&draws, name);
        match name {
            "con_sam.0.weight" => assert_normal(name, &values, SQRT_2 / 25f64.sqrt()),
            "con_sam.4.weight" => assert_normal(name, &values, SQRT_2 / 150f64.sqrt()),
            "con_sam.8.weight" => assert_normal(name, &values, SQRT_2 / 400f64.sqrt()),
            "con_sam.2.weight" => assert_uniform(name, &values, (3f64 / 6.0).sqrt()),
            "con_sam.6.weight" => assert_uniform(name, &values, (3f64 / 16.0).sqrt()),
            "fc.0.weight" => assert_uniform(name, &values, (6f64 / 204.0).sqrt()),
            "fc.2.weight" => assert_uniform(name, &values, (6f64 / 94.0).sqrt()),
            _ => assert!(values.iter().all(|&value| value == 0.0), "{name}"),
        }
    }
}

fn assert_uniform(name: &str, values: &[f64], bound: f64) {
    let most = values.iter().fold(0f64, |most, value| most.max(value.abs()));
    assert!(most <= bound * (1.0 + 1e-6), "{name}: {most} is beyond the bound {bound}");
    // The largest of n draws falls short of the bound by more than 14/n once in a million times.
    let short = 1.0 - 14.0 / values.len() as f64;
    assert!(most >= bound * short, "{name}: nothing beyond {most}, and the bound is {bound}");
    let (mean, deviation) = mean_and_deviation(values);
    let expected = bound / 3f64.sqrt();
    let error = expected / (values.len() as f64).sqrt();
    assert!(mean.abs() < 5.0 * error, "{name}: mean {mean}");
    assert!((deviation - expected).abs() < 5.0 * error, "{name}: deviation {deviation}");
}

fn assert_normal(name: &str, values: &[f64], expected: f64) {
    let (mean, deviation) = mean_and_deviation(values);
    let error = expected / (values.len() as f64).sqrt();
    assert!(mean.abs() < 5.0 * error, "{name}: mean {mean}");
    assert!((deviation - expected).abs() < 5.0 * error, "{name}: deviation {deviation}");
    let beyond = values.iter().filter(|value| value.abs() > 2.0 * expected).count() as f64;
    let share = beyond / values.len() as f64;
    assert!((0.02..0.08).contains(&share), "{name}: {share} beyond two deviations, not 0.0455");
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// `torch.manual_seed(0); LeNet()` in PyTorch, `tests/golden/initial.py`.
fn golden(name: &str) -> Vec<f32> {
    let golden = include_bytes!("golden/initial_seed0.safetensors");
    let golden = SafeTensors::deserialize(golden).unwrap();
    let (bytes, _) = golden.tensor(name).unwrap().data().as_chunks();
    bytes.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[test]
fn seed_0_draws_pytorch_s_numbers() {
    let [weights, other] = [0, 1].map(|seed| seeded(seed, Init::PyTorch));
    for (name, _) in STATE_DICT {
        let values = |weights: &StateDict| weights.get(name).unwrap().values().to_vec();
        assert_eq!(values(&weights), golden(name), "{name}");
        assert_ne!(values(&other), golden(name), "{name} of seed 1");
    }
}

/// The network as a module of libtorch.
#[cfg(feature = "torch")]
mod torch {
    use super::{STATE_DICT, golden};
    use lenet::tch::{self, Device, Kind, Tensor, nn, nn::Module};
    use lenet::{DownSample, DownSampleConfig, LeNet, TrainConfig, Trainer, summary};
    use std::{collections::BTreeMap, sync::Mutex};

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn floats(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().reshape([-1])).unwrap()
    }

    fn shape(tensor: &Tensor) -> Vec<usize> {
        tensor.size().into_iter().map(|side| side as usize).collect()
    }

    /// Makes what draws from libtorch's generator, of which there is one for all tests.
    fn drawn<T>(make: impl FnOnce() -> T) -> T {
        static GENERATOR: Mutex<()> = Mutex::new(());
        let _one_at_a_time = GENERATOR.lock();
        make()
    }

    fn network(vs: &nn::VarStore) -> LeNet {
        drawn(|| LeNet::new(&vs.root()))
    }

    fn down_sample(vs: &nn::VarStore, channels: i64, config: DownSampleConfig) -> DownSample {
        drawn(|| DownSample::new(&vs.root(), channels, config))
    }

    #[test]
    fn its_variables_are_the_reference_s() {
        let vs = nn::VarStore::new(Device::Cpu);
        network(&vs);
        let got: BTreeMap<_, _> =
            vs.variables().iter().map(|(k, v)| (k.clone(), shape(v))).collect();
        let expected = STATE_DICT.map(|(name, shape)| (name.to_string(), shape.to_vec()));
        assert_eq!(got, BTreeMap::from(expected));
        // In the order of the state_dict, on which the flat buffer rests.
        let shapes: Vec<_> = vs.trainable_variables().iter().map(shape).collect();
        assert_eq!(shapes, STATE_DICT.map(|(_, shape)| shape.to_vec()));
    }

    #[test]
    fn a_trainer_s_variables_are_its_state_dict() {
        let config = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
        let trainer = Trainer::new(config).unwrap();
        let variables = trainer.var_store().variables();
        assert_eq!(variables.len(), 14);
        for (name, array) in trainer.state_dict().iter() {
            assert_eq!(floats(&variables[name]), array.values(), "{name}");
        }
    }

    #[test]
    fn every_stage_has_its_shape() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = network(&vs);
        let images = Tensor::arange(2 * 32 * 32, CPU).reshape([2, 1, 32, 32]) / 2048.0;
        let stages = net.stages(&images);
        let got: Vec<_> = stages.iter().map(|stage| (stage.name, stage.output.size())).collect();
        let expected: [(&str, &[i64]); 7] = [
            ("C1", &[2, 6, 28, 28]),
            ("S2", &[2, 6, 14, 14]),
            ("C3", &[2, 16, 10, 10]),
            ("S4", &[2, 16, 5, 5]),
            ("C5", &[2, 120]),
            ("F6", &[2, 84]),
            ("output", &[2, 10]),
        ];
        assert_eq!(got, expected.map(|(name, shape)| (name, shape.to_vec())));
        // What the network answers is the last of them.
        assert_eq!(floats(&net.forward(&images)), floats(&stages[6].output));
    }

    #[test]
    fn the_summary_s_shapes_are_the_network_s() {
        let net = network(&nn::VarStore::new(Device::Cpu));
        for (h, w) in [(32, 32), (33, 35), (34, 32)] {
            let rows = summary([1, h, w]);
            let rows: Vec<_> = rows.rows().iter().filter(|row| row.layer == "Tanh").collect();
            for (row, stage) in rows.iter().zip(net.stages(&Tensor::zeros([1, 1, h, w], CPU))) {
                let numbers: i64 = row.output_shape.iter().product();
                assert_eq!(numbers as usize, stage.output.numel(), "{} of {h}x{w}", stage.name);
            }
        }
    }

    #[test]
    fn down_sample_averages_scales_and_shifts() {
        let vs = nn::VarStore::new(Device::Cpu);
        let down_sample = down_sample(&vs, 2, DownSampleConfig::default());
        let variables = vs.variables();
        let set = |name: &str, values: &[f32]| {
            let _no_grad = tch::no_grad_guard();
            variables[name].shallow_clone().copy_(&Tensor::from_slice(values));
        };
        set("weight", &[2.0, -1.0]);
        set("bias", &[0.5, 10.0]);
        let maps = Tensor::from_slice(&[1f32, 3., 5., 7., 0., 0., 0., 8.]).reshape([1, 2, 2, 2]);
        // Averages 4 and 2: 2 * 4 + 0.5, -1 * 2 + 10.
        assert_eq!(floats(&down_sample.forward(&maps)), [8.5, 8.0]);
    }

    #[test]
    fn down_sample_takes_other_windows() {
        let vs = nn::VarStore::new(Device::Cpu);
        let config = DownSampleConfig { kernel_size: 3, stride: 1 };
        let down_sample = down_sample(&vs, 4, config);
        assert_eq!(down_sample.forward(&Tensor::ones([5, 4, 7, 9], CPU)).size(), [5, 4, 5, 7]);
    }

    #[test]
    fn down_sample_equals_the_loop_over_channels() {
        let vs = nn::VarStore::new(Device::Cpu);
        let down_sample = down_sample(&vs, 16, DownSampleConfig::default());
        let variables = vs.variables();
        let maps = (Tensor::arange(3 * 16 * 100, CPU).reshape([3, 16, 10, 10]) * 0.37).sin();
        let pooled = maps.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
        let channels: Vec<_> = (0..16)
            .map(|c| pooled.select(1, c) * variables["weight"].get(c) + variables["bias"].get(c))
            .collect();
        assert_eq!(floats(&down_sample.forward(&maps)), floats(&Tensor::stack(&channels, 1)));
    }

    #[test]
    fn seed_0_draws_pytorch_s_numbers_from_libtorch_s_generator() {
        let vs = nn::VarStore::new(Device::Cpu);
        drawn(|| {
            tch::manual_seed(0);
            LeNet::new(&vs.root())
        });
        for (name, variable) in vs.variables() {
            let (got, expected) = (floats(&variable), golden(&name));
            if name.starts_with("con_sam.6") {
                // 16 numbers of N(0, 1) go through the CPU's own SIMD log and cos: the last bits are not the same on all.
                for (got, expected) in got.iter().zip(&expected) {
                    assert!((got - expected).abs() <= 1e-5, "{name}: {got}, not {expected}");
                }
            } else {
                assert_eq!(got, expected, "{name}");
            }
        }
    }
}
