use std::ops::Range;

/// How many parameters the network has.
pub const PARAMETERS: usize = 61_750;
/// Pixels of an image: 32×32.
pub const PIXELS: usize = 32 * 32;
/// Digits.
pub const CLASSES: usize = 10;

// The outputs of the layers, of one image.
pub(super) const C1: usize = 6 * 28 * 28;
pub(super) const S2: usize = 6 * 14 * 14;
pub(super) const S4: usize = 16 * 5 * 5;
pub(super) const C5: usize = 120;
pub(super) const F6: usize = 84;

/// C3's output is kept with a column of zeros at either side of each row: 16 maps of 10 rows of 12. The backward pass of the
/// convolution reads over the edges.
pub(super) const C3_PADDED: usize = 16 * 10 * 12;

/// How many of the parameters, the first ones, belong to layers whose weights are shared between positions: C1, S2, C3, S4.
pub(super) const SHARED: usize = 2_616;

/// The parameters' places in the flat buffer, in the order of the `state_dict`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    /// Where its weight starts; the bias follows on it.
    weight: usize,
    /// Where its bias starts.
    bias: usize,
    /// Where it ends.
    end: usize,
}

impl Layer {
    /// `con_sam.0`: weight `[6, 1, 5, 5]`.
    pub const C1: Layer = Layer::new(0, 6 * 25, 6);
    /// `con_sam.2`: weight `[6]`.
    pub const S2: Layer = Layer::new(Layer::C1.end, 6, 6);
    /// `con_sam.4`: weight `[16, 6, 5, 5]`.
    pub const C3: Layer = Layer::new(Layer::S2.end, 16 * 6 * 25, 16);
    /// `con_sam.6`: weight `[16]`.
    pub const S4: Layer = Layer::new(Layer::C3.end, 16, 16);
    /// `con_sam.8`: weight `[120, 400]`.
    pub const C5: Layer = Layer::new(Layer::S4.end, C5 * S4, C5);
    /// `fc.0`: weight `[84, 120]`.
    pub const F6: Layer = Layer::new(Layer::C5.end, F6 * C5, F6);
    /// `fc.2`: weight `[10, 84]`.
    pub const OUTPUT: Layer = Layer::new(Layer::F6.end, CLASSES * F6, CLASSES);

    const fn new(weight: usize, weights: usize, biases: usize) -> Layer {
        Layer { weight, bias: weight + weights, end: weight + weights + biases }
    }

    /// The places of the weight.
    pub const fn weight(self) -> Range<usize> {
        self.weight..self.bias
    }

    /// The places of the bias.
    pub const fn bias(self) -> Range<usize> {
        self.bias..self.end
    }

    /// Weight and bias out of all `parameters`.
    pub fn of(self, parameters: &[f32]) -> (&[f32], &[f32]) {
        (&parameters[self.weight()], &parameters[self.bias()])
    }
}

const _: () = assert!(Layer::S4.end == SHARED && Layer::OUTPUT.end == PARAMETERS);

/// The parts of the flat buffer that `threads` threads own, in order: about equally long, each of whole rows of the dense
/// layers' weights.
pub(super) fn shares(threads: usize) -> Vec<Range<usize>> {
    let mut rows: Vec<usize> = vec![0];
    for (layer, inputs) in [(Layer::C5, S4), (Layer::F6, C5), (Layer::OUTPUT, F6)] {
        rows.extend(layer.weight().step_by(inputs));
        rows.push(layer.bias);
    }
    rows.push(PARAMETERS);
    let border = |thread: usize| {
        let even = PARAMETERS * thread / threads;
        rows[rows.partition_point(|&row| row < even)]
    };
    (0..threads).map(|thread| border(thread)..border(thread + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::{PARAMETERS, shares};

    #[test]
    fn shares_cover_everything_once() {
        for threads in 1..300 {
            let shares = shares(threads);
            assert_eq!(shares.len(), threads);
            let mut end = 0;
            for share in shares {
                assert_eq!(share.start, end);
                end = share.end;
            }
            assert_eq!(end, PARAMETERS);
        }
    }
}
