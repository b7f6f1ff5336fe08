//! What `torch.save` writes.
//!
//! Since PyTorch 1.6 a zip of `data.pkl`, a pickle in which each tensor names a storage, and of the storages as
//! `data/0`, `data/1`, …, all in one folder; before that (`_use_new_zipfile_serialization=False`) four pickles behind each
//! other (a magic number, a version, the machine's byte order, the object), the storages' names, and the storages.
//!
//! In both a tensor is a view of its storage: an offset, a shape and strides. Several may share one.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, hash_map::Entry},
};

use super::{
    super::{
        Array, StateDict,
        array::{positions, row_major},
    },
    archive::{Archive, ArchiveWriter, MAGIC},
    dtype::{Dtype, Element, checked_shape, not_floating},
    fault::{Fault, Parsed},
    numpy,
    pickle::{Global, Node, Object, Pickle, Pickler, find_state_dict},
};

const ORDERED_DICT: Global<'static> = ("collections", "OrderedDict");
const TENSOR: Global<'static> = ("torch._utils", "_rebuild_tensor_v2");
const PARAMETER: Global<'static> = ("torch._utils", "_rebuild_parameter");

/// What PyTorch before 0.4 had instead.
const OLD_TENSOR: Global<'static> = ("torch._utils", "_rebuild_tensor");

/// All that a state_dict, an optimizer's state beside it and the pickles before a legacy file's storages name. Beside them
/// may be NumPy's numbers: an accuracy, a loss.
const ALLOWED: [Global<'static>; 17] = [
    ORDERED_DICT,
    TENSOR,
    OLD_TENSOR,
    PARAMETER,
    ("torch", "Size"),
    ("torch", "HalfStorage"),
    ("torch", "BFloat16Storage"),
    ("torch", "FloatStorage"),
    ("torch", "DoubleStorage"),
    ("torch", "LongStorage"),
    ("torch", "IntStorage"),
    ("torch", "ShortStorage"),
    ("torch", "CharStorage"),
    ("torch", "ByteStorage"),
    ("torch", "BoolStorage"),
    ("torch", "ComplexFloatStorage"),
    ("torch", "ComplexDoubleStorage"),
];

/// The integer 0x1950a86a20f9469cfc6c as a legacy file's first pickle holds it.
const LEGACY_MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Behind the magic number.
const LEGACY_VERSION: i64 = 1001;

/// What the tensors of a file may come to as f32, per byte of the file. Converting f16 doubles, tensors that share a
/// storage multiply; a tensor expanded over a few elements could come to anything.
const EXPANDED_PER_BYTE: usize = 8;

/// The versions of a zip's records that are known: torch.load's own range.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=10;

/// The alignments of storages, in bytes, that torch.save can have been told: any, not the powers of two alone. The padding is an
/// extra field of a zip, which has no more bytes, so that torch.load fails from 65,600 on. (PyTorch 2.13)
const ALIGNMENTS: std::ops::RangeInclusive<u32> = 1..=1 << 16;

/// Whether `bytes` begin like a zip or a legacy file.
pub(super) fn is_file(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || is_legacy(bytes)
}

/// Whether `bytes` begin with a legacy file's magic number.
fn is_legacy(bytes: &[u8]) -> bool {
    // Before the number: the protocol, perhaps a frame, and the instruction with its length.
    let start = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    start.first() == Some(&0x80)
        && start.windows(LEGACY_MAGIC.len()).any(|window| window == LEGACY_MAGIC)
}

pub(super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    if is_legacy(bytes) { read_legacy(bytes) } else { read_zip(bytes) }
}

fn read_zip(bytes: &[u8]) -> Parsed<StateDict> {
    let archive = Archive::open(bytes)?.or_without_crcs();
    let root = folder(&archive)?;
    if archive.size(&format!("{root}constants.pkl")).is_some() {
        return Err(
            "a TorchScript archive; save the state_dict: torch.save(net.state_dict(), path)".into(),
        );
    }
    let big_endian = match archive.read(&format!("{root}byteorder")).as_deref() {
        Ok(b"big") => true,
        Ok(b"little") => false,
        // Older than PyTorch 2.1, which first wrote the record.
        Err(_) if archive.size(&format!("{root}byteorder")).is_none() => false,
        _ => return Err("its byteorder is neither little nor big".into()),
    };
    let number = |record: &str| -> Parsed<Option<u32>> {
        let name = format!("{root}{record}");
        if archive.size(&name).is_none() {
            return Ok(None);
        }
        let content = archive.read(&name)?;
        let number = str::from_utf8(&content).ok().and_then(|text| text.trim_end().parse().ok());
        number.map(Some).ok_or_else(|| Fault(format!("{name} is not a number")))
    };
    if let Some(version) = number("version")?.filter(|version| !VERSIONS.contains(version)) {
        return Err(format!("version {version} of its records, known are {VERSIONS:?}").into());
    }
    if let Some(version) = number(".format_version")?.filter(|version| *version != 1) {
        return Err(format!("version {version} of its form, known is 1").into());
    }
    if let Some(alignment) = number(".storage_alignment")?.filter(|it| !ALIGNMENTS.contains(it)) {
        return Err(format!("an alignment of {alignment} bytes, known are {ALIGNMENTS:?}").into());
    }
    let pickled = archive.read(&format!("{root}data.pkl"))?;
    let pickle = Pickle::read_whole(&pickled, &allowed()).map_err(|fault| fault.at("data.pkl"))?;

    let mut used = HashSet::new();
    for id in storages(&pickle)?.values() {
        let name = format!("{root}data/{}", id.key);
        match archive.size(&name) {
            Some(size) if size == id.size()? as u64 => used.insert(name),
            Some(size) => return Err(format!("{name} is {size} bytes, not {}", id.size()?).into()),
            None => return Err(format!("there is no {name}").into()),
        };
    }
    let prefix = format!("{root}data/");
    if let Some(orphan) =
        archive.names().find(|name| name.starts_with(&prefix) && !used.contains(*name))
    {
        return Err(format!("no tensor belongs to {orphan}").into());
    }
    let storage = |id: StorageId<'_>| archive.read(&format!("{prefix}{}", id.key));
    let weights = state_dict(&pickle, bytes.len(), big_endian, storage)?;
    archive.check_rest()?;
    Ok(weights)
}

fn allowed() -> Vec<Global<'static>> {
    [&ALLOWED[..], &numpy::SCALARS].concat()
}

/// The folder in the archive that everything is in, with the slash behind it.
fn folder<'a>(archive: &'a Archive<'_>) -> Parsed<&'a str> {
    let mut folders = archive
        .names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.is_empty() || folder.ends_with('/'));
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err("a zip with neither a data.pkl nor .npy files alone".into()),
        (Some(_), Some(_)) => Err("a zip with more than one data.pkl".into()),
    }
}

fn read_legacy(bytes: &[u8]) -> Parsed<StateDict> {
    let allowed = allowed();
    let mut rest = bytes;
    let mut next = || -> Parsed<Pickle<'_>> {
        let pickle =
            Pickle::read(rest, &allowed).map_err(|fault| fault.at(bytes.len() - rest.len()))?;
        rest = rest.get(pickle.length..).unwrap_or_default();
        Ok(pickle)
    };
    let (magic, version, system, object, keys) = (next()?, next()?, next()?, next()?, next()?);
    if !matches!(magic.root().object(), Object::Long(bytes) if *bytes == LEGACY_MAGIC) {
        return Err("the magic number is another".into());
    }
    if version.root().int() != Some(LEGACY_VERSION) {
        return Err(format!("version {}, not {LEGACY_VERSION}", version.root().describe()).into());
    }
    check_system(system.root())?;

    let uses = storages(&object)?;
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for key in keys.root().items().ok_or("the names of the storages are not a list")? {
        let key = key.text().ok_or("a storage's name is not a string")?;
        let id = uses
            .get(key)
            .ok_or_else(|| Fault(format!("no tensor belongs to the storage {key}")))?;
        let storage = rest.split_first_chunk().and_then(|(count, after)| {
            let count = u64::from_le_bytes(*count);
            let whole = after.split_at_checked(id.size().ok()?)?;
            (u64::try_from(id.count) == Ok(count)).then_some(whole)
        });
        let Some((storage, after)) = storage else {
            return Err(
                format!("storage {key} is not {} elements long, or cut short", id.count).into()
            );
        };
        rest = after;
        if storages.insert(key, storage).is_some() {
            return Err(format!("two storages are named {key}").into());
        }
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes after the last storage", rest.len()).into());
    }
    // Whatever the machine, the storages are little-endian.
    state_dict(&object, bytes.len(), false, |id| match storages.get(id.key) {
        Some(&bytes) => Ok(Cow::Borrowed(bytes)),
        None => Err(format!("there is no storage {}", id.key).into()),
    })
}

/// Checks what a legacy file says of the machine that wrote it: the protocol, and the sizes of C's types.
fn check_system(system: Node<'_, '_>) -> Parsed<()> {
    let mut pairs = system.pairs().ok_or("what should tell the byte order is not a dict")?;
    let as_torch = pairs.all(|(key, value)| match key.text() {
        Some("protocol_version") => value.int() == Some(LEGACY_VERSION),
        Some("little_endian") => matches!(value.object(), Object::Bool(_)),
        Some("type_sizes") => value.pairs().is_some_and(|mut sizes| {
            sizes.all(|(name, size)| match name.text() {
                Some("short") => size.int() == Some(2),
                Some("int" | "long") => size.int() == Some(4),
                _ => false,
            })
        }),
        _ => false,
    });
    match as_torch {
        true => Ok(()),
        false => Err("what it says of its byte order and of C's types is not torch.save's".into()),
    }
}

/// All storages that the pickle names, by their keys. Every tensor has to lie in its storage and every storage to be the
/// same wherever it is named, whether or not it belongs to the weights; and nothing but NumPy's objects has a state.
fn storages<'a>(pickle: &Pickle<'a>) -> Parsed<HashMap<&'a str, StorageId<'a>>> {
    let mut storages = HashMap::new();
    for id in pickle.persistent() {
        let id = StorageId::parse(id)?;
        if *storages.entry(id.key).or_insert(id) != id {
            return Err(format!("storage {} is named with two types or sizes", id.key).into());
        }
    }
    for node in pickle.nodes() {
        match node.call() {
            Some((function, ..)) if numpy::SCALARS.contains(&function) => numpy::check(node)?,
            Some(((module, name), _, Some(_))) => {
                return Err(format!("a state is set on what {module}.{name} makes").into());
            }
            Some((function, ..)) if [TENSOR, OLD_TENSOR, PARAMETER].contains(&function) => {
                View::parse(node).ok_or("a tensor of other arguments than torch's")??.inside()?;
            }
            _ => {}
        }
    }
    Ok(storages)
}

fn state_dict<'a>(
    pickle: &Pickle<'a>,
    file_length: usize,
    big_endian: bool,
    storage: impl Fn(StorageId<'a>) -> Parsed<Cow<'a, [u8]>>,
) -> Parsed<StateDict> {
    let entries = find_state_dict(pickle.root(), |node| View::parse(node).is_some(), "")?;
    let mut left = file_length.saturating_mul(EXPANDED_PER_BYTE);
    let mut storages: HashMap<(&str, i64, Dtype), Cow<'a, [u8]>> = HashMap::new();
    let mut weights = StateDict::default();
    for (name, node) in entries {
        let view = View::parse(node).ok_or("not a tensor")?.map_err(|fault| fault.at(name))?;
        let bytes = view.shape.iter().product::<usize>().saturating_mul(4); // as f32
        left = left.checked_sub(bytes).ok_or_else(|| {
            Fault(format!("{name}: the tensors come to {EXPANDED_PER_BYTE} times the file"))
        })?;
        let mut array = || {
            let StorageId { key, count, .. } = view.storage;
            let element = Element { dtype: view.storage.dtype()?, big_endian };
            let bytes = match storages.entry((key, count, element.dtype)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let bytes = storage(view.storage)?;
                    element.check_length(&bytes, &checked_shape(&[count])?)?;
                    entry.insert(bytes)
                }
            };
            view.array(element, bytes)
        };
        weights.insert(name, array().map_err(|fault| fault.at(name))?)?;
    }
    Ok(weights)
}

/// What a persistent id says: the element type, the name and the number of elements of a storage.
#[derive(Clone, Copy, PartialEq)]
struct StorageId<'a> {
    class: &'a str,
    key: &'a str,
    count: i64,
}

impl<'a> StorageId<'a> {
    fn parse(id: Node<'_, 'a>) -> Parsed<StorageId<'a>> {
        let items = id.items().unwrap_or_default();
        // A legacy file has one item more, for a storage that is part of another, which torch.save never is.
        let items = match items.as_slice() {
            [items @ .., part] if items.len() == 5 && *part.object() == Object::None => items,
            items => items,
        };
        let [kind, class, key, device, count] = items else {
            return Err("a persistent id is not a storage's".into());
        };
        match (kind.text(), class.object(), key.text().zip(device.text()), count.int()) {
            (Some("storage"), &Object::Global(("torch", class)), Some((key, _)), Some(count)) => {
                Ok(StorageId { class, key, count })
            }
            (Some("storage"), ..) => {
                Err("a storage's id is not (class, name, device, count)".into())
            }
            _ => Err("a persistent id is not a storage's".into()),
        }
    }

    fn dtype(&self) -> Parsed<Dtype> {
        match self.class {
            "HalfStorage" => Ok(Dtype::F16),
            "BFloat16Storage" => Ok(Dtype::BF16),
            "FloatStorage" => Ok(Dtype::F32),
            "DoubleStorage" => Ok(Dtype::F64),
            other => Err(not_floating(other.trim_end_matches("Storage"))),
        }
    }

    /// Bytes per element, also of the types that weights are not read from.
    fn element_size(&self) -> Parsed<usize> {
        match self.class {
            "ByteStorage" | "CharStorage" | "BoolStorage" => Ok(1),
            "ShortStorage" => Ok(2),
            "IntStorage" => Ok(4),
            "LongStorage" | "ComplexFloatStorage" => Ok(8),
            "ComplexDoubleStorage" => Ok(16),
            _ => self.dtype().map(|dtype| Element::little_endian(dtype).size()),
        }
    }

    /// Bytes of the storage.
    fn size(&self) -> Parsed<usize> {
        let count = usize::try_from(self.count).ok();
        let size =
            count.zip(self.element_size().ok()).and_then(|(count, size)| count.checked_mul(size));
        size.ok_or_else(|| Fault(format!("a storage of {} elements of {}", self.count, self.class)))
    }
}

/// What a tensor is: where in a storage, and how its elements lie there.
struct View<'a> {
    storage: StorageId<'a>,
    offset: i64,
    shape: Vec<usize>,
    strides: Vec<i64>,
}

impl<'a> View<'a> {
    /// `None` if `node` is no tensor at all.
    fn parse(node: Node<'_, 'a>) -> Option<Parsed<View<'a>>> {
        let (function, arguments, _) = node.call()?;
        match (function, arguments.as_slice()) {
            // A parameter's tensor is never a parameter, so that nothing can recurse here for long.
            (PARAMETER, [data, ..])
                if data.call().is_some_and(|(function, ..)| function != PARAMETER) =>
            {
                View::parse(*data)
            }
            // Behind the strides: whether it wants a gradient, its hooks, and since 2.0 perhaps its metadata.
            (TENSOR, [storage, offset, size, stride, gradient, hooks, ..])
                if matches!(gradient.object(), Object::Bool(_)) && hooks.pairs().is_some() =>
            {
                Some(View::of_arguments(*storage, *offset, *size, *stride))
            }
            (OLD_TENSOR, [storage, offset, size, stride]) => {
                Some(View::of_arguments(*storage, *offset, *size, *stride))
            }
            _ => None,
        }
    }

    fn of_arguments(
        storage: Node<'_, 'a>,
        offset: Node<'_, 'a>,
        shape: Node<'_, 'a>,
        strides: Node<'_, 'a>,
    ) -> Parsed<View<'a>> {
        let storage = storage.persistent_id().ok_or("a tensor without a storage")?;
        match (offset.int(), shape.ints(), strides.ints()) {
            (Some(offset), Some(shape), Some(strides)) if shape.len() == strides.len() => {
                let shape = checked_shape(&shape)?;
                Ok(View { storage: StorageId::parse(storage)?, offset, shape, strides })
            }
            _ => Err("a tensor's offset, shape and strides are not integers, or not of one length"
                .into()),
        }
    }

    /// The view's elements in its storage's `bytes`.
    fn array(&self, element: Element, bytes: &[u8]) -> Parsed<Array> {
        let (offset, strides) = self.inside()?;
        let values = element.values(bytes, positions(offset, &self.shape, &strides))?;
        Ok(Array::new(self.shape.clone(), values)?)
    }

    /// The offset and the strides, if every element lies inside the storage.
    fn inside(&self) -> Parsed<(usize, Vec<usize>)> {
        self.extent().ok_or_else(|| {
            Fault(format!(
                "offset {}, shape {:?} and strides {:?} reach outside a storage of {} elements",
                self.offset, self.shape, self.strides, self.storage.count
            ))
        })
    }

    fn extent(&self) -> Option<(usize, Vec<usize>)> {
        let offset = usize::try_from(self.offset).ok()?;
        let strides = self.strides.iter().map(|&stride| usize::try_from(stride).ok());
        let strides: Vec<_> = strides.collect::<Option<_>>()?;
        // One behind the last element that the view touches; an empty one touches none, but must not begin outside.
        let mut end = offset;
        if !self.shape.contains(&0) {
            end = end.checked_add(1)?;
            for (length, stride) in self.shape.iter().zip(&strides) {
                end = end.checked_add((length - 1).checked_mul(*stride)?)?;
            }
        }
        (end <= usize::try_from(self.storage.count).ok()?).then_some((offset, strides))
    }
}

/// The folder of the files that are written. torch.save takes the file's name; a constant makes equal weights equal files.
const FOLDER: &str = "archive";

/// torch.save's alignment of a storage, in bytes.
const ALIGNMENT: u64 = 64;

pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let mut pickler = Pickler::protocol_2();
    pickler.call(ORDERED_DICT.0, ORDERED_DICT.1, |_| {});
    pickler.set_items(|pickler| {
        for (key, (name, array)) in weights.iter().enumerate() {
            pickler.text(name);
            pickle_tensor(pickler, &key.to_string(), array);
        }
    });

    let mut archive = ArchiveWriter::new();
    archive.add(&format!("{FOLDER}/data.pkl"), &pickler.finish(), ALIGNMENT)?;
    archive.add(&format!("{FOLDER}/byteorder"), b"little", ALIGNMENT)?;
    for (key, (_, array)) in weights.iter().enumerate() {
        archive.add(&format!("{FOLDER}/data/{key}"), &array.to_bytes(), ALIGNMENT)?;
    }
    archive.add(&format!("{FOLDER}/version"), b"3\n", ALIGNMENT)?;
    archive.finish()
}

fn pickle_tensor(pickler: &mut Pickler, key: &str, array: &Array) {
    pickler.call(TENSOR.0, TENSOR.1, |pickler| {
        pickler.persistent(|pickler| {
            pickler.text("storage");
            pickler.global("torch", "FloatStorage");
            pickler.text(key);
            pickler.text("cpu");
            pickler.int(array.values().len() as i64);
        });
        pickler.int(0);
        pickler.ints(array.shape());
        pickler.ints(&row_major(array.shape()));
        // Whether it wants a gradient, and its hooks.
        pickler.bool(false);
        pickler.call(ORDERED_DICT.0, ORDERED_DICT.1, |_| {});
    });
}
