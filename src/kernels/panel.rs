use super::vector::{Kernel, Vector};

/// Vectors that are summed side by side along a row of a panel.
pub(super) const BLOCK: usize = 5;

/// How many vectors a row of a panel has for a layer of so many `inputs`: whole blocks of [`BLOCK`].
pub(super) const fn row_length<V: Vector>(inputs: usize) -> usize {
    inputs.div_ceil(V::LANES).next_multiple_of(BLOCK)
}

/// Turns vectors over images, one for each number, into a row of numbers for each image. What follows them in a row is left alone.
#[derive(Debug)]
pub(crate) struct Transpose<'a, V> {
    /// `[numbers]`
    pub vectors: &'a [V],
    /// `[images, row]`
    pub rows: &'a mut [f32],
    /// How long a row is.
    pub row: usize,
}

impl<V: Vector> Kernel<V> for Transpose<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let vectors = V::floats(self.vectors);
        for (lane, row) in self.rows.chunks_exact_mut(self.row).enumerate() {
            let column = vectors[lane..].iter().step_by(V::LANES);
            for (number, &value) in row.iter_mut().zip(column) {
                *number = value;
            }
        }
    }
}
