use crate::{Error, Result};

/// Numbers and their shape: what a [`StateDict`](super::StateDict) holds under each name. They are `f32` and row-major: the
/// last index changes fastest.
///
/// ```
/// use lenet::weights::Array;
///
/// let array = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(array.shape(), [2, 3]);
/// assert_eq!(array.values()[3], 4.0); // row 1, column 0
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Array {
    /// An array of this shape; `[]` is the shape of a single number.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the shape takes more or fewer values.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Array> {
        let count = shape.iter().try_fold(1, |count: usize, &length| count.checked_mul(length));
        if count != Some(values.len()) {
            let expected = format!("as many as shape {shape:?} takes");
            return Err(Error::invalid("values", expected, values.len().to_string()));
        }
        Ok(Array { shape, values })
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values as little-endian bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// The array with its axes in reverse order.
    pub(super) fn transposed(&self) -> Array {
        let axes: Vec<_> = (0..self.shape.len()).rev().collect();
        self.permuted(&axes).unwrap_or_else(|| self.clone())
    }

    /// The array with its axes in this order: NumPy's `transpose(axes)`. `None` where these are not its axes, each once.
    pub(super) fn permuted(&self, axes: &[usize]) -> Option<Array> {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.shape.len()) {
            return None;
        }
        let pick = |of: &[usize]| axes.iter().map(|&axis| of[axis]).collect::<Vec<_>>();
        let (shape, strides) = (pick(&self.shape), pick(&row_major(&self.shape)));
        let values = positions(0, &shape, &strides).map(|position| self.values[position]).collect();
        Some(Array { shape, values })
    }
}

/// How far apart neighbours along each axis lie in a row-major array of this shape.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut stride = 1;
    let strides = shape.iter().rev().map(|&length| {
        let here = stride;
        stride *= length.max(1);
        here
    });
    let mut strides: Vec<_> = strides.collect();
    strides.reverse();
    strides
}

/// Where the elements of a view lie, in the view's row-major order: the first at `offset`, neighbours along an axis that
/// axis's stride apart.
pub(super) fn positions(
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> impl Iterator<Item = usize> {
    (0..shape.iter().product()).map(move |mut index: usize| {
        let axes = shape.iter().zip(strides).rev();
        axes.fold(offset, |position, (length, stride)| {
            let along = index % length;
            index /= length;
            position + along * stride
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Array, positions, row_major};

    #[test]
    fn positions_are_those_of_numpys_as_strided() {
        let at = |offset, shape: &[usize], strides: &[usize]| {
            positions(offset, shape, strides).collect::<Vec<_>>()
        };
        assert_eq!(at(3, &[], &[]), [3]);
        assert_eq!(at(1, &[2, 3], &[3, 1]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(at(0, &[3, 2], &[1, 3]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(at(5, &[2, 1, 2], &[0, 99, 2]), [5, 7, 5, 7]);
        assert!(at(9, &[4, 0, 2], &[1, 1, 1]).is_empty());
        assert_eq!(row_major(&[6, 1, 5, 5]), [25, 25, 5, 1]);
        assert_eq!(row_major(&[2, 0, 3]), [3, 3, 1]);
    }

    #[test]
    fn a_transposed_array_has_its_axes_reversed() {
        let values: Vec<_> = (0..6_u8).map(f32::from).collect();
        let array = Array::new(vec![1, 2, 3], values).unwrap();
        let transposed = array.transposed();
        assert_eq!(transposed.shape(), [3, 2, 1]);
        assert_eq!(transposed.values(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(transposed.transposed(), array);
        let permuted = array.permuted(&[1, 0, 2]).unwrap();
        assert_eq!((permuted.shape(), permuted.values()), (&[2, 1, 3][..], array.values()));
        for axes in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 3]] {
            assert!(array.permuted(axes).is_none());
        }
    }

    #[test]
    fn values_that_do_not_fit_the_shape_are_refused() {
        for (shape, values) in
            [(vec![2, 3], 5), (vec![], 0), (vec![0], 1), (vec![usize::MAX, 2], 2)]
        {
            assert!(Array::new(shape, vec![0.0; values]).is_err());
        }
    }
}
