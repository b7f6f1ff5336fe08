//! What is needed of protobuf's encoding to write TensorBoard's event files and ONNX: by hand, since a protobuf compiler and
//! the crates for what it makes are much for messages of a few fields each.

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

#[cfg(test)]
mod tests {
    use super::Message;

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
}
