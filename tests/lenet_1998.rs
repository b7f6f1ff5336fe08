//! The network of the 1998 paper: its counts, its layers, its initial values, its files.

use lenet::lenet_1998::{
    C3, InitBound, LeNet1998Config, LeNet1998TrainConfig, LeNet1998Trainer, OutputUnits,
};
use lenet::weights::{Array, StateDict};

/// Every combination of C3 and output units.
fn configs() -> [LeNet1998Config; 4] {
    let base = LeNet1998Config::default();
    let (full, linear) = (C3::Full, OutputUnits::Linear);
    [
        base,
        LeNet1998Config { c3: full, ..base },
        LeNet1998Config { output: linear, ..base },
        LeNet1998Config { c3: full, output: linear, ..base },
    ]
}

fn trainer(network: LeNet1998Config, seed: u64) -> LeNet1998Trainer {
    let config = LeNet1998TrainConfig { network, seed, ..LeNet1998TrainConfig::default() };
    LeNet1998Trainer::new(config).unwrap()
}

/// What draws a new network's weights: the trainer from a seed, libtorch's module from libtorch's generator.
const DRAWS: &[fn(LeNet1998Config, u64) -> StateDict] = &[
    |config, seed| trainer(config, seed).state_dict(),
    #[cfg(feature = "torch")]
    |config, _| torch::drawn(config),
];

fn largest(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).abs()).max_by(f64::total_cmp).unwrap()
}

#[test]
fn the_table_is_the_paper_s() {
    let summary = LeNet1998Config::default().summary();
    let rows: Vec<_> = summary
        .rows()
        .iter()
        .map(|row| (row.layer, row.maps, row.size, row.parameters, row.connections))
        .collect();
    let expected = [
        ("C1", 6, 28, 156, 122_304),
        ("S2", 6, 14, 12, 5_880),
        ("C3", 16, 10, 1_516, 151_600),
        ("S4", 16, 5, 32, 2_000),
        ("C5", 120, 1, 48_120, 48_120),
        ("F6", 84, 1, 10_164, 10_164),
        ("output", 10, 1, 0, 840),
    ];
    assert_eq!(rows, expected);
    assert_eq!((summary.parameters(), summary.connections()), (60_000, 340_908));
    let printed = [
        "layer         maps  parameters  connections",
        "-------------------------------------------",
        "C1         6@28x28         156      122,304",
        "S2         6@14x14          12        5,880",
        "C3        16@10x10       1,516      151,600",
        "S4          16@5x5          32        2,000",
        "C5         120@1x1      48,120       48,120",
        "F6          84@1x1      10,164       10,164",
        "output      10@1x1           0          840",
        "-------------------------------------------",
        "                        60,000      340,908",
        "",
    ];
    assert_eq!(summary.to_string(), printed.join("\n"));
}

#[test]
fn the_table_counts_the_variables() {
    for (config, parameters) in configs().into_iter().zip([60_000, 60_900, 60_850, 61_750]) {
        let summary = config.summary();
        let rows = summary.rows().iter().map(|row| row.parameters).filter(|&count| count > 0);
        let rows: Vec<_> = rows.collect();
        for draw in DRAWS {
            let weights = draw(config, 0);
            let lengths: Vec<_> = weights.iter().map(|(_, array)| array.values().len()).collect();
            let counts: Vec<usize> = lengths.chunks(2).map(|pair| pair.iter().sum()).collect();
            assert_eq!(counts, rows);
        }
        assert_eq!(summary.parameters(), parameters);
    }
}

/// The paper's table I: three neighbouring maps, four, four of which two and two are neighbours, and all.
#[test]
fn c3_s_table_is_the_paper_s() {
    let expected = [
        "012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125",
        "0134", "1245", "0235", "012345",
    ];
    let maps = |maps: &[usize]| maps.iter().map(usize::to_string).collect::<String>();
    assert_eq!(C3::Partial.inputs().map(maps), expected);
    assert_eq!(C3::Full.inputs().map(maps), ["012345"; 16]);
}

#[test]
fn the_defaults_are_the_paper_s_but_for_the_initial_values() {
    let paper = LeNet1998Config {
        background: -0.1,
        ink: 1.175,
        amplitude: 1.7159,
        slope: 2.0 / 3.0,
        c3: C3::Partial,
        output: OutputUnits::Rbf,
        init: InitBound::Over(2.4),
    };
    assert_eq!(LeNet1998Config::printed(), paper);
    let init = InitBound::OverRoot(1.0);
    assert_eq!(LeNet1998Config::default(), LeNet1998Config { init, ..paper });
}

#[test]
fn initial_values_stay_within_their_bounds() {
    for init in [InitBound::OverRoot(1.0), InitBound::Over(2.4)] {
        for config in configs() {
            for draw in DRAWS {
                for (name, array) in draw(LeNet1998Config { init, ..config }, 0).iter() {
                    let most = largest(array.values());
                    let bound = init.of(fan_in(name, config.c3));
                    // The largest of six draws falls short of half the bound once in 64 times, of a twentieth never.
                    assert!(most <= bound * (1.0 + 1e-6) && most > bound / 20.0, "{name}: {most}");
                }
            }
        }
    }
}

fn fan_in(name: &str, c3: C3) -> i64 {
    match &name[..2] {
        "c1" => 25,
        "s2" | "s4" => 4,
        // The least of its units.
        "c3" if c3 == C3::Partial => 75,
        "c3" => 150,
        "c5" => 400,
        "f6" => 120,
        _ => 84,
    }
}

/// A map of C3 has 75, 100 or 150 inputs: kernels and bias go by their own map's.
#[test]
fn initial_values_of_c3_go_by_the_map() {
    let init = InitBound::OverRoot(1.0);
    for draw in DRAWS {
        let mut most = [[0f64; 2]; 16];
        for seed in 0..200 {
            let weights = draw(LeNet1998Config { init, ..LeNet1998Config::default() }, seed);
            let values = |name| weights.get(name).map(Array::values).unwrap();
            let (mut kernels, biases) = (values("c3.weight"), values("c3.bias"));
            for ((most, inputs), bias) in most.iter_mut().zip(C3::Partial.inputs()).zip(biases) {
                let own = kernels.split_off(..25 * inputs.len()).unwrap();
                most[0] = most[0].max(largest(own));
                most[1] = most[1].max(largest(&[*bias]));
            }
        }
        for (most, inputs) in most.into_iter().zip(C3::Partial.inputs()) {
            let bound = init.of(25 * inputs.len() as i64);
            for most in most {
                // The largest of 200 draws falls short of nine tenths of the bound once in 10^9 times.
                assert!(most <= bound * (1.0 + 1e-6) && most > 0.9 * bound, "{inputs:?}: {most}");
            }
        }
    }
}

#[test]
fn its_weights_move_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    for config in configs() {
        let net = trainer(config, 0);
        let values = |net: &LeNet1998Trainer| -> Vec<f32> {
            net.state_dict().iter().flat_map(|(_, array)| array.values().to_vec()).collect()
        };
        assert_ne!(values(&trainer(config, 1)), values(&net));
        for extension in ["safetensors", "pt", "npz", "pdparams"] {
            let path = dir.path().join(format!("net.{extension}"));
            net.save(&path).unwrap();
            let other = LeNet1998Trainer::with_weights(net.config().clone(), &path).unwrap();
            assert_eq!(values(&other), values(&net));
        }
    }
}

/// The network as a module of libtorch.
#[cfg(feature = "torch")]
mod torch {
    use super::configs;
    use lenet::lenet_1998::{C3, LeNet1998, LeNet1998Config, codes};
    use lenet::tch::{Device, Kind, Tensor, nn, nn::Module, no_grad_guard};
    use lenet::weights::{self, StateDict};

    const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn floats(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().reshape([-1])).unwrap()
    }

    pub fn drawn(config: LeNet1998Config) -> StateDict {
        let vs = nn::VarStore::new(Device::Cpu);
        LeNet1998::new(&vs.root(), config);
        StateDict::from_var_store(&vs).unwrap()
    }

    /// A map of C3 follows the maps of S2 that the table names, and no other.
    #[test]
    fn c3_is_connected_as_the_table_says() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet1998::new(&vs.root(), LeNet1998Config::default());
        let variables = vs.variables();
        let images = Tensor::rand([1, 1, 32, 32], CPU);
        // Kernel by kernel: with all but one at 0, only its two maps are joined, so a change of S2's other maps does nothing.
        let mut pair = 0;
        for inputs in C3::Partial.inputs() {
            for map in 0..6 {
                let _no_grad = no_grad_guard();
                let mut kernels = variables["c3.weight"].shallow_clone();
                let saved = kernels.copy();
                let _ = kernels.zero_();
                if inputs.contains(&map) {
                    let _ = kernels.get(pair).fill_(0.1);
                    pair += 1;
                }
                let before = net.forward(&images);
                let mut bias = variables["s2.bias"].get(map as i64);
                let _ = bias.f_add_scalar_(0.5).unwrap();
                let moved = (net.forward(&images) - before).abs().max().double_value(&[]) > 0.0;
                assert_eq!(moved, inputs.contains(&map), "map {map} of {inputs:?}");
                let _ = bias.f_sub_scalar_(0.5).unwrap();
                kernels.copy_(&saved);
            }
        }
        assert_eq!(pair, 60);
    }

    /// The paper's equation 7, for F6 at a digit's own code.
    #[test]
    fn the_output_is_half_the_squared_distance() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet1998::new(&vs.root(), LeNet1998Config::default());
        let variables = vs.variables();
        let _no_grad = no_grad_guard();
        // F6 from its biases alone: the squash of ±1 is ±1.
        let _ = variables["f6.weight"].shallow_clone().zero_();
        variables["f6.bias"].shallow_clone().copy_(&Tensor::from_slice(&codes()[3]));
        let logits = floats(&net.forward(&Tensor::zeros([1, 1, 32, 32], CPU)));
        for (digit, code) in codes().iter().enumerate() {
            let differing = code.iter().zip(codes()[3]).filter(|&(&a, b)| a != b).count();
            // 1.7159 tanh(2/3) is 1.00003.
            assert!((logits[digit] + 2.0 * differing as f32).abs() < 0.01, "{digit}: {logits:?}");
        }
    }

    #[test]
    fn its_weights_move_in_every_form() {
        let dir = tempfile::tempdir().unwrap();
        for config in configs() {
            for extension in ["safetensors", "pt", "npz", "pdparams"] {
                let path = dir.path().join(format!("net.{extension}"));
                let vs = nn::VarStore::new(Device::Cpu);
                let net = LeNet1998::new(&vs.root(), config);
                weights::save(&vs, &path).unwrap();

                let mut other_vs = nn::VarStore::new(Device::Cpu);
                let other = LeNet1998::new(&other_vs.root(), config);
                let images = Tensor::rand([2, 1, 32, 32], CPU);
                assert_ne!(floats(&net.forward(&images)), floats(&other.forward(&images)));
                weights::load(&mut other_vs, &path).unwrap();
                assert_eq!(floats(&net.forward(&images)), floats(&other.forward(&images)));
            }
        }
    }
}
