use crate::pictures::Random;
use lenet::image::{DynamicImage, GrayImage, Luma, imageops};

/// Pixels a unit of length: less is faster to prepare.
const SCALE: f32 = 0.6;

/// White paper that is drawn on in black. Places and lengths are in units of its own, finer than its pixels.
pub struct Canvas {
    side: usize,
    /// By rows, 1 is ink.
    ink: Vec<f32>,
}

impl Canvas {
    /// So many units high and wide.
    pub fn new(side: usize) -> Canvas {
        let side = (side as f32 * SCALE) as usize;
        Canvas { side, ink: vec![0.0; side * side] }
    }

    /// Its height and width, in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Darkens the pixel of a place.
    pub fn darken_at(&mut self, x: i64, y: i64, ink: f32) {
        self.darken((x as f32 * SCALE) as i64, (y as f32 * SCALE) as i64, ink);
    }

    /// Darkens a pixel, which may lie outside.
    pub fn darken(&mut self, x: i64, y: i64, ink: f32) {
        let side = self.side as i64;
        if (0..side).contains(&x) && (0..side).contains(&y) {
            let pixel = &mut self.ink[(y * side + x) as usize];
            *pixel = pixel.max(ink.clamp(0.0, 1.0));
        }
    }

    /// A round dot with a soft edge.
    pub fn dot(&mut self, (x, y): (f32, f32), radius: f32) {
        let (x, y, radius) = (x * SCALE, y * SCALE, radius * SCALE);
        let reach = radius.ceil() as i64 + 1;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (px, py) = (x.round() as i64 + dx, y.round() as i64 + dy);
                let away = (px as f32 - x).hypot(py as f32 - y);
                self.darken(px, py, radius + 0.5 - away);
            }
        }
    }

    /// A line of dots from one place to another.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), radius: f32) {
        let steps = ((to.0 - from.0).hypot(to.1 - from.1) / (radius * 0.5).max(0.5)).ceil();
        for step in 0..=steps as usize {
            let t = step as f32 / steps.max(1.0);
            self.dot((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)), radius);
        }
    }

    /// A stroke through points, as Catmull and Rom lead a curve through them.
    pub fn stroke(&mut self, points: &[(f32, f32)], radius: f32) {
        let at = |i: i64| points[i.clamp(0, points.len() as i64 - 1) as usize];
        for i in 0..points.len() as i64 - 1 {
            let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2));
            let steps =
                ((c.0 - b.0).hypot(c.1 - b.1) / (radius * 0.6).max(0.6)).ceil() as usize + 2;
            for step in 0..=steps {
                let t = step as f32 / steps as f32;
                let mix = |a: f32, b: f32, c: f32, d: f32| {
                    0.5 * (2.0 * b
                        + (c - a) * t
                        + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
                        + (3.0 * b - a - 3.0 * c + d) * t * t * t)
                };
                self.dot((mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1)), radius);
            }
        }
    }

    /// A drawing of MNIST's kind, white on black, put there so high, turned by an angle, its ink so much thicker in its own
    /// pixels.
    pub fn stamp(&mut self, drawing: &[u8], width: usize, height: f32, angle: f32, thicker: f32) {
        let rows = drawing.len() / width;
        let scale = rows as f32 / (height * SCALE);
        let (sin, cos) = angle.sin_cos();
        let at = |x: i64, y: i64| {
            let inside = (0..width as i64).contains(&x) && (0..rows as i64).contains(&y);
            if inside { f32::from(drawing[y as usize * width + x as usize]) / 255.0 } else { 0.0 }
        };
        let middle = self.side as f32 / 2.0;
        for y in 0..self.side {
            for x in 0..self.side {
                let (dx, dy) = ((x as f32 - middle) * scale, (y as f32 - middle) * scale);
                let u = cos * dx + sin * dy + width as f32 / 2.0;
                let v = cos * dy - sin * dx + rows as f32 / 2.0;
                let (left, top) = (u.floor(), v.floor());
                let (s, t) = (u - left, v - top);
                let (left, top) = (left as i64, top as i64);
                let upper = at(left, top) * (1.0 - s) + at(left + 1, top) * s;
                let lower = at(left, top + 1) * (1.0 - s) + at(left + 1, top + 1) * s;
                let ink = upper * (1.0 - t) + lower * t;
                // The threshold moves the edge: a blurred edge is about two pixels wide.
                let sharp = (1.0 / scale).clamp(1.0, 4.0);
                self.darken(x as i64, y as i64, (ink - 0.5 + 0.5 * thicker) * sharp + 0.5);
            }
        }
    }

    /// As a picture: on paper of some level, out of focus at times, grainy at times, and of any size.
    pub fn picture(&self, random: &mut Random) -> DynamicImage {
        let (paper, ink) = [(1.0, 0.0), (0.95, 0.1), (0.8, 0.25), (0.1, 0.9)][random.below(4)];
        let grain = if random.below(2) == 0 { 0.0 } else { random.between(0.0, 0.03) };
        let image = GrayImage::from_fn(self.side as u32, self.side as u32, |x, y| {
            let value = paper + (ink - paper) * self.ink[y as usize * self.side + x as usize];
            let value = value + random.between(-grain, grain);
            Luma([(value * 255.0).round().clamp(0.0, 255.0) as u8])
        });
        let image = match random.below(3) {
            // Without the edges, which it mixes with what is not there.
            0 => {
                let side = self.side as u32 - 6;
                let blurred = imageops::fast_blur(&image, random.between(0.4, 1.2));
                imageops::crop_imm(&blurred, 3, 3, side, side).to_image()
            }
            _ => image,
        };
        if random.below(3) > 0 {
            return image.into();
        }
        let side = (image.width() as f32 * random.between(0.35, 0.95)) as u32;
        imageops::resize(&image, side, side, imageops::FilterType::Triangle).into()
    }
}
