use super::{
    layout::UNIT,
    vector::{Kernel, Vector},
};

/// Adds up the lanes of vectors over images, [`UNIT`] images by themselves.
#[derive(Debug)]
pub(crate) struct UnitSums<'a, V> {
    /// `[numbers]`
    pub lanes: &'a [V],
    /// `[units, numbers]`: it is overwritten. There may be fewer units than the lanes have.
    pub sums: &'a mut [f32],
}

impl<V: Vector> Kernel<V> for UnitSums<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (units, _) = V::floats(self.lanes).as_chunks::<UNIT>();
        for (first, sums) in self.sums.chunks_exact_mut(self.lanes.len()).enumerate() {
            let units = units[first..].iter().step_by(V::LANES / UNIT);
            for (sum, unit) in sums.iter_mut().zip(units) {
                *sum = by_halves(unit);
            }
        }
    }
}

/// The sum of eight numbers, by halves.
#[inline(always)]
fn by_halves([a, b, c, d, e, f, g, h]: &[f32; UNIT]) -> f32 {
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
