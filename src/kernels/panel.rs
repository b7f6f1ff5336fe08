use super::vector::{Kernel, Vector};

/// Vectors that are summed side by side along a row of a panel.
pub(super) const BLOCK: usize = 5;

/// How many vectors a row of a panel has for a layer of so many `inputs`: whole blocks of [`BLOCK`].
pub(super) const fn row_length<V: Vector>(inputs: usize) -> usize {
    inputs.div_ceil(V::LANES).next_multiple_of(BLOCK)
}

/// Turns what goes into a dense layer, a vector over images for each input, into a panel: a row of inputs for each image. The
/// zeros that fill up the rows are left alone.
#[derive(Debug)]
pub(crate) struct Transpose<'a, V> {
    /// `[inputs]`
    pub input: &'a [V],
    /// `[LANES, row_length]`
    pub panel: &'a mut [V],
}

impl<V: Vector> Kernel<V> for Transpose<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let inputs = self.input.len();
        let input = V::floats(self.input);
        for (lane, row) in self.panel.chunks_exact_mut(row_length::<V>(inputs)).enumerate() {
            let row = V::floats_mut(row);
            let column = input[lane..].iter().step_by(V::LANES);
            for (number, &value) in row.iter_mut().zip(column) {
                *number = value;
            }
        }
    }
}
