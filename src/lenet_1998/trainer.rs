use super::{
    kernels::{Network, Pixels},
    pass_stats::PassStats,
    train_config::{LeNet1998TrainConfig, STRIDE},
};
use crate::{
    Dataset, Error, Result,
    data::{Distortion, Draws},
    generator::Generator,
    train::{EpochSums, Evaluation, Recipe, Resumable, Run, RunConfig, SavedRun},
    weights::StateDict,
};
use std::{collections::BTreeMap, convert::Infallible, ops::ControlFlow, path::Path};

/// Trains the LeNet-5 of 1998 as a [`LeNet1998TrainConfig`] says, on one core. It returns numbers and prints nothing.
///
/// ```no_run
/// use lenet::{Mnist, lenet_1998::{LeNet1998TrainConfig, LeNet1998Trainer}};
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
/// bit for bit, on every CPU.
///
/// Source: the paper's sections II.B and III.B, and appendix C.
#[derive(Debug)]
pub struct LeNet1998Trainer {
    run: Run<LeNet1998TrainConfig>,
    network: Network,
}

impl RunConfig for LeNet1998TrainConfig {
    const NETWORK: &'static str = "LeNet1998";
    const FREE: &'static [&'static str] = &["passes"];

    type Epoch = PassStats;
}

impl EpochSums for PassStats {
    fn samples(&self) -> usize {
        self.samples
    }

    /// One for each image.
    fn steps(&self) -> usize {
        self.samples
    }

    fn check(&self, images: usize) -> std::result::Result<(), String> {
        let PassStats { samples, total, errors, .. } = *self;
        if samples > total || errors > samples {
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
        self.steps()
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
    /// # Errors
    ///
    /// [`Error::Invalid`] where the config can't be trained with.
    pub fn new(config: LeNet1998TrainConfig) -> Result<LeNet1998Trainer> {
        let parameters = config.network.parameters(config.seed);
        LeNet1998Trainer::start(Run::new(config), &parameters)
    }

    /// A trainer that starts from saved weights, of any form that [`StateDict::read`] reads.
    ///
    /// # Errors
    ///
    /// As [`new`](LeNet1998Trainer::new) and [`StateDict::read`]; [`Error::StateDict`] where they are not this network's.
    pub fn with_weights(
        config: LeNet1998TrainConfig,
        path: impl AsRef<Path>,
    ) -> Result<LeNet1998Trainer> {
        let parameters = StateDict::read(path)?.to_flat(&config.network.state_dict())?;
        LeNet1998Trainer::start(Run::new(config), &parameters)
    }

    fn start(run: Run<LeNet1998TrainConfig>, parameters: &[f32]) -> Result<LeNet1998Trainer> {
        run.config.check()?;
        let LeNet1998TrainConfig { network, j, .. } = run.config;
        Ok(LeNet1998Trainer { network: Network::new(network, j, parameters), run })
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
        let done = self.run.begin(data)?;
        self.run.epoch.total = data.len();
        let (images, labels) = (in_rows(data), data.label_bytes());
        let order = Generator::manual_seed(self.config().seed).permutation(data.len());
        self.set_rates();
        for chunk in order[done..].chunks(STRIDE) {
            let samples = self.samples();
            if self.config().is_estimate_due(self.passes(), samples) {
                self.estimate_curvature(&images, labels, samples);
                self.set_rates();
            }
            let shown: Vec<_> = chunk.iter().map(|&index| self.version(&images, index)).collect();
            let labels = chunk.iter().map(|&index| labels[index]);
            let seen = self.network.train(shown.iter().zip(labels));
            if !seen.loss.is_finite() {
                let (epoch, step) = (self.passes() + 1, samples + chunk.len());
                return Err(Error::NonFiniteLoss { epoch, step, loss: seen.loss as f32 });
            }
            self.run.steps += chunk.len();
            self.run.epoch.samples += chunk.len();
            self.run.epoch.errors += seen.errors;
            self.run.epoch.loss_sum += seen.loss;
            if let ControlFlow::Break(why) = on_images(self, self.run.epoch)? {
                return Ok(ControlFlow::Break(why));
            }
        }
        Ok(ControlFlow::Continue(self.run.end()))
    }

    /// The image as this pass has it: itself, or distorted.
    fn version(&self, images: &[Pixels], index: usize) -> Pixels {
        /// Of each image, itself among them.
        const VERSIONS: usize = 10;
        let image = &images[index];
        match (&self.config().distortion, (self.passes() + index) % VERSIONS) {
            (None, _) | (_, 0) => *image,
            (Some(distortion), version) => {
                let mut draws = self.draws(Purpose::Distortion, index, version);
                Distortion::apply(distortion, image, &mut draws)
            }
        }
    }

    fn estimate_curvature(&mut self, images: &[Pixels], labels: &[u8], samples: usize) {
        let count = self.config().curvature_images;
        let mut draws = self.draws(Purpose::Estimate, self.passes(), samples);
        let chosen = (0..count).map(|_| draws.below(images.len()));
        let chosen = chosen.map(|index| (&images[index], labels[index]));
        self.network.estimate_curvature(chosen, count);
    }

    fn draws(&self, purpose: Purpose, which: usize, when: usize) -> Draws {
        Draws::new([self.config().seed, purpose as u64, which as u64, when as u64])
    }

    fn set_rates(&mut self) {
        let (eta, mu) = (self.config().eta(self.passes()), self.config().mu);
        self.network.set_rates(eta, mu);
    }

    /// Whether `data` is the set that it was trained on last, as [`Trainer::check_data`](crate::Trainer::check_data) tells it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is another one.
    pub fn check_data(&self, data: &Dataset) -> Result<()> {
        self.run.check_data(data)
    }

    /// What the network makes of `data`, with the weights as they are now. Its losses are the criterion, for the label.
    ///
    /// # Errors
    ///
    /// None: the result is one so that both trainers are used alike.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        let images = in_rows(data);
        let answers = self.network.answers(images.iter().zip(data.label_bytes().iter().copied()));
        Ok(Evaluation::new(&answers, data, 1))
    }

    /// Writes all that it takes to resume from here with the same bits to `path`, as
    /// [`Trainer::save_checkpoint`](crate::Trainer::save_checkpoint) does it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can't be written; [`Error::Invalid`] where training has diverged.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let buffers = BTreeMap::from([(CURVATURE, self.network.curvature())]);
        self.run.save(self.weights()?, buffers, path.as_ref())
    }

    /// The trainer that [`save_checkpoint`](LeNet1998Trainer::save_checkpoint) wrote: it ends as that one would have, bit for
    /// bit.
    ///
    /// # Errors
    ///
    /// As [`Trainer::resume`](crate::Trainer::resume).
    pub fn resume(path: impl AsRef<Path>) -> Result<LeNet1998Trainer> {
        LeNet1998Trainer::restore(None, path.as_ref())
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
        LeNet1998Trainer::restore(Some(config), path.as_ref())
    }

    fn restore(config: Option<LeNet1998TrainConfig>, path: &Path) -> Result<LeNet1998Trainer> {
        let SavedRun { run, weights, mut buffers, .. } = Run::read(config, path)?;
        let parameters = weights.to_flat(&run.config.network.state_dict())?;
        let mut trainer = LeNet1998Trainer::start(run, &parameters)?;
        match buffers.remove(CURVATURE) {
            Some(curvature) if curvature.len() == parameters.len() => {
                trainer.network.set_curvature(&curvature);
                Ok(trainer)
            }
            other => {
                let expected = format!("{} numbers", parameters.len());
                let got = other.map_or("none".into(), |numbers| numbers.len().to_string());
                Err(Error::invalid("optimizer.curvature", expected, got))
            }
        }
    }

    /// Writes the weights to `path`, in the form that its extension stands for: see [`StateDict::write`].
    ///
    /// # Errors
    ///
    /// As [`StateDict::write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.weights()?.write(path)
    }

    /// A copy of the weights, by their names.
    pub fn state_dict(&self) -> StateDict {
        self.weights().unwrap_or_default()
    }

    fn weights(&self) -> Result<StateDict> {
        StateDict::from_flat(&self.config().network.state_dict(), &self.network.parameters())
    }

    /// The config it was made with.
    pub fn config(&self) -> &LeNet1998TrainConfig {
        &self.run.config
    }

    /// How many passes it has trained.
    pub fn passes(&self) -> usize {
        self.run.epochs
    }

    /// How many steps it has taken: one for each image.
    pub fn steps(&self) -> usize {
        self.run.steps
    }

    /// Images trained on in the pass under way; 0 between two passes.
    pub fn samples(&self) -> usize {
        self.run.epoch.samples
    }
}

/// A set's images, each as rows.
fn in_rows(data: &Dataset) -> Vec<Pixels> {
    let (rows, _) = data.image_bytes().as_flattened().as_chunks::<32>();
    rows.as_chunks::<32>().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::{
        Dataset, Distortion, Generator, LeNet1998TrainConfig, LeNet1998Trainer, PassStats, Pixels,
        Run,
    };
    use crate::{lenet_1998::kernels::Reference, train::TrainedSet};
    use std::{collections::HashSet, ops::Range};

    /// Something like strokes.
    fn image(seed: usize) -> Pixels {
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let (x, y) = ((x * (seed + 2)) as f32, (y * 4 + seed) as f32);
                (((x * 0.17).sin() * (y * 0.13).cos()).max(0.0) * 255.0) as u8
            })
        })
    }

    fn set(images: &[Pixels], labels: &[u8]) -> Dataset {
        let pixels = images.iter().flat_map(|image| image.concat()).collect();
        Dataset::from_pixels(pixels, labels.into()).unwrap()
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
        const LABELS: [u8; 5] = [3, 1, 4, 1, 5];
        let images: Vec<_> = (0..LABELS.len()).map(image).collect();
        let config = LeNet1998TrainConfig {
            rates: vec![2e-3, 1e-3, 5e-4],
            curvature_images: 1,
            seed: 2,
            ..LeNet1998TrainConfig::default()
        };
        let reference = Reference::new(config.network, config.j);
        let mut trainer = LeNet1998Trainer::new(config).unwrap();
        let order = Generator::manual_seed(2).permutation(LABELS.len());
        assert!(!order.is_sorted());
        let mut estimated_from = HashSet::new();
        let mut errors = vec![];
        for eta in [8e-4, 4e-4, 2e-4, 2e-4, 2e-4, 2e-4] {
            let look = |parameters: &[f64], index: usize| {
                let parameters: Vec<_> = parameters.iter().map(|&value| value as f32).collect();
                reference.look(&parameters, images[index].as_flattened(), LABELS[index].into())
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
                let seen = look(&expected, index);
                loss += seen.loss;
                mistakes += usize::from(seen.digit != usize::from(LABELS[index]));
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
                (plain.run.epochs, trainer.run.epochs) = (pass, pass);
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
        let data = Dataset::from_pixels(vec![0; 300 * 1024], vec![0; 300]).unwrap();
        let set = Some(TrainedSet::of(&data));
        let check = |epochs, steps, samples, total, errors, set: &Option<TrainedSet>| {
            let epoch = PassStats { total, samples, errors, loss_sum: 1.0 };
            let run = Run::new(LeNet1998TrainConfig::default());
            Run { epochs, steps, epoch, set: set.clone(), ..run }.check().is_ok()
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
