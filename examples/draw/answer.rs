//! What the page is told of a digit.

use base64::{Engine, prelude::BASE64_STANDARD};
use lenet::tch::{Kind, TchError, Tensor};
use serde::Serialize;

#[derive(Serialize)]
pub struct Answer {
    pub digit: u8,
    pub probabilities: [f32; 10],
    /// The digit as MNIST's are: 28x28 bytes in base64, 255 is ink. Samples are so already.
    pub prepared: Option<String>,
    /// The input, and every layer's output.
    pub stages: Vec<Stage>,
    pub why: Why,
}

#[derive(Serialize)]
pub struct Stage {
    pub name: &'static str,
    /// Of one image: `[c, h, w]` or `[n]`.
    pub shape: Vec<i64>,
    pub parameters: usize,
    pub values: Values,
}

/// Why it is this digit and not that one.
#[derive(Serialize)]
pub struct Why {
    /// The class that the digit is compared with.
    pub towards: u8,
    /// The digit's logit less that class's: the logarithm of the ratio of their probabilities.
    pub margin: f32,
    /// By how much the margin shrinks with ink at a pixel: 32x32.
    pub ink: Values,
    /// What each unit of F6 adds to the margin.
    pub units: Vec<f32>,
    /// What is left of the margin without them: the two classes' bias.
    pub bias: f32,
}

/// Numbers of either sign, as bytes: a page gets nine thousand of them several times a second.
#[derive(Serialize)]
pub struct Values {
    /// What 255 stands for; 1 stands for its negative, 128 for 0.
    scale: f32,
    /// In base64.
    bytes: String,
}

impl Values {
    /// Numbers from -1 to 1, as tanh gives.
    pub fn unit(values: &Tensor) -> Result<Values, TchError> {
        Values::scaled(values, 1.0)
    }

    /// Any numbers, by the largest of them.
    pub fn any(values: &Tensor) -> Result<Values, TchError> {
        Values::scaled(values, values.abs().max().double_value(&[]) as f32)
    }

    fn scaled(values: &Tensor, scale: f32) -> Result<Values, TchError> {
        // All of them are 0, or there is one that is no number: nothing to see.
        let scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
        let steps = values * (127.0 / f64::from(scale)) + 128.0;
        let bytes = steps.nan_to_num(128.0, 255.0, 1.0).round().clamp(1, 255).to_kind(Kind::Uint8);
        Ok(Values { scale, bytes: base64(&Vec::try_from(bytes.flatten(0, -1))?) })
    }
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
