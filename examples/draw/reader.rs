//! What the network makes of a digit: its answer, what every layer gives, and what spoke for the answer.

use crate::answer::{Answer, Stage, Values, Why, base64};
use anyhow::{Context, Result, bail};
use lenet::{
    Dataset, LeNet, Prepared,
    image::{ImageReader, Limits},
    tch::{Device, Kind, Tensor, nn, nn::Module, no_grad_guard},
    weights::StateDict,
};
use std::{io::Cursor, path::Path};

/// Those that the repository ships.
const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mnist.safetensors");

/// Width and height of an image, in pixels, and the memory that it may take.
const SIDE: u32 = 4096;
const MEMORY: u64 = 64 << 20;

/// Each stage's layer, by its name in the `state_dict`.
const LAYERS: [&str; 7] =
    ["con_sam.0", "con_sam.2", "con_sam.4", "con_sam.6", "con_sam.8", "fc.0", "fc.2"];

pub struct Reader {
    vs: nn::VarStore,
    net: LeNet,
}

impl Reader {
    pub fn open(path: Option<&Path>) -> Result<Reader> {
        let mut vs = nn::VarStore::new(Device::Cpu);
        let net = LeNet::new(&vs.root());
        let path = path.unwrap_or(WEIGHTS.as_ref());
        let weights = StateDict::read(path)?;
        if let Some(tensor) = weights.non_finite().first() {
            bail!("{}: {} has numbers that are infinite or none", path.display(), tensor.name);
        }
        weights.load_into(&mut vs)?;
        vs.freeze();
        Ok(Reader { vs, net })
    }

    /// What every digit of a set is read as.
    pub fn digits(&self, data: &Dataset) -> Result<Vec<u8>> {
        let _no_grad = no_grad_guard();
        let digits = data
            .images()
            .split(1_000, 0)
            .into_iter()
            .map(|images| self.net.forward(&images).argmax(1, false).to_kind(Kind::Uint8));
        Ok(Vec::try_from(Tensor::cat(&digits.collect::<Vec<_>>(), 0))?)
    }

    /// The digit in an image file.
    pub fn read_file(&self, file: &[u8], towards: Option<u8>) -> Result<Answer> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE);
        limits.max_image_height = Some(SIDE);
        limits.max_alloc = Some(MEMORY);
        let mut image = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
        image.limits(limits);
        let image = image.decode().context("no image that can be read")?;
        let prepared = Prepared::new(&image)?;
        let answer = self.read_pixels(prepared.input().as_raw(), towards)?;
        Ok(Answer { prepared: Some(base64(prepared.digit().as_raw())), ..answer })
    }

    /// A digit that is as the network takes it: 32x32 bytes, 255 is ink. It is compared with `towards`, or where that is
    /// absent, or the digit itself, with the second best.
    pub fn read_pixels(&self, pixels: &[u8], towards: Option<u8>) -> Result<Answer> {
        let image = Tensor::f_from_slice(pixels)?.f_view([1, 1, 32, 32])?.to_kind(Kind::Float);
        let image = (image / 255.0).set_requires_grad(true);
        let outputs = self.net.stages(&image);
        let [.., f6, logits] = &outputs[..] else { unreachable!("there are seven stages") };
        let (f6, logits) = (f6.output.detach().get(0), logits.output.get(0));
        let probabilities = logits.detach().softmax(0, Kind::Float);
        let (_, ranked) = probabilities.sort(0, true);
        let (digit, second) = (ranked.int64_value(&[0]), ranked.int64_value(&[1]));
        let towards = towards.map(i64::from).filter(|&class| class != digit).unwrap_or(second);

        let margin = logits.get(digit) - logits.get(towards);
        let gradient = Tensor::run_backward(&[-&margin], &[&image], false, false);
        let weights = self.variable("fc.2.weight")?;
        let units = (weights.get(digit) - weights.get(towards)) * f6;
        let why = Why {
            towards: towards as u8,
            margin: margin.double_value(&[]) as f32,
            ink: Values::any(&gradient[0])?,
            bias: (&margin - units.sum(Kind::Float)).double_value(&[]) as f32,
            units: Vec::try_from(units)?,
        };

        let mut stages = vec![Stage {
            name: "input",
            shape: vec![1, 32, 32],
            parameters: 0,
            values: Values::unit(&image.detach())?,
        }];
        for (stage, layer) in outputs.iter().zip(LAYERS) {
            let output = stage.output.detach().get(0);
            stages.push(Stage {
                name: stage.name,
                shape: output.size(),
                parameters: self.variable(&format!("{layer}.weight"))?.numel()
                    + self.variable(&format!("{layer}.bias"))?.numel(),
                // The logits are the only ones without tanh.
                values: match stage.name {
                    "output" => Values::any(&output)?,
                    _ => Values::unit(&output)?,
                },
            });
        }
        let mut list = [0.0; 10];
        probabilities.f_copy_data(&mut list, 10)?;
        Ok(Answer { digit: digit as u8, probabilities: list, prepared: None, stages, why })
    }

    fn variable(&self, name: &str) -> Result<Tensor> {
        let variables = self.vs.variables_.lock();
        let variables = variables.unwrap_or_else(|poisoned| poisoned.into_inner());
        variables.named_variables.get(name).map(Tensor::shallow_clone).context(name.to_owned())
    }
}
