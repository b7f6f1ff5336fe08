//! safetensors: a length, a JSON header with each tensor's dtype, shape and offsets, and the tensors' bytes.
//!
//! The `safetensors` crate reads and writes it. It refuses gaps, overlaps, and lengths that do not add up; two tensors of
//! one name, or two values of one key in the metadata, of which it would keep either, are refused here.

use std::{collections::HashSet, fmt};

use safetensors::{Dtype as FileDtype, SafeTensors, tensor::TensorView};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::seal;

use super::{
    super::{Array, StateDict},
    dtype::{Dtype, Element, checked_shape, not_floating},
    fault::{Fault, Parsed},
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
        weights.insert(&*name, array(&view).map_err(|fault| fault.at(&name))?)?;
    }
    weights.metadata.extend(header.metadata().clone().unwrap_or_default());
    // It is of this file, not of the weights: a copy has another.
    if let Some(checksum) = weights.metadata.remove(seal::KEY) {
        seal::check(bytes, &checksum)?;
        weights.sealed = true;
    }
    Ok(weights)
}

fn array(view: &TensorView<'_>) -> Parsed<Array> {
    let dtype = match view.dtype() {
        FileDtype::F16 => Dtype::F16,
        FileDtype::BF16 => Dtype::BF16,
        FileDtype::F32 => Dtype::F32,
        FileDtype::F64 => Dtype::F64,
        other => return Err(not_floating(&other.to_string())),
    };
    Element::little_endian(dtype).array(view.data(), checked_shape(view.shape())?)
}

pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, array) in weights.iter() {
        if name == METADATA {
            return Err(format!("{name}, which safetensors keeps for itself").into());
        }
        tensors.push((name, array.shape(), array.to_bytes()));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        Ok((*name, TensorView::new(FileDtype::F32, shape.to_vec(), bytes)?))
    });
    let views: Vec<_> = views.collect::<Parsed<_>>()?;
    let metadata = weights.metadata.clone();
    let metadata = (!metadata.is_empty()).then(|| metadata.into_iter().collect());
    let mut file = safetensors::serialize(views, metadata)?;
    sort_metadata(&mut file, weights)?;
    Ok(file)
}

const METADATA: &str = "__metadata__";

/// Puts the metadata in the order of their keys, so that equal weights give equal files. The crate writes them first in the header,
/// in an order that changes from run to run.
fn sort_metadata(file: &mut [u8], weights: &StateDict) -> Parsed<()> {
    if weights.metadata.is_empty() {
        return Ok(());
    }
    let sorted = serde_json::to_vec(&weights.metadata).map_err(|error| error.to_string())?;
    let start = LENGTH + format!("{{{METADATA:?}:").len();
    let place = file.get_mut(start..start + sorted.len());
    let place = place.filter(|place| place.starts_with(b"{") && place.ends_with(b"}"));
    place.ok_or("the header does not begin with the metadata")?.copy_from_slice(&sorted);
    Ok(())
}

/// Refuses what stands twice in the header: a tensor, the metadata, or a key of theirs. The crate would keep the last one.
fn refuse_duplicates(json: &[u8]) -> Parsed<()> {
    let mut json = serde_json::Deserializer::from_slice(json);
    let header = DistinctKeys { of_metadata: false };
    header.deserialize(&mut json).map_err(|error| Fault(format!("header: {error}")))
}

/// An object whose keys are all different: the header, or the metadata in it.
struct DistinctKeys {
    of_metadata: bool,
}

impl<'de> DeserializeSeed<'de> for DistinctKeys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DistinctKeys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// A null in the place of the metadata, which the crate takes for none.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            match key == METADATA && !self.of_metadata {
                true => map.next_value_seed(DistinctKeys { of_metadata: true })?,
                false => map.next_value::<IgnoredAny>().map(drop)?,
            }
            if let Some(key) = seen.replace(key) {
                let what = if self.of_metadata { "keys of the metadata" } else { "tensors" };
                return Err(A::Error::custom(format!("two {what} are named {key:?}")));
            }
        }
        Ok(())
    }
}
