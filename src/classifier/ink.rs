//! What was written, apart from what it was written on.

use super::{
    background::Background,
    bounds::Bounds,
    histogram::Histogram,
    luminance::Plane,
    piece::{Piece, pieces},
};
use image::{Luma, imageops};

/// The digit, cut out.
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
const FAINTEST: f32 = 16.0 / 255.0;

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
const EDGE: f32 = 0.1;

/// In a photograph, where there is less than this share: shadows and the lines of ruled paper are fainter.
const PHOTOGRAPHED_EDGE: f32 = 0.3;

/// Of strokes whose ink varies, what lies within this share of the digit's height around its darker parts belongs to them.
const REACH: u32 = 16;

/// Paper reflects a share of the light; a share of less than this is told from no ink.
const DARKEST_PAPER: f32 = 0.1;

impl Ink {
    /// `None` where there is none.
    pub fn of(plane: &Plane) -> Option<Ink> {
        let background = Background::of(plane);
        let (ink, dark) = contrast(plane, &background);
        let faintest = FAINTEST.max(SIGMAS * background.noise);
        let histogram = Histogram::of(&ink, faintest)?;
        // Of ink in two shades the fainter is ink, too, if it has half of the darker one's contrast.
        let threshold = histogram.otsu().min(0.5 * histogram.quantile(0.9)).max(faintest);

        let pieces = chosen(pieces(&ink, threshold), plane.dimensions());
        let bounds = pieces.iter().map(|piece| piece.bounds).reduce(|a, b| a.union(b))?;
        let size = bounds.width().max(bounds.height());
        if size < SMALLEST.max(plane.width().min(plane.height()) / SMALLEST_SHARE) {
            return None;
        }

        let level = level(&ink, &pieces);
        let edge = match background.flat {
            true => EDGE * level,
            false => (PHOTOGRAPHED_EDGE * level).max(faintest),
        };
        let reach = (size / REACH).max(1);
        let cut = bounds.grown(reach, plane.dimensions());
        let near = near(&pieces, cut, plane.width(), reach);
        let base = if background.flat { 0.0 } else { edge };
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
        Some(Ink {
            plane: imageops::crop_imm(&digit, inner.left, inner.top, width, height).to_image(),
            bounds: [cut.left + inner.left, cut.top + inner.top, width, height],
            dark,
        })
    }
}

/// How much each pixel differs from the background, on the ink's side, and whether that is the darker one.
fn contrast(plane: &Plane, background: &Background) -> (Plane, bool) {
    let mut balance = 0f64;
    for (x, y, pixel) in plane.enumerate_pixels() {
        let difference = pixel.0[0] - background.at(plane, x, y);
        // The many pixels that differ by nothing but noise have no say.
        if difference.abs() > FAINTEST.max(SIGMAS * background.noise) {
            balance += f64::from(difference);
        }
    }
    let dark = balance < 0.0;
    let ink = Plane::from_fn(plane.width(), plane.height(), |x, y| {
        let (value, behind) = (plane.get_pixel(x, y).0[0], background.at(plane, x, y));
        // Ink takes its share of whatever light there is; chalk and pixels add theirs.
        let ink = match dark {
            true => (behind - value) / behind.max(DARKEST_PAPER),
            false => value - behind,
        };
        Luma([ink.clamp(0.0, 1.0)])
    });
    (ink, dark)
}

/// The pieces that make the digit.
fn chosen(mut pieces: Vec<Piece>, picture: (u32, u32)) -> Vec<Piece> {
    let large = INSIDE_SHARE * picture.0.min(picture.1) as f32;
    let inside = |Piece { bounds, .. }: &Piece| {
        !bounds.touches_edge(picture) && bounds.width().max(bounds.height()) as f32 >= large
    };
    if pieces.iter().any(inside) {
        pieces.retain(|piece| !piece.bounds.touches_corner(picture));
    }
    let largest = pieces.iter().map(|piece| piece.ink).fold(0.0, f32::max);
    pieces.retain(|piece| piece.ink >= SPECK * largest);
    pieces
}

/// The ink in the middle of the strokes.
fn level(ink: &Plane, pieces: &[Piece]) -> f32 {
    let pixels = pieces.iter().flat_map(|piece| &piece.pixels);
    let mut values: Vec<f32> =
        pixels.filter_map(|&at| ink.as_raw().get(at as usize).copied()).collect();
    let place = values.len() * 9 / 10;
    match place < values.len() {
        true => *values.select_nth_unstable_by(place, f32::total_cmp).1,
        false => 1.0,
    }
}

/// Which pixels of `cut` are within `reach` of a piece, along rows and columns.
fn near(pieces: &[Piece], cut: Bounds, stride: u32, reach: u32) -> Vec<bool> {
    let (width, height) = (cut.width() as usize, cut.height() as usize);
    let mut marked = vec![false; width * height];
    for &at in pieces.iter().flat_map(|piece| &piece.pixels) {
        let (x, y) = (at % stride - cut.left, at / stride - cut.top);
        if let Some(mark) = marked.get_mut(y as usize * width + x as usize) {
            *mark = true;
        }
    }
    for x in 0..width {
        spread(&mut marked, x, width, height, reach as usize);
    }
    for y in 0..height {
        spread(&mut marked, y * width, 1, width, reach as usize);
    }
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
