//! Whether a JPEG is all there: its decoder fills in what is missing, and says nothing.

/// Why the bytes are no whole JPEG, where they are one that was cut off. Other forms' decoders notice by themselves.
pub(super) fn check_jpeg(bytes: &[u8]) -> Result<(), String> {
    match bytes.starts_with(&[0xff, 0xd8, 0xff]) && !has_end(bytes) {
        true => {
            Err(format!("a JPEG that ends after {} bytes, before its picture does", bytes.len()))
        }
        false => Ok(()),
    }
}

/// Whether the marker for the end of the image comes, looked for as a decoder comes upon it: not within a segment, where a
/// smaller picture may have its own.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&[byte, marker]) = bytes.get(at..at + 2) {
        at += match (byte, marker) {
            (0xff, 0xd9) => return true,
            // A fill byte, which another may follow.
            (0xff, 0xff) => 1,
            // Markers without a segment: a byte of 255 in the image's data, a temporary one, a restart, the start of the image.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
            // A segment, whose length counts its own two bytes.
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => return false,
            },
            // The image's data.
            _ => 1,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::check_jpeg;
    use image::{GrayImage, Luma, codecs::jpeg::JpegEncoder};

    #[test]
    fn a_jpeg_that_is_cut_anywhere_is_told() {
        let picture = GrayImage::from_fn(90, 70, |x, y| Luma([(x * y) as u8]));
        let mut jpeg = vec![];
        JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&picture).unwrap();
        // A smaller picture within, as cameras have it, with an end of its own.
        let mut inner = vec![0xff, 0xe1, 0x00, 0x08, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xd9];
        inner.extend([0xff, 0xff]); // and a fill byte
        jpeg.splice(2..2, inner);
        assert!(image::load_from_memory(&jpeg).is_ok());
        check_jpeg(&jpeg).unwrap();
        check_jpeg(&[&jpeg[..], b"and more"].concat()).unwrap();
        for length in 3..jpeg.len() {
            assert!(check_jpeg(&jpeg[..length]).is_err(), "{length} of {}", jpeg.len());
        }
        for other in [&b""[..], b"\x89PNG", b"P5 1 1 255\n", b"\xff\xd8"] {
            check_jpeg(other).unwrap();
        }
    }
}
