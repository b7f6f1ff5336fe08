//! `.npy`, one array of a `.npz`: a magic number, a version, a header that is a Python dict, and the elements.

use super::{
    super::Array,
    dtype::{Element, checked_shape},
    fault::{Fault, Parsed},
};

const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy's alignment of the elements, in bytes.
const ALIGNMENT: usize = 64;

pub(super) fn read(bytes: &[u8]) -> Parsed<Array> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin with \\x93NUMPY")?;
    let (header, elements) = match rest {
        [1, 0, low, high, rest @ ..] => split(rest, u16::from_le_bytes([*low, *high]).into())?,
        [2 | 3, 0, a, b, c, d, rest @ ..] => {
            split(rest, u32::from_le_bytes([*a, *b, *c, *d]) as usize)?
        }
        [major, minor, ..] => return Err(format!("version {major}.{minor} of .npy").into()),
        _ => return Err("the header is cut short".into()),
    };
    let header = str::from_utf8(header).map_err(|_| "the header is not UTF-8")?;
    let Header { descr, fortran_order, shape } = Header::parse(header)
        .ok_or_else(|| Fault(format!("the header {header:?} cannot be read")))?;
    array(Element::of_numpy(descr)?, fortran_order, &shape, elements)
}

fn split(rest: &[u8], length: usize) -> Parsed<(&[u8], &[u8])> {
    rest.split_at_checked(length).ok_or_else(|| "the header is cut short".into())
}

/// A NumPy array. In Fortran's order its elements lie column by column.
pub(super) fn array(
    element: Element,
    fortran_order: bool,
    shape: &[i64],
    elements: &[u8],
) -> Parsed<Array> {
    let mut shape = checked_shape(shape)?;
    if fortran_order {
        shape.reverse();
        return Ok(element.array(elements, shape)?.transposed());
    }
    element.array(elements, shape)
}

pub(super) fn write(array: &Array) -> Parsed<Vec<u8>> {
    let shape: String = array.shape().iter().map(|length| format!("{length}, ")).collect();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    let fixed = MAGIC.len() + 4;
    let length = (fixed + header.len() + 1).next_multiple_of(ALIGNMENT) - fixed;
    header.push_str(&" ".repeat(length - 1 - header.len()));
    header.push('\n');
    let length = u16::try_from(length).map_err(|_| "a shape too long for .npy")?;

    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(array.to_bytes());
    Ok(bytes)
}

#[derive(Debug, PartialEq)]
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<i64>,
}

impl<'a> Header<'a> {
    /// Reads the one kind of dict that NumPy writes here: three keys, each once, in whatever order.
    fn parse(text: &'a str) -> Option<Header<'a>> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = text.trim_ascii_end().strip_prefix('{')?;
        loop {
            rest = rest.trim_ascii_start();
            if let Some(end) = rest.strip_prefix('}') {
                let header = Header { descr: descr?, fortran_order: fortran_order?, shape: shape? };
                return end.is_empty().then_some(header);
            }
            let (key, value) = string(rest)?;
            let value = value.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
            rest = match key {
                "descr" if descr.is_none() => {
                    let (text, rest) = string(value)?;
                    descr = Some(text);
                    rest
                }
                "fortran_order" if fortran_order.is_none() => {
                    let (truth, rest) = match value.strip_prefix("True") {
                        Some(rest) => (true, rest),
                        None => (false, value.strip_prefix("False")?),
                    };
                    fortran_order = Some(truth);
                    rest
                }
                "shape" if shape.is_none() => {
                    let (inner, rest) = value.strip_prefix('(')?.split_once(')')?;
                    shape = Some(integers(inner)?);
                    rest
                }
                _ => return None,
            };
            rest = rest.trim_ascii_start();
            rest = match rest.strip_prefix(',') {
                Some(rest) => rest,
                None => rest.starts_with('}').then_some(rest)?,
            };
        }
    }
}

/// A quoted string without escapes, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (content, rest) = text.get(1..)?.split_once(quote)?;
    (!content.contains('\\')).then_some((content, rest))
}

/// The inside of a tuple of integers. A tuple of one ends in a comma.
fn integers(text: &str) -> Option<Vec<i64>> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(Vec::new());
    }
    let items = text.strip_suffix(',').unwrap_or(text);
    let values: Vec<_> =
        items.split(',').map(|item| digits(item.trim_ascii())).collect::<Option<_>>()?;
    (values.len() > 1 || items.len() < text.len()).then_some(values)
}

fn digits(text: &str) -> Option<i64> {
    // NumPy of Python 2 wrote a long integer's suffix.
    let text = text.strip_suffix('L').unwrap_or(text);
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_numpy_writes_them() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (6, 1, 5, 5), }      \n";
        let header = Header { descr: "<f4", fortran_order: false, shape: vec![6, 1, 5, 5] };
        assert_eq!(Header::parse(text), Some(header));
        let shape = |shape: &str| {
            let text = format!("{{\"shape\":{shape},\"fortran_order\":True,\"descr\":\"<f8\"}}");
            Header::parse(&text).map(|header| header.shape)
        };
        assert_eq!(shape("()"), Some(vec![]));
        assert_eq!(shape("(3,)"), Some(vec![3]));
        assert_eq!(shape("(3, 4)"), Some(vec![3, 4]));
        assert_eq!(shape("(3L, 4L)"), Some(vec![3, 4]));
        for wrong in [
            "(3)",
            "(,)",
            "(3,,4)",
            "(-3,)",
            "(+3,)",
            "(3.0,)",
            "3",
            "(3,",
            "(99999999999999999999,)",
        ] {
            assert_eq!(shape(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn headers_that_are_none() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} + 1",
            "{'descr': __import__('os'), 'fortran_order': False, 'shape': (3,)}",
        ] {
            assert_eq!(Header::parse(text), None, "{text}");
        }
    }
}
