use super::engine::Samples;
use crate::{
    Error, Result,
    data::Dataset,
    kernels::{Batch, Images, Network, Outcome, PARAMETERS, PIXELS, Pool},
    torch::{BatchOutput, Parameters, numbers, numbers_mut},
};
use std::cell::RefCell;
use tch::{Device, Kind, Tensor};

/// Forward and backward by this crate's own kernels, on a CPU: see [`fused`](crate::kernels).
#[derive(Debug)]
pub(crate) struct Fused {
    /// A network at work, which needs room of its own even to look at images.
    network: RefCell<Network>,
    /// Written anew for each batch.
    gradients: Tensor,
}

impl Fused {
    /// With the CPU's best instructions, and as many threads as libtorch has now.
    pub fn new() -> Fused {
        Fused::of(Network::new(usize::try_from(tch::get_num_threads()).unwrap_or(1)))
    }

    fn of(network: Network) -> Fused {
        Fused {
            network: RefCell::new(network),
            gradients: Tensor::zeros([PARAMETERS as i64], (Kind::Float, Device::Cpu)),
        }
    }

    /// Loss, right answers and gradients. The gradients' memory is used again for the next batch.
    pub fn batch(&mut self, parameters: &Parameters, samples: Samples) -> Result<BatchOutput> {
        let Outcome { loss, correct } = match samples {
            Samples::Of { data, indices } => {
                let (pixels, labels) = (data.pixels(), data.labels());
                let (pixels, labels) = (images(numbers(&pixels)?)?, numbers(&labels)?);
                self.gradients(parameters, &Batch::gathered(pixels, labels, numbers(indices)?)?)
            }
            Samples::Own { images: values, labels } => {
                let (values, labels) = (values.contiguous(), labels.contiguous());
                let values = images(numbers(&values)?)?;
                self.gradients(parameters, &Batch::new(values, numbers(&labels)?)?)
            }
        }?;
        Ok(BatchOutput {
            loss: Tensor::from(loss),
            correct: Tensor::from(correct as i64),
            gradients: self.gradients.shallow_clone(),
        })
    }

    fn gradients(&mut self, parameters: &Parameters, batch: &Batch) -> Result<Outcome> {
        let gradients = all(numbers_mut(&mut self.gradients)?.as_mut_array())?;
        let parameters = all(numbers(&parameters.flat)?.as_array())?;
        Ok(self.network.get_mut().gradients(parameters, batch, gradients))
    }

    /// The logits `[n, 10]` of a set's images.
    pub fn logits(&self, parameters: &Parameters, data: &Dataset) -> Result<Tensor> {
        let indices: Vec<_> = (0..data.len() as i64).collect();
        let pixels = data.pixels();
        let images = Images::gathered(images(numbers(&pixels)?)?, &indices)?;
        let parameters = all(numbers(&parameters.flat)?.as_array())?;
        let logits = self.network.borrow_mut().logits(parameters, images);
        Ok(Tensor::f_from_slice(logits.as_flattened())?.view([-1, 10]))
    }

    /// Its threads, for the optimizer's step.
    pub fn pool(&mut self) -> &mut Pool {
        self.network.get_mut().pool()
    }
}

/// Images of 32×32 out of all their pixels.
fn images<T>(pixels: &[T]) -> Result<&[[T; PIXELS]]> {
    match pixels.as_chunks() {
        (images, []) => Ok(images),
        (_, rest) => Err(Error::invalid("images", "32x32", format!("{} pixels more", rest.len()))),
    }
}

/// There are always as many parameters.
fn all<T>(parameters: Option<T>) -> Result<T> {
    parameters.ok_or_else(|| Error::invalid("parameters", PARAMETERS.to_string(), "others"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Init, LeNet, kernels::InstructionSet, torch::Libtorch};
    use proptest::prelude::*;
    use rand_mt::Mt;
    use tch::{nn, nn::Module};

    /// Of a tensor's largest entry, against libtorch in f64. 8e-6 measured; libtorch in f32 is up to 2e-5 off
    /// at the same ones.
    const ALLOWED: f64 = 1e-5;
    /// Where the largest entry is less, rounding is much of what is left of its sums: as in tests/parity.
    const SMALLEST: f64 = 1e-3;

    /// A network in f32, the same in f64, and a batch.
    struct Case {
        var_store: nn::VarStore,
        parameters: Parameters,
        exact_model: LeNet,
        exact_parameters: Parameters,
        images: Tensor,
        labels: Tensor,
    }

    fn case(seed: u32, n: usize) -> Case {
        let cpu = || nn::VarStore::new(Device::Cpu);
        let (var_store, mut exact) = (cpu(), cpu());
        LeNet::seeded(&var_store.root(), Init::PyTorch, seed.into());
        let exact_model = LeNet::new(&exact.root());
        exact.copy(&var_store).unwrap();
        exact.double();
        let mut generator = Mt::new(seed);
        let shades = (0..n * 1024).map(|_| generator.next_u32() as f32 / u32::MAX as f32);
        Case {
            parameters: Parameters::flatten(&var_store),
            exact_parameters: Parameters::flatten(&exact),
            var_store,
            exact_model,
            images: Tensor::from_slice(&shades.collect::<Vec<_>>()).view([-1, 1, 32, 32]),
            labels: digits(n, seed),
        }
    }

    fn digits(n: usize, seed: u32) -> Tensor {
        let mut generator = Mt::new(seed + 1);
        let digits: Vec<_> = (0..n).map(|_| i64::from(generator.next_u32() % 10)).collect();
        Tensor::from_slice(&digits)
    }

    /// 80 images of random bytes.
    fn data(seed: u32) -> Dataset {
        let mut generator = Mt::new(seed + 2);
        let bytes: Vec<_> = (0..80 * 1024).map(|_| generator.next_u32() as u8).collect();
        Dataset::new(Tensor::from_slice(&bytes).view([80, 32, 32]), digits(80, seed)).unwrap()
    }

    fn own(case: &Case) -> Samples<'_> {
        Samples::Own { images: &case.images, labels: &case.labels }
    }

    /// By libtorch, in f64.
    fn exact(case: &Case) -> BatchOutput {
        let images = case.images.to_kind(Kind::Double);
        let samples = Samples::Own { images: &images, labels: &case.labels };
        Libtorch::new().batch(&case.exact_model, &case.exact_parameters, samples).unwrap()
    }

    fn relative(got: &Tensor, expected: &Tensor) -> f64 {
        let largest = expected.abs().max().double_value(&[]).max(SMALLEST);
        let off = (got - expected).abs().max().double_value(&[]) / largest;
        if off.is_nan() { f64::INFINITY } else { off }
    }

    /// The worst of the loss and every tensor's gradient.
    fn off(case: &Case, ours: &BatchOutput, exact: &BatchOutput) -> f64 {
        let sizes = case.parameters.sizes();
        let split = |output: &BatchOutput| output.gradients.split_with_sizes(&sizes, 0);
        let gradients = split(ours).into_iter().zip(split(exact));
        let gradients = gradients.map(|(ours, exact)| relative(&ours, &exact));
        gradients.fold(relative(&ours.loss, &exact.loss), f64::max)
    }

    fn with(set: Option<InstructionSet>, threads: usize) -> Fused {
        let network = set.map_or(Network::new(threads), |set| Network::with(set, threads));
        Fused::of(network)
    }

    /// One of the instruction sets, or as the engine chooses, and a number of threads.
    fn engines() -> impl Strategy<Value = (Option<InstructionSet>, usize)> {
        let sets = InstructionSet::available().into_iter().map(Some).chain([None]);
        (prop::sample::select(sets.collect::<Vec<_>>()), 1..=4usize)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            failure_persistence: None,
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
            let ours = engine.batch(&case.parameters, own(&case)).unwrap();
            let worst = off(&case, &ours, &exact(&case));
            prop_assert!(worst <= ALLOWED, "off by {worst:.1e}");

            // Again, after another batch, and in another engine: the same bits.
            let first = ours.gradients.copy();
            let samples = Samples::Of { data: &data(seed), indices: &Tensor::from_slice(&[7i64; 9]) };
            let other = engine.batch(&case.parameters, samples).unwrap();
            prop_assert!(other.gradients != first);
            for mut engine in [engine, with(set, threads)] {
                let again = engine.batch(&case.parameters, own(&case)).unwrap();
                prop_assert_eq!(&again.gradients, &first);
                prop_assert_eq!((&again.loss, &again.correct), (&ours.loss, &ours.correct));
            }
        }

        #[test]
        fn bytes_are_their_shades_and_indices_choose(
            seed in 0..1_000u32,
            indices in prop::collection::vec(0..80i64, 1..=40),
            (set, threads) in engines(),
        ) {
            let (case, data, indices) = (case(seed, 1), data(seed), Tensor::from_slice(&indices));
            let mut engine = with(set, threads);
            let chosen = Samples::Of { data: &data, indices: &indices };
            let chosen = engine.batch(&case.parameters, chosen).unwrap().gradients.copy();
            let (images, labels) = data.gather(&indices);
            let own = Samples::Own { images: &images, labels: &labels };
            prop_assert_eq!(engine.batch(&case.parameters, own).unwrap().gradients, chosen);
        }

        #[test]
        fn logits_are_libtorch_s(
            seed in 0..1_000u32,
            n in 1..=80usize,
            (set, threads) in engines(),
        ) {
            let (case, data) = (case(seed, 1), data(seed).first(n));
            let ours = with(set, threads).logits(&case.parameters, &data).unwrap();
            let exact = case.exact_model.forward(&data.images().to_kind(Kind::Double));
            let worst = relative(&ours, &exact);
            prop_assert!(worst <= ALLOWED, "off by {worst:.1e}");
        }
    }

    /// A bias that is off by 1e-3 is seen in every layer and with every instruction set.
    #[test]
    fn one_weight_that_is_off_is_seen() {
        let layers = [0, 2, 4, 6, 8].map(|layer| format!("con_sam.{layer}"));
        for layer in layers.into_iter().chain([0, 2].map(|layer| format!("fc.{layer}"))) {
            let case = case(7, 20);
            let bias = &case.var_store.variables()[&format!("{layer}.bias")];
            let _ = tch::no_grad(|| bias.get(0).g_add_scalar_(1e-3));
            for set in InstructionSet::available() {
                let ours = with(Some(set), 2).batch(&case.parameters, own(&case)).unwrap();
                let worst = off(&case, &ours, &exact(&case));
                assert!(worst > ALLOWED, "{layer} {set:?}: off by {worst:.1e}");
            }
        }
    }

    #[test]
    fn right_answers_are_counted() {
        let (case, data) = (case(1, 1), data(1));
        let indices = Tensor::arange(80, (Kind::Int64, Device::Cpu));
        let samples = Samples::Of { data: &data, indices: &indices };
        let images = data.images().to_kind(Kind::Double);
        let answers = case.exact_model.forward(&images).argmax(1, false);
        let right = answers.eq_tensor(&data.labels()).sum(Kind::Int64);
        for set in InstructionSet::available() {
            let output = with(Some(set), 3).batch(&case.parameters, samples).unwrap();
            assert_eq!(output.correct, right, "{set:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_comes_through() {
        for set in InstructionSet::available() {
            let case = case(3, 11);
            let _ = case.images.get(9).fill_(f64::NAN);
            let output = with(Some(set), 2).batch(&case.parameters, own(&case)).unwrap();
            assert!(output.loss.double_value(&[]).is_nan(), "{set:?}");
        }
    }
}
