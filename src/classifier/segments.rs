//! Several digits: which pieces, and which parts of pieces, make one. Pieces that could be more than a digit are cut in more places
//! than needed; then the path through the cuts is taken whose segments, taken together, look most like digits (Y. LeCun et al.,
//! "Gradient-based learning applied to document recognition", 1998, section V: heuristic over-segmentation).

use super::{
    Prediction, Prepared, Reading, bounds::Bounds, picture::Scale, piece::Piece, writing::Writing,
};
use crate::{Result, data::Distortion};
use image::GrayImage;
use std::{array, iter};

/// A piece with less than this share of a digit's height is a part of one, or a speck.
const PART: f32 = 0.4;

/// A part belongs to a line of which a digit is no further away than this share of a digit's height.
const REACH: f32 = 0.35;

/// Pieces are in one line if they overlap by this share of the lower one's height.
const OVERLAP: f32 = 0.4;

/// A piece is looked at with so many cells to a digit's height.
const CELLS: u32 = 32;

/// A piece narrower than this share of a digit's height is not cut.
const NARROW: f32 = 0.5;

/// Two cuts are at least this share of a digit's height apart.
const APART: f32 = 0.08;

/// A cut goes through no more ink than this many strokes.
const THROUGH: f32 = 2.5;

/// A cut follows a line that leans so many cells a row, and goes so many to either side of it.
const LEANS: [f32; 5] = [-0.4, -0.2, 0.0, 0.2, 0.4];
const ASIDE: usize = 2;

/// A segment is at most this wide, as a share of a digit's height.
const WIDEST: f32 = 1.4;

/// A segment has at most so many parts: as many as cuts make of the widest.
const PARTS: usize = (WIDEST / APART) as usize + 1;

/// What a segment costs beside the probability that it is this digit, in units of its logarithm: for each stroke that a cut goes
/// through, for joining two pieces that are as high as digits, and for being too low and too wide. Fitted on numbers that are
/// made of MNIST's training images.
const CUT: f32 = 1.3;
const JOIN: f32 = 2.0;
const LOW: f32 = 15.0;
const WIDE: f32 = 4.0;

/// From this width on, as a share of the height, a segment is too wide.
const BROAD: f32 = 0.9;

/// A probability is not taken to be lower.
const LEAST: f32 = 1e-4;

/// So many distorted versions of a segment are looked at beside it.
const VERSIONS: u64 = 4;
/// As the weights that come with this crate were trained: `config` in reader/src/make.rs.
const DISTORTION: Distortion = Distortion { thickness: 0.5, ..Distortion::AUGMENTED };

/// What is more doubtful than this is looked at only once.
const HOPELESS: f32 = 6.0;

/// All digits, by lines and from left to right. `classify` is the network.
pub(super) fn read(
    writing: &Writing,
    scale: Scale,
    classify: impl Fn(&[u8]) -> Prediction,
) -> Result<Vec<Reading>> {
    let mut readings = vec![];
    for (number, line) in lines(writing).iter().enumerate() {
        let segments = line.segments();
        let mut prepared = vec![];
        let mut kept = vec![];
        for segment in segments {
            let (own, others) = line.around(&segment);
            if let Some(ink) = writing.cut(&own, &others) {
                prepared.push(Prepared::cut_out(&ink, scale)?);
                kept.push(segment);
            }
        }
        let predictions: Vec<_> =
            prepared.iter().map(|image| mean_prediction(image.input(), &classify)).collect();
        for at in line.path(&kept, &predictions) {
            if let Some((prepared, prediction)) = prepared.get(at).zip(predictions.get(at)) {
                let (bounds, prediction) = (prepared.bounds(), *prediction);
                readings.push(Reading { line: number, bounds, prediction });
            }
        }
    }
    Ok(readings)
}

/// A line of digits.
#[derive(Debug)]
struct Line {
    /// From left to right: pieces, or parts of them.
    parts: Vec<Part>,
    /// Of a digit.
    height: f32,
}

#[derive(Debug)]
struct Part {
    piece: Piece,
    /// How many strokes the cut to its left goes through; `None` where there is none, as the piece begins there.
    cut: Option<f32>,
}

/// Parts that may be a digit, and what speaks against it.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: usize,
    end: usize,
    cost: f32,
}

/// From top to bottom.
fn lines(writing: &Writing) -> Vec<Line> {
    let pieces = &writing.pieces;
    let heights = || pieces.iter().map(|piece| piece.bounds.height() as f32);
    let highest = heights().fold(0.0, f32::max);
    let mut high: Vec<f32> = heights().filter(|&height| height >= PART * highest).collect();
    high.sort_unstable_by(f32::total_cmp);
    let height = high.get(high.len() / 2).copied().unwrap_or(1.0);

    let mut order: Vec<&Piece> = pieces.iter().collect();
    order.sort_by_key(|piece| piece.bounds.left + piece.bounds.right);
    let (large, small): (Vec<&Piece>, Vec<&Piece>) =
        order.into_iter().partition(|piece| piece.bounds.height() as f32 >= PART * height);
    let mut lines: Vec<Vec<&Piece>> = vec![];
    for piece in large {
        let overlap = |line: &Vec<&Piece>| {
            let last = line.last().map_or(piece.bounds, |last| last.bounds);
            let common = last.bottom.min(piece.bounds.bottom) as f32 + 1.0
                - last.top.max(piece.bounds.top) as f32;
            common / last.height().min(piece.bounds.height()) as f32
        };
        let best = lines.iter_mut().max_by(|a, b| overlap(a).total_cmp(&overlap(b)));
        match best.filter(|line| overlap(line) >= OVERLAP) {
            Some(line) => line.push(piece),
            None => lines.push(vec![piece]),
        }
    }
    for piece in small {
        let away = |line: &Vec<&Piece>| {
            line.iter().map(|other| piece.bounds.away(other.bounds)).min().unwrap_or(u32::MAX)
        };
        if let Some(line) = lines.iter_mut().min_by_key(|line| away(line))
            && away(line) as f32 <= REACH * height
        {
            line.push(piece);
        }
    }
    let middle = |line: &Vec<&Piece>| {
        let sum: u32 = line.iter().map(|piece| piece.bounds.top + piece.bounds.bottom).sum();
        sum / line.len().max(1) as u32
    };
    lines.sort_by_key(middle);
    lines.iter().map(|line| Line::of(writing, line)).collect()
}

impl Line {
    fn of(writing: &Writing, pieces: &[&Piece]) -> Line {
        let mut heights: Vec<_> = pieces.iter().map(|piece| piece.bounds.height()).collect();
        heights.sort_unstable();
        // The parts of digits are the lower ones, two that touch at different heights the highest.
        let height = heights.get(heights.len() * 2 / 3).copied().unwrap_or(1) as f32;
        let mut parts: Vec<_> =
            pieces.iter().flat_map(|piece| cut(writing, piece, height)).collect();
        parts.sort_by_key(|part| part.piece.bounds.left + part.piece.bounds.right);
        Line { parts, height }
    }

    /// Which of its parts may be one digit.
    fn segments(&self) -> Vec<Segment> {
        let mut segments = vec![];
        for first in 0..self.parts.len() {
            for end in first + 1..=(first + PARTS).min(self.parts.len()) {
                let parts = &self.parts[first..end];
                let Some(bounds) = parts.iter().map(|part| part.piece.bounds).reduce(Bounds::union)
                else {
                    continue;
                };
                let (width, height) = (bounds.width() as f32, bounds.height() as f32);
                if end - first > 1 && width > WIDEST * self.height {
                    break;
                }
                let mut cost = LOW * (0.6 - height / self.height).max(0.0);
                cost += WIDE * (width / height.max(0.7 * self.height) - BROAD).max(0.0);
                for edge in [self.parts.get(first), self.parts.get(end)].into_iter().flatten() {
                    cost += 0.5 * edge.cut.map_or(0.0, |strokes| CUT * strokes);
                }
                for pair in parts.windows(2).filter(|pair| pair[1].cut.is_none()) {
                    let [a, b] = [pair[0].piece.bounds, pair[1].piece.bounds];
                    let high = |bounds: Bounds| bounds.height() as f32 > 0.6 * self.height;
                    cost += if high(a) && high(b) { JOIN } else { 0.0 };
                }
                segments.push(Segment { first, end, cost });
            }
        }
        segments
    }

    /// A segment's pieces, and those that are not its own.
    fn around(&self, segment: &Segment) -> (Vec<&Piece>, Vec<&Piece>) {
        let own = self.parts[segment.first..segment.end].iter().map(|part| &part.piece).collect();
        let before = self.parts[..segment.first].iter();
        let others = before.chain(&self.parts[segment.end..]).map(|part| &part.piece).collect();
        (own, others)
    }

    /// The segments of the cheapest path from the line's beginning to its end.
    fn path(&self, segments: &[Segment], predictions: &[Prediction]) -> Vec<usize> {
        // To each place between parts: the cost, and the segment that leads there.
        let mut best = vec![(f32::INFINITY, None); self.parts.len() + 1];
        best[0].0 = 0.0;
        for first in 0..self.parts.len() {
            let here = segments.iter().zip(predictions).enumerate();
            for (at, (segment, prediction)) in
                here.filter(|(_, (segment, _))| segment.first == first)
            {
                let cost = best[first].0 + segment.cost + doubt(prediction);
                if cost < best[segment.end].0 {
                    best[segment.end] = (cost, Some(at));
                }
            }
        }
        let mut path = vec![];
        let mut end = self.parts.len();
        while let Some(at) = best[end].1 {
            path.push(at);
            end = segments[at].first;
        }
        path.reverse();
        path
    }
}

/// What the network makes of an image and of distorted versions of it, by the mean of the logits: so it matters less how a digit was cut.
fn mean_prediction(image: &GrayImage, classify: impl Fn(&[u8]) -> Prediction) -> Prediction {
    let first = classify(image);
    let Some(image) = image.as_array().filter(|_| doubt(&first) <= HOPELESS) else { return first };
    let version = |number| classify(&DISTORTION.version(image, [0, 0, number]));
    let all: Vec<_> = iter::once(first).chain((1..=VERSIONS).map(version)).collect();
    let mean =
        |log: &dyn Fn(&Prediction) -> f32| all.iter().map(log).sum::<f32>() / all.len() as f32;
    // A probability of 0 has no logarithm.
    let log = |probability: f32| libm::logf(probability.max(f32::EPSILON));
    let odds = mean(&|it| it.no_digit.map_or(0.0, |p| log(p) - log(1.0 - p)));
    let no_digit = first.no_digit.map(|_| 1.0 / (1.0 + libm::expf(-odds)));
    let logits = array::from_fn(|digit| mean(&|it| log(it.probabilities[digit])));
    Prediction { no_digit, ..Prediction::from_logits(logits) }
}

/// The negative logarithm of the probability that it is a digit, and this one.
fn doubt(prediction: &Prediction) -> f32 {
    let is_digit = 1.0 - prediction.no_digit.unwrap_or(0.0);
    let is_this_one = prediction.probabilities[usize::from(prediction.digit)];
    -(libm::logf(is_digit.max(LEAST)) + libm::logf(is_this_one.max(LEAST)))
}

/// A piece, cut where two digits may touch.
fn cut(writing: &Writing, piece: &Piece, height: f32) -> Vec<Part> {
    let whole = || vec![Part { piece: piece.clone(), cut: None }];
    let bounds = piece.bounds;
    if (bounds.width() as f32) < NARROW * height {
        return whole();
    }
    let stride = writing.width();
    let size = (height as u32 / CELLS).max(1);
    let (columns, rows) =
        (bounds.width().div_ceil(size) as usize, bounds.height().div_ceil(size) as usize);
    let cell = |at: u32| {
        let (x, y) = (at % stride - bounds.left, at / stride - bounds.top);
        ((x / size) as usize, (y / size) as usize)
    };
    let mut ink = vec![0f32; columns * rows];
    for &at in &piece.pixels {
        let (x, y) = cell(at);
        ink[y * columns + x] += 1.0 / (size * size) as f32;
    }
    let stroke = stroke(&ink, columns);
    let apart = APART * height / size as f32;
    let margin = (apart as usize).max(ASIDE);
    let mut seams: Vec<Seam> = (margin..columns.saturating_sub(margin))
        .flat_map(|x| LEANS.map(|lean| seam(&ink, columns, x, lean)))
        .filter(|seam| seam.ink <= THROUGH * stroke)
        .collect();
    seams.sort_by(|a, b| a.ink.total_cmp(&b.ink));
    // From left to right.
    let mut chosen: Vec<Seam> = vec![];
    for seam in seams {
        let place = chosen.partition_point(|other| other.middle < seam.middle);
        let beside = place.saturating_sub(1)..(place + 1).min(chosen.len());
        if chosen[beside].iter().all(|other| (seam.middle - other.middle).abs() >= apart) {
            chosen.insert(place, seam);
        }
    }
    // Some cross. A part has so many to its left in every row: without those that cross fewer numbers are read right.
    let reach = LEANS[LEANS.len() - 1] * rows as f32 / 2.0 + (2 * ASIDE + 1) as f32;
    let left_of = |x: f32| chosen.partition_point(|seam| seam.middle < x);
    let mut parts: Vec<Vec<u32>> = vec![vec![]; chosen.len() + 1];
    for &at in &piece.pixels {
        let (x, y) = cell(at);
        let far = left_of(x as f32 - reach);
        let near = &chosen[far..left_of(x as f32 + reach)];
        parts[far + near.iter().filter(|seam| seam.way[y] <= x).count()].push(at);
    }
    let cuts = chosen.iter().map(|seam| Some(seam.ink / stroke));
    let parts = parts.into_iter().zip([None].into_iter().chain(cuts));
    let mut parts: Vec<Part> = parts
        .filter_map(|(pixels, cut)| Some(Part { piece: writing.part(pixels)?, cut }))
        .collect();
    // Nothing may lie to the left of the first cut.
    if let Some(first) = parts.first_mut() {
        first.cut = None;
    }
    parts
}

/// A way from top to bottom.
#[derive(Debug)]
struct Seam {
    /// How much it goes through, in cells.
    ink: f32,
    /// The mean of its columns.
    middle: f32,
    /// Its column in each row.
    way: Vec<usize>,
}

/// How wide the strokes are, in cells: twice their area by their outline, as in an oblong.
fn stroke(ink: &[f32], columns: usize) -> f32 {
    let area: f32 = ink.iter().sum();
    let across: f32 = ink
        .windows(2)
        .enumerate()
        .filter(|(at, _)| (at + 1) % columns != 0)
        .map(|(_, pair)| (pair[0] - pair[1]).abs())
        .sum();
    let down: f32 = ink.iter().zip(ink.iter().skip(columns)).map(|(a, b)| (a - b).abs()).sum();
    // Along an oblique stroke the cells' sides are longer than it is, by 4/pi on average.
    (2.0 * area / (across + down).max(1.0) * 4.0 / std::f32::consts::PI).max(1.0)
}

/// The way from top to bottom, near a line that leans and has its middle in a column, through the least ink.
fn seam(ink: &[f32], columns: usize, middle: usize, lean: f32) -> Seam {
    const WIDTH: usize = 2 * ASIDE + 1;
    let rows = ink.len() / columns.max(1);
    let column = |y: usize, x: usize| {
        let off = lean * (y as f32 - (rows - 1) as f32 / 2.0);
        (middle + x) as i64 + off.round() as i64 - ASIDE as i64
    };
    // There is none beyond the piece.
    let ink = |y: usize, x: usize| match column(y, x) {
        column if (0..columns as i64).contains(&column) => ink[y * columns + column as usize],
        _ => 0.0,
    };
    // A little for each step aside, so that it is straight where it can be.
    let aside = |a: usize, b: usize| if a == b { 0.0 } else { 0.05 };
    let mut costs = [0f32; WIDTH];
    let mut from = vec![[0; WIDTH]; rows];
    for (y, from) in from.iter_mut().enumerate() {
        let above = costs;
        for x in 0..WIDTH {
            let near = x.saturating_sub(1)..=(x + 1).min(WIDTH - 1);
            let best =
                near.min_by(|&a, &b| (above[a] + aside(a, x)).total_cmp(&(above[b] + aside(b, x))));
            from[x] = best.unwrap_or(x);
            costs[x] = above[from[x]] + aside(from[x], x) + ink(y, x);
        }
    }
    let far = |x: usize| 0.01 * x.abs_diff(ASIDE) as f32;
    let end = (0..WIDTH).min_by(|&a, &b| (costs[a] + far(a)).total_cmp(&(costs[b] + far(b))));
    let (mut through, mut way) = (0.0, vec![0; rows]);
    let mut x = end.unwrap_or(ASIDE);
    for y in (0..rows).rev() {
        way[y] = column(y, x).clamp(0, columns as i64) as usize;
        through += ink(y, x);
        x = from[y][x];
    }
    let middle = way.iter().sum::<usize>() as f32 / rows as f32;
    Seam { ink: through, middle, way }
}

#[cfg(test)]
mod tests {
    use super::{Prediction, VERSIONS, mean_prediction};
    use image::{GrayImage, Luma};
    use std::cell::RefCell;

    /// The mean of answers of which each is surer of a 3 than the one before by a factor of e, and has the next probability of `no_digit`; and
    /// the images that were seen.
    fn mean(no_digit: [Option<f32>; 5]) -> (Prediction, Vec<Vec<u8>>) {
        let ink =
            |x, y| Luma([if (10..22).contains(&x) && (6..26).contains(&y) { 255 } else { 0 }]);
        let seen = RefCell::new(vec![]);
        let prediction = mean_prediction(&GrayImage::from_fn(32, 32, ink), |image| {
            let (mut logits, number) = ([0.0; 10], seen.borrow().len());
            logits[3] = number as f32;
            seen.borrow_mut().push(image.to_vec());
            Prediction { no_digit: no_digit[number], ..Prediction::from_logits(logits) }
        });
        (prediction, seen.into_inner())
    }

    #[test]
    fn versions_are_averaged_by_their_logits() {
        // Odds of 1/4, 1/2, 1, 2 and 32: their geometric mean is 1.52.
        let (prediction, mut seen) = mean([0.2, 1.0 / 3.0, 0.5, 2.0 / 3.0, 32.0 / 33.0].map(Some));
        let odds = prediction.probabilities[3] / prediction.probabilities[0];
        assert!((odds.ln() - 2.0).abs() < 1e-5, "{odds}");
        assert_eq!(prediction.digit, 3);
        let no_digit = prediction.no_digit.unwrap();
        assert!((no_digit / (1.0 - no_digit) - 8f32.powf(0.2)).abs() < 1e-5, "{no_digit}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len() as u64, VERSIONS + 1, "all differ");
    }

    #[test]
    fn what_is_hopeless_is_looked_at_once() {
        let (prediction, seen) = mean([Some(0.999_9); 5]);
        assert_eq!((seen.len(), prediction.no_digit), (1, Some(0.999_9)));
    }

    #[test]
    fn weights_that_do_not_tell_still_do_not() {
        let (prediction, seen) = mean([None; 5]);
        assert_eq!((seen.len() as u64, prediction.no_digit), (VERSIONS + 1, None));
    }
}
