//! LeNet-5 on libtorch: the network of a well-known PyTorch post, number for number, with its training, its data and its
//! weights.
//!
//! ```no_run
//! use lenet::{Classifier, Mnist, TrainConfig, Trainer, image, weights};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mnist = Mnist::find()?; // where others keep it, or downloaded
//!     let mut trainer = Trainer::new(TrainConfig::pytorch())?;
//!     for epoch in 1..=trainer.config().epochs {
//!         let train = trainer.train_epoch(&mnist.train)?;
//!         let test = trainer.evaluate(&mnist.test)?;
//!         println!("{epoch}: loss {:.4}, test accuracy {:.4}", train.loss, test.accuracy);
//!     }
//!     weights::save(trainer.var_store(), "lenet.safetensors")?;
//!
//!     let classifier = Classifier::open("lenet.safetensors")?;
//!     println!("{}", classifier.classify(&image::open("digit.jpg")?)?.digit);
//!     Ok(())
//! }
//! ```
//!
//! The post implements LeNet-5 in PyTorch and ports it to PaddlePaddle. This page goes through its network with its
//! formulas, says [where it errs](#where-the-post-errs) and [where its network is not the
//! paper's](#differences-from-the-paper), and ends with [where to look next](#where-to-look-next). The README has the
//! commands, and `templates/app` the `build.rs` that a program of yours needs to link with libtorch.
//!
//! # The network
//!
//! <div style="overflow-x: auto" tabindex="0">
#![doc = include_str!("../docs/lenet.svg")]
//! </div>
//!
//! An image of 32×32 pixels goes through three convolutions (C1, C3, C5), two sub-samplings (S2, S4) and two linear layers
//! (F6 and the output). The names are the paper's. A tanh follows each layer but the last. On the way the maps become
//! smaller and more numerous, until C5 has 120 of one pixel each, and what follows works on vectors. [`LeNet`] is all of it,
//! and [`LeNet::stages`] gives what each layer makes of a batch:
//!
//! ```
//! use lenet::{LeNet, tch::{Device, Kind, Tensor, nn}};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let net = LeNet::new(&vs.root());
//! let images = Tensor::zeros([8, 1, 32, 32], (Kind::Float, Device::Cpu));
//! let expected: [(&str, &[i64]); 7] = [
//!     ("C1", &[8, 6, 28, 28]),
//!     ("S2", &[8, 6, 14, 14]),
//!     ("C3", &[8, 16, 10, 10]),
//!     ("S4", &[8, 16, 5, 5]),
//!     ("C5", &[8, 120]),
//!     ("F6", &[8, 84]),
//!     ("output", &[8, 10]),
//! ];
//! let stages = net.stages(&images);
//! assert_eq!(stages.len(), expected.len());
//! for (stage, (name, shape)) in stages.iter().zip(expected) {
//!     assert_eq!((stage.name, &stage.output.size()[..]), (name, shape));
//! }
//! ```
//!
//! ## The formulas
//!
//! The post computes sizes and parameters with these. Kernels and windows are square, of side k.
//!
//! | what | formula | here |
//! |---|---|---|
//! | side of a convolution's output | (input - k + 2 · padding) / stride + 1 | [`conv_output_size`] |
//! | side of a pooling's output | the same | [`pool_output_size`] |
//! | parameters of a convolution | (maps in · k · k + 1) · maps out | [`conv_parameters`] |
//! | parameters of a [`DownSample`] | 2 · maps | |
//! | parameters of a linear layer | (inputs + 1) · outputs | [`linear_parameters`] |
//!
//! The + 1 is the bias. Two more counts follow from them, if each output pixel is taken for a unit of its own:
//!
//! - *Connections*, which the paper counts: what a unit takes in, and its bias, times the number of units. A convolution
//!   uses each of its parameters once for each pixel of a map, so that it has parameters · height · width of them.
//! - *Multiply-adds*, which take the time: the same without the biases.
//!
//! | layer | output | parameters | bytes | connections | multiply-adds |
//! |---|---|--:|--:|--:|--:|
//! | C1 | 6@28×28 | 156 | 624 | 122,304 | 117,600 |
//! | S2 | 6@14×14 | 12 | 48 | 5,880 | |
//! | C3 | 16@10×10 | 2,416 | 9,664 | 241,600 | 240,000 |
//! | S4 | 16@5×5 | 32 | 128 | 2,000 | |
//! | C5 | 120 | 48,120 | 192,480 | 48,120 | 48,000 |
//! | F6 | 84 | 10,164 | 40,656 | 10,164 | 10,080 |
//! | output | 10 | 850 | 3,400 | 850 | 840 |
//! | | | **61,750** | **247,000** | **430,918** | **416,520** |
//!
//! A parameter is an `f32`, 4 bytes. The multiply-adds are those of convolutions and linear layers for one image; S2 and S4
//! add up four pixels for each of theirs, and take 1,176 and 400 multiply-adds for scale and bias. C5 has three quarters of
//! the parameters, C3 more than half of the work: a convolution uses its few parameters again and again.
//!
//! ## C1, a convolution
//!
//! Six kernels of 5×5 slide over the image, one pixel a step, no padding. Where a kernel lies, its 25 weights are multiplied
//! with the pixels beneath, added up, and a bias is added. A kernel of 5 fits 28 times into 32 pixels:
//!
//! ```
//! use lenet::{conv_output_size, conv_parameters};
//!
//! assert_eq!((32 - 5 + 2 * 0) / 1 + 1, 28);
//! assert_eq!(conv_output_size(32, 5, 0, 1), 28); // 6 maps of 28×28
//!
//! assert_eq!((1 * 5 * 5 + 1) * 6, 156);
//! assert_eq!(conv_parameters(1, 6, 5), 156);
//!
//! assert_eq!(156 * 28 * 28, 122_304); // connections
//! assert_eq!(1 * 5 * 5 * 6 * 28 * 28, 117_600); // multiply-adds
//! ```
//!
//! A linear layer between the same 1,024 pixels and 4,704 units would have 4,821,600 parameters.
//!
//! ## S2, a sub-sampling
//!
//! Each map is averaged over windows of 2×2, multiplied by a scale and moved by a bias. These two are learned, one pair for
//! each map c. In an equation, y being half as high and wide as x:
//!
//! > y\[c, i, j\] = weight\[c\] · (x\[c, 2i, 2j\] + x\[c, 2i, 2j+1\] + x\[c, 2i+1, 2j\] + x\[c, 2i+1, 2j+1\]) / 4 + bias\[c\]
//!
//! ```
//! use lenet::pool_output_size;
//!
//! assert_eq!((28 - 2 + 2 * 0) / 2 + 1, 14);
//! assert_eq!(pool_output_size(28, 2, 0, 2), 14); // 6 maps of 14×14
//!
//! assert_eq!(2 * 6, 12); // parameters
//! assert_eq!((2 * 2 + 1) * 6 * 14 * 14, 5_880); // connections: four pixels and the bias
//! ```
//!
//! PyTorch has no such layer. The post writes it as a module, which is [`DownSample`] here. With a scale of 2 and a bias of
//! 0.5 it makes 6.5 of the pixels 1, 2, 3 and 6, whose average is 3:
//!
//! ```
//! use lenet::{DownSample, DownSampleConfig};
//! use lenet::tch::{Device, Tensor, nn, nn::Module, no_grad};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let down_sample = DownSample::new(&vs.root(), 1, DownSampleConfig::default());
//! let mut parameters = vs.variables();
//! for (name, value) in [("weight", 2.0), ("bias", 0.5)] {
//!     let parameter = parameters.get_mut(name).ok_or("no such parameter")?;
//!     let _ = no_grad(|| parameter.fill_(value));
//! }
//! let map = Tensor::from_slice(&[1f32, 2., 3., 6.]).view([1, 1, 2, 2]);
//! assert_eq!(down_sample.forward(&map).double_value(&[0, 0, 0, 0]), 6.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## C3, over several maps
//!
//! Each of the 16 maps has a kernel for each of the 6 maps of S2. What the six give is added up, and one bias is added. Two
//! pixels of S2 are two pixels of the image apart, so that a pixel of C3 depends on 14×14 pixels of the image.
//!
//! ```
//! use lenet::{conv_output_size, conv_parameters};
//!
//! assert_eq!((14 - 5 + 2 * 0) / 1 + 1, 10);
//! assert_eq!(conv_output_size(14, 5, 0, 1), 10); // 16 maps of 10×10
//!
//! assert_eq!((6 * 5 * 5 + 1) * 16, 2_416);
//! assert_eq!(conv_parameters(6, 16, 5), 2_416);
//!
//! assert_eq!(2_416 * 10 * 10, 241_600); // connections
//! assert_eq!(6 * 5 * 5 * 16 * 10 * 10, 240_000); // multiply-adds
//! ```
//!
//! ## S4, a sub-sampling
//!
//! As S2, on 16 maps.
//!
//! ```
//! use lenet::pool_output_size;
//!
//! assert_eq!((10 - 2 + 2 * 0) / 2 + 1, 5);
//! assert_eq!(pool_output_size(10, 2, 0, 2), 5); // 16 maps of 5×5
//!
//! assert_eq!(2 * 16, 32); // parameters
//! assert_eq!((2 * 2 + 1) * 16 * 5 * 5, 2_000); // connections
//! ```
//!
//! ## C5, over all that there is
//!
//! A kernel of 5×5 fits once into 5×5 pixels. So each of the 120 outputs is one number, which depends on all of S4 and all
//! 32×32 pixels of the image, and the layer is as good as a linear one from 400 numbers to 120. The result is flattened from
//! `[n, 120, 1, 1]` to `[n, 120]`.
//!
//! ```
//! use lenet::{conv_output_size, conv_parameters, linear_parameters};
//!
//! assert_eq!((5 - 5 + 2 * 0) / 1 + 1, 1);
//! assert_eq!(conv_output_size(5, 5, 0, 1), 1); // 120 maps of 1×1
//!
//! assert_eq!((16 * 5 * 5 + 1) * 120, 48_120); // parameters, and connections
//! assert_eq!(conv_parameters(16, 120, 5), 48_120);
//! assert_eq!(linear_parameters(16 * 5 * 5, 120), 48_120);
//!
//! assert_eq!(16 * 5 * 5 * 120, 48_000); // multiply-adds
//! ```
//!
//! ## F6 and the output
//!
//! Two linear layers: each output is a weighted sum of all inputs, and a bias.
//!
//! ```
//! use lenet::linear_parameters;
//!
//! assert_eq!((120 + 1) * 84, 10_164); // F6: parameters, and connections
//! assert_eq!(linear_parameters(120, 84), 10_164);
//! assert_eq!(120 * 84, 10_080); // multiply-adds
//!
//! assert_eq!((84 + 1) * 10, 850); // the output
//! assert_eq!(linear_parameters(84, 10), 850);
//! assert_eq!(84 * 10, 840);
//! ```
//!
//! The ten outputs are logits: the largest is the answer. There is no softmax in the network, since the loss has it.
//!
//! ## The whole
//!
//! [`summary`] works the formulas through layer by layer. Its rows give the table's last line:
//!
//! ```
//! let (mut parameters, mut connections, mut multiply_adds) = (0, 0, 0);
//! for row in lenet::summary([1, 32, 32]).rows() {
//!     let units: i64 = row.output_shape.iter().product();
//!     let maps = row.output_shape[0];
//!     // What a unit takes in, its bias aside.
//!     let inputs = match row.layer {
//!         "Conv2d" | "Linear" => row.parameters / maps - 1,
//!         "DownSample" => 2 * 2,
//!         _ => continue, // no parameters
//!     };
//!     parameters += row.parameters;
//!     connections += (inputs + 1) * units;
//!     if row.layer != "DownSample" {
//!         multiply_adds += inputs * units;
//!     }
//! }
//! assert_eq!([parameters, connections, multiply_adds], [61_750, 430_918, 416_520]);
//! assert_eq!(parameters * 4, 247_000); // bytes
//! ```
//!
//! # Initial values
//!
//! PyTorch draws the weights and biases of a layer from U(±1/√F), where F, the fan-in, is the number of a unit's inputs. The
//! post draws the scales and biases of its `DownSample` from N(0, 1).
//!
//! | layer | F | drawn from |
//! |---|--:|---|
//! | C1 | 1 · 5 · 5 = 25 | U(±0.2) |
//! | C3 | 6 · 5 · 5 = 150 | U(±0.0816) |
//! | C5 | 16 · 5 · 5 = 400 | U(±0.05) |
//! | F6 | 120 | U(±0.0913) |
//! | output | 84 | U(±0.1091) |
//! | S2, S4 | | N(0, 1) |
//!
//! ```
//! use lenet::{LeNet, tch::{Device, nn}};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! LeNet::new(&vs.root());
//! let variables = vs.variables();
//! for (layer, fan_in) in [("con_sam.0", 25.0), ("con_sam.4", 150.0), ("con_sam.8", 400.0)] {
//!     let bound = 1.0 / f64::sqrt(fan_in);
//!     let largest = variables[&format!("{layer}.weight")].abs().max().double_value(&[]);
//!     assert!(0.8 * bound < largest && largest <= bound, "{layer}: {largest}");
//! }
//! ```
//!
//! PaddlePaddle draws otherwise, so that the same network starts elsewhere in the post's second program: [`Init`] has both.
//! For one seed the values are those that PyTorch draws after `torch.manual_seed`, bit for bit.
//!
//! # The loss
//!
//! It is the cross-entropy of the softmax: `log(Σ exp(logit)) - logit of the label`, the mean over a batch. A network that
//! thinks all ten digits equally likely has log 10 = 2.303:
//!
//! ```
//! use lenet::tch::{Device, Kind, Tensor};
//!
//! let logits = Tensor::zeros([1, 10], (Kind::Float, Device::Cpu));
//! let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&[7i64])).double_value(&[]);
//! assert!((loss - 10f64.ln()).abs() < 1e-6);
//! ```
//!
//! The post adds up the mean losses of an epoch's batches, and divides the sum by the number of *images*. Divided by the
//! number of *batches* it would be the mean loss; so it is that loss divided by the batch size. Take 64 images in two
//! batches, of mean loss 0.4 and 0.2:
//!
//! ```
//! let sum: f64 = 0.4 + 0.2;
//! assert!((sum / 2.0 - 0.3).abs() < 1e-12); // the mean loss
//! assert!((sum / 64.0 - 0.009_375).abs() < 1e-12); // what the post prints: 0.3 / 32
//! ```
//!
//! [`EpochStats`] and [`Evaluation`] have both: `loss` and `blog_loss`. With seed 0 the first epoch's are 0.324860 and
//! 0.010152. The gradients are those of the batch's mean loss in the post's programs, too: only the figure is off.
//!
//! # Training
//!
//! [`TrainConfig::pytorch`] is the post's PyTorch program: Adam at a learning rate of 1e-3, batches of 32, ten epochs.
//! 60,000 images are 1,875 batches, so that ten epochs are 18,750 steps. [`TrainConfig::paddle`] is its PaddlePaddle
//! program: batches of 64, 938 an epoch, the last one of 32, and [`Init::Paddle`]. A [`Trainer`] goes through a [`Dataset`]
//! once at each call of [`train_epoch`](Trainer::train_epoch), in an order that is a `torch.randperm` of the seed and the
//! epoch.
//!
//! ```
//! use lenet::{Dataset, TrainConfig, Trainer, tch::{Device, Kind, Tensor}};
//!
//! let config = TrainConfig { device: Device::Cpu, ..TrainConfig::pytorch() };
//! // 64 images with a bar each, standing or lying: two classes, 0 and 1.
//! let pixels = Tensor::zeros([64, 32, 32], (Kind::Uint8, Device::Cpu));
//! let _ = pixels.narrow(0, 0, 32).narrow(1, 14, 4).fill_(255);
//! let _ = pixels.narrow(0, 32, 32).narrow(2, 14, 4).fill_(255);
//! let labels = Tensor::from_slice(&[[0i64; 32], [1; 32]].concat());
//! let data = Dataset::new(pixels, labels)?;
//!
//! let mut trainer = Trainer::new(config)?;
//! for _ in 0..60 {
//!     let stats = trainer.train_epoch(&data)?; // two steps
//!     assert!((stats.blog_loss - stats.loss / 32.0).abs() < 1e-9);
//! }
//! assert_eq!(trainer.evaluate(&data)?.accuracy, 1.0);
//! # Ok::<(), lenet::Error>(())
//! ```
//!
//! # Where the post errs
//!
//! Its sizes and parameters are right for the network that it trains: `torchsummary` counts the same. It errs in two places:
//!
//! - What it prints as loss is no mean loss, but about a thirty-second of it, or a sixty-fourth in the PaddlePaddle program,
//!   as [worked through above](#the-loss). `train_mnist` prints it so, to be compared, and the mean loss beside it.
//! - It counts 8 bytes for a number of 32 bits. There are 4: the parameters take 61,750 · 4 = 247,000 bytes, 0.247 MB. (The
//!   summaries print 0.24, of 1,024 · 1,024 bytes each.)
//!
//! And it describes the paper's network, but trains another one, whose counts are not the paper's: C3 there has 1,516
//! parameters, and the whole 60,000.
//!
//! # Differences from the paper
//!
//! [`LeNet`] is the post's network, [`LeNet1998`] the one of LeCun, Bottou, Bengio and Haffner, *Gradient-Based Learning
//! Applied to Document Recognition*, 1998. `docs/paper.md` says what that paper leaves open, and which reading was taken.
//!
//! | | the post | the paper |
//! |---|---|---|
//! | input | 28×28 pixels enlarged to 32×32, 0 to 1 | set in the middle of 32×32 ([`Fit::Pad`]), -0.1 to 1.175 |
//! | squash | tanh(a) | 1.7159 tanh(2/3 a) |
//! | S2, S4 | scale · *average* of four | coefficient · *sum* of four: the same function, its coefficient a quarter of that scale |
//! | C3 | each map from all 6 of S2: 96 kernels, 2,416 parameters | from 3, 4 or 6 of them ([`C3::Partial`]): 60 kernels, 1,516 |
//! | output | 10 linear units, 850 parameters | 10 radial basis units with fixed [`codes`], none trained |
//! | parameters | 61,750 | 60,000 |
//! | connections | 430,918 | 340,908 |
//! | initial values | U(±1/√F), S2 and S4 N(0, 1) | U(±2.4/F) in print; U(±1/√F) by default here, see [`LeNet1998Config`] |
//! | loss | cross-entropy of a softmax | equation 9: the distance from the label's code, and a term that pushes the others away |
//! | training | Adam, 32 images a step, 10 epochs | stochastic diagonal Levenberg-Marquardt, one image a step, 20 passes ([`LeNet1998Trainer`]) |
//!
//! # Where to look next
//!
//! - **Data**: [`Mnist`] finds, downloads and opens the four files; [`Dataset`] holds images and labels as bytes; [`Idx`]
//!   reads the format.
//! - **Training**: [`TrainConfig`] with its [`Optimizer`], [`Schedule`] and [`Engine`]; [`Trainer`]; [`Checkpoints`] for a
//!   run that can be killed; [`Evaluation`] for the confusion matrix, precision, recall and mistakes.
//! - **Weights**: [`weights`] reads and writes safetensors, `torch.save`, npz and `paddle.save`, and writes ONNX.
//! - **Reading digits**: [`Classifier`], which comes with a trained network, [`Prepared`], what it makes of a picture first,
//!   and [`Prediction`].
//! - **The paper**: [`LeNet1998`], [`LeNet1998Config`], [`LeNet1998Trainer`], [`Distortion`].
//! - **Errors**: [`Error`], one for all of it.
//!
//! [`tch`] and [`image`] are those crates, as this one uses them: variables, tensors and pictures pass from one to the
//! other.
//!
//! Features: `download` fetches MNIST, `report` writes figures and pictures of a run; both are on by default.
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod atomic_file;
mod classifier;
mod data;
mod error;
mod generator;
#[doc(hidden)] // for the benches, which measure the kernels one by one: no part of the interface
pub mod kernels;
mod lenet_1998;
mod network;
mod protobuf;
#[cfg(feature = "report")]
mod report;
mod torch;
mod train;
pub mod weights;

pub use classifier::{Classifier, Prediction, Prepared};
pub use data::{Dataset, Distortion, Fit, Idx, Mnist};
#[cfg(feature = "download")]
pub use data::{Download, DownloadProgress};
pub use error::{Error, Result};
pub use image;
pub use lenet_1998::{
    C3, CODE_HEIGHT, CODE_WIDTH, EarlyEstimates, InitBound, LeNet1998Config, LeNet1998Row,
    LeNet1998Summary, LeNet1998TrainConfig, LeNet1998Trainer, OutputUnits, PassStats, codes,
};
#[cfg(feature = "report")]
pub use lenet_1998::{HeldOut, LeNet1998Pictures};
pub use network::{
    Summary, SummaryRow, conv_output_size, conv_parameters, linear_parameters, pool_output_size,
    summary,
};
#[cfg(feature = "report")]
pub use report::{EpochRecord, Explanation, Report};
pub use tch;
pub use torch::{DownSample, DownSampleConfig, Init, LeNet, LeNet1998, Stage};
pub use train::{
    Adam, AdamW, AnnealStrategy, BatchStats, Best, Checkpoints, Engine, EpochStats, Evaluation,
    Mistake, OneCycleLr, Optimizer, Progress, Recipe, Resumable, Resumed, Schedule, Sgd,
    TrainConfig, Trainer,
};

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
