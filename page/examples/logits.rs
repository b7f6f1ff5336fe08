//! Writes what the library computes natively for MNIST's test images: ten logits of each, f32. The tests compare the module with it.

use lenet::{Classifier, Mnist};
use std::{
    error::Error,
    io::{self, Write},
};

fn main() -> Result<(), Box<dyn Error>> {
    let (classifier, mnist) = (Classifier::pretrained()?, Mnist::find()?);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for image in mnist.test.image_bytes() {
        for logit in classifier.stages_of(image).iter().rev().take(1).flat_map(|last| &last.values)
        {
            out.write_all(&logit.to_le_bytes())?;
        }
    }
    Ok(out.flush()?)
}
