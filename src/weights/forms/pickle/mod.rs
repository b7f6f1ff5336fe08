//! Pickles, as far as files of weights need them.
//!
//! A pickle is a program for a stack machine that may call anything Python can import. [`Pickle::read`] runs none of it: it
//! knows the instructions that build data, takes a global only if its module and name are on the caller's list, and
//! records a call as a [`Object::Call`] of that name with its arguments. What such a call means is for the reader of the
//! form to say; nothing is looked up and nothing is executed.
//!
//! Objects lie side by side in one list and name each other by position. So no depth of nesting costs stack, an object
//! that is used twice is there once, and one that holds itself does no harm.

mod opcode;
mod pickler;
mod unpickler;

use std::cell::Cell;

pub(super) use pickler::Pickler;

use super::fault::{Fault, Parsed};

/// Tensors have no more dimensions than this; libtorch's own limit is 64.
const MAX_DIMENSIONS: usize = 64;

/// Bytes that may be taken out of a pickle, per byte of it. Thousands of arrays may name the same bytes.
const SPENT_PER_BYTE: usize = 8;

/// An object's position in the pickle's list.
type Id = usize;

/// A module and a name in it.
pub(super) type Global<'a> = (&'a str, &'a str);

/// What a pickle holds. Text and bytes are slices of the pickle itself.
#[derive(Debug, PartialEq)]
pub(super) enum Object<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits: little-endian, two's complement.
    Long(&'a [u8]),
    Float(f64),
    Str(&'a str),
    /// A `str` of Python 2: text or bytes, as whoever takes it has it.
    OldStr(&'a [u8]),
    Bytes(&'a [u8]),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// With attributes where they were set: torch keeps the version of each module there (`_metadata`).
    OrderedDict {
        pairs: Vec<(Id, Id)>,
        attributes: Option<Id>,
    },
    Global(Global<'a>),
    /// `function(*arguments)`, and the state set on the result.
    Call {
        function: Global<'a>,
        arguments: Id,
        state: Option<Id>,
    },
    /// What the pickle's reader is asked to supply, under this id.
    Persistent(Id),
}

/// The objects of one pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
    /// Bytes that the pickle took, from its first instruction to `STOP`.
    pub(super) length: usize,
    /// Bytes that may still be taken out.
    left: Cell<usize>,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle that `bytes` begin with. Globals other than `allowed` are refused.
    pub(super) fn read(bytes: &'a [u8], allowed: &[Global<'_>]) -> Parsed<Pickle<'a>> {
        unpickler::read(bytes, allowed)
    }

    /// Reads the pickle that `bytes` are, with nothing after it.
    pub(super) fn read_whole(bytes: &'a [u8], allowed: &[Global<'_>]) -> Parsed<Pickle<'a>> {
        let pickle = Pickle::read(bytes, allowed)?;
        match bytes.len() - pickle.length {
            0 => Ok(pickle),
            more => Err(format!("{more} bytes after the pickle").into()),
        }
    }

    /// The object that the pickle is of.
    pub(super) fn root(&self) -> Node<'_, 'a> {
        Node { pickle: self, id: self.root }
    }

    /// Every object in it, used or not.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Node<'_, 'a>> {
        (0..self.objects.len()).map(|id| Node { pickle: self, id })
    }

    /// Every persistent id in it, used or not.
    pub(super) fn persistent(&self) -> impl Iterator<Item = Node<'_, 'a>> {
        self.nodes().filter_map(Node::persistent_id)
    }
}

/// One object of a pickle, and the way to those it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'p, 'a> {
    pickle: &'p Pickle<'a>,
    id: Id,
}

impl<'p, 'a> Node<'p, 'a> {
    pub(super) fn object(self) -> &'p Object<'a> {
        // Ids come from the unpickler alone and always name an object.
        self.pickle.objects.get(self.id).unwrap_or(&Object::None)
    }

    fn node(self, id: Id) -> Node<'p, 'a> {
        Node { pickle: self.pickle, id }
    }

    /// The items of a tuple or list.
    pub(super) fn items(self) -> Option<Vec<Node<'p, 'a>>> {
        match self.object() {
            Object::Tuple(items) | Object::List(items) => {
                Some(items.iter().map(|&id| self.node(id)).collect())
            }
            _ => None,
        }
    }

    /// Keys and values of a dict, in the order in which they were set.
    pub(super) fn pairs(
        self,
    ) -> Option<impl ExactSizeIterator<Item = (Node<'p, 'a>, Node<'p, 'a>)>> {
        match self.object() {
            Object::Dict(pairs) | Object::OrderedDict { pairs, .. } => {
                Some(pairs.iter().map(move |&(key, value)| (self.node(key), self.node(value))))
            }
            _ => None,
        }
    }

    /// A string; bytes are none, as in Python 3, but a `str` of Python 2 is one where it is UTF-8.
    pub(super) fn text(self) -> Option<&'a str> {
        match *self.object() {
            Object::Str(text) => Some(text),
            Object::OldStr(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Bytes, or a `str` of Python 2.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match *self.object() {
            Object::Bytes(bytes) | Object::OldStr(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An integer of up to 64 bits.
    pub(super) fn int(self) -> Option<i64> {
        match *self.object() {
            Object::Int(value) => Some(value),
            _ => None,
        }
    }

    /// A tuple or list of integers, such as a shape.
    pub(super) fn ints(self) -> Option<Vec<i64>> {
        let items = self.items()?;
        // A tuple may be named again and again: one of a million would be gone through as often.
        (items.len() <= MAX_DIMENSIONS).then(|| items.into_iter().map(Node::int).collect())?
    }

    /// The function, the arguments and the state of a call.
    pub(super) fn call(self) -> Option<(Global<'a>, Vec<Node<'p, 'a>>, Option<Node<'p, 'a>>)> {
        match *self.object() {
            Object::Call { function, arguments, state } => {
                Some((function, self.node(arguments).items()?, state.map(|id| self.node(id))))
            }
            _ => None,
        }
    }

    /// The id of what the reader is to supply.
    pub(super) fn persistent_id(self) -> Option<Node<'p, 'a>> {
        match *self.object() {
            Object::Persistent(id) => Some(self.node(id)),
            _ => None,
        }
    }

    /// Accounts for bytes that are taken out of the pickle.
    pub(super) fn spend(self, bytes: usize) -> Parsed<()> {
        let left = self.pickle.left.get().checked_sub(bytes);
        let left = left.ok_or_else(|| format!("arrays come to {SPENT_PER_BYTE} times the file"))?;
        self.pickle.left.set(left);
        Ok(())
    }

    /// What it is, for messages.
    pub(super) fn describe(self) -> String {
        match self.object() {
            Object::None => "None".into(),
            Object::Bool(value) => format!("the bool {value}"),
            Object::Int(value) => format!("the integer {value}"),
            Object::Long(_) => "a large integer".into(),
            Object::Float(value) => format!("the number {value}"),
            Object::Str(_) | Object::OldStr(_) => "a string".into(),
            Object::Bytes(_) => "bytes".into(),
            Object::Tuple(items) => format!("a tuple of {}", items.len()),
            Object::List(items) => format!("a list of {}", items.len()),
            Object::Dict(pairs) | Object::OrderedDict { pairs, .. } => {
                format!("a dict of {}", pairs.len())
            }
            Object::Global((module, name)) => format!("{module}.{name}"),
            Object::Call { function: (module, name), .. } => format!("a call of {module}.{name}"),
            Object::Persistent(_) => "a storage".into(),
        }
    }
}

/// The keys under which a training script keeps the state_dict, beside its epoch, its optimizer and so on.
const NESTING_KEYS: [&str; 3] = ["model", "state_dict", "model_state_dict"];

/// Finds the state_dict in what was pickled: the dict itself if all that it holds are tensors, else the one dict that it
/// holds under one of the keys that scripts use. `is_tensor` tells a tensor; entries named `ignored` are passed over.
///
/// A key that comes twice is refused: Python would keep the last value and drop the first without a word.
pub(super) fn find_state_dict<'p, 'a>(
    root: Node<'p, 'a>,
    is_tensor: impl Fn(Node<'p, 'a>) -> bool,
    ignored: &str,
) -> Parsed<Vec<(&'a str, Node<'p, 'a>)>> {
    let first_other = |entries: &[(&'a str, Node<'p, 'a>)]| {
        entries.iter().copied().find(|&(_, value)| !is_tensor(value))
    };
    let entries = text_keyed(root, "the pickled object", ignored)?;
    let Some((other, value)) = first_other(&entries) else { return Ok(entries) };
    let mut nested =
        entries.iter().filter(|(key, value)| NESTING_KEYS.contains(key) && value.pairs().is_some());
    match (nested.next(), nested.next()) {
        (Some((key, dict)), None) => {
            let entries = text_keyed(*dict, key, ignored)?;
            let Some((other, value)) = first_other(&entries) else { return Ok(entries) };
            Err(format!("{key}[{other:?}] is {}, not a tensor", value.describe()).into())
        }
        (Some((first, _)), Some((second, _))) => {
            Err(format!("a dict is kept both under {first:?} and under {second:?}").into())
        }
        (None, _) => Err(Fault(format!(
            "{other:?} is {}, not a tensor, and no dict is kept under {}",
            value.describe(),
            NESTING_KEYS.join(", ")
        ))),
    }
}

fn text_keyed<'p, 'a>(
    dict: Node<'p, 'a>,
    what: &str,
    ignored: &str,
) -> Parsed<Vec<(&'a str, Node<'p, 'a>)>> {
    let pairs =
        dict.pairs().ok_or_else(|| Fault(format!("{what} is {}, not a dict", dict.describe())))?;
    let mut seen = std::collections::HashSet::new();
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let Some(key) = key.text() else {
            return Err(format!("{what} has {} for a key, not a string", key.describe()).into());
        };
        if !seen.insert(key) {
            return Err(format!("{what} has the key {key:?} twice").into());
        }
        if key != ignored {
            entries.push((key, value));
        } else if !value.pairs().is_some_and(|mut names| {
            names.all(|(key, name)| key.text().is_some() && name.text().is_some())
        }) {
            return Err(format!("{key:?} is not a dict of strings").into());
        }
    }
    Ok(entries)
}
