//! The light on both sides of a shadow's edge, by the closing and the opening of grey-scale morphology (J. Serra, "Image Analysis and
//! Mathematical Morphology", 1982): they leave an edge where it is, and take away what is narrower than their window.

use super::{grid::Grid, luminance::Plane};
use image::imageops::crop_imm;

/// What a picture shows without its strokes.
#[derive(Debug)]
pub(super) struct Envelopes {
    /// Without what is dark and narrow.
    pub closed: Plane,
    /// Without what is light and narrow.
    pub opened: Plane,
}

/// Half of the window, as a share of the picture's shorter side: strokes are narrower than the whole, shadows wider.
const RADIUS: f32 = 0.14;

/// The picture is continued beyond its edges by this share of it: a shadow goes on there, and a stroke along an edge does not quite
/// become as wide as one.
const BEYOND: f32 = 0.5;

/// An edge is as wide as this many pixels to either side, where it is not quite sharp.
const EDGE: i64 = 2;

impl Envelopes {
    pub fn of(plane: &Plane) -> Envelopes {
        let (width, height) = plane.dimensions();
        let radius = (RADIUS * width.min(height) as f32) as i64;
        let beyond = (BEYOND * radius as f32) as u32;
        let at = |at: u32, length: u32| at.saturating_sub(beyond).min(length - 1);
        let (wide, high) = (width + 2 * beyond, height + 2 * beyond);
        let smooth = smooth(plane);
        let around =
            Plane::from_fn(wide, high, |x, y| *smooth.get_pixel(at(x, width), at(y, height)));
        let grid = Grid { width: wide.into(), height: high.into() };
        let envelope = |first: fn(f32, f32) -> f32, second: fn(f32, f32) -> f32| {
            let inner = grid.filtered(around.as_raw(), radius, first);
            let values = grid.filtered(&inner, radius + EDGE, second);
            let whole = Plane::from_raw(wide, high, values).unwrap_or_default();
            crop_imm(&whole, beyond, beyond, width, height).to_image()
        };
        Envelopes { closed: envelope(f32::max, f32::min), opened: envelope(f32::min, f32::max) }
    }
}

/// The means of each pixel and those beside it: extremes of noise are extreme.
fn smooth(plane: &Plane) -> Plane {
    let (width, height) = plane.dimensions();
    Plane::from_fn(width, height, |x, y| {
        let near = |at: u32, length: u32| at.saturating_sub(1)..=(at + 1).min(length - 1);
        let values = near(y, height)
            .flat_map(|y| near(x, width).map(move |x| plane.get_pixel(x, y).0[0]))
            .filter(|value| !value.is_nan());
        let (sum, count) =
            values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        [sum / count].into()
    })
}

#[cfg(test)]
mod tests {
    use super::{Envelopes, Plane};

    /// A dark stroke, a light one, and a shadow from the upper left: both strokes go, and the shadow stays.
    #[test]
    fn take_strokes_away_and_leave_shadows() {
        let light = |x: u32, y: u32| if x + y < 180 { 0.4 } else { 0.8 };
        let plane = Plane::from_fn(200, 160, |x, y| {
            let stroke = match x {
                60..70 => -0.2,
                110..120 => 0.2,
                _ => 0.0,
            };
            [light(x, y) + if (30..130).contains(&y) { stroke } else { 0.0 }].into()
        });
        let envelopes = Envelopes::of(&plane);
        for (x, y) in [(10, 10), (65, 40), (65, 126), (115, 35), (115, 120), (190, 150)] {
            let near = |plane: &Plane| (plane.get_pixel(x, y).0[0] - light(x, y)).abs() < 1e-6;
            let dark = x == 65;
            assert!(!dark || near(&envelopes.closed), "{x}, {y}");
            assert!(dark || near(&envelopes.opened), "{x}, {y}");
        }
    }
}
