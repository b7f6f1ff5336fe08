use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tch::{Device, Kind, Tensor, nn::VarStore};

use super::{
    Form, dtype,
    fault::{Fault, Parsed},
    npz, onnx, paddle, safetensors,
    seal::CHECKSUM,
    torch,
};
use crate::{Error, Result, StateDictMismatch, atomic_file};

/// Named tensors in a file's or a model's order, as f32 on the CPU, with what their file says about them.
///
/// ```
/// use lenet::{tch::{Device, nn, nn::Init}, weights::{Form, StateDict}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let vs = nn::VarStore::new(Device::Cpu);
/// (vs.root() / "fc").var("bias", &[10], Init::Const(0.0));
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("net.safetensors");
/// StateDict::from_var_store(&vs)?.with_metadata("trained_on", "MNIST").write(&path)?;
///
/// let weights = StateDict::read(&path)?;
/// assert_eq!(weights.form(), Some(Form::Safetensors));
/// assert_eq!(weights.metadata["trained_on"], "MNIST");
/// assert_eq!(weights.names().collect::<Vec<_>>(), ["fc.bias"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct StateDict {
    /// What the file says about itself, or is to say: what trained it, on what, how well. [`Form::keeps_metadata`] tells
    /// which forms keep it.
    pub metadata: BTreeMap<String, String>,
    path: PathBuf,
    form: Option<Form>,
    tensors: Vec<(String, Tensor)>,
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

/// What the names of an optimizer's tensors begin with, in a checkpoint.
const OPTIMIZER: &str = "optimizer.";

/// How the bytes given to [`StateDict::from_bytes`] are called in messages.
const IN_MEMORY: &str = "(bytes in memory)";

impl StateDict {
    /// Reads a file of any [`Form`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::UnknownForm`] if it is of no form that is known, [`Error::WrittenOnly`]
    /// if it is ONNX, [`Error::Malformed`] if it is damaged or holds what is not weights.
    pub fn read(path: impl AsRef<Path>) -> Result<StateDict> {
        let path = path.as_ref();
        StateDict::read_whole(path).map(StateDict::without_optimizer)
    }

    /// [`read`](StateDict::read) with what a checkpoint has beside the weights: the tensors named `optimizer.…`.
    pub(crate) fn read_whole(path: &Path) -> Result<StateDict> {
        let bytes = read_file(path).map_err(Error::io("read", path))?;
        StateDict::parse(&bytes, path)
    }

    /// [`StateDict::read`] for a file that is already in memory.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`], [`Error::WrittenOnly`] and [`Error::Malformed`], as there.
    pub fn from_bytes(bytes: &[u8]) -> Result<StateDict> {
        StateDict::parse(bytes, Path::new(IN_MEMORY)).map(StateDict::without_optimizer)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<StateDict> {
        let form = Form::of_bytes(bytes).ok_or_else(|| Form::unknown(path, bytes))?;
        let parsed = match form {
            Form::Safetensors => safetensors::read(bytes),
            Form::Torch => torch::read(bytes),
            Form::Npz => npz::read(bytes),
            Form::Paddle => paddle::read(bytes),
            Form::Onnx => {
                return Err(Error::WrittenOnly { path: path.to_owned(), form: form.name() });
            }
        };
        let mut weights =
            parsed.map_err(|Fault(reason)| Error::malformed(path, form.name(), reason))?;
        weights.path = path.to_owned();
        weights.form = Some(form);
        Ok(weights)
    }

    /// Writes the tensors to `path`, in the form that its extension stands for. A file that is there already is replaced in
    /// one step, or left as it was.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownForm`] for an extension that stands for no form, [`Error::Io`] if the file cannot be written, and
    /// [`Error::Invalid`] if a name is not fit for the form, or for ONNX if it is not a LeNet's: it lists what differs.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = match Form::of_path(path)? {
            Form::Safetensors => safetensors::write(self),
            Form::Torch => torch::write(self),
            Form::Npz => npz::write(self),
            Form::Paddle => paddle::write(self),
            Form::Onnx => onnx::write(self),
        };
        let bytes = bytes.map_err(|Fault(reason)| {
            Error::invalid("state_dict", format!("what {} can hold", path.display()), reason)
        })?;
        atomic_file::write(path, &bytes)
    }

    /// Writes a safetensors file, whatever its name.
    pub(crate) fn write_safetensors(&self, path: &Path) -> Result<()> {
        let bytes = safetensors::write(self).map_err(|Fault(reason)| {
            Error::invalid("state_dict", "what safetensors can hold", reason)
        })?;
        atomic_file::write(path, &bytes)
    }

    /// A copy of a model's variables, in the order in which they were made, those that are not trained last.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a variable that is not of a floating-point type, [`Error::Torch`] if one cannot be copied.
    pub fn from_var_store(vs: &VarStore) -> Result<StateDict> {
        let _guard = tch::no_grad_guard();
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

        let mut weights = StateDict { path: PathBuf::from("(the model)"), ..StateDict::default() };
        for (name, variable) in variables {
            check_floating(&variable)?;
            // A copy even where nothing has to be converted: the model goes on training.
            let copy =
                variable.f_detach_copy()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
            weights
                .insert(name, copy)
                .map_err(|Fault(reason)| Error::invalid("variable", "a name of its own", reason))?;
        }
        Ok(weights)
    }

    /// Copies the tensors into the variables of `vs`, which stay where they are in memory.
    ///
    /// All or nothing: everything is compared, and moved to the device, before the first variable changes.
    ///
    /// # Errors
    ///
    /// [`Error::StateDict`] lists what is missing, unexpected and of another shape; [`Error::Torch`] if the device cannot
    /// hold the tensors.
    pub fn load_into(&self, vs: &mut VarStore) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let variables: BTreeMap<_, _> = vs.variables().into_iter().collect();
        let shapes = variables.iter().map(|(name, variable)| (name.clone(), variable.size()));
        let mut mismatch = self.mismatch(shapes);
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
        for (name, tensor) in self.iter() {
            let Some(variable) = variables.get(name) else { continue };
            let tensor = tensor.f_to_device(variable.device())?.f_to_kind(variable.f_kind()?)?;
            moved.push((variable, tensor));
        }
        for (variable, tensor) in moved {
            variable.shallow_clone().f_copy_(&tensor)?;
        }
        Ok(())
    }

    /// How this differs from the `state_dict` of a model whose tensors have these names and shapes.
    pub(super) fn mismatch(
        &self,
        expected: impl IntoIterator<Item = (String, Vec<i64>)>,
    ) -> StateDictMismatch {
        let expected: BTreeMap<_, _> = expected.into_iter().collect();
        let mut mismatch =
            StateDictMismatch { path: self.path.clone(), ..StateDictMismatch::default() };
        for (name, expected) in &expected {
            match self.get(name).map(Tensor::size) {
                None => mismatch.missing.push(name.clone()),
                Some(got) if got != *expected => {
                    let shapes = (format!("{expected:?}"), format!("{got:?}"));
                    mismatch.unfit.push((name.clone(), shapes.0, shapes.1));
                }
                Some(_) => {}
            }
        }
        let unexpected = self.names().filter(|&name| !expected.contains_key(name));
        mismatch.unexpected = unexpected.map(String::from).collect();
        mismatch
    }

    /// The form of the file that was read; `None` for the variables of a model.
    pub fn form(&self) -> Option<Form> {
        self.form
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// Names and tensors, in order. The tensors are contiguous, f32, on the CPU.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        let position = self.positions.get(name)?;
        self.tensors.get(*position).map(|(_, tensor)| tensor)
    }

    /// This with one more entry of metadata.
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> StateDict {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// This with the tensors that an optimizer keeps, which [`take_optimizer`](StateDict::take_optimizer) takes out again.
    pub(crate) fn with_optimizer<'a>(
        mut self,
        buffers: impl Iterator<Item = (&'static str, &'a Tensor)>,
    ) -> Result<StateDict> {
        for (name, buffer) in buffers {
            let buffer = buffer.f_to_device(Device::Cpu)?;
            self.insert(format!("{OPTIMIZER}{name}"), buffer)
                .map_err(|Fault(reason)| Error::invalid("optimizer", "buffers", reason))?;
        }
        Ok(self)
    }

    pub(crate) fn take_optimizer(&mut self) -> HashMap<String, Tensor> {
        let taken = self.tensors.extract_if(.., |(name, _)| name.starts_with(OPTIMIZER));
        let taken = taken.map(|(name, buffer)| (name[OPTIMIZER.len()..].to_owned(), buffer));
        let taken = taken.collect();
        let names = self.tensors.iter().map(|(name, _)| name.clone());
        self.positions = names.zip(0..).collect();
        taken
    }

    /// A checkpoint's weights.
    fn without_optimizer(mut self) -> StateDict {
        if self.metadata.contains_key(CHECKSUM) {
            self.take_optimizer();
        }
        self
    }

    /// The tensors that hold NaN or infinities, and how many.
    ///
    /// # Errors
    ///
    /// [`Error::Torch`] if libtorch cannot count them.
    pub fn non_finite(&self) -> Result<Vec<NonFinite>> {
        let count = |of: Tensor| -> Result<usize> {
            Ok(of.f_sum(Kind::Int64)?.f_int64_value(&[])?.try_into().unwrap_or_default())
        };
        let mut found = Vec::new();
        for (name, tensor) in self.iter() {
            let (nan, infinite) = (count(tensor.f_isnan()?)?, count(tensor.f_isinf()?)?);
            if nan + infinite > 0 {
                found.push(NonFinite { name: name.to_owned(), nan, infinite });
            }
        }
        Ok(found)
    }

    /// Adds a tensor, converted to f32.
    pub(super) fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Parsed<()> {
        let name = name.into();
        let tensor = dtype::to_f32(&tensor).map_err(|fault| fault.at(&name))?;
        if self.positions.insert(name.clone(), self.tensors.len()).is_some() {
            return Err(format!("two tensors are named {name:?}").into());
        }
        self.tensors.push((name, tensor));
        Ok(())
    }
}

fn check_floating(variable: &Tensor) -> Result<()> {
    match variable.f_kind()? {
        Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double => Ok(()),
        other => Err(Error::invalid("variable", "a floating-point type", format!("{other:?}"))),
    }
}

/// A file's content. What has no length of its own, such as a pipe or `/dev/zero`, is refused.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(metadata.len()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The elements of a contiguous f32 tensor as little-endian bytes.
pub(super) fn to_bytes(tensor: &Tensor) -> Parsed<Vec<u8>> {
    let count = tensor.numel();
    let mut bytes = vec![0; count * Kind::Float.elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, count)?;
    Ok(bytes)
}
