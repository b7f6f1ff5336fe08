//! A course through the network, layer by layer: its shapes, its parameters, its initial values, its loss, its training. This
//! module has no code.
//!
//! The post implements LeNet-5 in PyTorch and ports it to PaddlePaddle. This page follows it with the same formulas. It lists
//! [the errors of the post](#errors-in-the-post) and
//! [the differences between its network and the paper's](#differences-from-the-paper).
//!
//! # The network
//!
//! <div style="overflow-x: auto" tabindex="0">
#![doc = include_str!("../docs/lenet.svg")]
//! </div>
//!
//! An image of 32×32 pixels goes through three convolutions (C1, C3, C5), two sub-sampling layers (S2, S4) and two linear
//! layers (F6 and the output). The names are the paper's. A tanh follows every layer except the last. From layer to layer the
//! maps become smaller and their number grows. C5 has 120 maps of one pixel each, so the layers after it work on vectors.
//!
//! [`LeNet`] is this network as a `tch` module. [`LeNet::stages`] returns the output of every layer:
//!
//! ```
//! # #[cfg(feature = "torch")] {
//! use lenet::{LeNet, tch::{Device, Kind, Tensor, nn, nn::Module}};
//!
//! let vs = nn::VarStore::new(Device::Cpu);
//! let net = LeNet::new(&vs.root());
//! let images = Tensor::zeros([8, 1, 32, 32], (Kind::Float, Device::Cpu));
//! assert_eq!(net.forward(&images).size(), [8, 10]);
//!
//! let layers: Vec<_> = net.stages(&images).iter().map(|stage| stage.name).collect();
//! assert_eq!(layers, ["C1", "S2", "C3", "S4", "C5", "F6", "output"]);
//! # }
//! ```
//!
//! ## The formulas
//!
//! The post computes sizes and numbers of parameters with these formulas. Kernels and windows are square; k is the length of
//! a side.
//!
//! | what | formula | function |
//! |---|---|---|
//! | side of a convolution's output | (input - k + 2 · padding) / stride + 1 | [`conv_output_size`] |
//! | side of a pooling layer's output | the same | [`pool_output_size`] |
//! | parameters of a convolution | (maps in · k · k + 1) · maps out | [`conv_parameters`] |
//! | parameters of a [`DownSample`] | 2 · maps | |
//! | parameters of a linear layer | (inputs + 1) · outputs | [`linear_parameters`] |
//!
//! The 1 that is added is the bias.
//!
//! ```
//! use lenet::{conv_output_size, conv_parameters, linear_parameters, pool_output_size};
//!
//! // input, kernel, padding, stride
//! assert_eq!(conv_output_size(32, 5, 0, 1), 28); // C1
//! assert_eq!(pool_output_size(28, 2, 0, 2), 14); // S2
//! // maps in, maps out, kernel
//! assert_eq!(conv_parameters(6, 16, 5), 2_416); // C3
//! // inputs, outputs
//! assert_eq!(linear_parameters(120, 84), 10_164); // F6
//! ```
//!
//! Two more counts follow from these. For both, each pixel of an output map is one unit.
//!
//! - *Connections* are what the paper counts: for each unit its inputs and its bias. A convolution uses each parameter once
//!   for each pixel of an output map, so it has parameters · height · width connections.
//! - *Multiply-adds* determine the computing time: the same count without the biases.
//!
//! | layer | output | parameters | bytes | connections | multiply-adds | `state_dict` |
//! |---|---|--:|--:|--:|--:|---|
//! | C1 | 6@28×28 | 156 | 624 | 122,304 | 117,600 | `con_sam.0` |
//! | S2 | 6@14×14 | 12 | 48 | 5,880 | | `con_sam.2` |
//! | C3 | 16@10×10 | 2,416 | 9,664 | 241,600 | 240,000 | `con_sam.4` |
//! | S4 | 16@5×5 | 32 | 128 | 2,000 | | `con_sam.6` |
//! | C5 | 120 | 48,120 | 192,480 | 48,120 | 48,000 | `con_sam.8` |
//! | F6 | 84 | 10,164 | 40,656 | 10,164 | 10,080 | `fc.0` |
//! | output | 10 | 850 | 3,400 | 850 | 840 | `fc.2` |
//! | | | **61,750** | **247,000** | **430,918** | **416,520** | |
//!
//! A parameter is an `f32`, which has 4 bytes. The multiply-adds are those of the convolutions and linear layers for one image.
//! S2 and S4 add four pixels for each pixel of their output, and take 1,176 and 400 multiply-adds for scale and bias. C5 has
//! three quarters of the parameters. C3 has more than half of the multiply-adds, because a convolution uses each of its few
//! parameters many times.
//!
//! ## C1, a convolution
//!
//! Six kernels of 5×5 move over the image in steps of one pixel, without padding. At each position the 25 weights of a kernel
//! are multiplied by the pixels under them. The products are added, and a bias is added to the sum.
//!
//! | | |
//! |---|---|
//! | side of the output | (32 - 5 + 2 · 0) / 1 + 1 = 28 |
//! | parameters | (1 · 5 · 5 + 1) · 6 = 156 |
//! | connections | 156 · 28 · 28 = 122,304 |
//! | multiply-adds | 1 · 5 · 5 · 6 · 28 · 28 = 117,600 |
//!
//! A linear layer between the same 1,024 pixels and 4,704 units would have 4,821,600 parameters.
//!
//! ## S2, a sub-sampling layer
//!
//! The layer averages each map over windows of 2×2 pixels, multiplies the average by a scale and adds a bias. Scale and bias
//! are learned. Each map c has one scale and one bias. y has half the height and half the width of x:
//!
//! > y\[c, i, j\] = weight\[c\] · (x\[c, 2i, 2j\] + x\[c, 2i, 2j+1\] + x\[c, 2i+1, 2j\] + x\[c, 2i+1, 2j+1\]) / 4 + bias\[c\]
//!
//! | | |
//! |---|---|
//! | side of the output | (28 - 2 + 2 · 0) / 2 + 1 = 14 |
//! | parameters | 2 · 6 = 12 |
//! | connections, four pixels and the bias for each unit | (2 · 2 + 1) · 6 · 14 · 14 = 5,880 |
//!
//! PyTorch has no such layer. The post writes it as a module, which is [`DownSample`] in this crate. In this example the pixels
//! are 1, 2, 3 and 6, so their average is 3. With a scale of 2 and a bias of 0.5 the output is 6.5:
//!
//! ```
//! # #[cfg(feature = "torch")] {
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
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## C3, a convolution over several maps
//!
//! Each of the 16 maps has one kernel for each of the 6 maps of S2. The six results are added, and one bias is added to the
//! sum. Neighbouring pixels of S2 come from places in the image that are two pixels apart, so a pixel of C3 depends on 14×14
//! pixels of the image.
//!
//! | | |
//! |---|---|
//! | side of the output | (14 - 5 + 2 · 0) / 1 + 1 = 10 |
//! | parameters | (6 · 5 · 5 + 1) · 16 = 2,416 |
//! | connections | 2,416 · 10 · 10 = 241,600 |
//! | multiply-adds | 6 · 5 · 5 · 16 · 10 · 10 = 240,000 |
//!
//! ## S4, a sub-sampling layer
//!
//! The same as S2, for 16 maps.
//!
//! | | |
//! |---|---|
//! | side of the output | (10 - 2 + 2 · 0) / 2 + 1 = 5 |
//! | parameters | 2 · 16 = 32 |
//! | connections | (2 · 2 + 1) · 16 · 5 · 5 = 2,000 |
//!
//! ## C5, a convolution over the whole map
//!
//! A kernel of 5×5 has exactly one position on a map of 5×5 pixels. So each of the 120 outputs is one number, which depends on
//! all of S4 and on all 32×32 pixels of the image. The layer computes the same as a linear layer from 400 numbers to 120. The
//! result is flattened from `[n, 120, 1, 1]` to `[n, 120]`.
//!
//! | | |
//! |---|---|
//! | side of the output | (5 - 5 + 2 · 0) / 1 + 1 = 1 |
//! | parameters, and connections | (16 · 5 · 5 + 1) · 120 = 48,120 |
//! | multiply-adds | 16 · 5 · 5 · 120 = 48,000 |
//!
//! ## F6 and the output
//!
//! Two linear layers: each output is a weighted sum of all inputs, plus a bias.
//!
//! | | F6 | output |
//! |---|---|---|
//! | parameters, and connections | (120 + 1) · 84 = 10,164 | (84 + 1) · 10 = 850 |
//! | multiply-adds | 120 · 84 = 10,080 | 84 · 10 = 840 |
//!
//! The ten outputs are logits. The largest one is the network's answer. The network contains no softmax, because the loss
//! contains it.
//!
//! ## All layers together
//!
//! [`summary`] applies the formulas layer by layer. The last line of the table above follows from its rows:
//!
//! ```
//! let (mut parameters, mut connections, mut multiply_adds) = (0, 0, 0);
//! for row in lenet::summary([1, 32, 32]).rows() {
//!     let units: i64 = row.output_shape.iter().product();
//!     let maps = row.output_shape[0];
//!     // The inputs of one unit, without its bias.
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
//! PyTorch draws the weights and biases of a layer from U(±1/√F). F, the fan-in, is the number of inputs of one unit. The post
//! draws the scales and biases of its `DownSample` from N(0, 1).
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
//! use lenet::{TrainConfig, Trainer};
//!
//! let weights = Trainer::new(TrainConfig::pytorch())?.state_dict();
//! for (layer, fan_in) in [("con_sam.0", 25.0), ("con_sam.4", 150.0), ("con_sam.8", 400.0)] {
//!     let weight = weights.get(&format!("{layer}.weight")).ok_or("no such weight")?;
//!     let largest = weight.values().iter().fold(0f32, |largest, value| largest.max(value.abs()));
//!     let (largest, bound) = (f64::from(largest), 1.0 / f64::sqrt(fan_in));
//!     assert!(0.8 * bound < largest && largest <= bound, "{layer}: {largest}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! PaddlePaddle uses other distributions, so the post's second program starts the same network from other values. [`Init`] has
//! both. For a given seed the values are those that PyTorch draws after `torch.manual_seed` on an x86-64 CPU with AVX2 or AVX-512,
//! bit for bit.
//!
//! # The loss
//!
//! The loss of an image is the cross-entropy of the softmax: `log(Σ exp(logit)) - logit of the label`. The loss of a batch is
//! the mean over its images. A network that gives all ten digits the same probability has a loss of log 10 = 2.303.
//!
//! The post adds up the mean losses of the batches of an epoch, and divides the sum by the number of *images*. The mean loss
//! would be the sum divided by the number of *batches*. So the post prints the mean loss divided by the batch size (only
//! approximately, where the last batch is smaller). An example with 64 images in two batches of 32, whose mean losses are 0.4
//! and 0.2:
//!
//! | | |
//! |---|---|
//! | the mean loss | (0.4 + 0.2) / 2 = 0.3 |
//! | what the post prints | (0.4 + 0.2) / 64 = 0.009375 = 0.3 / 32 |
//!
//! [`EpochStats`] and [`Evaluation`] have both figures, as `loss` and `blog_loss`. With seed 0 the first epoch has a `loss` of
//! 0.324860 and a `blog_loss` of 0.010152. The error concerns the printed figure only: in the post's programs, too, the
//! gradients are those of the mean loss of the batch.
//!
//! # Training
//!
//! | | [`TrainConfig::pytorch`] | [`TrainConfig::paddle`] |
//! |---|---|---|
//! | is | the post's PyTorch program | the post's PaddlePaddle program |
//! | optimizer | Adam, learning rate 1e-3 | the same |
//! | batch size | 32 | 64 |
//! | epochs | 10 | 10 |
//! | steps in an epoch of 60,000 images | 1,875 | 938, the last one on 32 images |
//! | steps in ten epochs | 18,750 | 9,380 |
//! | initial values | `Init::PyTorch` | `Init::Paddle` |
//!
//! Each call of [`Trainer::train_epoch`] goes through a [`Dataset`] once. The order of the images is a `torch.randperm` of the
//! seed and the epoch.
//!
//! ```
//! use lenet::{Dataset, TrainConfig, Trainer};
//!
//! // 64 images with one bar each. The first 32 bars are horizontal, class 0; the others are vertical, class 1.
//! let mut pixels = vec![0u8; 64 * 32 * 32];
//! for (i, pixel) in pixels.iter_mut().enumerate() {
//!     let (image, row, column) = (i / (32 * 32), i / 32 % 32, i % 32);
//!     let across = if image < 32 { row } else { column };
//!     if (14..18).contains(&across) {
//!         *pixel = 255;
//!     }
//! }
//! let data = Dataset::from_pixels(pixels, [[0u8; 32], [1; 32]].concat())?;
//!
//! let mut trainer = Trainer::new(TrainConfig::pytorch())?;
//! for _ in 0..60 {
//!     let stats = trainer.train_epoch(&data)?; // two steps
//!     assert!((stats.blog_loss - stats.loss / 32.0).abs() < 1e-9);
//! }
//! assert_eq!(trainer.evaluate(&data)?.accuracy, 1.0);
//! # Ok::<(), lenet::Error>(())
//! ```
//!
//! # Errors in the post
//!
//! The post gives the right sizes and numbers of parameters for the network that it trains: `torchsummary` counts the same. It
//! has two errors:
//!
//! - The figure that it prints as the loss is approximately the mean loss divided by the batch size: by 32, or by 64 in the
//!   PaddlePaddle program. See [the loss](#the-loss). The example `train_mnist` prints the same figure, so that the two
//!   programs can be compared, and the mean loss on stderr.
//! - It counts 8 bytes for a number of 32 bits. The right count is 4. The parameters take 61,750 · 4 = 247,000 bytes, which is
//!   0.247 MB. (The summaries print 0.24, because they count in units of 1,024 · 1,024 bytes.)
//!
//! The post also describes the paper's network, but trains another one. So its counts are not those of the paper, where C3 has
//! 1,516 parameters and the whole network 60,000.
//!
//! # Differences from the paper
//!
//! [`LeNet`] is the post's network. The module [`lenet_1998`] is the network of LeCun, Bottou, Bengio and Haffner,
//! *Gradient-Based Learning Applied to Document Recognition*, 1998,
//! [doi:10.1109/5.726791](https://doi.org/10.1109/5.726791). `docs/paper.md` says what the paper leaves open, and how
//! this crate decides it.
//!
//! | | the post | the paper |
//! |---|---|---|
//! | input | 28×28 pixels enlarged to 32×32, values 0 to 1 | 28×28 pixels in the middle of 32×32 ([`Fit::Pad`]), values -0.1 to 1.175 |
//! | activation function | tanh(a) | 1.7159 tanh(2/3 a) |
//! | S2, S4 | scale · *average* of four pixels | coefficient · *sum* of four pixels: the same function, with a coefficient of a quarter of the scale |
//! | C3 | each map uses all 6 maps of S2: 96 kernels, 2,416 parameters | each map uses 3, 4 or 6 of them ([`C3::Partial`]): 60 kernels, 1,516 parameters |
//! | output | 10 linear units, 850 parameters | 10 radial basis units with fixed [`codes()`], no trained parameters |
//! | parameters | 61,750 | 60,000 |
//! | connections | 430,918 | 340,908 |
//! | initial values | U(±1/√F); S2 and S4: N(0, 1) | U(±2.4/F) in print; this crate uses U(±1/√F) by default, see [`LeNet1998Config`] |
//! | loss | cross-entropy of a softmax | equation 9: the distance from the code of the label, and a term that increases the distances from the other codes |
//! | training | Adam, 32 images a step, 10 epochs | stochastic diagonal Levenberg-Marquardt, one image a step, 20 passes ([`LeNet1998Trainer`]) |
//!
//! [`conv_output_size`]: crate::conv_output_size
//! [`pool_output_size`]: crate::pool_output_size
//! [`conv_parameters`]: crate::conv_parameters
//! [`linear_parameters`]: crate::linear_parameters
//! [`summary`]: crate::summary()
//! [`Init`]: crate::Init
//! [`EpochStats`]: crate::EpochStats
//! [`Evaluation`]: crate::Evaluation
//! [`TrainConfig::pytorch`]: crate::TrainConfig::pytorch
//! [`TrainConfig::paddle`]: crate::TrainConfig::paddle
//! [`Trainer::train_epoch`]: crate::Trainer::train_epoch
//! [`Dataset`]: crate::Dataset
//! [`Fit::Pad`]: crate::data::Fit::Pad
//! [`lenet_1998`]: crate::lenet_1998
//! [`C3::Partial`]: crate::lenet_1998::C3::Partial
//! [`codes()`]: crate::lenet_1998::codes()
//! [`LeNet1998Config`]: crate::lenet_1998::LeNet1998Config
//! [`LeNet1998Trainer`]: crate::lenet_1998::LeNet1998Trainer
#![cfg_attr(feature = "torch", doc = "[`LeNet`]: crate::LeNet")]
#![cfg_attr(feature = "torch", doc = "[`LeNet::stages`]: crate::LeNet::stages")]
#![cfg_attr(feature = "torch", doc = "[`DownSample`]: crate::DownSample")]
// Without `torch` these types are not there to link to.
#![cfg_attr(not(feature = "torch"), doc = "[`LeNet`]: crate#features")]
#![cfg_attr(not(feature = "torch"), doc = "[`LeNet::stages`]: crate#features")]
#![cfg_attr(not(feature = "torch"), doc = "[`DownSample`]: crate#features")]
