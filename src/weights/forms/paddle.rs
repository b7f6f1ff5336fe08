//! What `paddle.save` writes: a pickle in which each tensor is a NumPy array.
//!
//! A state_dict saved alone holds bare arrays and, under `StructuredToParameterName@@`, the name that Paddle made up for
//! each parameter (`conv2d_0.w_0`). `set_state_dict` goes by the keys, so these names are passed over on reading, and on
//! writing each key names itself. In a checkpoint (a dict with other things beside the state_dict) an array is
//! `tuple((name, array))` instead.
//!
//! Paddle keeps a `Linear`'s weight as `[in, out]`, PyTorch as `[out, in]`: every matrix whose name ends in `.weight` is
//! transposed on the way in and on the way out.

use std::borrow::Cow;

use super::{
    super::{Array, StateDict},
    fault::{Fault, Parsed},
    npy,
    pickle::{Global, Node, Object, Pickle, Pickler, find_state_dict},
};

/// The key under which Paddle keeps its own names of the parameters.
const NAMES: &str = "StructuredToParameterName@@";

/// The key under which protocols 2 and 3 tell how parameters of more than 1 GiB were cut up.
const SLICES: &str = "UnpackBigParamInfor@@";

/// NumPy 1's and NumPy 2's name of the function that makes an array.
const RECONSTRUCT: [Global<'static>; 2] =
    [("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")];
const NDARRAY: Global<'static> = ("numpy", "ndarray");
const DTYPE: Global<'static> = ("numpy", "dtype");
/// How protocol 2, made for Python 2, writes bytes: as text, to be encoded as Latin-1.
const ENCODE: Global<'static> = ("_codecs", "encode");
/// `tuple` in protocol 2 and in 3 and 4.
const TUPLE: [Global<'static>; 2] = [("__builtin__", "tuple"), ("builtins", "tuple")];

const ALLOWED: [Global<'static>; 8] = [
    RECONSTRUCT[0],
    RECONSTRUCT[1],
    NDARRAY,
    DTYPE,
    ENCODE,
    TUPLE[0],
    TUPLE[1],
    ("collections", "OrderedDict"),
];

/// Whether `bytes` begin like a pickle of protocol 2 or later.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

pub(super) fn read(bytes: &[u8]) -> Parsed<StateDict> {
    let pickle = Pickle::read_whole(bytes, &ALLOWED)?;
    let mut weights = StateDict::default();
    for (name, node) in find_state_dict(pickle.root(), |node| state(node).is_some(), NAMES)? {
        if name == SLICES {
            return Err("parameters of more than 1 GiB, in slices, are not read".into());
        }
        let state = state(node).ok_or("not an array")?;
        let array = array(state).map_err(|fault| fault.at(name))?;
        weights.insert(name, converted(name, &array))?;
    }
    Ok(weights)
}

/// The state of the array that `node` is, by itself or in a tuple with its name.
fn state<'p, 'a>(node: Node<'p, 'a>) -> Option<Node<'p, 'a>> {
    let (function, arguments, state) = node.call()?;
    if TUPLE.contains(&function) {
        // The call's one argument is the tuple.
        let [pair] = arguments.as_slice() else { return None };
        return match pair.items()?.as_slice() {
            [name, array] if name.text().is_some() => bare_state(*array),
            _ => None,
        };
    }
    if RECONSTRUCT.contains(&function) { state } else { None }
}

fn bare_state<'p, 'a>(node: Node<'p, 'a>) -> Option<Node<'p, 'a>> {
    let (function, _, state) = node.call()?;
    state.filter(|_| RECONSTRUCT.contains(&function))
}

/// An array from its state: version, shape, dtype, order, elements.
fn array(state: Node<'_, '_>) -> Parsed<Array> {
    let items = state.items().unwrap_or_default();
    let [version, shape, dtype, fortran_order, elements] = items.as_slice() else {
        return Err("an array's state is not a tuple of five".into());
    };
    let &Object::Bool(fortran_order) = fortran_order.object() else {
        return Err("an array's order is not a bool".into());
    };
    match (version.int(), shape.ints(), bytes(*elements)) {
        (Some(1), Some(shape), Some(elements)) => {
            npy::array(&descr(*dtype)?, fortran_order, &shape, &elements)
        }
        (Some(1), ..) => {
            Err("an array's shape is not integers, or its elements are not bytes".into())
        }
        _ => Err(format!("version {} of NumPy's array", version.describe()).into()),
    }
}

/// NumPy's short name of a dtype, such as `<f4`, from `dtype('f4', …)` and the byte order in its state.
fn descr(node: Node<'_, '_>) -> Parsed<String> {
    let call = node.call().filter(|(function, ..)| *function == DTYPE);
    let (_, arguments, state) = call.ok_or("an array's dtype is none")?;
    let name =
        arguments.first().and_then(|name| name.text()).ok_or("a dtype's name is not a string")?;
    let state = state.and_then(Node::items).unwrap_or_default();
    let order =
        state.get(1).and_then(|order| order.text()).ok_or("a dtype without a byte order")?;
    match name {
        // Paddle hands bfloat16 to NumPy, which has no such type, as its bits.
        "u2" => Err("dtype uint16 is not read; Paddle saves bfloat16 so: save float32".into()),
        _ => Ok(format!("{order}{name}")),
    }
}

/// Bytes, also as protocol 2 writes them.
fn bytes<'a>(node: Node<'_, 'a>) -> Option<Cow<'a, [u8]>> {
    if let &Object::Bytes(bytes) = node.object() {
        return Some(Cow::Borrowed(bytes));
    }
    let (function, arguments, _) = node.call()?;
    match arguments.as_slice() {
        [text, encoding] if function == ENCODE && encoding.text() == Some("latin1") => {
            text.text()?.chars().map(|character| u8::try_from(character).ok()).collect()
        }
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
