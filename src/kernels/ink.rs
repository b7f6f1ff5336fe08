use super::vector::{Kernel, MOST_LANES, Vector};
use crate::network::INPUT_SIDE;
use std::ops::Range;

/// The rows and columns in which some image of a group has ink. A product with background, 0, changes no sum, so that C1 leaves the
/// others out. (It would with an infinite weight, whose product with 0 is NaN.)
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ink {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Ink {
    pub const EVERYWHERE: &Ink = &Ink { rows: 0..INPUT_SIDE, columns: 0..INPUT_SIDE };
}

/// The rows of a kernel of five that meet the ink when row `y` is computed.
#[inline(always)]
pub(super) fn taps(ink: &Range<usize>, y: usize) -> Range<usize> {
    let end = ink.end.saturating_sub(y).min(5);
    ink.start.saturating_sub(y).min(end)..end
}

/// Finds the ink of a group, `[32, 32]`.
#[derive(Debug)]
pub(super) struct FindInk<'a, V> {
    pub images: &'a [V],
}

impl<V: Vector> Kernel<V> for FindInk<'_, V> {
    type Output = Ink;

    #[inline(always)]
    fn run(self) -> Ink {
        let mut rows = [false; INPUT_SIDE];
        let mut columns = [0; INPUT_SIDE * MOST_LANES];
        let columns = &mut columns[..INPUT_SIDE * V::LANES];
        for (pixels, row) in self.images.chunks_exact(INPUT_SIDE).zip(&mut rows) {
            let mut of_row = 0;
            for (value, column) in V::floats(pixels).iter().zip(&mut *columns) {
                // Without the sign, the bits of 0 are all 0.
                let bits = value.to_bits() << 1;
                of_row |= bits;
                *column |= bits;
            }
            *row = of_row != 0;
        }
        let columns: [bool; INPUT_SIDE] = std::array::from_fn(|x| {
            columns[x * V::LANES..][..V::LANES].iter().any(|&bits| bits != 0)
        });
        Ink { rows: range(&rows), columns: range(&columns) }
    }
}

/// From the first that is inked to the last.
#[inline(always)]
fn range(inked: &[bool]) -> Range<usize> {
    let end = inked.iter().rposition(|&inked| inked).map_or(0, |last| last + 1);
    inked.iter().position(|&inked| inked).unwrap_or(end)..end
}

#[cfg(test)]
mod tests {
    use super::{FindInk, Ink, taps};
    use crate::kernels::{PIXELS, portable::Portable, vector::Vector};

    #[test]
    fn goes_from_the_first_inked_row_and_column_to_the_last() {
        let find = |ink: &[[usize; 3]]| {
            let mut images = vec![Portable::splat(0.0); PIXELS];
            for &[lane, y, x] in ink {
                Portable::floats_mut(&mut images)[(y * 32 + x) * Portable::LANES + lane] = 1e-45;
            }
            Portable::vectorize(FindInk { images: &images })
        };
        let ink = |rows, columns| Ink { rows, columns };
        assert_eq!(find(&[]), ink(0..0, 0..0));
        assert_eq!(find(&[[0, 0, 0], [7, 31, 31]]), *Ink::EVERYWHERE);
        assert_eq!(find(&[[2, 3, 30], [5, 20, 7]]), ink(3..21, 7..31));
    }

    #[test]
    fn a_tap_meets_ink_or_is_left_out() {
        for ink in [0..0, 0..32, 3..21, 31..32, 0..1] {
            for y in 0..28 {
                let expected: Vec<_> = (0..5).filter(|ky| ink.contains(&(y + ky))).collect();
                assert_eq!(taps(&ink, y).collect::<Vec<_>>(), expected, "{ink:?}, row {y}");
            }
        }
    }
}
