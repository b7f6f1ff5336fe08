//! LeNet's kernels against libtorch in f64.

use crate::{
    Dataset, Error, Init,
    kernels::{Batch, Images, InstructionSet, Network, Outcome, PARAMETERS, PIXELS},
    network::LAYERS,
    torch::{BatchOutput, Cudnn, DeviceBatch, LeNet, Libtorch, Parameters},
    train::Samples,
};
use proptest::{prelude::*, test_runner::RngSeed};
use rand_mt::Mt;
use tch::{Device, Kind, Reduction, Tensor, nn, nn::Module};

/// Of a tensor's largest entry, against libtorch in f64. 8e-6 measured; libtorch in f32 is up to 2e-5 off at the same ones.
const ALLOWED: f64 = 1e-5;
/// Where the largest entry is less, rounding is much of what is left of its sums: as in tests/parity.
const SMALLEST: f64 = 1e-3;

/// A network in f32, the same in f64, and a batch.
struct Case {
    parameters: Box<[f32; PARAMETERS]>,
    exact_vs: nn::VarStore,
    exact_model: LeNet,
    images: Vec<[f32; PIXELS]>,
    labels: Vec<u8>,
}

fn case(seed: u32, n: usize) -> Case {
    let values = Init::PyTorch.parameters(seed.into());
    let Parameters { mut var_store, model, .. } =
        Parameters::new(values.clone(), Device::Cpu).unwrap();
    var_store.double();
    let mut generator = Mt::new(seed);
    let mut shade = || generator.next_u32() as f32 / u32::MAX as f32;
    Case {
        parameters: values.into_boxed_slice().try_into().unwrap(),
        exact_vs: var_store,
        exact_model: model,
        images: (0..n).map(|_| std::array::from_fn(|_| shade())).collect(),
        labels: digits(n, seed),
    }
}

fn digits(n: usize, seed: u32) -> Vec<u8> {
    let mut generator = Mt::new(seed + 1);
    (0..n).map(|_| (generator.next_u32() % 10) as u8).collect()
}

/// 80 images of random bytes.
fn data(seed: u32) -> Dataset {
    let mut generator = Mt::new(seed + 2);
    let bytes = (0..80 * PIXELS).map(|_| generator.next_u32() as u8).collect();
    Dataset::from_pixels(bytes, digits(80, seed)).unwrap()
}

fn gradients(network: &mut Network, case: &Case, batch: &Batch) -> (Outcome, Vec<f32>) {
    let mut gradients = vec![0.0; PARAMETERS];
    let outcome = network.gradients(&case.parameters, batch, gradients.as_mut_array().unwrap());
    (outcome, gradients)
}

fn own(case: &Case) -> Batch<'_> {
    Batch::new(&case.images, &case.labels).unwrap()
}

fn of<'a>(data: &'a Dataset, indices: &'a [usize]) -> Batch<'a> {
    Batch::gathered(data.image_bytes(), data.label_bytes(), indices).unwrap()
}

/// Loss and gradients by libtorch, in f64.
fn exact(case: &Case) -> (f64, Vec<f64>) {
    let images = Tensor::from_slice(case.images.as_flattened()).view([-1, 1, 32, 32]);
    let labels = Tensor::from_slice(&case.labels).to_kind(Kind::Int64);
    let logits = case.exact_model.forward(&images.to_kind(Kind::Double));
    let no_weights = None::<Tensor>;
    let loss = logits.cross_entropy_loss(&labels, no_weights, Reduction::Mean, -100, 0.0);
    let variables = case.exact_vs.trainable_variables();
    let gradients = Tensor::run_backward(&[&loss], &variables, false, false);
    let flat: Vec<_> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
    (loss.double_value(&[]), Tensor::cat(&flat, 0).try_into().unwrap())
}

fn relative(got: &[f32], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(SMALLEST, |most, it| most.max(it.abs()));
    let pairs = got.iter().zip(expected).map(|(&got, expected)| (f64::from(got) - expected).abs());
    let off = |most: f64, off: f64| if off.is_nan() { f64::INFINITY } else { most.max(off) };
    pairs.fold(0.0, off) / largest
}

/// The worst of the loss and every tensor's gradient.
fn off((outcome, ours): &(Outcome, Vec<f32>), (loss, exact): &(f64, Vec<f64>)) -> f64 {
    let tensors = LAYERS.iter().flat_map(|layer| [layer.weight(), layer.bias()]);
    let gradients = tensors.map(|range| relative(&ours[range.clone()], &exact[range]));
    gradients.fold(relative(&[outcome.loss], &[*loss]), f64::max)
}

fn with(set: Option<InstructionSet>, threads: usize) -> Network {
    set.map_or_else(|| Network::new(threads), |set| Network::with(set, threads))
}

/// One of the instruction sets, or as the engine chooses, and a number of threads.
fn engines() -> impl Strategy<Value = (Option<InstructionSet>, usize)> {
    let sets = InstructionSet::available().map(Some).chain([None]);
    (prop::sample::select(sets.collect::<Vec<_>>()), 1..=4usize)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn loss_and_gradients_are_libtorch_s_and_repeat_themselves(
        seed in 0..1_000u32,
        n in 1..=70usize,
        (set, threads) in engines(),
    ) {
        let case = case(seed, n);
        let mut engine = with(set, threads);
        let ours = gradients(&mut engine, &case, &own(&case));
        let worst = off(&ours, &exact(&case));
        prop_assert!(worst <= ALLOWED, "off by {worst:.1e}");

        // Again, after another batch, and in another engine: the same bits.
        let other = gradients(&mut engine, &case, &of(&data(seed), &[7; 9]));
        prop_assert!(other.1 != ours.1);
        for mut engine in [engine, with(set, threads)] {
            prop_assert!(gradients(&mut engine, &case, &own(&case)) == ours);
        }
    }

    #[test]
    fn bytes_are_their_shades_and_indices_choose(
        seed in 0..1_000u32,
        indices in prop::collection::vec(0..80usize, 1..=40),
        (set, threads) in engines(),
    ) {
        let (mut case, data) = (case(seed, 1), data(seed));
        let mut engine = with(set, threads);
        let chosen = gradients(&mut engine, &case, &of(&data, &indices));
        let shades = |&index: &usize| data.image_bytes()[index].map(|byte| f32::from(byte) / 255.0);
        case.images = indices.iter().map(shades).collect();
        case.labels = indices.iter().map(|&index| data.label_bytes()[index]).collect();
        prop_assert!(gradients(&mut engine, &case, &own(&case)) == chosen);
    }

    #[test]
    fn logits_are_libtorch_s(
        seed in 0..1_000u32,
        n in 1..=80usize,
        (set, threads) in engines(),
    ) {
        let (case, data) = (case(seed, 1), data(seed).first(n));
        let indices: Vec<_> = (0..n).collect();
        let images = Images::gathered(data.image_bytes(), &indices).unwrap();
        let ours = with(set, threads).logits(&case.parameters, images);
        let exact = case.exact_model.forward(&data.images().to_kind(Kind::Double));
        let exact: Vec<f64> = exact.reshape([-1]).try_into().unwrap();
        let worst = relative(ours.as_flattened(), &exact);
        prop_assert!(worst <= ALLOWED, "off by {worst:.1e}");
    }
}

/// A bias that is off by 1e-3 is seen in every layer and with every instruction set.
#[test]
fn one_weight_that_is_off_is_seen() {
    for layer in LAYERS {
        let mut case = case(7, 20);
        case.parameters[layer.bias().start] += 1e-3;
        for set in InstructionSet::available() {
            let ours = gradients(&mut with(Some(set), 2), &case, &own(&case));
            let worst = off(&ours, &exact(&case));
            assert!(worst > ALLOWED, "{} {set:?}: off by {worst:.1e}", layer.name);
        }
    }
}

#[test]
fn right_answers_are_counted() {
    let (case, data) = (case(1, 1), data(1));
    let indices: Vec<_> = (0..80).collect();
    let images = data.images().to_kind(Kind::Double);
    let answers = case.exact_model.forward(&images).argmax(1, false);
    let right = answers.eq_tensor(&data.labels()).sum(Kind::Int64).int64_value(&[]) as usize;
    for set in InstructionSet::available() {
        let (outcome, _) = gradients(&mut with(Some(set), 3), &case, &of(&data, &indices));
        assert_eq!(outcome.correct, right, "{set:?}");
    }
}

#[test]
fn what_is_not_a_number_comes_through() {
    for set in InstructionSet::available() {
        let mut case = case(3, 11);
        case.images[9] = [f32::NAN; PIXELS];
        let (outcome, _) = gradients(&mut with(Some(set), 2), &case, &own(&case));
        assert!(outcome.loss.is_nan(), "{set:?}");
    }
}

/// The engine `Libtorch` in f32, as a trainer asks it.
#[test]
fn libtorch_s_engine_computes_the_same() {
    let case = case(5, 20);
    let parameters = Parameters::new(case.parameters.to_vec(), Device::Cpu).unwrap();
    let samples = Samples::Own { images: &case.images, labels: &case.labels };
    let cudnn = Cudnn { allow_tf32: true, deterministic: false };
    let libtorch = Libtorch::new(Device::Cpu, cudnn).unwrap();
    let (output, computed) = libtorch.batch(&parameters, samples).unwrap();
    let mut got = vec![0.0; PARAMETERS];
    computed.copy_to(&mut got).unwrap();
    let got = (output.outcome().unwrap(), got);
    // Twice what the kernels are allowed: see there.
    assert!(off(&got, &exact(&case)) < 2.0 * ALLOWED);
    let (outcome, _) = gradients(&mut Network::new(1), &case, &own(&case));
    assert_eq!(got.0.correct, outcome.correct);
}

/// Read together, batches have the outcomes that each has alone, whatever their sizes.
#[test]
fn outcomes_are_read_together() {
    let (case, data) = (case(6, 1), data(6));
    let parameters = Parameters::new(case.parameters.to_vec(), Device::Cpu).unwrap();
    let cudnn = Cudnn { allow_tf32: true, deterministic: false };
    let libtorch = Libtorch::new(Device::Cpu, cudnn).unwrap();
    let order: Vec<_> = (0..80).rev().collect();
    let outputs: Vec<_> = [0..1, 1..33, 33..80]
        .map(|range| {
            let samples = Samples::Of { data: &data, indices: &order[range], next: &[] };
            libtorch.batch(&parameters, samples).unwrap().0
        })
        .into();
    let alone: Vec<_> = outputs.iter().map(|it| it.outcome().unwrap()).collect();
    let together = BatchOutput::outcomes(&outputs.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(together, alone);
    assert!(BatchOutput::outcomes(&[]).unwrap().is_empty());

    let answers = case.exact_model.forward(&data.images().to_kind(Kind::Double)).argmax(1, false);
    let right = answers.eq_tensor(&data.labels()).sum(Kind::Int64).int64_value(&[]) as usize;
    assert_eq!(together.iter().map(|outcome| outcome.correct).sum::<usize>(), right);
}

/// The engine sets libtorch to its own config before each batch, whatever another trainer set.
#[test]
fn switches_of_cudnn_are_set_and_read_back() {
    let case = case(8, 2);
    let parameters = Parameters::new(case.parameters.to_vec(), Device::Cpu).unwrap();
    for (allow_tf32, deterministic) in [(false, false), (true, true), (false, true), (true, false)]
    {
        let cudnn = Cudnn { allow_tf32, deterministic };
        let libtorch = Libtorch::new(Device::Cpu, cudnn).unwrap();
        // Other tests have engines too, all with PyTorch's defaults: again where one came in between.
        let is_set = (0..1_000).any(|_| {
            let samples = Samples::Own { images: &case.images, labels: &case.labels };
            libtorch.batch(&parameters, samples).unwrap();
            Cudnn::current() == cudnn
        });
        assert!(is_set, "{cudnn:?}");
    }
}

/// What libtorch refuses, as a GPU without memory would be, is an error of one line, not a panic.
#[test]
fn an_operator_that_fails_is_an_error() {
    let case = case(9, 1);
    let parameters = Parameters::new(case.parameters.to_vec(), Device::Cpu).unwrap();
    let cudnn = Cudnn { allow_tf32: true, deterministic: false };
    let libtorch = Libtorch::new(Device::Cpu, cudnn).unwrap();
    for (shape, labels) in [([2, 1, 4, 4], 2), ([2, 1, 36, 36], 2), ([2, 1, 32, 32], 3)] {
        let images = Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let labels = Tensor::zeros([labels], (Kind::Int64, Device::Cpu));
        let batch = DeviceBatch { images, labels };
        let error = libtorch.batch(&parameters, Samples::OnDevice(&batch)).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Torch { .. }) && !message.contains('\n'), "{message}");
    }
}
