//! Damage that any file can take, to a file of every form.

use lenet::weights::StateDict;
use proptest::{prelude::*, test_runner::RngSeed};

use super::{ONE_OF_EACH, assert_refused, assert_tiny, golden_bytes, refusal};

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    for file in ONE_OF_EACH {
        let bytes = golden_bytes(file);
        for length in 0..bytes.len() {
            assert!(
                StateDict::from_bytes(&bytes[..length]).is_err(),
                "{file}: {length} bytes of it"
            );
        }
        refusal(&bytes[..bytes.len() / 2]);
    }
}

#[test]
fn bytes_before_or_after_are_refused() {
    for file in ONE_OF_EACH {
        let bytes = golden_bytes(file);
        refusal(&[&bytes[..], b"\0"].concat());
        refusal(&[b"\0", &bytes[..]].concat());
        refusal(&[&bytes[..], &bytes].concat());
    }
}

/// Whatever one byte becomes, the file is read or refused; and where a CRC watches, the values are right or refused.
#[test]
fn any_changed_byte_is_survived_and_seen_where_there_is_a_crc() {
    for file in ONE_OF_EACH {
        let mut bytes = golden_bytes(file);
        for position in 0..bytes.len() {
            let original = bytes[position];
            for changed in [original ^ 1, original ^ 0x80, 0, 0xff] {
                bytes[position] = changed;
                if let Ok(weights) = StateDict::from_bytes(&bytes)
                    && ["state_dict.pt", "savez.npz"].contains(&file)
                {
                    // A field that says nothing of the content: a date, a version.
                    assert_tiny(&weights, &format!("{file}, byte {position}"));
                }
            }
            bytes[position] = original;
        }
    }
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn faulty_safetensors() {
    let two = |a: &str, b: &str| {
        safetensors(
            &format!(
                r#"{{"a":{{"dtype":"F32","shape":[1],{a}}},"b":{{"dtype":"F32","shape":[1],{b}}}}}"#
            ),
            &[0; 8],
        )
    };
    StateDict::from_bytes(&two(r#""data_offsets":[0,4]"#, r#""data_offsets":[4,8]"#)).unwrap();
    assert_refused(&two(r#""data_offsets":[0,4]"#, r#""data_offsets":[0,4]"#), "offset");
    assert_refused(&two(r#""data_offsets":[0,4]"#, r#""data_offsets":[2,6]"#), "offset");
    assert_refused(&two(r#""data_offsets":[0,4]"#, r#""data_offsets":[5,9]"#), "offset");
    assert_refused(&two(r#""data_offsets":[4,0]"#, r#""data_offsets":[4,8]"#), "offset");

    let one = |fields: &str, data: &[u8]| safetensors(&format!(r#"{{"a":{{{fields}}}}}"#), data);
    let whole = r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#;
    StateDict::from_bytes(&one(whole, &[0; 8])).unwrap();
    refusal(&one(whole, &[0; 4]));
    refusal(&one(whole, &[0; 12]));
    refusal(&one(r#""dtype":"F32","shape":[3],"data_offsets":[0,8]"#, &[0; 8]));
    refusal(&one(r#""dtype":"F32","shape":[-2],"data_offsets":[0,8]"#, &[0; 8]));
    refusal(&one(r#""dtype":"F99","shape":[2],"data_offsets":[0,8]"#, &[0; 8]));
    refusal(&one(r#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]"#, &[]));
    refusal(&one(r#""dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]"#, &[]));
    assert_refused(
        &one(r#""dtype":"I32","shape":[2],"data_offsets":[0,8]"#, &[0; 8]),
        "a: dtype I32",
    );

    let twice = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#;
    assert_refused(&safetensors(twice, &[0; 4]), "two tensors are named \"a\"");
    let tensor = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let with = |metadata: &str| safetensors(&format!("{{{metadata},{tensor}}}"), &[0; 4]);
    for good in [r#""__metadata__":{"x":"1","y":"1"}"#, r#""__metadata__":null"#] {
        StateDict::from_bytes(&with(good)).unwrap();
    }
    for twice in [r#"{"x":"1","x":"1"}"#, r#"{"x":"1","y":"","\u0078":"2"}"#] {
        let twice = format!(r#""__metadata__":{twice}"#);
        assert_refused(&with(&twice), "two keys of the metadata are named \"x\"");
    }
    refusal(&with(r#""__metadata__":{},"__metadata__":{"x":"1"}"#));
    refusal(&with(r#""__metadata__":7"#));
    assert_refused(&safetensors(&format!("{{{}", "[".repeat(1 << 20)), &[]), "JSON");

    // A header longer than the file, and one longer than memory.
    for length in [3_u64, 1 << 20, u64::MAX] {
        refusal(&[&length.to_le_bytes(), &b"{}"[..]].concat());
    }
    refusal(&[&2_u64.to_le_bytes(), &b"{\xff"[..]].concat());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    /// Flipped bytes, a cut, and a piece of another file put in: read or refused, and nothing grows out of nothing.
    #[test]
    fn mutations_are_read_or_refused(
        file in proptest::sample::select(&ONE_OF_EACH[..]),
        other in proptest::sample::select(&ONE_OF_EACH[..]),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of((any::<prop::sample::Index>(), 0..64_usize)),
        splice in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..128_usize)),
    ) {
        let mut bytes = golden_bytes(file);
        for (position, byte) in flips {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if let Some((start, length)) = cut {
            let start = start.index(bytes.len());
            bytes.drain(start..bytes.len().min(start + length));
        }
        if let Some((to, from, length)) = splice {
            let donor = golden_bytes(other);
            let from = from.index(donor.len());
            let to = to.index(bytes.len() + 1);
            bytes.splice(to..to, donor[from..donor.len().min(from + length)].iter().copied());
        }
        if let Ok(weights) = StateDict::from_bytes(&bytes) {
            let total: usize = weights.iter().map(|(_, array)| 4 * array.values().len()).sum();
            prop_assert!(total <= 8 * bytes.len().max(64));
        }
    }

    /// Bytes that no writer had a hand in, behind each form's magic.
    #[test]
    fn noise_is_refused(
        magic in proptest::sample::select(vec![&b"PK\x03\x04"[..], b"\x80\x02", b"\x80\x04", b"\x10\0\0\0\0\0\0\0{"]),
        noise in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        let bytes = [magic, &noise].concat();
        if let Ok(weights) = StateDict::from_bytes(&bytes) {
            prop_assert!(weights.is_empty());
        }
    }
}
