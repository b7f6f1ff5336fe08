use super::{
    kernels::{Network, Pixels},
    pass_stats::PassStats,
    train_config::{LeNet1998TrainConfig, STRIDE},
};
use crate::{
    Dataset, Distortion, Error, LeNet1998, Result,
    data::Draws,
    generator::permutation,
    torch::Parameters,
    train::{Checkpoint, Evaluation, MOST, Recipe, Resumable, State, TrainedSet},
    weights::{self, StateDict},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, convert::Infallible, mem, ops::ControlFlow, path::Path};
use tch::{Device, Tensor, nn, no_grad_guard};

/// Trains a [`LeNet1998`] as a [`LeNet1998TrainConfig`] says, on one core. It returns numbers and prints nothing.
///
/// ```no_run
/// use lenet::{LeNet1998TrainConfig, LeNet1998Trainer, Mnist};
///
/// let config = LeNet1998TrainConfig::default();
/// let mnist = Mnist::open_fitted(Mnist::dir()?, config.fit)?;
/// let mut trainer = LeNet1998Trainer::new(config)?;
/// while trainer.passes() < trainer.config().passes {
///     trainer.train_pass(&mnist.train)?;
///     let test = trainer.evaluate(&mnist.test)?;
///     println!("pass {}: {} errors", trainer.passes(), test.mistakes.len());
/// }
/// # Ok::<(), lenet::Error>(())
/// ```
///
/// It does not go through libtorch, whose calls cost more than what they do for one image. The same seed gives the same weights,
/// bit for bit, on the same kind of CPU.
///
/// Source: the paper's sections II.B and III.B, and appendix C.
#[derive(Debug)]
pub struct LeNet1998Trainer {
    config: LeNet1998TrainConfig,
    var_store: nn::VarStore,
    model: LeNet1998,
    /// The variables of the model: [`publish`](LeNet1998Trainer::publish) brings them up to date.
    parameters: Parameters,
    network: Network,
    /// Passes that were trained.
    passes: usize,
    /// Images that were trained on in all.
    steps: usize,
    /// The pass under way.
    pass: PassStats,
    /// The set of the pass under way, else of the one before.
    set: Option<TrainedSet>,
}

/// What a checkpoint of it says beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunState {
    config: LeNet1998TrainConfig,
    passes: usize,
    steps: usize,
    pass: PassStats,
    /// The set of the pass under way, else of the one before.
    set: Option<TrainedSet>,
}

impl State for RunState {
    type Config = LeNet1998TrainConfig;

    const NETWORK: &'static str = "LeNet1998";
    const FREE: &'static [&'static str] = &["passes"];

    fn config(&self) -> &LeNet1998TrainConfig {
        &self.config
    }

    fn check(&self) -> std::result::Result<(), String> {
        let RunState { passes, steps, pass, ref set, .. } = *self;
        let PassStats { samples, total, errors, .. } = pass;
        let images = set.as_ref().map_or(0, |set| set.images);
        if passes > MOST || steps > 1 << 53 || steps < samples {
            Err(format!("{steps} steps in {passes} passes and {samples} images"))
        } else if samples > total || errors > samples {
            Err(format!("{errors} errors in {samples} images of a pass that has {total}"))
        } else if samples > 0 && total != images {
            Err(format!("a pass of {total} images through a set of {images}"))
        } else {
            Ok(())
        }
    }
}

impl Recipe for LeNet1998TrainConfig {
    type Trainer = LeNet1998Trainer;
}

impl Resumable for LeNet1998Trainer {
    type Config = LeNet1998TrainConfig;

    fn steps(&self) -> usize {
        self.steps
    }

    fn save_checkpoint(&self, path: &Path) -> Result<()> {
        self.save_checkpoint(path)
    }

    fn resume_with(config: LeNet1998TrainConfig, path: &Path) -> Result<LeNet1998Trainer> {
        LeNet1998Trainer::resume_with(config, path)
    }
}

/// A checkpoint's name for the second derivatives that the rates go by.
const CURVATURE: &str = "curvature";

/// What random numbers are drawn for, beside the initial values and the order of the images.
#[derive(Clone, Copy)]
enum Purpose {
    Estimate,
    Distortion,
}

impl LeNet1998Trainer {
    /// A trainer with a new network, drawn from the config's seed.
    ///
    /// It seeds libtorch's global generator.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the config can't be trained with.
    pub fn new(config: LeNet1998TrainConfig) -> Result<LeNet1998Trainer> {
        config.check()?;
        let var_store = nn::VarStore::new(Device::Cpu);
        let model = LeNet1998::seeded(&var_store.root(), config.network, config.seed);
        let parameters = Parameters::flatten(&var_store);
        let network = network(&config, &parameters)?;
        let pass = PassStats::default();
        Ok(LeNet1998Trainer {
            config,
            var_store,
            model,
            parameters,
            network,
            passes: 0,
            steps: 0,
            pass,
            set: None,
        })
    }

    /// A trainer that starts from saved weights, of any form that [`weights::load`] reads.
    ///
    /// # Errors
    ///
    /// As [`new`](LeNet1998Trainer::new) and [`weights::load`].
    pub fn with_weights(
        config: LeNet1998TrainConfig,
        path: impl AsRef<Path>,
    ) -> Result<LeNet1998Trainer> {
        let mut trainer = LeNet1998Trainer::new(config)?;
        weights::load(&mut trainer.var_store, path)?;
        trainer.network = network(&trainer.config, &trainer.parameters)?;
        Ok(trainer)
    }

    /// Goes once through `data`, in the one order that follows from the seed. A pass that was broken off, or saved in its
    /// midst, is gone on with.
    ///
    /// # Errors
    ///
    /// [`Error::NonFiniteLoss`] where training has diverged, and the weights are spoilt; [`Error::Invalid`] where `data` is not
    /// [the set](LeNet1998Trainer::check_data) of the pass that is gone on with.
    pub fn train_pass(&mut self, data: &Dataset) -> Result<PassStats> {
        let never = |_: &LeNet1998Trainer, _| Ok(ControlFlow::<Infallible>::Continue(()));
        let ControlFlow::Continue(stats) = self.train_pass_with(data, never)?;
        Ok(stats)
    }

    /// [`train_pass`](LeNet1998Trainer::train_pass), calling `on_images` after each hundred images, as
    /// [`Trainer::train_epoch_with`](crate::Trainer::train_epoch_with) calls after each batch.
    ///
    /// # Errors
    ///
    /// As [`train_pass`](LeNet1998Trainer::train_pass), and what `on_images` returns.
    pub fn train_pass_with<B>(
        &mut self,
        data: &Dataset,
        mut on_images: impl FnMut(&LeNet1998Trainer, PassStats) -> Result<ControlFlow<B>>,
    ) -> Result<ControlFlow<B, PassStats>> {
        let (done, total) = (self.pass.samples, data.len());
        if done > 0 {
            self.check_data(data)?;
        }
        self.set = Some(TrainedSet::of(data)?);
        self.pass.total = total;
        let (images, labels) = in_memory(data)?;
        let order = permutation(total, self.config.seed);
        self.set_rates();
        for chunk in order[done..].chunks(STRIDE) {
            let samples = self.pass.samples;
            if self.config.is_estimate_due(self.passes, samples) {
                self.estimate_curvature(&images, &labels, samples);
                self.set_rates();
            }
            let chunk: Vec<_> = chunk.iter().map(|&index| index as usize).collect();
            let shown: Vec<_> = chunk.iter().map(|&index| self.version(&images, index)).collect();
            let labels = chunk.iter().map(|&index| labels[index]);
            let seen = self.network.train(shown.iter().zip(labels));
            if !seen.loss.is_finite() {
                let (epoch, step) = (self.passes + 1, samples + chunk.len());
                return Err(Error::NonFiniteLoss { epoch, step, loss: seen.loss as f32 });
            }
            self.steps += chunk.len();
            self.pass.samples += chunk.len();
            self.pass.errors += seen.errors;
            self.pass.loss_sum += seen.loss;
            if let ControlFlow::Break(why) = on_images(self, self.pass)? {
                return Ok(ControlFlow::Break(why));
            }
        }
        self.passes += 1;
        Ok(ControlFlow::Continue(mem::take(&mut self.pass)))
    }

    /// The image as this pass has it: itself, or distorted.
    fn version(&self, images: &[Pixels], index: usize) -> Pixels {
        /// Of each image, itself among them.
        const VERSIONS: usize = 10;
        let image = &images[index];
        match (&self.config.distortion, (self.passes + index) % VERSIONS) {
            (None, _) | (_, 0) => *image,
            (Some(distortion), version) => {
                let mut draws = self.draws(Purpose::Distortion, index, version);
                Distortion::apply(distortion, image, &mut draws)
            }
        }
    }

    fn estimate_curvature(&mut self, images: &[Pixels], labels: &[u8], samples: usize) {
        let count = self.config.curvature_images;
        let mut draws = self.draws(Purpose::Estimate, self.passes, samples);
        let chosen = (0..count).map(|_| draws.below(images.len()));
        let chosen = chosen.map(|index| (&images[index], labels[index]));
        self.network.estimate_curvature(chosen, count);
    }

    fn draws(&self, purpose: Purpose, which: usize, when: usize) -> Draws {
        Draws::new([self.config.seed, purpose as u64, which as u64, when as u64])
    }

    fn set_rates(&mut self) {
        self.network.set_rates(self.config.eta(self.passes), self.config.mu);
    }

    /// Whether `data` is the set that it was trained on last, as [`Trainer::check_data`](crate::Trainer::check_data) tells it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is another one.
    pub fn check_data(&self, data: &Dataset) -> Result<()> {
        self.set.as_ref().map_or(Ok(()), |set| set.expect(&TrainedSet::of(data)?))
    }

    /// What the network makes of `data`, with the weights as they are now. Its losses are the criterion, for the label.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`] where libtorch cannot give the images.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        let (images, labels) = in_memory(data)?;
        let answers = self.network.answers(images.iter().zip(labels.iter().copied()));
        let labels: Vec<_> = labels.into_iter().map(i64::from).collect();
        let losses: Vec<_> = answers.iter().map(|answer| answer.loss).collect();
        let digits: Vec<_> = answers.iter().map(|answer| i64::from(answer.digit)).collect();
        let probabilities: Vec<_> = answers.iter().map(|answer| answer.probability).collect();
        Ok(Evaluation::new(&losses, &labels, &digits, &probabilities, 1))
    }

    /// Writes all that it takes to go on from here with the same bits to `path`, as
    /// [`Trainer::save_checkpoint`](crate::Trainer::save_checkpoint) does it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be written; [`Error::Invalid`] where training has diverged.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let state = RunState {
            config: self.config.clone(),
            passes: self.passes,
            steps: self.steps,
            pass: self.pass,
            set: self.set.clone(),
        };
        let weights = StateDict::from_var_store(self.var_store())?;
        let curvature = Tensor::f_from_slice(&self.network.curvature())?;
        state.write(weights, [(CURVATURE, &curvature)].into_iter(), path.as_ref())
    }

    /// The trainer that [`save_checkpoint`](LeNet1998Trainer::save_checkpoint) wrote: it goes on as that one would have, bit
    /// for bit.
    ///
    /// # Errors
    ///
    /// As [`Trainer::resume`](crate::Trainer::resume).
    pub fn resume(path: impl AsRef<Path>) -> Result<LeNet1998Trainer> {
        let checkpoint = Checkpoint::<RunState>::read(path.as_ref())?;
        LeNet1998Trainer::restore(checkpoint, None)
    }

    /// [`resume`](LeNet1998Trainer::resume), for more or fewer passes, as `config` has it.
    ///
    /// # Errors
    ///
    /// As there, and [`Error::CheckpointMismatch`] where `config` differs in anything else.
    pub fn resume_with(
        config: LeNet1998TrainConfig,
        path: impl AsRef<Path>,
    ) -> Result<LeNet1998Trainer> {
        let checkpoint = Checkpoint::<RunState>::read(path.as_ref())?;
        checkpoint.state.check_config(&config, path.as_ref())?;
        LeNet1998Trainer::restore(checkpoint, Some(config))
    }

    fn restore(
        checkpoint: Checkpoint<RunState>,
        config: Option<LeNet1998TrainConfig>,
    ) -> Result<LeNet1998Trainer> {
        let Checkpoint { state, weights, buffers } = checkpoint;
        let mut trainer = LeNet1998Trainer::new(config.unwrap_or(state.config))?;
        weights.load_into(&mut trainer.var_store)?;
        trainer.network = network(&trainer.config, &trainer.parameters)?;
        trainer.network.set_curvature(&curvature(buffers, &trainer.parameters)?);
        (trainer.passes, trainer.steps) = (state.passes, state.steps);
        (trainer.pass, trainer.set) = (state.pass, state.set);
        Ok(trainer)
    }

    /// The config it was made with.
    pub fn config(&self) -> &LeNet1998TrainConfig {
        &self.config
    }

    /// How many passes it has trained.
    pub fn passes(&self) -> usize {
        self.passes
    }

    /// How many steps it has taken: one for each image.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Images trained on in the pass under way; 0 between two passes.
    pub fn samples(&self) -> usize {
        self.pass.samples
    }

    /// The network, as it is now.
    pub fn model(&self) -> &LeNet1998 {
        self.publish();
        &self.model
    }

    /// The network's variables, as they are now: for [`weights::save`].
    pub fn var_store(&self) -> &nn::VarStore {
        self.publish();
        &self.var_store
    }

    /// Copies the parameters to where libtorch sees them.
    fn publish(&self) {
        let _no_grad = no_grad_guard();
        let mut variables = self.parameters.flat.shallow_clone();
        variables.copy_(&Tensor::from_slice(&self.network.parameters()));
    }
}

/// A network with these parameters.
fn network(config: &LeNet1998TrainConfig, parameters: &Parameters) -> Result<Network> {
    let parameters: Vec<f32> = Vec::try_from(parameters.flat.detach())?;
    Ok(Network::new(config.network, config.j, &parameters))
}

/// The second derivatives of a checkpoint.
fn curvature(mut buffers: HashMap<String, Tensor>, parameters: &Parameters) -> Result<Vec<f32>> {
    let expected = parameters.flat.size();
    match buffers.remove(CURVATURE) {
        Some(curvature) if curvature.size() == expected => Ok(Vec::try_from(curvature)?),
        other => {
            let got = other.map_or("none".into(), |tensor| format!("{:?}", tensor.size()));
            Err(Error::invalid("optimizer.curvature", format!("shape {expected:?}"), got))
        }
    }
}

/// A set's images and labels.
fn in_memory(data: &Dataset) -> Result<(Vec<Pixels>, Vec<u8>)> {
    let pixels: Vec<u8> = Vec::try_from(data.pixels().to_device(Device::Cpu).reshape([-1]))?;
    let (rows, _) = pixels.as_chunks::<32>();
    let (images, _) = rows.as_chunks::<32>();
    let labels: Vec<i64> = Vec::try_from(data.labels())?;
    Ok((images.to_vec(), labels.into_iter().map(|label| label as u8).collect()))
}

#[cfg(test)]
mod tests {
    use super::{
        LeNet1998TrainConfig, LeNet1998Trainer, PassStats, Pixels, RunState, State, TrainedSet,
        permutation,
    };
    use crate::{Dataset, Distortion, lenet_1998::kernels::Reference};
    use std::{collections::HashSet, ops::Range};
    use tch::{Device, Kind, Tensor};

    /// Something like strokes.
    fn image(seed: usize) -> Pixels {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let (x, y) = ((x * (seed + 2)) as f32, (y * 4 + seed) as f32);
                (((x * 0.17).sin() * (y * 0.13).cos()).max(0.0) * 255.0) as u8
            })
        })
    }

    fn set(images: &[Pixels], labels: &[i64]) -> Dataset {
        let pixels: Vec<_> = images.iter().flat_map(|image| image.concat()).collect();
        let pixels = Tensor::from_slice(&pixels).view([-1, 32, 32]);
        Dataset::new(pixels, Tensor::from_slice(labels)).unwrap()
    }

    /// The largest difference, as a share of the largest of `expected`, layer by layer.
    fn off(got: &[f64], expected: &[f64]) -> f64 {
        const LAYERS: [Range<usize>; 6] =
            [0..156, 156..168, 168..1_684, 1_684..1_716, 1_716..49_836, 49_836..60_000];
        let of_layer = |layer: Range<usize>| {
            let pairs = got[layer.clone()].iter().zip(&expected[layer.clone()]);
            let most = pairs.fold(0f64, |most, (a, b)| most.max((a - b).abs()));
            most / expected[layer].iter().fold(0f64, |most, value| most.max(value.abs()))
        };
        LAYERS.into_iter().map(of_layer).fold(0.0, f64::max)
    }

    fn wide(numbers: &[f32]) -> Vec<f64> {
        numbers.iter().map(|&number| f64::from(number)).collect()
    }

    /// Each image in turn, in one order, down its gradient at `η / (μ + h)`: as the connection-by-connection reference has
    /// loss, gradient and h, which is estimated anew before each pass from images drawn at random: here from one.
    #[test]
    fn passes_are_the_paper_s_steps() {
        const LABELS: [i64; 5] = [3, 1, 4, 1, 5];
        let images: Vec<_> = (0..LABELS.len()).map(image).collect();
        let config = LeNet1998TrainConfig {
            rates: vec![2e-3, 1e-3, 5e-4],
            curvature_images: 1,
            seed: 2,
            ..LeNet1998TrainConfig::default()
        };
        let reference = Reference::new(config.network, config.j);
        let mut trainer = LeNet1998Trainer::new(config).unwrap();
        let order = permutation(LABELS.len(), 2);
        assert!(!order.is_sorted());
        let mut estimated_from = HashSet::new();
        let mut errors = vec![];
        for eta in [8e-4, 4e-4, 2e-4, 2e-4, 2e-4, 2e-4] {
            let look = |parameters: &[f64], index: usize| {
                let parameters: Vec<_> = parameters.iter().map(|&value| value as f32).collect();
                reference.look(&parameters, images[index].as_flattened(), LABELS[index] as usize)
            };
            let before = wide(&trainer.network.parameters());
            let stats = trainer.train_pass(&set(&images, &LABELS)).unwrap();

            let h = wide(&trainer.network.curvature());
            let matches = |&index: &usize| off(&h, &look(&before, index).curvature) < 1e-4;
            let source = (0..LABELS.len()).find(matches);
            estimated_from.insert(source.expect("one of the images"));

            let mut expected = before.clone();
            let (mut loss, mut mistakes) = (0.0, 0);
            for &index in &order {
                let seen = look(&expected, index as usize);
                loss += seen.loss;
                mistakes += usize::from(seen.digit as i64 != LABELS[index as usize]);
                for ((value, gradient), h) in expected.iter_mut().zip(&seen.gradient).zip(&h) {
                    *value -= eta / (0.02 + h) * gradient;
                }
            }
            assert_eq!((stats.samples, stats.errors), (LABELS.len(), mistakes));
            assert!((stats.loss_sum - loss).abs() < 1e-4 * loss, "{stats:?}, not {loss}");
            let moved = |to: &[f64]| -> Vec<_> {
                to.iter().zip(&before).map(|(to, from)| to - from).collect()
            };
            let got = wide(&trainer.network.parameters());
            // f32's rounding of weights, beside which the steps are small.
            let off = off(&moved(&got), &moved(&expected));
            assert!(off < 1e-3, "off by {off}");
            errors.push(mistakes);
        }
        assert!(estimated_from.len() > 1, "always from one image");
        assert!(errors[0] > errors[5], "{errors:?}"); // both kinds of answers were counted
    }

    /// Ten versions of an image, one of them itself, in turn; and no two images have the same, nor go through them together.
    #[test]
    fn each_pass_has_another_version_of_an_image() {
        let image = image(7);
        let config = LeNet1998TrainConfig::default();
        let distorting =
            LeNet1998TrainConfig { distortion: Some(Distortion::default()), ..config.clone() };
        let [mut plain, mut trainer] =
            [config, distorting].map(LeNet1998Trainer::new).map(Result::unwrap);
        let images = [image; 3];
        let versions: Vec<[Pixels; 3]> = (0..20)
            .map(|pass| {
                (plain.passes, trainer.passes) = (pass, pass);
                assert_eq!(plain.version(&images, 1), image);
                [0, 1, 2].map(|index| trainer.version(&images, index))
            })
            .collect();
        assert_eq!(versions[..10], versions[10..]);
        let all: HashSet<_> = versions.iter().flatten().collect();
        assert_eq!(all.len(), 3 * 9 + 1);
        for versions in &versions {
            assert!(versions.iter().filter(|&version| *version == image).count() <= 1);
        }
    }

    #[test]
    fn what_no_run_comes_to_is_refused() {
        let blank = Tensor::zeros([300, 32, 32], (Kind::Uint8, Device::Cpu));
        let data = Dataset::new(blank, Tensor::zeros([300], (Kind::Int64, Device::Cpu))).unwrap();
        let set = Some(TrainedSet::of(&data).unwrap());
        let check = |passes, steps, samples, total, errors, set: &Option<TrainedSet>| {
            let pass = PassStats { total, samples, errors, loss_sum: 1.0 };
            let config = LeNet1998TrainConfig::default();
            RunState { config, passes, steps, pass, set: set.clone() }.check().is_ok()
        };
        assert!(check(0, 0, 0, 0, 0, &None));
        assert!(check(2, 600, 0, 0, 0, &set));
        assert!(check(2, 800, 200, 300, 200, &set));

        assert!(!check(usize::MAX, 800, 200, 300, 1, &set));
        assert!(!check(2, usize::MAX, 200, 300, 1, &set));
        assert!(!check(2, 100, 200, 300, 1, &set));
        assert!(!check(2, 800, 200, 300, 201, &set));
        assert!(!check(2, 1_000, 400, 300, 1, &set));
        assert!(!check(2, 800, 200, 400, 1, &set));
        assert!(!check(2, 800, 200, 300, 1, &None));
    }
}
