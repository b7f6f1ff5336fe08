//! `Resize(32)` for images of 28x28, bit for bit as torchvision does it through Pillow.
//!
//! Pillow's bilinear filter takes two neighbours for each pixel, goes over the rows first, rounds to `u8`, then goes over
//! the columns. Between 28 and 32 pixels every weight is a multiple of 1/16, so that its 22-bit fixed-point arithmetic
//! comes to whole sixteenths here.

/// Height and width of MNIST's images.
pub(crate) const FROM: usize = 28;
/// Height and width that the network wants.
pub(crate) const TO: usize = crate::network::INPUT_SIDE;

/// For each pixel of the result: the first of its two neighbours, the second, and the second's weight in sixteenths.
const TAPS: [(usize, usize, u16); TO] = {
    let mut taps = [(0, 0, 0); TO];
    let mut i = 0;
    while i < TO {
        // The middle of pixel i lies at (i + 1/2) 28/32 - 1/2 = (14 i - 1)/16; outside the image its edge counts.
        let sixteenths = 14 * i as i64 - 1;
        let first = sixteenths.div_euclid(16);
        let last = FROM - 1;
        let before = if first < 0 { 0 } else { first as usize };
        let after = if first as usize == last { last } else { (first + 1) as usize };
        taps[i] = (before, after, sixteenths.rem_euclid(16) as u16);
        i += 1;
    }
    taps
};

/// Enlarges `from` (28x28, by rows) into `to` (32x32).
pub(crate) fn resize(from: &[u8; FROM * FROM], to: &mut [u8; TO * TO]) {
    let mix = |a: u8, b: u8, weight: u16| {
        ((u16::from(a) * (16 - weight) + u16::from(b) * weight + 8) >> 4) as u8
    };
    let mut wide = [[0u8; TO]; FROM];
    for (row, wide) in from.chunks_exact(FROM).zip(&mut wide) {
        for (pixel, (first, second, weight)) in wide.iter_mut().zip(TAPS) {
            *pixel = mix(row[first], row[second], weight);
        }
    }
    for (row, (first, second, weight)) in to.chunks_exact_mut(TO).zip(TAPS) {
        for ((pixel, &a), &b) in row.iter_mut().zip(&wide[first]).zip(&wide[second]) {
            *pixel = mix(a, b, weight);
        }
    }
}
