use std::{cell::Cell, collections::HashMap};

use super::{
    super::fault::{Fault, Parsed},
    Global, Id, Object, Pickle, SPENT_PER_BYTE, opcode as op,
};

/// Arguments of a call: more would be gone through anew for each tensor that shares them.
const MAX_ARGUMENTS: usize = 16;

/// Objects in one pickle. A tensor takes about 20, an optimizer's state as much again for each of its moments, so this is
/// room for ten thousand parameters; and it bounds what a pickle of one-byte instructions can make us allocate.
const MAX_OBJECTS: usize = 1 << 20;

/// Objects remembered for later use, and the highest number they are remembered under. Picklers count from 0.
const MAX_MEMO: usize = MAX_OBJECTS;

/// Containers that are open at once. A checkpoint's dicts and tuples reach 6.
const MAX_NESTING: usize = 64;

/// The protocols that instructions are known of. torch.save writes 2, Paddle 2 to 4, and who pickles by himself any. Buffers
/// outside of the pickle, which 5 has, are not read.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;

/// The longest module or name of a global, in bytes. The longest on a list has 33.
const MAX_GLOBAL: usize = 128;

pub(super) fn read<'a>(bytes: &'a [u8], allowed: &[Global<'_>]) -> Parsed<Pickle<'a>> {
    let mut unpickler = Unpickler {
        bytes,
        allowed,
        protocol: 0,
        position: 0,
        frame_end: 0,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copied: 0,
    };
    loop {
        let start = unpickler.position;
        let place = |fault: Fault| fault.at(format_args!("pickle, byte {start}"));
        let frame_end = unpickler.frame_end;
        let done = unpickler.step().map_err(place)?;
        if start < frame_end && unpickler.position > frame_end {
            return Err(place("an instruction reaches beyond its frame".into()));
        }
        if let Some(root) = done {
            let length = unpickler.position;
            let left = Cell::new(length.saturating_mul(SPENT_PER_BYTE));
            return Ok(Pickle { objects: unpickler.objects, root, length, left });
        }
    }
}

struct Unpickler<'a, 'l> {
    bytes: &'a [u8],
    /// The globals that may be named.
    allowed: &'l [Global<'l>],
    /// The protocol that the pickle states, which no instruction may be newer than: no pickler writes such.
    protocol: u8,
    position: usize,
    /// Where the frame that `position` is in ends; at or before `position` outside of frames.
    frame_end: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// Items copied into OrderedDicts.
    copied: usize,
}

impl<'a> Unpickler<'a, '_> {
    /// Carries out one instruction. `Some` with the root object after the last.
    fn step(&mut self) -> Parsed<Option<Id>> {
        let first = self.position == 0;
        let instruction = self.u8()?;
        if first && instruction != op::PROTO {
            return Err("a pickle of protocol 2 to 5 begins with 80".into());
        }
        let needed = op::protocol(instruction);
        if !first && needed > self.protocol {
            let stated = self.protocol;
            return Err(format!(
                "instruction {instruction:#04x} of protocol {needed} in a pickle of protocol {stated}"
            )
            .into());
        }
        match instruction {
            op::PROTO => self.protocol(first)?,
            op::FRAME => self.frame()?,
            op::STOP => return self.stop().map(Some),
            _ => {
                let known = self.value(instruction)?
                    || self.container(instruction)?
                    || self.memo(instruction)?
                    || self.global_or_call(instruction)?;
                if !known {
                    return Err(format!(
                        "instruction {instruction:#04x} has no place in a file of weights"
                    )
                    .into());
                }
            }
        }
        Ok(None)
    }

    /// Pushes the object that holds no other and that the instruction makes, if it makes one.
    fn value(&mut self, instruction: u8) -> Parsed<bool> {
        let object = match instruction {
            op::NONE => Object::None,
            op::NEWTRUE => Object::Bool(true),
            op::NEWFALSE => Object::Bool(false),
            op::BININT => Object::Int(i32::from_le_bytes(self.array()?).into()),
            op::BININT1 => Object::Int(self.u8()?.into()),
            op::BININT2 => Object::Int(u16::from_le_bytes(self.array()?).into()),
            op::LONG1 => {
                let length = self.u8()?;
                long(self.take(length.into())?)
            }
            op::BINFLOAT => Object::Float(f64::from_be_bytes(self.array()?)),
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => {
                let bytes = self.counted(instruction)?;
                Object::Str(str::from_utf8(bytes).map_err(|_| "a string is not UTF-8")?)
            }
            op::SHORT_BINBYTES | op::BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => {
                Object::Bytes(self.counted(instruction)?)
            }
            op::SHORT_BINSTRING | op::BINSTRING => Object::OldStr(self.counted(instruction)?),
            op::EMPTY_TUPLE => Object::Tuple(Vec::new()),
            op::EMPTY_LIST => Object::List(Vec::new()),
            op::EMPTY_DICT => Object::Dict(Vec::new()),
            _ => return Ok(false),
        };
        self.push(object)?;
        Ok(true)
    }

    /// Makes and fills tuples, lists and dicts; `false` where the instruction is for something else.
    fn container(&mut self, instruction: u8) -> Parsed<bool> {
        match instruction {
            op::MARK => self.mark()?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let items = self.pop_to_mark()?;
                self.push(Object::Tuple(items))?;
            }
            op::APPEND => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            op::APPENDS => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])?;
            }
            op::SETITEMS => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Remembers an object under a number, or pushes it again; `false` where the instruction is for something else.
    fn memo(&mut self, instruction: u8) -> Parsed<bool> {
        let number = match instruction {
            op::BINPUT | op::BINGET => self.u8()?.into(),
            op::LONG_BINPUT | op::LONG_BINGET => u32::from_le_bytes(self.array()?) as usize,
            op::MEMOIZE => self.memo.len(),
            _ => return Ok(false),
        };
        match instruction {
            op::BINGET | op::LONG_BINGET => self.recall(number)?,
            _ => self.remember(number)?,
        }
        Ok(true)
    }

    /// Names a global, records a call and sets its state; `false` where the instruction is for something else.
    fn global_or_call(&mut self, instruction: u8) -> Parsed<bool> {
        match instruction {
            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.objects.get(module), self.objects.get(name)) {
                    (Some(&Object::Str(module)), Some(&Object::Str(name))) => {
                        self.global(module, name)?;
                    }
                    _ => return Err("a global's module and name are not strings".into()),
                }
            }
            op::REDUCE => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            op::BUILD => {
                let state = self.pop()?;
                self.build(state)?;
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.push(Object::Persistent(id))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn protocol(&mut self, first: bool) -> Parsed<()> {
        let protocol = self.u8()?;
        if !first || !PROTOCOLS.contains(&protocol) {
            return Err(format!("protocol {protocol}; known are 2 to 5, once, at the start").into());
        }
        self.protocol = protocol;
        Ok(())
    }

    /// The root object, which is all that may be left.
    fn stop(&mut self) -> Parsed<Id> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err("the pickle stops with objects left over".into());
        }
        if self.position < self.frame_end {
            return Err("the pickle stops inside a frame".into());
        }
        Ok(root)
    }

    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let end = self.position.checked_add(length).filter(|&end| end <= self.bytes.len());
        let slice = end.and_then(|end| Some((end, self.bytes.get(self.position..end)?)));
        let Some((end, bytes)) = slice else {
            let left = self.bytes.len() - self.position;
            return Err(
                format!("{length} bytes should follow, {left} do: the file is cut short").into()
            );
        };
        self.position = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Fault::from("the file is cut short"))
    }

    fn u8(&mut self) -> Parsed<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// What follows an instruction as its length and that many bytes.
    fn counted(&mut self, instruction: u8) -> Parsed<&'a [u8]> {
        let length = match instruction {
            op::SHORT_BINUNICODE | op::SHORT_BINBYTES | op::SHORT_BINSTRING => self.u8()?.into(),
            op::BINUNICODE8 | op::BINBYTES8 | op::BYTEARRAY8 => u64::from_le_bytes(self.array()?),
            _ => u32::from_le_bytes(self.array()?).into(),
        };
        self.take(usize::try_from(length).map_err(|_| "a length is larger than memory")?)
    }

    /// The text up to the next newline.
    fn line(&mut self) -> Parsed<&'a str> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = rest
            .iter()
            .take(MAX_GLOBAL)
            .position(|&byte| byte == b'\n')
            .ok_or("a global's name is too long or cut short")?;
        let line = self.take(length)?;
        self.take(1)?;
        str::from_utf8(line).map_err(|_| "a global's name is not UTF-8".into())
    }

    fn frame(&mut self) -> Parsed<()> {
        if self.position < self.frame_end {
            return Err("a frame begins inside another".into());
        }
        let length = u64::from_le_bytes(self.array()?);
        let left = self.bytes.len() - self.position;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                self.frame_end = self.position + length;
                Ok(())
            }
            _ => Err(format!("a frame of {length} bytes, {left} are left").into()),
        }
    }

    fn push(&mut self, object: Object<'a>) -> Parsed<()> {
        if self.objects.len() == MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} objects").into());
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    fn pop(&mut self) -> Parsed<Id> {
        if self.marks.last().is_some_and(|&mark| self.stack.len() <= mark) {
            return Err("a mark is where an object should be".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn mark(&mut self) -> Parsed<()> {
        if self.marks.len() == MAX_NESTING {
            return Err(format!("more than {MAX_NESTING} containers inside each other").into());
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop_to_mark(&mut self) -> Parsed<Vec<Id>> {
        let mark = self.marks.pop().ok_or("no container is open")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn tuple(&mut self, length: usize) -> Parsed<()> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Object::Tuple(items))
    }

    /// The object on top of the stack, which stays there.
    fn top(&mut self) -> Parsed<&mut Object<'a>> {
        if self.marks.last().is_some_and(|&mark| self.stack.len() <= mark) {
            return Err("a mark is where an object should be".into());
        }
        let top = self.stack.last().and_then(|&id| self.objects.get_mut(id));
        top.ok_or_else(|| "the stack is empty".into())
    }

    fn append(&mut self, items: Vec<Id>) -> Parsed<()> {
        match self.top()? {
            Object::List(list) => list.extend(items),
            _ => return Err("items are appended to what is not a list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Parsed<()> {
        let (Object::Dict(pairs) | Object::OrderedDict { pairs, .. }) = self.top()? else {
            return Err("items are set on what is not a dict".into());
        };
        let (chunks, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        pairs.extend(chunks.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, number: usize) -> Parsed<()> {
        if number >= MAX_MEMO {
            return Err(format!("memo number {number}, more than {MAX_MEMO}").into());
        }
        self.top()?;
        if let Some(&id) = self.stack.last() {
            self.memo.insert(number, id);
        }
        Ok(())
    }

    fn recall(&mut self, number: usize) -> Parsed<()> {
        let &id = self
            .memo
            .get(&number)
            .ok_or_else(|| Fault(format!("memo number {number} is not set")))?;
        if self.stack.len() >= MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} objects on the stack").into());
        }
        self.stack.push(id);
        Ok(())
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Parsed<()> {
        if !self.allowed.contains(&(module, name)) {
            let (module, name) = (shorten(module), shorten(name));
            return Err(
                format!("it asks for {module}.{name}, which no file of weights needs").into()
            );
        }
        self.push(Object::Global((module, name)))
    }

    fn call(&mut self, function: Id, arguments: Id) -> Parsed<()> {
        let Some(&Object::Global(function)) = self.objects.get(function) else {
            return Err("a call of what is not a function".into());
        };
        let Some(Object::Tuple(items)) = self.objects.get(arguments) else {
            return Err("a call whose arguments are not a tuple".into());
        };
        // None that a file of weights names takes more than ten.
        if items.len() > MAX_ARGUMENTS {
            return Err(format!("a call of {} arguments", items.len()).into());
        }
        match (function, items.as_slice()) {
            (("collections", "OrderedDict"), items) => {
                let pairs = match items {
                    [] => Vec::new(),
                    &[pairs] => self.pairs(pairs)?,
                    _ => return Err("an OrderedDict of more than one argument".into()),
                };
                self.push(Object::OrderedDict { pairs, attributes: None })
            }
            _ => self.push(Object::Call { function, arguments, state: None }),
        }
    }

    /// The items of an OrderedDict as Python 2 pickles them: a list of lists of a key and a value.
    fn pairs(&mut self, list: Id) -> Parsed<Vec<(Id, Id)>> {
        let items = |id| match self.objects.get(id) {
            Some(Object::List(items) | Object::Tuple(items)) => Some(items),
            _ => None,
        };
        let pair = |&id: &Id| match items(id)?.as_slice() {
            &[key, value] => Some((key, value)),
            _ => None,
        };
        let list = items(list).ok_or("an OrderedDict of what is not a list")?;
        // One list may be given to many calls.
        self.copied = self.copied.saturating_add(list.len());
        if self.copied > MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} items of OrderedDicts").into());
        }
        let pairs: Option<Vec<_>> = list.iter().map(pair).collect();
        pairs.ok_or_else(|| "an OrderedDict of what is not pairs".into())
    }

    fn build(&mut self, new: Id) -> Parsed<()> {
        let is_dict = matches!(self.objects.get(new), Some(Object::Dict(_)));
        match self.top()? {
            Object::Call { state, .. } if state.is_none() => *state = Some(new),
            Object::OrderedDict { attributes, .. } if attributes.is_none() && is_dict => {
                *attributes = Some(new);
            }
            _ => return Err("a state is set on what has none, or of the wrong kind".into()),
        }
        Ok(())
    }
}

/// An integer: little-endian, two's complement.
fn long(bytes: &[u8]) -> Object<'_> {
    let negative = bytes.last().is_some_and(|&byte| byte & 0x80 != 0);
    let mut padded = [if negative { 0xff } else { 0 }; 8];
    match padded.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Object::Int(i64::from_le_bytes(padded))
        }
        None => Object::Long(bytes),
    }
}

/// A name from a hostile file, made fit for a message.
fn shorten(name: &str) -> String {
    name.chars().take(60).flat_map(char::escape_debug).collect()
}
