use crate::network::Layer;

/// What one layer makes of an image, after its tanh: see [`Classifier::stages`](crate::Classifier::stages).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Activation {
    /// The layer, with its name and the shape of its output.
    pub layer: Layer,
    /// The output, map by map, each by rows: as many numbers as [`Layer::units`].
    pub values: Vec<f32>,
}
