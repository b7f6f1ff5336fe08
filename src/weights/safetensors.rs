//! safetensors: a length, a JSON header with each tensor's dtype, shape and offsets, and the tensors' bytes.
//!
//! The `safetensors` crate reads and writes it. It refuses gaps, overlaps, and lengths that do not add up; two tensors of
//! one name, of which it would keep either, are refused here.

use std::{collections::HashSet, fmt};

use safetensors::{Dtype as FileDtype, SafeTensors, tensor::TensorView};
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{
    StateDict,
    dtype::{Dtype, not_floating},
    fault::{Fault, Parsed},
    seal::{self, BLANK, CHECKSUM},
    state_dict::to_bytes,
};

/// The header's length, in bytes.
const LENGTH: usize = 8;

/// Whether `bytes` begin like a file of this form: a length, then JSON.
pub(super) fn has_header(bytes: &[u8]) -> bool {
    bytes.get(LENGTH) == Some(&b'{')
}

pub(super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    let (header_length, header) = SafeTensors::read_metadata(bytes)?;
    let json = bytes.get(LENGTH..).and_then(|rest| rest.get(..header_length)).unwrap_or_default();
    refuse_duplicates(json)?;

    let file = SafeTensors::deserialize(bytes)?;
    let mut weights = StateDict::default();
    for name in header.offset_keys() {
        let view = file.tensor(&name)?;
        weights.insert(&*name, tensor(&view).map_err(|fault| fault.at(&name))?)?;
    }
    weights.metadata.extend(header.metadata().clone().unwrap_or_default());
    if let Some(checksum) = weights.metadata.get(CHECKSUM) {
        seal::check(bytes, checksum)?;
    }
    Ok(weights)
}

fn tensor(view: &TensorView<'_>) -> Parsed<tch::Tensor> {
    let dtype = match view.dtype() {
        FileDtype::F16 => Dtype::F16,
        FileDtype::BF16 => Dtype::BF16,
        FileDtype::F32 => Dtype::F32,
        FileDtype::F64 => Dtype::F64,
        other => return Err(not_floating(&other.to_string())),
    };
    let shape = view.shape().iter().map(|&length| i64::try_from(length));
    let shape: Vec<_> = shape.collect::<Result<_, _>>().map_err(|_| "a dimension overflows")?;
    dtype.tensor(view.data(), &shape)
}

pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, tensor) in weights.iter() {
        let shape: Vec<_> = tensor.size().into_iter().map(|length| length as usize).collect();
        tensors.push((name, shape, to_bytes(tensor)?));
    }
    let mut views = Vec::with_capacity(tensors.len());
    for (name, shape, bytes) in &tensors {
        if *name == METADATA {
            return Err(format!("{name}, which safetensors keeps for itself").into());
        }
        views.push((*name, TensorView::new(FileDtype::F32, shape.clone(), bytes)?));
    }
    let mut metadata = weights.metadata.clone();
    if let Some(checksum) = metadata.get_mut(CHECKSUM) {
        BLANK.clone_into(checksum);
    }
    let metadata = (!metadata.is_empty()).then(|| metadata.into_iter().collect());
    let mut file = safetensors::serialize(views, metadata)?;
    if weights.metadata.contains_key(CHECKSUM) {
        seal::seal(&mut file)?;
    }
    Ok(file)
}

const METADATA: &str = "__metadata__";

fn refuse_duplicates(json: &[u8]) -> Parsed<()> {
    struct DistinctKeys;

    impl<'de> Visitor<'de> for DistinctKeys {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = HashSet::new();
            while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
                if let Some(key) = seen.replace(key) {
                    return Err(A::Error::custom(format!("two tensors are named {key:?}")));
                }
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_map(DistinctKeys).map_err(|error| Fault(format!("header: {error}")))
}
