//! What `paddle.save` writes: a pickle in which each tensor is a NumPy array.
//!
//! A state_dict saved alone holds bare arrays and, under `StructuredToParameterName@@`, the name that Paddle made up for
//! each parameter (`conv2d_0.w_0`). `set_state_dict` goes by the keys, so these names are passed over on reading, and on
//! writing each key names itself. In a checkpoint (a dict with other things beside the state_dict) an array is
//! `tuple((name, array))` instead.
//!
//! Paddle keeps a `Linear`'s weight as `[in, out]`, PyTorch as `[out, in]`: every matrix whose name ends in `.weight` is
//! transposed on the way in and on the way out.

use super::{
    super::{Array, StateDict},
    dtype::Dtype,
    fault::{Fault, Parsed},
    numpy::{self, DTYPE, NDARRAY, Pickled, RECONSTRUCT},
    pickle::{Global, Node, Pickle, Pickler, find_state_dict},
};

/// The key under which Paddle keeps its own names of the parameters.
const NAMES: &str = "StructuredToParameterName@@";

/// The key under which protocols 2 and 3 tell how parameters of more than 1 GiB were cut up.
const SLICES: &str = "UnpackBigParamInfor@@";

/// `tuple` in protocol 2 and in 3 and later.
const TUPLE: [Global<'static>; 2] = [("__builtin__", "tuple"), ("builtins", "tuple")];

/// Beside what NumPy's arrays and scalars name.
const ALLOWED: [Global<'static>; 3] = [TUPLE[0], TUPLE[1], ("collections", "OrderedDict")];

/// NumPy has no bfloat16: Paddle hands it over as the bits, and takes them back as such.
const DTYPES: [(&str, Dtype); 1] = [("u2", Dtype::BF16)];

/// Whether `bytes` begin like a pickle of protocol 2 or later.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

pub(super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    let allowed = [&numpy::ARRAYS[..], &numpy::SCALARS, &ALLOWED].concat();
    let pickle = Pickle::read_whole(bytes, &allowed)?;
    let mut weights = StateDict::default();
    for (name, node) in find_state_dict(pickle.root(), |node| array(node).is_some(), NAMES)? {
        if name == SLICES {
            return Err("parameters of more than 1 GiB, in slices, are not read".into());
        }
        let pickled =
            array(node).ok_or("not an array").map_err(Fault::from).and_then(Pickled::parse);
        let array = pickled.and_then(|pickled| pickled.array(&DTYPES));
        weights.insert(name, converted(name, &array.map_err(|fault| fault.at(name))?))?;
    }
    // What is not weights has to be whole as well.
    for node in pickle.nodes() {
        match node.call() {
            Some((function, _, None)) if TUPLE.contains(&function) => {}
            _ => numpy::check(node)?,
        }
    }
    Ok(weights)
}

/// The array that `node` is, or that it is in a tuple with its name.
fn array<'p, 'a>(node: Node<'p, 'a>) -> Option<Node<'p, 'a>> {
    let (function, arguments, _) = node.call()?;
    if !TUPLE.contains(&function) {
        return Some(node).filter(|node| numpy::is_array(*node));
    }
    // The call's one argument is the tuple.
    let [pair] = arguments.as_slice() else { return None };
    match pair.items()?.as_slice() {
        [name, array] if name.text().is_some() && numpy::is_array(*array) => Some(*array),
        _ => None,
    }
}

/// `array` as the other framework keeps it.
fn converted(name: &str, array: &Array) -> Array {
    let is_linear = array.shape().len() == 2 && name.ends_with(".weight");
    if is_linear { array.transposed() } else { array.clone() }
}

pub(super) fn write(weights: &StateDict) -> Parsed<Vec<u8>> {
    let mut arrays = Vec::with_capacity(weights.len());
    for (name, array) in weights.iter() {
        if name == NAMES || name == SLICES {
            return Err(Fault(format!("{name}, which Paddle keeps for itself")));
        }
        arrays.push((name, converted(name, array)));
    }

    let mut pickler = Pickler::protocol_4();
    pickler.empty_dict();
    pickler.set_items(|pickler| {
        for (name, array) in &arrays {
            pickler.text(name);
            pickle_array(pickler, array);
        }
        pickler.text(NAMES);
        pickler.empty_dict();
        pickler.set_items(|pickler| {
            for (name, _) in &arrays {
                pickler.text(name);
                pickler.text(name);
            }
        });
    });
    Ok(pickler.finish())
}

fn pickle_array(pickler: &mut Pickler, array: &Array) {
    // NumPy 2 knows NumPy 1's name, too.
    pickler.call(RECONSTRUCT[0].0, RECONSTRUCT[0].1, |pickler| {
        pickler.global(NDARRAY.0, NDARRAY.1);
        pickler.ints(&[0]);
        pickler.bytes(b"b");
    });
    pickler.build(|pickler| {
        pickler.int(1);
        pickler.ints(array.shape());
        pickler.call(DTYPE.0, DTYPE.1, |pickler| {
            pickler.text("f4");
            pickler.bool(false);
            pickler.bool(true);
        });
        pickler.build(|pickler| {
            pickler.int(3);
            pickler.text("<");
            // No sub-array, names or fields; size and alignment are the type's own; no flags.
            (0..3).for_each(|_| pickler.none());
            [-1, -1, 0].into_iter().for_each(|value| pickler.int(value));
        });
        pickler.bool(false);
        pickler.bytes(&array.to_bytes());
    });
}
