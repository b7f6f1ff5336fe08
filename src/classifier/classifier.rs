use super::{
    Activation, Prediction, Prepared, Reading, no_digit::NoDigit, picture::Picture,
    prepared::values, segments,
};
use crate::{
    Error, Result,
    data::{Classes, Domain, Preparation},
    kernels::{Images, Network, PIXELS, Packed},
    network::{self, LAYERS, Layer, PARAMETERS},
    weights::StateDict,
};
use image::DynamicImage;
use std::{borrow::Borrow, path::Path};

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
/// It is `Send` and `Sync`, and never changes: one in an `Arc` or a `static` serves a whole program, and any number of threads read
/// with it side by side. A call computes on the thread that makes it, by this crate's own kernels.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// In the order of the `state_dict`.
    parameters: Box<[f32; PARAMETERS]>,
    /// The same, for one image at a time.
    packed: Packed,
    /// What logits are divided by, so that probabilities mean what they say.
    temperature: f32,
    no_digit: Option<NoDigit>,
    domain: Domain,
}

/// What `scripts/reader` makes. The post's recipe gives `weights/mnist.safetensors`.
const PRETRAINED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/weights/reader.safetensors"));

impl Classifier {
    /// With the weights that come with this crate, `weights/reader.safetensors`: trained on distorted images of MNIST, of fonts, of drawn
    /// digits and of what is no digit, calibrated, and with what tells that there is no digit.
    ///
    /// # Errors
    ///
    /// None, as long as the file in the crate is whole.
    pub fn pretrained() -> Result<Classifier> {
        Classifier::with_weights(&StateDict::from_bytes(PRETRAINED)?)
    }

    /// With the weights of a file of any [form](crate::weights), such as `train_mnist --save-model` writes.
    ///
    /// # Errors
    ///
    /// Those of [`StateDict::read`]; [`Error::StateDict`] where they are not a LeNet's; [`Error::Invalid`] where weights are infinite or NaN, or so large that
    /// what the network computes would be.
    pub fn open(weights: impl AsRef<Path>) -> Result<Classifier> {
        Classifier::with_weights(&StateDict::read(weights)?)
    }

    fn with_weights(weights: &StateDict) -> Result<Classifier> {
        if let Some(tensor) = weights.non_finite().first() {
            let got = format!("{}: {} NaN, {} infinite", tensor.name, tensor.nan, tensor.infinite);
            return Err(Error::invalid("weights", "finite numbers", got));
        }
        let classifier = Classifier::from_parameters(&weights.to_flat(&network::state_dict())?)?;
        let temperature = match weights.metadata.get("temperature") {
            None => 1.0,
            Some(text) => text.parse().map_err(|_| {
                Error::invalid("temperature", "a number above 0 in the metadata", text.clone())
            })?,
        };
        let no_digit = weights.metadata.get("no_digit").map(|text| NoDigit::parse(text));
        Ok(Classifier {
            no_digit: no_digit.transpose()?,
            domain: Domain::of(&weights.metadata)?,
            ..classifier.with_temperature(temperature)?
        })
    }

    /// With all parameters in one slice, where [`Layer`](network::Layer) says that they are: for what changes a network, or gets
    /// its weights in another way than by a file.
    ///
    /// ```
    /// use lenet::{Classifier, network::PARAMETERS};
    ///
    /// let knows_nothing = Classifier::from_parameters(&[0.0; PARAMETERS])?;
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are not [`PARAMETERS`] of them, or where they are infinite or NaN, or so large that what the
    /// network computes would be.
    pub fn from_parameters(parameters: &[f32]) -> Result<Classifier> {
        let parameters: &[f32; PARAMETERS] = parameters.try_into().map_err(|_| {
            Error::invalid("weights", PARAMETERS.to_string(), parameters.len().to_string())
        })?;
        // What goes into a layer is within -1 and 1, so that no sum of its weights exceeds this one. It is NaN where one of them is.
        let most: f64 = parameters.iter().map(|&weight| f64::from(weight).abs()).sum();
        if most.is_nan() || most > f64::from(f32::MAX) / 2.0 {
            let got = format!("magnitudes that add up to {most:e}");
            return Err(Error::invalid("weights", "numbers that can be added up", got));
        }
        Ok(Classifier {
            packed: Packed::new(parameters),
            parameters: Box::new(*parameters),
            temperature: 1.0,
            no_digit: None,
            domain: Domain::default(),
        })
    }

    /// The same network, with probabilities of logits that are divided by a temperature: above 1 they are less sure. The
    /// metadata `temperature` of a weights file says it; without it the temperature is 1. [`with_no_digit`](Classifier::with_no_digit)
    /// may lower it for an image.
    ///
    /// Source: Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks* (2017).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where it is not a number above 0.
    pub fn with_temperature(self, temperature: f32) -> Result<Classifier> {
        if !(temperature > 0.0 && temperature.is_finite()) {
            let got = temperature.to_string();
            return Err(Error::invalid("temperature", "a number above 0", got));
        }
        Ok(Classifier { temperature, ..self })
    }

    /// The same network, with predictions that tell [what is no digit](Prediction::no_digit) by a hidden layer of tanh on F6's 84
    /// activations, and a logistic unit: for each hidden unit its 84 weights, its bias and its weight in the output; then the output's
    /// bias; then a power, 0 to 1. The metadata `no_digit` of a weights file has these numbers, with spaces between them.
    ///
    /// The temperature is multiplied by `(1 - no_digit).max(0.01)` to that power. Training on what is no digit makes a network too unsure of
    /// digits that look a little like it; the power corrects this. With 0 the temperature is unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where they are not so many, or not finite, or the power is not from 0 to 1.
    pub fn with_no_digit(self, numbers: &[f32]) -> Result<Classifier> {
        Ok(Classifier { no_digit: Some(NoDigit::new(numbers)?), ..self })
    }

    /// The names of the classes that the weights tell apart: the digits, unless their metadata has others.
    ///
    /// ```
    /// use lenet::{Classifier, Prediction};
    ///
    /// let classifier = Classifier::pretrained()?;
    /// let prediction = Prediction::from_logits([0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    /// assert_eq!(classifier.classes().name(prediction.digit), "2");
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn classes(&self) -> &Classes {
        &self.domain.classes
    }

    /// How pictures are prepared for these weights: as those that they were trained on, which their metadata tells.
    pub fn preparation(&self) -> Preparation {
        self.domain.preparation
    }

    /// Reads the digit in an image: dark on light or light on dark, in any colours, of any size. [`Prepared`] says how it is
    /// found. Weights of another [`preparation`](Classifier::preparation) get the whole picture.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`].
    pub fn classify(&self, image: &DynamicImage) -> Result<Prediction> {
        Ok(self.classify_prepared(&self.preparation().prepare(image)?))
    }

    /// Reads the digit in an image file: a PNG, JPEG, BMP or PNM, told from the content. A photograph is turned as its EXIF says.
    /// The decoded image may take 512 MiB of memory, all the rest 256 MiB.
    ///
    /// ```
    /// # std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
    /// let classifier = lenet::Classifier::pretrained()?;
    /// assert_eq!(classifier.classify_file("examples/images/3-photo.jpg")?.digit, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::open`].
    pub fn classify_file(&self, path: impl AsRef<Path>) -> Result<Prediction> {
        Ok(self.classify_prepared(&self.preparation().prepare_file(path)?))
    }

    /// [`classify_file`](Classifier::classify_file) for a file's bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::from_bytes`].
    pub fn classify_bytes(&self, bytes: &[u8]) -> Result<Prediction> {
        Ok(self.classify_prepared(&self.preparation().prepare_bytes(bytes)?))
    }

    /// Reads all digits in an image: line by line from the top, each line from left to right. Digits may touch, and may be broken.
    /// What may be a digit is looked at five times, four of them distorted as in training, since cutting may have damaged it: so a
    /// reading's probabilities are not those that [`classify`](Classifier::classify) gives for the digit alone.
    ///
    /// ```
    /// use lenet::{Classifier, image::{DynamicImage, GrayImage, Luma}};
    ///
    /// // Two strokes side by side.
    /// let stroke = |x: u32, y: u32| (18..22).contains(&(x % 40)) && (10..50).contains(&y);
    /// let pixel = |x, y| Luma([if stroke(x, y) { 0 } else { 255 }]);
    /// let image = DynamicImage::from(GrayImage::from_fn(80, 60, pixel));
    /// let digits: Vec<u8> =
    ///     Classifier::pretrained()?.read(&image)?.iter().map(|reading| reading.prediction.digit).collect();
    /// assert_eq!(digits, [1, 1]);
    /// # Ok::<(), lenet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::new`]; [`Error::Invalid`] with weights for [scaled](Preparation::Scaled) pictures.
    pub fn read(&self, image: &DynamicImage) -> Result<Vec<Reading>> {
        self.read_picture(&Picture::from(image))
    }

    /// [`read`](Classifier::read) for the bytes of an image file, as [`classify_bytes`](Classifier::classify_bytes) takes them.
    ///
    /// # Errors
    ///
    /// Those of [`Prepared::from_bytes`].
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Vec<Reading>> {
        self.read_picture(&Picture::from_bytes(bytes)?)
    }

    fn read_picture<I: Borrow<DynamicImage>>(&self, picture: &Picture<I>) -> Result<Vec<Reading>> {
        if self.preparation() != Preparation::Centred {
            let expected = "weights for what is cut out and centred, to read several digits";
            return Err(Error::invalid("preparation", expected, self.preparation().name()));
        }
        let (writing, scale) = picture.writing()?;
        segments::read(&writing, scale, |image| self.prediction(&values(image)))
    }

    /// Reads the digits in several images, with the answers that each has alone. Weights that do not tell what is no digit take one
    /// forward pass for all, which is faster than one by one.
    ///
    /// # Errors
    ///
    /// [`Error::InBatch`] with the place of the first image that can't be read, and its error of [`Prepared::new`]. To read the
    /// others all the same, prepare each and give the good ones to
    /// [`classify_all_prepared`](Classifier::classify_all_prepared).
    pub fn classify_batch(&self, images: &[DynamicImage]) -> Result<Vec<Prediction>> {
        let prepared = images.iter().enumerate().map(|(index, image)| {
            self.preparation()
                .prepare(image)
                .map_err(|error| Error::InBatch { index, error: Box::new(error) })
        });
        let prepared: Vec<_> = prepared.collect::<Result<_>>()?;
        Ok(self.classify_all_prepared(&prepared))
    }

    /// [`classify`](Classifier::classify) for an image that is prepared.
    pub fn classify_prepared(&self, image: &Prepared) -> Prediction {
        self.prediction(&image.values())
    }

    /// [`classify_batch`](Classifier::classify_batch) for images that are prepared.
    pub fn classify_all_prepared(&self, images: &[Prepared]) -> Vec<Prediction> {
        if self.no_digit.is_some() {
            // It needs F6, which the forward pass for many does not hand out.
            return images.iter().map(|image| self.classify_prepared(image)).collect();
        }
        let images: Vec<_> = images.iter().map(Prepared::values).collect();
        let logits = Network::new(1).logits(&self.parameters, Images::new(&images));
        logits.into_iter().map(|logits| self.of_logits(logits, 1.0)).collect()
    }

    fn prediction(&self, image: &[f32; PIXELS]) -> Prediction {
        match self.no_digit {
            Some(_) => self.of_stages(&self.activations(image)),
            None => self.of_logits(self.packed.logits(image), 1.0),
        }
    }

    fn of_stages(&self, stages: &[Activation]) -> Prediction {
        let output = |layer: Layer| {
            let stage = stages.iter().find(|stage| stage.layer.name == layer.name);
            stage.map_or(&[][..], |stage| &stage.values)
        };
        let mut logits = [0.0; 10];
        logits.iter_mut().zip(output(Layer::OUTPUT)).for_each(|(to, &from)| *to = from);
        let Some(head) = &self.no_digit else { return self.of_logits(logits, 1.0) };
        let no_digit = head.probability(output(Layer::F6));
        let prediction = self.of_logits(logits, head.temperature(no_digit));
        Prediction { no_digit: Some(no_digit), ..prediction }
    }

    /// With the temperature multiplied by a factor.
    fn of_logits(&self, logits: [f32; 10], factor: f32) -> Prediction {
        let temperature = (self.temperature * factor).max(f32::MIN_POSITIVE);
        // The largest becomes 0, so that a quotient may be infinite but not NaN.
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Prediction::from_logits(logits.map(|logit| (logit - largest) / temperature))
    }

    /// Every layer's output for an image, in order: C1, S2, C3, S4, C5, F6, output. The last are the logits.
    pub fn stages(&self, image: &Prepared) -> Vec<Activation> {
        self.activations(&image.values())
    }

    /// [`classify_prepared`](Classifier::classify_prepared) and [`stages`](Classifier::stages), by one forward pass.
    pub fn classify_with_stages(&self, image: &Prepared) -> (Prediction, Vec<Activation>) {
        let stages = self.stages(image);
        (self.of_stages(&stages), stages)
    }

    /// [`stages`](Classifier::stages) for an image of a data set, as [`image_bytes`](crate::Dataset::image_bytes) has it.
    ///
    /// ```
    /// use lenet::{Classifier, Dataset};
    ///
    /// let data = Dataset::from_pixels(vec![0; 32 * 32], vec![0])?;
    /// let stages = Classifier::pretrained()?.stages_of(&data.image_bytes()[0]);
    /// assert_eq!((stages[0].layer.name, stages[0].values.len()), ("C1", 6 * 28 * 28));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn stages_of(&self, image: &[u8; PIXELS]) -> Vec<Activation> {
        self.activations(&values(image))
    }

    fn activations(&self, image: &[f32; PIXELS]) -> Vec<Activation> {
        let stages = LAYERS.iter().zip(self.packed.outputs(image));
        stages.map(|(layer, values)| Activation { layer: *layer, values }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Classifier, Prepared};
    use image::{GrayImage, Luma};

    #[test]
    fn what_is_in_memory_is_checked_as_a_file_is() {
        let digit = GrayImage::from_fn(28, 28, |x, y| Luma([(x * y % 256) as u8]));
        let image = Prepared::from_digit(digit.clone()).unwrap();
        assert_eq!(image.digit(), &digit);
        for (width, height) in [(27, 28), (14, 56), (56, 14), (32, 32), (0, 0)] {
            assert!(Prepared::from_digit(GrayImage::new(width, height)).is_err());
        }

        let pretrained = Classifier::pretrained().unwrap();
        let parameters = &pretrained.parameters[..];
        let again = Classifier::from_parameters(parameters).unwrap();
        assert_eq!(again.stages(&image), pretrained.stages(&image));
        for classifier in [&pretrained, &again] {
            let expected = (classifier.classify_prepared(&image), classifier.stages(&image));
            assert_eq!(classifier.classify_with_stages(&image), expected);
        }
        assert!(Classifier::from_parameters(&parameters[1..]).is_err());
        for wrong in [f32::NAN, f32::INFINITY, -f32::MAX] {
            let mut parameters = parameters.to_vec();
            parameters[7] = wrong;
            assert!(Classifier::from_parameters(&parameters).is_err(), "{wrong}");
        }
    }
}
