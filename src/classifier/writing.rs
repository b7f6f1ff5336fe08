//! What was written, apart from what it was written on.

use super::{
    background::Background,
    bounds::{Bounds, smallest_rectangle},
    boxes::erase_boxes,
    enclosure::HIGH,
    histogram::Histogram,
    luminance::Plane,
    piece::{Piece, pieces},
    plate::{Plate, plates},
    rulings::erase,
    sheet::sheet,
};
use image::{Luma, imageops};

/// All that was written in a picture.
#[derive(Debug)]
pub(super) struct Writing {
    /// How much ink each pixel has, as a share of the most that there could be.
    ink: Plane,
    /// The ink that hangs together, without specks and what reaches in from a corner.
    pub pieces: Vec<Piece>,
    /// Where this is in the picture: a sheet or a plate may be a part of it.
    place: (u32, u32),
    /// Less ink than this is noise.
    faintest: f32,
    flat: bool,
    dark: bool,
}

/// A digit, cut out.
#[derive(Debug)]
pub(super) struct Ink {
    /// 0 is background, 1 is as much ink as the strokes have in their middle.
    pub plane: Plane,
    /// Left, top, width and height of the digit within the picture.
    pub bounds: [u32; 4],
    /// Whether the digit is darker than what it is on.
    pub dark: bool,
}

/// Less difference from the background is not ink: sixteen steps of 255, which paper's grain and JPEG's blocks do not reach.
pub(super) const FAINTEST: f32 = 16.0 / 255.0;

/// Less difference than so many of the background's standard deviations is not ink either.
const SIGMAS: f32 = 5.0;

/// A digit is no smaller than this many pixels, and than one in so many of the picture's shorter side.
const SMALLEST: u32 = 3;
const SMALLEST_SHARE: u32 = 100;

/// A piece with less than this share of the largest one's ink is a speck.
const SPECK: f32 = 0.02;

/// A piece in a corner of the picture is a shadow, or what the paper lies on, where one inside has this share of the
/// shorter side.
const INSIDE_SHARE: f32 = 0.15;

/// Strokes end where there is less than this share of the ink of their middle.
pub(super) const EDGE: f32 = 0.1;

/// In a photograph, where there is less than this share: shadows and the lines of ruled paper are fainter.
const PHOTOGRAPHED_EDGE: f32 = 0.3;

/// Of strokes whose ink varies, what lies within this share of the digit's height around its darker parts belongs to them.
const REACH: u32 = 16;

/// Paper reflects a share of the light; a share of less than this is told from no ink.
const DARKEST_PAPER: f32 = 0.1;

/// The parts of one digit are no further from each other than this share of its size.
const TOGETHER: f32 = 0.4;

/// What is written on a plate fills less than this share of the smallest rectangle around it. The hollow of a thick digit fills more.
const FULL: f32 = 0.7;

/// Less than this share of all ink is in the largest piece where the ink is noise.
const COHERENT: f32 = 0.05;

impl Writing {
    /// That of a tiny picture, which shows no sheet and no shade; `None` where there is nothing on it.
    pub fn of_tiny(plane: &Plane) -> Option<Writing> {
        Writing::on(plane, &Background::of_tiny(plane), (0, 0))
    }

    /// `None` where there is nothing on it.
    pub fn of(plane: &Plane) -> Option<Writing> {
        let Some((cut, bounds)) = sheet(plane) else {
            let background = Background::of(plane);
            let on_plate = plates(plane, &background).iter().find_map(Writing::on_plate);
            return on_plate.or_else(|| Writing::on(plane, &background, (0, 0)));
        };
        let writing = Writing::within(&cut, (bounds.left, bounds.top)).filter(|writing| {
            writing
                .pieces
                .iter()
                .max_by(|a, b| a.ink.total_cmp(&b.ink))
                .is_some_and(|piece| is_apart(piece, &cut))
        });
        // What looks like a sheet may be the part of one that is not in the shade. All round it there would be shade.
        match bounds.touches_edge(plane.dimensions()) {
            true => writing.or_else(|| Writing::within(plane, (0, 0))),
            false => writing,
        }
    }

    /// Lighter than a dark plate, or darker than a light one.
    fn on_plate(plate: &Plate) -> Option<Writing> {
        let Plate { plane: cut, bounds, is_darker } = plate;
        let place = (bounds.left, bounds.top);
        let writing = Writing::in_ink(cut, &Background::of(cut), place, !is_darker)?;
        let is_written = |piece: &Piece| {
            let place = |&at: &u32| ((at % cut.width()) as f32, (at / cut.width()) as f32);
            let places: Vec<_> = piece.pixels.iter().map(place).collect();
            piece.bounds.height() as f32 >= HIGH * bounds.height() as f32
                && (piece.pixels.len() as f32) < FULL * smallest_rectangle(&places)
                && is_apart(piece, cut)
        };
        writing.pieces.iter().any(is_written).then_some(writing)
    }

    /// On what lies at this place of the picture.
    fn within(plane: &Plane, place: (u32, u32)) -> Option<Writing> {
        Writing::on(plane, &Background::of(plane), place)
    }

    /// In dark ink or in light ink, of which there is more.
    fn on(plane: &Plane, background: &Background, place: (u32, u32)) -> Option<Writing> {
        let pages = [true, false].map(|dark| Writing::in_ink(plane, background, place, dark));
        let amount = |writing: &Writing| {
            let share = |piece: &Piece| match () {
                // The shade, or the light, on a part of the paper goes on beyond the picture.
                () if piece.bounds.touches_corner(plane.dimensions()) => 0.1,
                () if piece.bounds.touches_edge(plane.dimensions()) => 0.5,
                () => 1.0,
            };
            writing.pieces.iter().map(|piece| share(piece) * piece.ink).sum::<f32>()
        };
        pages.into_iter().flatten().reduce(|a, b| if amount(&b) > amount(&a) { b } else { a })
    }

    fn in_ink(
        plane: &Plane,
        background: &Background,
        place: (u32, u32),
        dark: bool,
    ) -> Option<Writing> {
        let faintest = FAINTEST.max(SIGMAS * background.noise);
        let mut ink = contrast(plane, background, dark);
        erase(&mut ink, plane, faintest);
        let limit = threshold(&ink, faintest)?;
        let mut found = pieces(&ink, limit);
        let boxed = erase_boxes(&mut ink, &found);
        // Some boxes have fainter lines than the strokes.
        let fainter = pieces(&ink, (0.5 * limit).max(faintest));
        if erase_boxes(&mut ink, &fainter) || boxed {
            found = pieces(&ink, threshold(&ink, faintest)?);
        }
        let pieces = chosen(found, plane);
        let smallest = SMALLEST.max(plane.width().min(plane.height()) / SMALLEST_SHARE);
        let largest = pieces.iter().map(|piece| piece.size()).max()?;
        let writing = Writing { ink, pieces, place, faintest, flat: background.flat, dark };
        (largest >= smallest && writing.is_coherent()).then_some(writing)
    }

    /// The pieces of a single digit: all of a drawing; of a photograph the one with the most ink, and what is near it.
    pub fn digit(&self) -> Vec<&Piece> {
        let mut left: Vec<&Piece> = self.pieces.iter().collect();
        if self.flat {
            return left;
        }
        left.sort_by(|a, b| b.ink.total_cmp(&a.ink));
        let mut digit: Vec<&Piece> = left.drain(..left.len().min(1)).collect();
        while let Some(bounds) = digit.iter().map(|piece| piece.bounds).reduce(Bounds::union) {
            let reach = (TOGETHER * bounds.width().max(bounds.height()) as f32) as u32;
            let (near, far): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|piece| piece.bounds.away(bounds) <= reach);
            left = far;
            if near.is_empty() {
                break;
            }
            digit.extend(near);
        }
        digit
    }

    /// Whether it is more than scattered specks.
    fn is_coherent(&self) -> bool {
        let largest = self.pieces.iter().map(|piece| piece.ink).fold(0.0, f32::max);
        largest >= COHERENT * self.pieces.iter().map(|piece| piece.ink).sum::<f32>()
    }

    /// Its width, in pixels: a piece's pixels are numbered by rows so wide.
    pub fn width(&self) -> u32 {
        self.ink.width()
    }

    /// Some of a piece's pixels.
    pub fn part(&self, pixels: Vec<u32>) -> Option<Piece> {
        Piece::of(&self.ink, pixels)
    }

    /// The digit that some of its pieces make, or parts of them: without ink that belongs to `others`.
    pub fn cut(&self, pieces: &[&Piece], others: &[&Piece]) -> Option<Ink> {
        let (ink, picture) = (&self.ink, self.ink.dimensions());
        let bounds = pieces.iter().map(|piece| piece.bounds).reduce(Bounds::union)?;
        let size = bounds.width().max(bounds.height());
        let level = level(ink, pieces);
        let edge = match self.flat {
            true => EDGE * level,
            false => (PHOTOGRAPHED_EDGE * level).max(self.faintest),
        };
        let reach = (size / REACH).max(1);
        let cut = bounds.grown(reach, picture);
        let near = near(pieces, others, cut, picture.0, reach);
        let base = if self.flat { 0.0 } else { edge };
        let digit = Plane::from_fn(cut.width(), cut.height(), |x, y| {
            let value = ink.get_pixel(cut.left + x, cut.top + y).0[0];
            let near = near.get((y * cut.width() + x) as usize).copied().unwrap_or_default();
            Luma([if near && value > edge {
                ((value - base) / (level - base)).min(1.0)
            } else {
                0.0
            }])
        });

        // Without the margin, as far as the ink did not reach into it.
        let inner = digit
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel.0[0] > 0.0)
            .map(|(x, y, _)| Bounds::of(x, y))
            .reduce(Bounds::union)?;
        let [width, height] = [inner.width(), inner.height()];
        let (left, top) =
            (self.place.0 + cut.left + inner.left, self.place.1 + cut.top + inner.top);
        Some(Ink {
            plane: imageops::crop_imm(&digit, inner.left, inner.top, width, height).to_image(),
            bounds: [left, top, width, height],
            dark: self.dark,
        })
    }
}

/// What has more ink is a stroke; `None` where there is no ink.
fn threshold(ink: &Plane, faintest: f32) -> Option<f32> {
    let histogram = Histogram::of(ink, faintest)?;
    // Of ink in two shades the fainter is ink, too, if it has half of the darker one's contrast.
    Some(histogram.otsu().min(0.5 * histogram.quantile(0.9)).max(faintest))
}

/// How much each pixel differs from the background, on the ink's side: the darker one, or the lighter.
fn contrast(plane: &Plane, background: &Background, dark: bool) -> Plane {
    Plane::from_fn(plane.width(), plane.height(), |x, y| {
        let (value, (low, high)) = (plane.get_pixel(x, y).0[0], background.range(plane, x, y));
        // Ink takes its share of whatever light there is; chalk and pixels add theirs.
        let ink = match dark {
            true => (low - value) / low.max(DARKEST_PAPER),
            false => value - high,
        };
        Luma([if ink.is_nan() { 0.0 } else { ink.clamp(0.0, 1.0) }])
    })
}

/// The pieces that are digits.
fn chosen(mut pieces: Vec<Piece>, plane: &Plane) -> Vec<Piece> {
    let picture = plane.dimensions();
    let large = INSIDE_SHARE * picture.0.min(picture.1) as f32;
    let is_large = |piece: &Piece| piece.size() as f32 >= large;
    let inside = |piece: &Piece| {
        is_large(piece) && !piece.bounds.touches_edge(picture) && is_apart(piece, plane)
    };
    if pieces.iter().any(inside) {
        pieces.retain(|piece| !piece.bounds.touches_corner(picture) && is_apart(piece, plane));
    }
    let largest = pieces.iter().map(|piece| piece.ink).fold(0.0, f32::max);
    pieces.retain(|piece| piece.ink >= SPECK * largest);
    pieces
}

/// Whether it does not go on beyond the edge of a sheet or plate.
fn is_apart(piece: &Piece, sheet: &Plane) -> bool {
    let (width, height) = sheet.dimensions();
    piece.pixels.iter().all(|&at| {
        let (x, y) = (at % width, at / width);
        let beside = [
            (x.saturating_sub(1), y),
            ((x + 1).min(width - 1), y),
            (x, y.saturating_sub(1)),
            (x, (y + 1).min(height - 1)),
        ];
        beside.into_iter().all(|(x, y)| !sheet.get_pixel(x, y).0[0].is_nan())
    })
}

/// The ink in the middle of the strokes.
fn level(ink: &Plane, pieces: &[&Piece]) -> f32 {
    let pixels = pieces.iter().flat_map(|piece| &piece.pixels);
    let mut values: Vec<f32> =
        pixels.filter_map(|&at| ink.as_raw().get(at as usize).copied()).collect();
    let place = values.len() * 9 / 10;
    match place < values.len() {
        true => *values.select_nth_unstable_by(place, f32::total_cmp).1,
        false => 1.0,
    }
}

/// Which pixels of `cut` are within `reach` of a piece, along rows and columns, and are not another's.
fn near(pieces: &[&Piece], others: &[&Piece], cut: Bounds, stride: u32, reach: u32) -> Vec<bool> {
    let (width, height) = (cut.width() as usize, cut.height() as usize);
    let mut marked = vec![false; width * height];
    let within = |pieces: &[&Piece]| -> Vec<usize> {
        let pieces = pieces.iter().filter(|piece| piece.bounds.away(cut) == 0);
        let places = pieces.flat_map(|piece| &piece.pixels);
        let places = places.map(|&at| (at % stride, at / stride));
        let inside = places.filter(|&(x, y)| cut.holds(x, y));
        inside.map(|(x, y)| (y - cut.top) as usize * width + (x - cut.left) as usize).collect()
    };
    let mark = |places: Vec<usize>, marks: &mut [bool], to| {
        places.into_iter().for_each(|at| marks[at] = to);
    };
    mark(within(pieces), &mut marked, true);
    for x in 0..width {
        spread(&mut marked, x, width, height, reach as usize);
    }
    for y in 0..height {
        spread(&mut marked, y * width, 1, width, reach as usize);
    }
    mark(within(others), &mut marked, false);
    marked
}

/// Marks what lies within `reach` of a mark, among `length` places from `start` on, `step` apart.
fn spread(marked: &mut [bool], start: usize, step: usize, length: usize, reach: usize) {
    let line: Vec<usize> = (start..).step_by(step).take(length).collect();
    let mut distances = vec![usize::MAX; length];
    for forwards in [true, false] {
        let mut distance = usize::MAX;
        for i in 0..length {
            let i = if forwards { i } else { length - 1 - i };
            distance = if marked[line[i]] { 0 } else { distance.saturating_add(1) };
            distances[i] = distances[i].min(distance);
        }
    }
    for (at, distance) in line.into_iter().zip(distances) {
        marked[at] = distance <= reach;
    }
}
