//! `Resize(32)` for images of 28x28, bit for bit as torchvision does it through Pillow.
//!
//! Pillow's bilinear filter takes two neighbours for each pixel, goes over the rows first, rounds to `u8`, then goes over
//! the columns. Between 28 and 32 pixels every weight is a multiple of 1/16, so that its 22-bit fixed-point arithmetic
//! comes to whole sixteenths here.

/// Height and width of MNIST's images.
pub(crate) const FROM: usize = 28;
/// Height and width that the network wants.
pub(crate) const TO: usize = crate::network::INPUT_SIDE;

/// Pixels of the result that seven of the original make, again and again.
const PERIOD: usize = 8;
const _: () = assert!(FROM * PERIOD == TO * (PERIOD - 1));

/// For each pixel of a period the weight of its second neighbour, in sixteenths.
const WEIGHTS: [u16; PERIOD] = {
    let mut weights = [0; PERIOD];
    let mut i = 0;
    while i < PERIOD {
        // The middle of pixel i lies at (i + 1/2) 28/32 - 1/2 = (14 i - 1)/16, so that its first neighbour is pixel i - 1.
        weights[i] = (14 * i as i64 - 1).rem_euclid(16) as u16;
        i += 1;
    }
    weights
};

/// Enlarges `from` (28x28, by rows) into `to` (32x32). Outside an image its edge counts.
pub(crate) fn resize(from: &[u8; FROM * FROM], to: &mut [u8; TO * TO]) {
    let mix = |a: u8, b: u8, weight: u16| {
        ((u16::from(a) * (16 - weight) + u16::from(b) * weight + 8) >> 4) as u8
    };
    // Framed by its edge, so that the first neighbour of pixel i of a period is pixel i of the original's.
    let mut wide = [[0u8; TO]; 1 + FROM + 1];
    for (row, wide) in from.as_chunks::<FROM>().0.iter().zip(&mut wide[1..]) {
        let mut framed = [row[FROM - 1]; 1 + FROM + 1];
        framed[0] = row[0];
        framed[1..=FROM].copy_from_slice(row);
        for (period, wide) in wide.as_chunks_mut::<PERIOD>().0.iter_mut().enumerate() {
            let framed = &framed[period * (PERIOD - 1)..][..PERIOD + 1];
            for (i, pixel) in wide.iter_mut().enumerate() {
                *pixel = mix(framed[i], framed[i + 1], WEIGHTS[i]);
            }
        }
    }
    (wide[0], wide[FROM + 1]) = (wide[1], wide[FROM]);
    for (i, row) in to.as_chunks_mut::<TO>().0.iter_mut().enumerate() {
        let first = i / PERIOD * (PERIOD - 1) + i % PERIOD;
        for ((pixel, &a), &b) in row.iter_mut().zip(&wide[first]).zip(&wide[first + 1]) {
            *pixel = mix(a, b, WEIGHTS[i % PERIOD]);
        }
    }
}

/// Bits of Pillow's weights after the point.
const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// A picture of any size scaled to `side`x`side`, by rows, as torchvision's `Resize((side, side))` does it through Pillow, bit for
/// bit: the bilinear filter, which averages where it makes smaller, over the rows first. (Pillow 13 goes over the columns first
/// where a picture is much higher than wide, so that some of its pixels differ by 1.)
pub(crate) fn scaled(
    (width, height): (usize, usize),
    pixel: impl Fn(usize, usize) -> u8,
    side: usize,
) -> Vec<u8> {
    let mix = |weights: &[i32], at: &dyn Fn(usize) -> u8| {
        let sum = weights.iter().enumerate().map(|(i, weight)| i32::from(at(i)) * weight);
        ((sum.sum::<i32>() + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).clamp(0, 255) as u8
    };
    let columns = taps(width, side);
    let mut wide = Vec::with_capacity(height * side);
    for y in 0..height {
        wide.extend(columns.iter().map(|(first, weights)| mix(weights, &|i| pixel(first + i, y))));
    }
    let rows = taps(height, side).into_iter();
    let row = |(first, weights): (usize, Vec<i32>)| {
        let wide = &wide;
        (0..side).map(move |x| mix(&weights, &|i| wide[(first + i) * side + x]))
    };
    rows.flat_map(row).collect()
}

/// For each of `to` pixels: the first of `from` pixels that it is made of, and the weights from there on. Pillow's
/// `precompute_coeffs` and `normalize_coeffs_8bpc`, operation by operation.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<i32>)> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let tap = |at: usize| {
        let middle = (at as f64 + 0.5) * scale;
        let first = (middle - support + 0.5) as usize; // below 0 it is 0
        let last = ((middle + support + 0.5) as usize).min(from);
        let weight = |x: usize| (x as f64 - middle + 0.5) * (1.0 / support);
        let weights: Vec<_> = (first..last).map(|x| (1.0 - weight(x).abs()).max(0.0)).collect();
        let sum: f64 = weights.iter().sum();
        let whole = |weight: f64| (weight / sum * f64::from(1 << WEIGHT_BITS) + 0.5) as i32;
        (first, weights.into_iter().map(whole).collect())
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::{FROM, TO, resize, scaled};

    /// The images' own way is the general one.
    #[test]
    fn images_of_28x28_are_scaled_as_pictures_are() {
        let image: [u8; FROM * FROM] = std::array::from_fn(|i| (i * i * 31 % 251) as u8);
        let mut resized = [0; TO * TO];
        resize(&image, &mut resized);
        assert_eq!(scaled((FROM, FROM), |x, y| image[y * FROM + x], TO), resized);
    }
}
