use crate::network::{INPUT_SIDE, Layer, PARAMETERS};
use std::ops::Range;

/// Pixels of an image: 32×32.
pub const PIXELS: usize = INPUT_SIDE * INPUT_SIDE;
/// Digits.
pub const CLASSES: usize = Layer::OUTPUT.units();

// The outputs of the layers, of one image.
pub(super) const C1: usize = Layer::C1.units();
pub(super) const S2: usize = Layer::S2.units();
pub(super) const S4: usize = Layer::S4.units();
pub(super) const C5: usize = Layer::C5.units();
pub(super) const F6: usize = Layer::F6.units();

/// C3's output is kept with a column of zeros at either side of each row: 16 maps of 10 rows of 12. The backward pass of the
/// convolution reads over the edges.
pub(super) const C3_PADDED: usize = Layer::C3.maps() * Layer::C3.side * (Layer::C3.side + 2);

/// Images whose gradients are summed by themselves, by halves, before they are added to those of the images before: as many as
/// the narrowest vectors have lanes. So no sum depends on how wide the vectors are, or which thread has which images.
pub(super) const UNIT: usize = 8;

/// The images of a batch that rank `rank` of `ranks` works on: whole units, as many as the others have, or one more.
pub fn part(images: usize, rank: usize, ranks: usize) -> Range<usize> {
    let border = |rank: usize| (images.div_ceil(UNIT) * rank / ranks * UNIT).min(images);
    border(rank)..border(rank + 1)
}

/// How many of the parameters, the first ones, belong to layers whose weights are shared between positions: C1, S2, C3, S4.
pub(super) const SHARED: usize = Layer::S4.bias().end;

/// The parts of the flat buffer that `threads` threads own, in order: about equally long, each of whole rows of the dense
/// layers' weights.
pub(super) fn shares(threads: usize) -> Vec<Range<usize>> {
    let mut rows: Vec<usize> = vec![0];
    for (layer, inputs) in [(Layer::C5, S4), (Layer::F6, C5), (Layer::OUTPUT, F6)] {
        rows.extend(layer.weight().step_by(inputs));
        rows.push(layer.bias().start);
    }
    rows.push(PARAMETERS);
    let border = |thread: usize| {
        let even = PARAMETERS * thread / threads;
        rows[rows.partition_point(|&row| row < even)]
    };
    (0..threads).map(|thread| border(thread)..border(thread + 1)).collect()
}

/// Splits the first `length` off.
pub(super) fn take<'a, T>(from: &mut &'a mut [T], length: usize) -> &'a mut [T] {
    let (first, rest) = std::mem::take(from).split_at_mut(length);
    *from = rest;
    first
}

#[cfg(test)]
mod tests {
    use super::{PARAMETERS, UNIT, part, shares};

    #[test]
    fn parts_cover_a_batch_once_in_whole_units() {
        for images in [0, 1, 7, 8, 9, 32, 50, 257] {
            for ranks in 1..9 {
                let mut end = 0;
                for rank in 0..ranks {
                    let part = part(images, rank, ranks);
                    assert_eq!(part.start, end);
                    assert!(part.start.is_multiple_of(UNIT) || part.is_empty());
                    let units = part.len().div_ceil(UNIT);
                    let even = images.div_ceil(UNIT) / ranks;
                    assert!((even..=even + 1).contains(&units), "{images} images: {part:?}");
                    end = part.end;
                }
                assert_eq!(end, images);
            }
        }
    }

    #[test]
    fn shares_cover_everything_once() {
        for threads in 1..if cfg!(miri) { 5 } else { 300 } {
            let shares = shares(threads);
            assert_eq!(shares.len(), threads);
            let mut end = 0;
            for share in shares {
                assert_eq!(share.start, end);
                end = share.end;
            }
            assert_eq!(end, PARAMETERS);
        }
    }
}
