use super::opcode as op;

/// Writes a pickle, instruction by instruction, of protocol 2, or of 4 where it says so.
///
/// Nothing is memoized: what is written here repeats little.
pub(crate) struct Pickler {
    out: Vec<u8>,
}

impl Pickler {
    /// Protocol 2, which every Python that PyTorch runs on reads.
    pub(crate) fn protocol_2() -> Pickler {
        Pickler { out: vec![op::PROTO, 2] }
    }

    /// Protocol 4, the first in which bytes may be longer than 4 GB.
    pub(crate) fn protocol_4() -> Pickler {
        Pickler { out: vec![op::PROTO, 4] }
    }

    pub(crate) fn none(&mut self) {
        self.out.push(op::NONE);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.out.push(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    pub(crate) fn int(&mut self, value: i64) {
        match i32::try_from(value) {
            Ok(value) => {
                self.out.push(op::BININT);
                self.out.extend(value.to_le_bytes());
            }
            Err(_) => {
                self.out.extend([op::LONG1, 8]);
                self.out.extend(value.to_le_bytes());
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        match u32::try_from(text.len()) {
            Ok(length) => {
                self.out.push(op::BINUNICODE);
                self.out.extend(length.to_le_bytes());
            }
            Err(_) => {
                self.out.push(op::BINUNICODE8);
                self.out.extend((text.len() as u64).to_le_bytes());
            }
        }
        self.out.extend(text.as_bytes());
    }

    /// Of protocol 4.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.push(op::BINBYTES8);
        self.out.extend((bytes.len() as u64).to_le_bytes());
        self.out.extend(bytes);
    }

    pub(crate) fn global(&mut self, module: &str, name: &str) {
        self.out.push(op::GLOBAL);
        self.out.extend(module.as_bytes());
        self.out.push(b'\n');
        self.out.extend(name.as_bytes());
        self.out.push(b'\n');
    }

    pub(crate) fn tuple(&mut self, items: impl FnOnce(&mut Pickler)) {
        self.out.push(op::MARK);
        items(self);
        self.out.push(op::TUPLE);
    }

    pub(crate) fn ints(&mut self, values: &[usize]) {
        self.tuple(|pickler| values.iter().for_each(|&value| pickler.int(value as i64)));
    }

    pub(crate) fn empty_dict(&mut self) {
        self.out.push(op::EMPTY_DICT);
    }

    /// Sets items, written as key, value, key, value, … on the dict before them.
    pub(crate) fn set_items(&mut self, items: impl FnOnce(&mut Pickler)) {
        self.out.push(op::MARK);
        items(self);
        self.out.push(op::SETITEMS);
    }

    /// A call of `module.name`.
    pub(crate) fn call(&mut self, module: &str, name: &str, arguments: impl FnOnce(&mut Pickler)) {
        self.global(module, name);
        self.tuple(arguments);
        self.out.push(op::REDUCE);
    }

    /// Sets the state of the object before it.
    pub(crate) fn build(&mut self, state: impl FnOnce(&mut Pickler)) {
        self.tuple(state);
        self.out.push(op::BUILD);
    }

    /// What the reader is to supply, under this id.
    pub(crate) fn persistent(&mut self, id: impl FnOnce(&mut Pickler)) {
        self.tuple(id);
        self.out.push(op::BINPERSID);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(op::STOP);
        self.out
    }
}
