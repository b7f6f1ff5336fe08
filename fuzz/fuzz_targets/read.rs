use lenet::weights::StateDict;

/// Reads the bytes; what is not refused has to be what it says it is.
pub fn read(bytes: &[u8]) {
    let Ok(weights) = StateDict::from_bytes(bytes) else { return };
    let mut values = 0;
    for (name, array) in weights.iter() {
        assert_eq!(array.shape().iter().product::<usize>(), array.values().len(), "{name}");
        values += array.values().len();
    }
    // Deflated arrays of zeros may be many times the file, up to a limit.
    assert!(
        4 * values <= 32 * bytes.len() + (16 << 20),
        "{values} values from {} bytes",
        bytes.len()
    );
    weights.non_finite();
}
