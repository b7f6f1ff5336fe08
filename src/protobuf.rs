//! What is needed of protobuf's encoding to write TensorBoard's event files and ONNX, and to read ONNX: by hand, since a
//! protobuf compiler and the crates for what it makes are much for messages of a few fields each.

/// A message: its fields one behind the other, each a number, how it is encoded, and a value.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// The message with one more field: an integer or an enum's value.
    pub fn int(mut self, field: u32, value: i64) -> Message {
        self.key(field, 0);
        self.varint(value as u64);
        self
    }

    #[cfg(feature = "report")]
    pub fn double(mut self, field: u32, value: f64) -> Message {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    #[cfg(feature = "report")]
    pub fn float(mut self, field: u32, value: f32) -> Message {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn bytes(mut self, field: u32, value: &[u8]) -> Message {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub fn text(self, field: u32, value: &str) -> Message {
        self.bytes(field, value.as_bytes())
    }

    pub fn message(self, field: u32, value: Message) -> Message {
        self.bytes(field, &value.0)
    }

    /// A repeated field.
    pub fn messages(self, field: u32, values: impl IntoIterator<Item = Message>) -> Message {
        values.into_iter().fold(self, |message, value| message.message(field, value))
    }

    /// A repeated field, not packed, as proto2 has it.
    pub fn ints(self, field: u32, values: &[i64]) -> Message {
        values.iter().fold(self, |message, &value| message.int(field, value))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A field's number and how it is encoded: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint((field << 3 | wire_type).into());
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A message's fields in the order of the file, each with its number.
pub(crate) struct Fields<'a>(&'a [u8]);

/// A field's value. Messages, strings and packed numbers are bytes.
#[derive(Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Int(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Fields<'a> {
        Fields(message)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.0.split_off_first().ok_or("a number is cut short")?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number of more than 64 bits")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        self.0.split_off(..length).ok_or("a field is cut short")
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "a field is cut short")
    }

    fn field(&mut self) -> Result<(u64, Field<'a>), &'static str> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Field::Int(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "a field is cut short")?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err("a field is encoded in an unknown way"),
        };
        Ok((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Fields, Message};

    /// The examples of protobuf's documentation, and a field whose number takes a second byte.
    #[test]
    fn encodings_are_the_documented_ones() {
        assert_eq!(Message::default().int(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0, b"\x12\x07testing");
        let inner = Message::default().int(1, 150);
        assert_eq!(Message::default().message(3, inner).0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().ints(6, &[1, 2]).0, [0x30, 1, 0x30, 2]);
        assert_eq!(Message::default().int(20, 0).0, [0xa0, 0x01, 0]);
    }
    #[test]
    fn what_is_written_is_read() {
        let inner = Message::default().int(1, -1).text(2, "x");
        let message = Message::default().message(3, inner).ints(20, &[0, 300]).into_bytes();
        let fields: Vec<_> = Fields::of(&message).collect::<Result<_, _>>().unwrap();
        let [(3, Field::Bytes(inner)), (20, Field::Int(0)), (20, Field::Int(300))] = fields[..]
        else {
            panic!("{fields:?}");
        };
        let inner: Vec<_> = Fields::of(inner).collect::<Result<_, _>>().unwrap();
        assert_eq!(inner, [(1, Field::Int(u64::MAX)), (2, Field::Bytes(b"x"))]);
        let fixed: Vec<_> = Fields::of(b"\x0d\0\0\x80?\x09\x01\0\0\0\0\0\0\0").collect();
        assert_eq!(fixed, [Ok((1, Field::Fixed32(0x3f80_0000))), Ok((1, Field::Fixed64(1)))]);
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_the_end() {
        for bytes in [&b"\x08"[..], b"\x08\xff", b"\x12\x02a", b"\x0d\0\0", b"\x0b", &[0xff; 11]] {
            let fields: Vec<_> = Fields::of(bytes).collect();
            assert!(matches!(fields[..], [Err(_)]), "{fields:?}");
        }
    }
}
