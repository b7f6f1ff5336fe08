use std::ops::Range;

/// A layer of the network. [`LAYERS`] has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layer {
    /// The paper's name: `C1`, `S2`, `C3`, `S4`, `C5`, `F6`, `output`.
    pub name: &'static str,
    /// The name of its module in PyTorch: its tensors are `{key}.weight` and `{key}.bias`.
    pub key: &'static str,
    /// What it computes.
    pub kind: LayerKind,
    /// Whether a tanh follows: after all but the last.
    pub tanh: bool,
    /// Height and width of its input, in pixels; 1 for a vector.
    pub input_side: usize,
    /// Height and width of its output.
    pub side: usize,
    /// Where its weight starts among all parameters, in the order of the `state_dict`. Its bias follows.
    start: usize,
}

/// What a layer computes, before its tanh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// Kernels of [`KERNEL`] x [`KERNEL`], stride 1, no padding.
    Convolution {
        /// Maps that go in.
        inputs: usize,
        /// Maps that come out.
        outputs: usize,
    },
    /// The average over windows of [`WINDOW`] x [`WINDOW`], times a scale, plus a bias, one of each a channel.
    DownSample {
        /// Maps that go in and come out.
        channels: usize,
    },
    /// Weighted sums of all inputs.
    Linear {
        /// Numbers that go in.
        inputs: usize,
        /// Numbers that come out.
        outputs: usize,
    },
}

/// Height and width of the network's input.
pub const INPUT_SIDE: usize = 32;
/// Height and width of a convolution's kernels.
pub const KERNEL: usize = 5;
/// Height and width of a `DownSample`'s windows, and the distance from one to the next.
pub const WINDOW: usize = 2;

/// The layers, from the image to the logits. Summary, ONNX, the flat order of the parameters and the names in files follow
/// from this table.
pub const LAYERS: [Layer; 7] = {
    use LayerKind::{Convolution, DownSample, Linear};
    let mut layers = [
        Layer::new("C1", "con_sam.0", Convolution { inputs: 1, outputs: 6 }),
        Layer::new("S2", "con_sam.2", DownSample { channels: 6 }),
        Layer::new("C3", "con_sam.4", Convolution { inputs: 6, outputs: 16 }),
        Layer::new("S4", "con_sam.6", DownSample { channels: 16 }),
        Layer::new("C5", "con_sam.8", Convolution { inputs: 16, outputs: 120 }),
        Layer::new("F6", "fc.0", Linear { inputs: 120, outputs: 84 }),
        Layer::new("output", "fc.2", Linear { inputs: 84, outputs: 10 }),
    ];
    let (mut i, mut side, mut start) = (0, INPUT_SIDE, 0);
    while i < layers.len() {
        layers[i].start = start;
        layers[i].input_side = side;
        side = match layers[i].kind {
            Convolution { .. } => side - KERNEL + 1,
            DownSample { .. } => side / WINDOW,
            Linear { .. } => 1,
        };
        layers[i].side = side;
        layers[i].tanh = i + 1 < layers.len();
        start = layers[i].bias().end;
        i += 1;
    }
    layers
};

/// How many parameters the network has: 61,750.
pub const PARAMETERS: usize = LAYERS[6].bias().end;

impl Layer {
    const fn new(name: &'static str, key: &'static str, kind: LayerKind) -> Layer {
        Layer { name, key, kind, tanh: false, input_side: 0, side: 0, start: 0 }
    }

    /// Maps that come out, or numbers of a linear layer.
    pub const fn maps(&self) -> usize {
        match self.kind {
            LayerKind::DownSample { channels } => channels,
            LayerKind::Convolution { outputs, .. } | LayerKind::Linear { outputs, .. } => outputs,
        }
    }

    /// Numbers that come out.
    pub const fn units(&self) -> usize {
        self.maps() * self.side * self.side
    }

    /// The shape of one image's output: `[maps, side, side]`, or `[maps]` where each map is a single number.
    pub fn output_shape(&self) -> Vec<usize> {
        match self.side {
            1 => vec![self.maps()],
            side => vec![self.maps(), side, side],
        }
    }

    /// The number of inputs of a unit, from which the bounds of its initial values follow.
    pub const fn fan_in(&self) -> usize {
        match self.kind {
            LayerKind::Convolution { inputs, .. } => inputs * KERNEL * KERNEL,
            LayerKind::DownSample { .. } => WINDOW * WINDOW,
            LayerKind::Linear { inputs, .. } => inputs,
        }
    }

    /// The shape of the weight: `[out, in, 5, 5]`, `[channels]` or `[out, in]`.
    pub fn weight_shape(&self) -> Vec<usize> {
        match self.kind {
            LayerKind::Convolution { inputs, outputs } => vec![outputs, inputs, KERNEL, KERNEL],
            LayerKind::DownSample { channels } => vec![channels],
            LayerKind::Linear { inputs, outputs } => vec![outputs, inputs],
        }
    }

    /// The places of the weight among all parameters.
    pub const fn weight(&self) -> Range<usize> {
        let weights = match self.kind {
            LayerKind::DownSample { channels } => channels,
            _ => self.fan_in() * self.maps(),
        };
        self.start..self.start + weights
    }

    /// The places of the bias among all parameters.
    pub const fn bias(&self) -> Range<usize> {
        let start = self.weight().end;
        start..start + self.maps()
    }

    /// How many parameters it has.
    pub const fn parameters(&self) -> usize {
        self.bias().end - self.start
    }

    /// Weight and bias out of all `parameters`.
    ///
    /// # Panics
    ///
    /// Where there are fewer than [`PARAMETERS`].
    pub fn of<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        (&parameters[self.weight()], &parameters[self.bias()])
    }

    /// The names and shapes of its two tensors in the `state_dict`.
    pub fn tensors(&self) -> [(String, Vec<usize>); 2] {
        [
            (format!("{}.weight", self.key), self.weight_shape()),
            (format!("{}.bias", self.key), vec![self.maps()]),
        ]
    }
}

/// The names and shapes of the `state_dict`, in its order.
pub(crate) fn state_dict() -> Vec<(String, Vec<usize>)> {
    LAYERS.iter().flat_map(Layer::tensors).collect()
}

impl Layer {
    /// The first convolution: 6 maps of 28x28.
    pub const C1: Layer = LAYERS[0];
    /// The first sub-sampling: 6 maps of 14x14.
    pub const S2: Layer = LAYERS[1];
    /// The second convolution: 16 maps of 10x10.
    pub const C3: Layer = LAYERS[2];
    /// The second sub-sampling: 16 maps of 5x5.
    pub const S4: Layer = LAYERS[3];
    /// The third convolution: 120 numbers.
    pub const C5: Layer = LAYERS[4];
    /// The first linear layer: 84 numbers.
    pub const F6: Layer = LAYERS[5];
    /// The second linear layer: 10 logits.
    pub const OUTPUT: Layer = LAYERS[6];
}
