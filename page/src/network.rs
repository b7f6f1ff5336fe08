//! A network whose weights are at hand, too.

use crate::{exchange::invalid, parameters};
use lenet::{
    Classifier, Prediction, Prepared, Result,
    classifier::Activation,
    network::{LAYERS, Layer},
};

pub struct Network {
    parameters: Vec<f32>,
    classifier: Classifier,
}

impl Network {
    /// The numbers are as [`parameters`](crate::parameters) has them.
    pub fn new(parameters: Vec<f32>) -> Result<Network> {
        Ok(Network { classifier: parameters::classifier(&parameters)?, parameters })
    }

    pub fn predict(&self, image: &Prepared) -> Prediction {
        self.classifier.classify_prepared(image)
    }

    pub fn predict_with_stages(&self, image: &Prepared) -> (Prediction, Vec<Activation>) {
        self.classifier.classify_with_stages(image)
    }

    /// Weight and bias.
    pub fn of(&self, layer: &Layer) -> (&[f32], &[f32]) {
        layer.of(&self.parameters)
    }

    /// The network without these maps, each given by its layer's number and its own. A map whose weights and bias are 0 gives
    /// tanh(0) = 0 everywhere.
    pub fn without<'a>(
        &self,
        off: impl IntoIterator<Item = &'a (usize, usize)>,
    ) -> Result<Network> {
        let mut parameters = self.parameters.clone();
        for &(number, map) in off {
            let layer = LAYERS.get(number).filter(|layer| layer.tanh && map < layer.maps());
            let layer = layer.ok_or_else(|| {
                invalid("map", "one of C1 to F6", format!("map {map} of layer {number}"))
            })?;
            for places in [layer.weight(), layer.bias()] {
                let each = places.len() / layer.maps();
                parameters[places][map * each..][..each].fill(0.0);
            }
        }
        Network::new(parameters)
    }
}
