use std::{
    collections::{BTreeMap, HashMap},
    mem,
    path::PathBuf,
};

use super::{Array, Form, StateDictMismatch};
use crate::{Error, Result, network};
use sha2::{Digest, Sha256};

/// Named arrays in a file's or a model's order, with what their file says about them.
///
/// ```
/// use lenet::weights::{Array, Form, StateDict};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut weights = StateDict::new().with_metadata("trained_on", "MNIST");
/// weights.insert("fc.weight", Array::new(vec![2, 3], vec![0.5; 6])?)?;
/// weights.insert("fc.bias", Array::new(vec![2], vec![1.0, -1.0])?)?;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("net.safetensors");
/// weights.write(&path)?;
///
/// let read = StateDict::read(&path)?;
/// assert_eq!(read.form(), Some(Form::Safetensors));
/// assert_eq!(read.metadata["trained_on"], "MNIST");
/// assert_eq!(read.get("fc.bias"), weights.get("fc.bias"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    /// What the file says about itself, or is to say: what trained it, on what, how well. [`Form::keeps_metadata`] tells
    /// which forms keep it.
    pub metadata: BTreeMap<String, String>,
    /// The file that it was read from.
    pub(super) origin: Option<(PathBuf, Form)>,
    /// Whether that file had a checksum of itself, which was right.
    pub(crate) sealed: bool,
    arrays: Vec<(String, Array)>,
    positions: HashMap<String, usize>,
}

/// How many values of a tensor are no ordinary numbers: see [`StateDict::non_finite`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NonFinite {
    /// The tensor's name.
    pub name: String,
    /// Values that are NaN.
    pub nan: usize,
    /// Values that are +∞ or -∞.
    pub infinite: usize,
}

/// How messages call what was not read from a file.
const NO_FILE: &str = "(a state_dict in memory)";

impl StateDict {
    /// One without arrays: [`insert`](StateDict::insert) adds them.
    pub fn new() -> StateDict {
        StateDict::default()
    }

    /// Adds an array, as the last.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is one of this name already.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) -> Result<()> {
        let name = name.into();
        if self.positions.contains_key(&name) {
            let got = format!("two tensors are named {name:?}");
            return Err(Error::invalid("state_dict", "names that differ", got));
        }
        self.positions.insert(name.clone(), self.arrays.len());
        self.arrays.push((name, array));
        Ok(())
    }

    /// This with one more entry of metadata.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> StateDict {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The form of the file that was read; `None` where none was.
    pub fn form(&self) -> Option<Form> {
        self.origin.as_ref().map(|(_, form)| *form)
    }

    /// The number of arrays.
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there are no arrays.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// Names and arrays, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The array of this name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        let position = self.positions.get(name)?;
        self.arrays.get(*position).map(|(_, array)| array)
    }

    /// The SHA-256, in hexadecimal, of all values, each a little-endian `f32`, array by array in the order of the names: equal
    /// weights have equal ones, whatever form they are kept in. `convert FILE` prints it.
    ///
    /// ```
    /// use lenet::weights::{Array, StateDict};
    ///
    /// let mut weights = StateDict::new();
    /// weights.insert("fc.bias", Array::new(vec![2], vec![1.0, -1.0])?)?;
    /// assert!(weights.sha256().starts_with("dee9bee3"));
    /// # Ok::<(), lenet::Error>(())
    /// ```
    pub fn sha256(&self) -> String {
        let arrays: BTreeMap<_, _> = self.iter().collect();
        let values = arrays.into_values().flat_map(Array::values);
        let bytes: Vec<_> = values.flat_map(|value| value.to_le_bytes()).collect();
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The arrays that hold NaN or infinities, and how many.
    pub fn non_finite(&self) -> Vec<NonFinite> {
        let found = self.iter().map(|(name, array)| {
            let count = |is: fn(f32) -> bool| array.values().iter().filter(|&&v| is(v)).count();
            let (nan, infinite) = (count(f32::is_nan), count(f32::is_infinite));
            NonFinite { name: name.to_owned(), nan, infinite }
        });
        found.filter(|found| found.nan + found.infinite > 0).collect()
    }

    /// How this differs from the `state_dict` of a model whose tensors have these names and shapes.
    pub(crate) fn mismatch(&self, expected: &[(String, Vec<usize>)]) -> StateDictMismatch {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(name, shape)| (&**name, shape)).collect();
        let path = self.origin.as_ref().map_or(NO_FILE.into(), |(path, _)| path.clone());
        let mut mismatch = StateDictMismatch { path, ..StateDictMismatch::default() };
        for (&name, &expected) in &expected {
            mismatch.shared += usize::from(self.get(name).is_some());
            match self.get(name).map(Array::shape) {
                None => mismatch.missing.push(name.into()),
                Some(got) if got != expected => {
                    let shapes = (format!("{expected:?}"), format!("{got:?}"));
                    mismatch.unfit.push((name.into(), shapes.0, shapes.1));
                }
                Some(_) => {}
            }
        }
        let unexpected = self.names().filter(|name| !expected.contains_key(name));
        mismatch.unexpected = unexpected.map(String::from).collect();
        mismatch
    }

    /// Whether these are the weights of the post's LeNet, by their names and shapes.
    ///
    /// # Errors
    ///
    /// [`Error::StateDict`] lists what is missing, unexpected and of another shape.
    pub fn check_lenet(&self) -> Result<()> {
        self.to_flat(&network::state_dict()).map(drop)
    }

    /// The values of all arrays one after the other, in the order of `expected`, which are the names and shapes of a model.
    ///
    /// # Errors
    ///
    /// [`Error::StateDict`] lists what is missing, unexpected and of another shape.
    pub(crate) fn to_flat(&self, expected: &[(String, Vec<usize>)]) -> Result<Vec<f32>> {
        let mismatch = self.mismatch(expected);
        if !mismatch.is_empty() {
            return Err(Error::StateDict(Box::new(mismatch)));
        }
        let arrays = expected.iter().filter_map(|(name, _)| self.get(name));
        Ok(arrays.flat_map(Array::values).copied().collect())
    }

    /// The inverse of [`to_flat`](StateDict::to_flat).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the shapes take more or fewer values, or two names are the same.
    pub(crate) fn from_flat(
        names_and_shapes: &[(String, Vec<usize>)],
        values: &[f32],
    ) -> Result<StateDict> {
        let mut weights = StateDict::new();
        let mut rest = values;
        for (name, shape) in names_and_shapes {
            let (these, after) = rest.split_at(shape.iter().product::<usize>().min(rest.len()));
            weights.insert(name, Array::new(shape.clone(), these.to_vec())?)?;
            rest = after;
        }
        if !rest.is_empty() {
            let expected = values.len() - rest.len();
            return Err(Error::invalid("values", expected.to_string(), values.len().to_string()));
        }
        Ok(weights)
    }

    /// Takes out the arrays whose names begin with `prefix`, and gives them without it.
    pub(crate) fn take(&mut self, prefix: &str) -> BTreeMap<String, Array> {
        let mut taken = BTreeMap::new();
        for (name, array) in mem::take(&mut self.arrays) {
            match name.strip_prefix(prefix) {
                Some(name) => drop(taken.insert(name.to_owned(), array)),
                None => self.arrays.push((name, array)),
            }
        }
        self.number();
        taken
    }

    /// Takes away what all names begin with, as long as that is one of these.
    pub(super) fn strip(&mut self, prefixes: &[&str]) {
        let shared = |arrays: &[(String, Array)]| {
            let all = |prefix: &str| arrays.iter().all(|(name, _)| name.starts_with(prefix));
            prefixes.iter().find(|prefix| all(prefix) && !arrays.is_empty()).map(|it| it.len())
        };
        while let Some(length) = shared(&self.arrays) {
            self.arrays.iter_mut().for_each(|(name, _)| drop(name.drain(..length)));
        }
        self.number();
    }

    fn number(&mut self) {
        self.positions = self.arrays.iter().map(|(name, _)| name.clone()).zip(0..).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::{Array, Error, StateDict};

    fn expected() -> Vec<(String, Vec<usize>)> {
        vec![("fc.weight".into(), vec![2, 3]), ("fc.bias".into(), vec![2])]
    }

    #[test]
    fn a_flat_slice_and_a_state_dict_give_each_other() {
        let values: Vec<_> = (0..8_u8).map(f32::from).collect();
        let weights = StateDict::from_flat(&expected(), &values).unwrap();
        assert_eq!(weights.get("fc.weight").unwrap().values(), &values[..6]);
        assert_eq!(weights.to_flat(&expected()).unwrap(), values);
        // The order is the model's, whatever the file's is.
        let reversed: Vec<_> = expected().into_iter().rev().collect();
        assert_eq!(weights.to_flat(&reversed).unwrap(), [&values[6..], &values[..6]].concat());
        for wrong in [&values[..7], &[0.0; 9]] {
            assert!(matches!(StateDict::from_flat(&expected(), wrong), Err(Error::Invalid { .. })));
        }
    }

    #[test]
    fn a_state_dict_that_does_not_fit_gives_nothing() {
        let mut weights = StateDict::new();
        for name in ["fc.weight", "head.bias"] {
            weights.insert(name, Array::new(vec![3, 2], vec![0.0; 6]).unwrap()).unwrap();
        }
        let message = weights.to_flat(&expected()).unwrap_err().to_string();
        assert_eq!(
            message,
            "(a state_dict in memory) does not fit the model, which is unchanged; missing: fc.bias; \
             unexpected: head.bias; fc.weight: expected [2, 3], got [3, 2]"
        );
    }

    #[test]
    fn another_networks_weights_are_told_in_one_sentence() {
        let mut weights = StateDict::new();
        for name in ["C1.weight", "C1.bias", "output.weight"] {
            weights.insert(name, Array::new(vec![1], vec![0.0]).unwrap()).unwrap();
        }
        assert_eq!(
            weights.to_flat(&expected()).unwrap_err().to_string(),
            "(a state_dict in memory) has another network's weights: 3 tensors such as C1.weight, where the model, \
             which is unchanged, has 2 such as fc.bias"
        );
    }

    #[test]
    fn prefixes_are_stripped_where_all_names_have_them() {
        let stripped = |names: &[&str]| {
            let mut weights = StateDict::new();
            for &name in names {
                weights.insert(name, Array::new(vec![], vec![0.0]).unwrap()).unwrap();
            }
            weights.strip(&["a.", "b."]);
            assert!(weights.names().all(|name| weights.get(name).is_some()));
            weights.names().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(stripped(&["b.a.x", "b.a.y"]), ["x", "y"]);
        assert_eq!(stripped(&["a.b.x", "a.b.a.y"]), ["x", "a.y"]);
        assert_eq!(stripped(&["a.x", "y"]), ["a.x", "y"]);
        assert!(stripped(&[]).is_empty());
    }

    #[test]
    fn names_differ_and_can_be_taken_out_by_their_prefix() {
        let number = |value| Array::new(vec![], vec![value]).unwrap();
        let mut weights = StateDict::new();
        for (name, value) in [("optimizer.a", 1.0), ("b", 2.0), ("c", 3.0)] {
            weights.insert(name, number(value)).unwrap();
        }
        assert!(matches!(weights.insert("c", number(4.0)), Err(Error::Invalid { .. })));
        assert_eq!(
            weights.take("optimizer.").into_iter().collect::<Vec<_>>(),
            [("a".into(), number(1.0))]
        );
        assert_eq!(weights.names().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(weights.get("c"), Some(&number(3.0)));
    }
}
