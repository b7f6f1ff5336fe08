//! What the network makes of a digit.

use crate::{exchange::invalid, network::Network, why::Why};
use lenet::{
    Prediction, Prepared, Result,
    classifier::Activation,
    image::GrayImage,
    network::{LAYERS, Layer},
};
use std::collections::BTreeSet;

pub struct Reader {
    whole: Network,
    /// The network without the maps that are off; none where all are on.
    cut: Option<Network>,
    /// Each by its layer's number and its own.
    off: BTreeSet<(usize, usize)>,
    image: Option<Prepared>,
    stages: Vec<Activation>,
    prediction: Prediction,
    whole_prediction: Prediction,
    why: Why,
}

impl Reader {
    /// `parameters` are as [`Network::new`] takes them.
    pub fn new(parameters: Vec<f32>) -> Result<Reader> {
        Ok(Reader {
            whole: Network::new(parameters)?,
            cut: None,
            off: BTreeSet::new(),
            image: None,
            stages: vec![],
            prediction: Prediction::from_logits([0.0; 10]),
            whole_prediction: Prediction::from_logits([0.0; 10]),
            why: Why::default(),
        })
    }

    /// How much ink each pixel has, by rows.
    pub fn read_drawing(&mut self, width: u32, height: u32, ink: Vec<u8>) -> Result<()> {
        let bytes = ink.len();
        let ink = GrayImage::from_raw(width, height, ink).ok_or_else(|| {
            invalid("drawing", format!("{width}x{height} bytes"), bytes.to_string())
        })?;
        self.read(Prepared::from_ink(&ink)?);
        Ok(())
    }

    /// 28x28 bytes, 255 is ink.
    pub fn read_digit(&mut self, pixels: Vec<u8>) -> Result<()> {
        let bytes = pixels.len();
        let image = GrayImage::from_raw(28, 28, pixels)
            .ok_or_else(|| invalid("digit", "28x28 bytes", bytes.to_string()))?;
        self.read(Prepared::from_digit(image)?);
        Ok(())
    }

    fn read(&mut self, image: Prepared) {
        (self.prediction, self.stages) = self.network().predict_with_stages(&image);
        self.whole_prediction = match self.cut {
            Some(_) => self.whole.predict(&image),
            None => self.prediction,
        };
        self.image = Some(image);
    }

    pub fn switch(&mut self, layer: usize, map: usize, on: bool) -> Result<()> {
        let mut off = self.off.clone();
        match on {
            true => off.remove(&(layer, map)),
            false => off.insert((layer, map)),
        };
        self.cut = match off.is_empty() {
            true => None,
            false => Some(self.whole.without(&off)?),
        };
        self.off = off;
        Ok(())
    }

    pub fn explain(&mut self, digit: usize, towards: usize) -> Result<()> {
        if self.stages.len() < LAYERS.len() || digit.max(towards) >= Layer::OUTPUT.maps() {
            let got = format!("{digit} and {towards}, {} stages", self.stages.len());
            return Err(invalid("classes", "0 to 9, after a reading", got));
        }
        self.why = Why::new(self.network(), &self.stages, digit, towards);
        Ok(())
    }

    fn network(&self) -> &Network {
        self.cut.as_ref().unwrap_or(&self.whole)
    }

    pub fn image(&self) -> Option<&Prepared> {
        self.image.as_ref()
    }

    pub fn stages(&self) -> &[Activation] {
        &self.stages
    }

    pub fn probabilities(&self) -> &[f32] {
        &self.prediction.probabilities
    }

    /// Those of the network with all maps on.
    pub fn whole_probabilities(&self) -> &[f32] {
        &self.whole_prediction.probabilities
    }

    /// How likely it is no digit, with all maps on; NaN where the weights do not tell.
    pub fn no_digit(&self) -> f32 {
        self.whole_prediction.no_digit.unwrap_or(f32::NAN)
    }

    pub fn why(&self) -> &Why {
        &self.why
    }

    pub fn filters(&self) -> &[f32] {
        self.whole.of(&Layer::C1).0
    }
}
