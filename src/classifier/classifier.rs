use super::{Prediction, Prepared};
use crate::{Error, LeNet, Result, Stage, data, weights::StateDict};
use image::DynamicImage;
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};
use tch::{
    Device, Kind, Tensor,
    nn::{Module, VarStore},
};

/// Reads digits in images of any kind, on the CPU.
///
/// ```
/// use lenet::{Classifier, image};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
/// let classifier = Classifier::pretrained()?;
/// let image = image::open("examples/images/3-marker.png")?;
/// let prediction = classifier.classify(&image)?;
/// assert_eq!(prediction.digit, 3);
/// println!("{} ({:.1} %)", prediction.digit, prediction.probabilities[3] * 100.0);
/// # Ok(())
/// # }
/// ```
///
/// # Threads
///
/// It is `Send` and `Sync`: one in an `Arc` or a `static` serves a whole program. Images are prepared side by side, on the
/// threads that call; the network's forward pass is one thread's at a time, since libtorch's tensors are not `Sync`. Who wants
/// those side by side too opens one classifier for each thread: it takes 247 KB. libtorch itself runs a forward pass on
/// several threads where the batch is large; [`tch::set_num_threads`] says on how many.
///
/// No gradients are recorded, and the weights do not change.
#[derive(Debug)]
pub struct Classifier {
    // Its weights live as long as it does: the layers hold them.
    network: Mutex<LeNet>,
}

/// What `train_mnist --seed 0` gives: the post's recipe.
const PRETRAINED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors"));

impl Classifier {
    /// With the weights that come with this crate, trained on MNIST by the post's recipe.
    ///
    /// # Errors
    ///
    /// None but [`Error::Torch`], where libtorch does not work.
    pub fn pretrained() -> Result<Classifier> {
        Classifier::with_weights(&StateDict::from_bytes(PRETRAINED)?)
    }

    /// With the weights of a file of any [form](crate::weights), such as `train_mnist --save-model` writes.
    ///
    /// # Errors
    ///
    /// Those of [`weights::load`](crate::weights::load); [`Error::Invalid`] where weights are infinite or NaN.
    pub fn open(weights: impl AsRef<Path>) -> Result<Classifier> {
        Classifier::with_weights(&StateDict::read(weights)?)
    }

    fn with_weights(weights: &StateDict) -> Result<Classifier> {
        if let Some(tensor) = weights.non_finite()?.first() {
            let got = format!("{}: {} NaN, {} infinite", tensor.name, tensor.nan, tensor.infinite);
            return Err(Error::invalid("weights", "finite numbers", got));
        }
        let mut vs = VarStore::new(Device::Cpu);
        let network = LeNet::new(&vs.root());
        weights.load_into(&mut vs)?;
        vs.freeze();
        Ok(Classifier { network: Mutex::new(network) })
    }

    /// Reads the digit in an image: dark on light or light on dark, in any colours, of any size. [`Prepared`] says how it is
    /// found.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`].
    pub fn classify(&self, image: &DynamicImage) -> Result<Prediction> {
        self.classify_prepared(&Prepared::new(image)?)
    }

    /// Reads the digits in several images, in one forward pass: much faster than one by one.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`], for the first image that has one. To read the others all the same, prepare each and give
    /// the good ones to [`classify_all_prepared`](Classifier::classify_all_prepared).
    pub fn classify_batch(&self, images: &[DynamicImage]) -> Result<Vec<Prediction>> {
        let prepared: Vec<_> = images.iter().map(Prepared::new).collect::<Result<_>>()?;
        self.classify_all_prepared(&prepared)
    }

    /// [`classify`](Classifier::classify) for an image that is prepared.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`], where libtorch does not work.
    pub fn classify_prepared(&self, image: &Prepared) -> Result<Prediction> {
        let logits = self.logits(std::slice::from_ref(image))?;
        Ok(Prediction::from_logits(logits.first().copied().unwrap_or_default()))
    }

    /// [`classify_batch`](Classifier::classify_batch) for images that are prepared.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`], where libtorch does not work.
    pub fn classify_all_prepared(&self, images: &[Prepared]) -> Result<Vec<Prediction>> {
        Ok(self.logits(images)?.into_iter().map(Prediction::from_logits).collect())
    }

    /// Every layer's output for an image, in order: C1, S2, C3, S4, C5, F6, output.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`], where libtorch does not work.
    pub fn stages(&self, image: &Prepared) -> Result<Vec<Stage>> {
        let images = tensor(std::slice::from_ref(image))?;
        Ok(self.with_network(|network| network.stages(&images)))
    }

    fn logits(&self, images: &[Prepared]) -> Result<Vec<[f32; 10]>> {
        if images.is_empty() {
            return Ok(vec![]);
        }
        let images = tensor(images)?;
        let logits = self.with_network(|network| network.forward(&images));
        let logits: Vec<f32> = logits.reshape([-1]).try_into()?;
        Ok(logits.as_chunks().0.to_vec())
    }

    fn with_network<T>(&self, run: impl FnOnce(&LeNet) -> T) -> T {
        // A pass that ended in a panic has changed nothing.
        run(&self.network.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `f32` `[n, 1, 32, 32]`.
fn tensor(images: &[Prepared]) -> Result<Tensor> {
    let side = data::INPUT_SIDE as i64;
    let values: Vec<f32> = images.iter().flat_map(Prepared::values).collect();
    let images = Tensor::f_from_slice(&values)?.f_to_kind(Kind::Float)?;
    Ok(images.f_reshape([-1, 1, side, side])?)
}
