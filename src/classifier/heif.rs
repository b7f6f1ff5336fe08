//! HEIC and AVIF, as telephones save photographs: nothing here decodes them, but whoever gives one is told what to do.

/// The extensions of such files that `image` does not know.
const EXTENSIONS: [&str; 4] = ["heic", "heif", "heics", "heifs"];

/// What such a file is called, by its brands: the major one or a compatible one. The container (ISO 14496-12) holds videos, too, whose
/// brands are others.
const BRANDS: [(&str, &[&[u8; 4]]); 3] = [
    ("an AVIF picture", &[b"avif", b"avis"]),
    (
        "a HEIC photograph",
        &[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"],
    ),
    ("a HEIF picture", &[b"mif1", b"mif2", b"msf1", b"miaf"]),
];

/// The longest list of brands that is looked at, in bytes.
const LONGEST: usize = 256;

/// Why the bytes are not read, where they are such a picture.
pub(super) fn check_heif(bytes: &[u8]) -> Result<(), String> {
    match brand(bytes) {
        Some(name) => Err(format!("{name}, which is not read: save it as JPEG or PNG")),
        None => Ok(()),
    }
}

/// What the first box says that the file is: a length, `ftyp`, a brand, its version, and the brands that it is compatible with.
fn brand(bytes: &[u8]) -> Option<&'static str> {
    let (length, rest) = bytes.split_first_chunk()?;
    let brands = rest.strip_prefix(b"ftyp")?;
    let length = (u32::from_be_bytes(*length) as usize).saturating_sub(8);
    let brands = brands.get(..length.min(LONGEST)).unwrap_or(brands);
    let (brands, _) = brands.as_chunks::<4>();
    BRANDS.iter().find(|(_, known)| brands.iter().any(|it| known.contains(&it))).map(|it| it.0)
}

/// Whether a file's name ends as those of such pictures do.
pub(super) fn has_heif_extension(path: &std::path::Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS.iter().any(|it| extension.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::check_heif;

    #[test]
    fn photographs_of_telephones_are_named() {
        let boxed = |brands: &[u8]| {
            [&(brands.len() as u32 + 8).to_be_bytes(), b"ftyp", brands, b"\0\0\0\x08mdat"].concat()
        };
        for (brands, name) in [
            (&b"heic\0\0\0\0mif1MiHEheic"[..], "a HEIC photograph"),
            (b"mif1\0\0\0\0mif1heic", "a HEIC photograph"),
            (b"msf1\0\0\0\0hevc", "a HEIC photograph"),
            (b"mif1\0\0\0\0", "a HEIF picture"),
            (b"avif\0\0\0\0avifmif1miaf", "an AVIF picture"),
            (b"avis\0\0\0\0msf1", "an AVIF picture"),
        ] {
            let file = boxed(brands);
            for length in [file.len(), 12] {
                let error = check_heif(&file[..length]).unwrap_err();
                let expected = if length == 12 { "a" } else { name };
                assert!(error.starts_with(expected), "{error}");
                assert!(error.ends_with("which is not read: save it as JPEG or PNG"), "{error}");
            }
        }
        // A video, another box, one that is longer than its file, and what is cut off.
        for other in [
            &boxed(b"isom\0\0\x02\0isomiso2avc1mp41")[..],
            b"\0\0\0\x0cmoovheic",
            b"\xff\xff\xff\xffftypisom",
            b"\0\0\0\x0cftyp",
            b"\0\0\0\x0cftyphei",
            b"\0\0",
            b"",
        ] {
            check_heif(other).unwrap();
        }
        // The next box's name is no brand of this one.
        check_heif(&[&boxed(b"isom\0\0\0\0")[..16], b"\0\0\0\x08heic"].concat()).unwrap();
    }
}
