//! A `VarStore`'s variables from and to a [`StateDict`], and its arrays from and to tensors.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use tch::{Device, Kind, Tensor, nn::VarStore};

use crate::{
    Error, Result,
    weights::{Array, Form, StateDict},
};

/// Reads the file at `path`, of whatever form, into the variables of `vs`, in place.
///
/// All or nothing: names, shapes and types are compared before the first variable changes. Weights in f16, bf16 and f64
/// are converted. NaN and infinities are taken as they are; [`StateDict::non_finite`] tells of them.
///
/// ```
/// use lenet::{tch::{Device, nn, nn::Init}, weights};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut vs = nn::VarStore::new(Device::Cpu);
/// (vs.root() / "fc").var("weight", &[10, 84], Init::Const(0.5));
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("net.pt");
/// weights::save(&vs, &path)?;
/// weights::load(&mut vs, &path)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - [`Error::Io`]: the file cannot be read;
/// - [`Error::UnknownForm`]: it is of no form that is known;
/// - [`Error::Malformed`]: it is damaged, or holds what is not weights;
/// - [`Error::StateDict`]: its names or shapes are not those of `vs`; the error lists them;
/// - [`Error::Torch`]: the device cannot hold them.
pub fn load(vs: &mut VarStore, path: impl AsRef<Path>) -> Result<()> {
    StateDict::read(path)?.load_into(vs)
}

/// Writes the variables of `vs` to `path`, in the form that its extension stands for, as f32.
///
/// The file is written under another name, synced and renamed: whatever happens on the way, what was at `path` before is
/// either still there or wholly replaced. To keep metadata, too, see [`StateDict::metadata`].
///
/// # Errors
///
/// [`Error::UnknownForm`] for an extension that stands for no form, [`Error::Io`] if the file cannot be written,
/// [`Error::Invalid`] for a variable that is not of a floating-point type or has a name that the form cannot hold, and for
/// variables that are not a LeNet's where the form is ONNX, [`Error::Torch`] if one cannot be copied.
pub fn save(vs: &VarStore, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    Form::of_path(path)?;
    StateDict::from_var_store(vs)?.write(path)
}

impl StateDict {
    /// A copy of a model's variables, in the order in which they were made, those that are not trained last.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a variable that is not of a floating-point type, [`Error::Torch`] if one cannot be copied.
    pub fn from_var_store(vs: &VarStore) -> Result<StateDict> {
        // tch tells names only in a map without order, and the order only without names: memory joins the two.
        let made: HashMap<_, _> = vs
            .trainable_variables()
            .iter()
            .enumerate()
            .map(|(position, variable)| (variable.data_ptr(), position))
            .collect();
        let mut variables: Vec<_> = vs.variables().into_iter().collect();
        variables.sort_by_cached_key(|(name, variable)| {
            (made.get(&variable.data_ptr()).copied().unwrap_or(usize::MAX), name.clone())
        });
        let mut weights = StateDict::new();
        for (name, variable) in variables {
            weights.insert(name, Array::try_from(&variable)?)?;
        }
        Ok(weights)
    }

    /// Copies the arrays into the variables of `vs`, which stay where they are in memory.
    ///
    /// All or nothing: everything is compared, and moved to the device, before the first variable changes.
    ///
    /// # Errors
    ///
    /// [`Error::StateDict`] lists what is missing, unexpected and of another shape; [`Error::Torch`] if the device cannot
    /// hold the arrays.
    pub fn load_into(&self, vs: &mut VarStore) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let variables: BTreeMap<_, _> = vs.variables().into_iter().collect();
        let shapes = variables.iter().map(|(name, variable)| (name.clone(), shape(variable)));
        let mut mismatch = self.mismatch(&shapes.collect::<Vec<_>>());
        for (name, variable) in &variables {
            if check_floating(variable).is_err() {
                let expected = format!("{:?}", variable.f_kind()?);
                mismatch.unfit.push((name.clone(), expected, "a floating-point type".into()));
            }
        }
        if !mismatch.is_empty() {
            return Err(Error::StateDict(Box::new(mismatch)));
        }

        let mut moved = Vec::with_capacity(variables.len());
        for (name, array) in self.iter() {
            let Some(variable) = variables.get(name) else { continue };
            let tensor = Tensor::try_from(array)?.f_to_device(variable.device())?;
            moved.push((variable, tensor.f_to_kind(variable.f_kind()?)?));
        }
        for (variable, tensor) in moved {
            variable.shallow_clone().f_copy_(&tensor)?;
        }
        Ok(())
    }
}

/// `f32`, on the CPU.
impl TryFrom<&Array> for Tensor {
    type Error = Error;

    fn try_from(array: &Array) -> Result<Tensor> {
        let shape: Vec<_> = array.shape().iter().map(|&length| length as i64).collect();
        Ok(Tensor::f_from_slice(array.values())?.f_reshape(shape)?)
    }
}

/// A copy, from any device and floating-point type.
impl TryFrom<&Tensor> for Array {
    type Error = Error;

    fn try_from(tensor: &Tensor) -> Result<Array> {
        check_floating(tensor)?;
        let values = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_reshape([-1])?;
        Array::new(shape(tensor), Vec::try_from(values)?)
    }
}

fn shape(tensor: &Tensor) -> Vec<usize> {
    tensor.size().into_iter().map(|length| length as usize).collect()
}

fn check_floating(variable: &Tensor) -> Result<()> {
    match variable.f_kind()? {
        Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double => Ok(()),
        other => Err(Error::invalid("variable", "a floating-point type", format!("{other:?}"))),
    }
}
