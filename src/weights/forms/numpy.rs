//! NumPy's arrays, types and scalars in pickles, as NumPy 1 and 2 have them in protocols 2 to 5.
//!
//! NumPy ignores some of what it writes there: the shape that `_reconstruct` gets, and the size and the flags in a dtype's
//! state. Here these have to be what NumPy writes.

use std::borrow::Cow;

use super::{
    super::Array,
    dtype::{Dtype, Element, check_length, checked_shape},
    fault::{Fault, Parsed},
    npy,
    pickle::{Global, Node, Object},
};

/// Makes an array, whose state is then set. NumPy 2 knows NumPy 1's name, too.
pub(super) const RECONSTRUCT: [Global<'static>; 2] =
    [("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")];
/// Makes an array of its elements, in protocol 5.
const FROMBUFFER: [Global<'static>; 2] =
    [("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")];
const SCALAR: [Global<'static>; 2] =
    [("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")];
pub(super) const NDARRAY: Global<'static> = ("numpy", "ndarray");
pub(super) const DTYPE: Global<'static> = ("numpy", "dtype");
/// How protocol 2, made for Python 2, writes bytes: as text, to be encoded as Latin-1.
const ENCODE: Global<'static> = ("_codecs", "encode");

/// All that scalars name, such as an accuracy in a checkpoint, and what arrays name beside them.
pub(super) const SCALARS: [Global<'static>; 4] = [SCALAR[0], SCALAR[1], DTYPE, ENCODE];
pub(super) const ARRAYS: [Global<'static>; 5] =
    [RECONSTRUCT[0], RECONSTRUCT[1], FROMBUFFER[0], FROMBUFFER[1], NDARRAY];

/// An array as it was pickled.
pub(super) struct Pickled<'p, 'a> {
    dtype: Node<'p, 'a>,
    shape: Vec<i64>,
    order: Order,
    elements: Cow<'a, [u8]>,
}

/// How the elements lie.
enum Order {
    /// Row by row.
    C,
    Fortran,
    /// Row by row before its axes are put in this order.
    Axes(Vec<usize>),
}

/// Whether `node` is an array.
pub(super) fn is_array(node: Node<'_, '_>) -> bool {
    node.call().is_some_and(|(function, _, state)| match state {
        Some(_) => RECONSTRUCT.contains(&function),
        None => FROMBUFFER.contains(&function),
    })
}

impl<'p, 'a> Pickled<'p, 'a> {
    pub(super) fn parse(node: Node<'p, 'a>) -> Parsed<Pickled<'p, 'a>> {
        match node.call().filter(|_| is_array(node)) {
            Some((_, arguments, Some(state))) => Pickled::of_state(&arguments, state),
            Some((_, arguments, None)) => Pickled::of_buffer(&arguments),
            None => Err("not an array".into()),
        }
    }

    fn of_state(arguments: &[Node<'p, 'a>], state: Node<'p, 'a>) -> Parsed<Pickled<'p, 'a>> {
        let as_numpy = match arguments {
            [class, shape, letter] => {
                *class.object() == Object::Global(NDARRAY)
                    && shape.ints().as_deref() == Some(&[0])
                    && *bytes(*letter)? == *b"b"
            }
            _ => false,
        };
        if !as_numpy {
            return Err("an array is not made by _reconstruct(ndarray, (0,), b'b')".into());
        }
        let items = state.items().unwrap_or_default();
        let [version, shape, dtype, fortran_order, elements] = items.as_slice() else {
            return Err("an array's state is not a tuple of five".into());
        };
        let order = match fortran_order.object() {
            Object::Bool(true) => Order::Fortran,
            Object::Bool(false) => Order::C,
            _ => return Err("an array's order is not a bool".into()),
        };
        match version.int() {
            Some(1) => Pickled::new(*dtype, *shape, order, *elements),
            _ => Err(format!("version {} of NumPy's array", version.describe()).into()),
        }
    }

    fn of_buffer(arguments: &[Node<'p, 'a>]) -> Parsed<Pickled<'p, 'a>> {
        let [elements, dtype, shape, order, axes @ ..] = arguments else {
            return Err("an array is not of elements, dtype, shape and order".into());
        };
        let order = match (order.text(), axes) {
            (Some("C"), []) => Order::C,
            (Some("F"), []) => Order::Fortran,
            (Some("K"), [axes]) => {
                let axes = axes.ints().ok_or("an array's axes are not integers")?;
                Order::Axes(axes.into_iter().map(|axis| axis as usize).collect())
            }
            _ => return Err("an array's order is neither C nor F nor K with axes".into()),
        };
        Pickled::new(*dtype, *shape, order, *elements)
    }

    fn new(
        dtype: Node<'p, 'a>,
        shape: Node<'p, 'a>,
        order: Order,
        elements: Node<'p, 'a>,
    ) -> Parsed<Pickled<'p, 'a>> {
        let shape = shape.ints().ok_or("an array's shape is not integers")?;
        Ok(Pickled { dtype, shape, order, elements: bytes(elements)? })
    }

    /// The array, if its elements are of a type that weights are read from. `dtypes` adds names to NumPy's.
    pub(super) fn array(&self, dtypes: &[(&str, Dtype)]) -> Parsed<Array> {
        let (order, name) = dtype(self.dtype)?;
        let element = match dtypes.iter().find(|(known, _)| *known == name) {
            Some(&(_, dtype)) if "<>".contains(order) => {
                Element { dtype, big_endian: order == ">" }
            }
            _ => Element::of_numpy(&format!("{order}{name}"))?,
        };
        match &self.order {
            Order::C => npy::array(element, false, &self.shape, &self.elements),
            Order::Fortran => npy::array(element, true, &self.shape, &self.elements),
            Order::Axes(axes) => npy::array(element, false, &self.shape, &self.elements)?
                .permuted(axes)
                .ok_or_else(|| Fault(format!("{axes:?} are not the axes of an array"))),
        }
    }

    /// Whether the elements are as many as the shape takes, whatever their type.
    fn check(&self) -> Parsed<()> {
        let size = element_size(self.dtype)?;
        check_length(size, &self.elements, &checked_shape(&self.shape)?)
    }
}

/// Checks a call of one of these names, whether or not what it makes is used.
pub(super) fn check(node: Node<'_, '_>) -> Parsed<()> {
    let Some((function, arguments, state)) = node.call() else { return Ok(()) };
    if function == DTYPE {
        return dtype(node).map(drop);
    }
    if is_array(node) {
        return Pickled::parse(node)?.check();
    }
    if SCALAR.contains(&function) && state.is_none() {
        let [dtype, value] = arguments.as_slice() else {
            return Err("a scalar is not of a dtype and bytes".into());
        };
        return check_length(element_size(*dtype)?, &bytes(*value)?, &[]);
    }
    if function == ENCODE && state.is_none() {
        return bytes(node).map(drop);
    }
    Err("a NumPy array without a state, or another object with one".into())
}

/// Bytes per element of a number's type: the digits of its name.
fn element_size(node: Node<'_, '_>) -> Parsed<usize> {
    let (_, name) = dtype(node)?;
    let digits = name.strip_prefix(['b', 'i', 'u', 'f', 'c']);
    let size = digits.and_then(|digits| digits.parse().ok()).filter(|&size| size > 0);
    size.ok_or_else(|| Fault(format!("dtype {name} is not one of numbers")))
}

/// The byte order and the name of a dtype: of `dtype('f4', False, True)` with the state that NumPy gives a number's type.
fn dtype<'a>(node: Node<'_, 'a>) -> Parsed<(&'a str, &'a str)> {
    let call = node.call().filter(|(function, ..)| *function == DTYPE);
    let (_, arguments, state) = call.ok_or("an array's dtype is none")?;
    let flag = |node: &Node<'_, '_>, expected: bool| {
        matches!(node.object(), Object::Bool(flag) if *flag == expected)
            || node.int() == Some(expected.into())
    };
    let name = match arguments.as_slice() {
        [name, align, copy] if flag(align, false) && flag(copy, true) => name.text(),
        _ => None,
    };
    let name = name.ok_or("a dtype is not made by dtype(name, False, True)")?;
    let state = state.and_then(Node::items).unwrap_or_default();
    let [version, order, parts @ .., size, alignment, flags] = state.as_slice() else {
        return Err("a dtype without a byte order".into());
    };
    let order = order.text().ok_or("a dtype without a byte order")?;
    let parts_are_none = parts.iter().all(|part| *part.object() == Object::None);
    let numbers = [version, size, alignment, flags].map(|node| node.int());
    if parts.len() != 3 || !parts_are_none || numbers != [3, -1, -1, 0].map(Some) {
        let numbers = "(3, order, None, None, None, -1, -1, 0)";
        return Err(format!("the state of dtype {order}{name} is not {numbers}").into());
    }
    Ok((order, name))
}

/// Bytes, also as protocol 2 writes them.
fn bytes<'a>(node: Node<'_, 'a>) -> Parsed<Cow<'a, [u8]>> {
    if let Some(bytes) = node.bytes() {
        node.spend(bytes.len())?;
        return Ok(Cow::Borrowed(bytes));
    }
    let text = match node.call().filter(|(function, ..)| *function == ENCODE) {
        Some((_, arguments, _)) => match arguments.as_slice() {
            [text, encoding] if encoding.text() == Some("latin1") => text.text(),
            _ => None,
        },
        None => None,
    };
    let text = text.ok_or_else(|| Fault(format!("{} is not bytes", node.describe())))?;
    node.spend(text.len())?;
    let bytes: Option<_> = text.chars().map(|character| u8::try_from(character).ok()).collect();
    Ok(Cow::Owned(bytes.ok_or("bytes as text that is not Latin-1")?))
}
