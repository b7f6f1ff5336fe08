use super::{
    device::{self, Device, auto_device},
    engine::Engine,
    optimizer::Optimizer,
    require,
    schedule::{OneCycleLr, Schedule},
};
use crate::{Result, data::Distortion, kernels::InstructionSet, network::Init};
use serde::{Deserialize, Serialize};

/// How to train. [`pytorch`](TrainConfig::pytorch) and [`paddle`](TrainConfig::paddle) are the post's two recipes, and
/// [`augmented`](TrainConfig::augmented) is the one that reads best:
///
/// ```
/// use lenet::TrainConfig;
///
/// let config = TrainConfig { epochs: 1, ..TrainConfig::pytorch() };
/// assert_eq!(config.batch_size, 32);
/// ```
///
/// It can be written and read with serde; the device is `cpu`, `cuda:0` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// How many times to go through the training set. The [`Trainer`](crate::Trainer) goes through it once at each call of
    /// `train_epoch`: this is for the loop around it.
    pub epochs: usize,
    /// Images a step. The last batch of an epoch has what is left.
    pub batch_size: usize,
    /// The optimizer's step size: what the schedule starts from, unless it is [`OneCycleLr`](crate::OneCycleLr), which has
    /// its own.
    pub learning_rate: f64,
    /// How the parameters follow their gradients.
    pub optimizer: Optimizer,
    /// How the learning rate goes over the run.
    pub schedule: Schedule,
    /// The longest that the gradients of a step may be, taken as one vector: longer ones are scaled down, as
    /// PyTorch's `clip_grad_norm_(parameters, max_norm)` does it. `None` leaves them as they are.
    pub clip_norm: Option<f64>,
    /// How the images are distorted, anew in each epoch: a version follows from the seed, the epoch and the image's place in its
    /// set. `None` trains on the images themselves.
    pub distortion: Option<Distortion>,
    /// What the initial values and the order of the images follow from: its low 32 bits, as in PyTorch.
    pub seed: u64,
    /// How the parameters are drawn at first.
    pub init: Init,
    /// Where to train: a `tch::Device` with the feature `torch`.
    #[serde(with = "device::by_name")]
    pub device: Device,
    /// What computes loss and gradients.
    pub engine: Engine,
    /// Threads of the engine `Fused`. `None` takes as many as libtorch has: one for each core, or as many as `OMP_NUM_THREADS`
    /// says. The weights do not depend on it.
    pub threads: Option<usize>,
    /// What the engine `Fused` computes with. `None` takes the fastest that the CPU has. The weights do not depend on it.
    pub instructions: Option<InstructionSet>,
    /// On a GPU: whether cuDNN's convolutions may round their inputs to TF32, 10 bits of 23, as PyTorch lets it
    /// (`allow_tf32` of `torch.backends.cudnn`). GPUs from Ampere on do, and their numbers are then about 1e-3 off a CPU's. Set in libtorch,
    /// for the whole process, before each batch. `true` by default.
    #[serde(default = "yes")]
    pub allow_tf32: bool,
    /// On a GPU: whether cuDNN takes only kernels that sum in a fixed order (`deterministic` of the same), so that the same
    /// GPU repeats a run bit for bit. Set as `allow_tf32` is. `false` by default, as in PyTorch.
    #[serde(default)]
    pub deterministic: bool,
}

/// PyTorch's default, and that of configs which were saved before there was a choice.
fn yes() -> bool {
    true
}

impl TrainConfig {
    /// The post's PyTorch program: 10 epochs, batches of 32, Adam at 1e-3, PyTorch's initial values, on CUDA where there is
    /// a GPU that can be used (feature `torch`): see [`auto_device`](crate::train::auto_device), which tells why there is none.
    pub fn pytorch() -> TrainConfig {
        TrainConfig::pytorch_on(auto_device().0)
    }

    /// As [`pytorch`](TrainConfig::pytorch), on this device: no GPU is looked for.
    pub fn pytorch_on(device: Device) -> TrainConfig {
        TrainConfig {
            epochs: 10,
            batch_size: 32,
            learning_rate: 1e-3,
            optimizer: Optimizer::default(),
            schedule: Schedule::Constant,
            clip_norm: None,
            distortion: None,
            seed: 0,
            init: Init::PyTorch,
            device,
            engine: Engine::Auto,
            threads: None,
            instructions: None,
            allow_tf32: true,
            deterministic: false,
        }
    }

    /// The post's Paddle program: as [`pytorch`](TrainConfig::pytorch), but batches of 64, and Paddle's initial values.
    pub fn paddle() -> TrainConfig {
        TrainConfig::paddle_on(auto_device().0)
    }

    /// As [`paddle`](TrainConfig::paddle), on this device: no GPU is looked for.
    pub fn paddle_on(device: Device) -> TrainConfig {
        TrainConfig { batch_size: 64, init: Init::Paddle, ..TrainConfig::pytorch_on(device) }
    }

    /// Where it trains: the device, as PyTorch names it, and the engine that computes there. `cpu, engine fused`.
    pub fn place(&self) -> String {
        format!("{}, engine {}", device::name(self.device), self.engine.on(self.device).name())
    }

    /// The recipe for reading, which is not the post's: 80 epochs of images that are distorted anew in each, batches of 64, Adam,
    /// and [`OneCycleLr`] up to 3e-3. The schedule has the steps of MNIST's 60,000 images; for other numbers of images or epochs
    /// give it their steps:
    ///
    /// ```
    /// use lenet::{OneCycleLr, Schedule, TrainConfig};
    ///
    /// let (images, epochs, recipe) = (5_000_usize, 40, TrainConfig::augmented());
    /// let steps = epochs * images.div_ceil(recipe.batch_size);
    /// let schedule = Schedule::OneCycleLr(OneCycleLr::new(recipe.learning_rate, steps));
    /// let config = TrainConfig { epochs, schedule, ..recipe };
    /// ```
    pub fn augmented() -> TrainConfig {
        TrainConfig::augmented_on(auto_device().0)
    }

    /// As [`augmented`](TrainConfig::augmented), on this device: no GPU is looked for.
    pub fn augmented_on(device: Device) -> TrainConfig {
        const MNIST: usize = 60_000;
        let (epochs, batch_size, learning_rate) = (80, 64, 3e-3);
        let steps = epochs * MNIST.div_ceil(batch_size);
        TrainConfig {
            epochs,
            batch_size,
            learning_rate,
            schedule: Schedule::OneCycleLr(OneCycleLr::new(learning_rate, steps)),
            distortion: Some(Distortion::AUGMENTED),
            ..TrainConfig::pytorch_on(device)
        }
    }

    /// Whether it can be trained with.
    pub(super) fn check(&self) -> Result<()> {
        require("batch_size", "1 or more", self.batch_size, self.batch_size > 0)?;
        let positive = |what, value: f64| {
            require(what, "a number above 0", value, value > 0.0 && value.is_finite())
        };
        positive("learning_rate", self.learning_rate)?;
        self.clip_norm.map_or(Ok(()), |max_norm| positive("clip_norm", max_norm))?;
        self.threads.map_or(Ok(()), |n| {
            require("threads", "1 to 65,535", n, (1..=MOST_THREADS).contains(&n))
        })?;
        self.instructions.map_or(Ok(()), |set| {
            let there = InstructionSet::available().any(|other| other == set);
            require("instructions", "what this CPU has", format!("{set:?}"), there)
        })?;
        self.distortion.map_or(Ok(()), |distortion| distortion.check())?;
        self.optimizer.check()?;
        self.schedule.check()?;
        device::check(self.device)
    }
}

/// Threads that anybody has cores for.
const MOST_THREADS: usize = u16::MAX as usize;
