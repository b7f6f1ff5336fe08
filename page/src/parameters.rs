//! The parameters of a network, as the page hands them over.

use crate::exchange;

/// The numbers that the page has written: f32, little-endian.
pub fn taken() -> Vec<f32> {
    let bytes = exchange::taken();
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}
