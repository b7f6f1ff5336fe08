use crate::{canvas::Canvas, fonts::Face, pictures::Random};
use lenet::image::DynamicImage;
use std::f32::consts::PI;

/// What is no digit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Of a font. Those that are drawn as digits are, O, o, I and l, are left out.
    Letter,
    Sign,
    Scribble,
    Shape,
    Texture,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Letter, Kind::Sign, Kind::Scribble, Kind::Shape, Kind::Texture];
}

const LETTERS: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
const SIGNS: &str = "?!&%@#$+=*<>{}[]~;:§€£";

/// Whether the shapes and scribbles are those to train with, or those to compare with: no kind of shape is in both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    Training,
    KeptOut,
}

/// A picture of what is no digit.
pub fn picture(kind: Kind, share: Share, faces: &[Face], random: &mut Random) -> DynamicImage {
    loop {
        let drawn = match kind {
            Kind::Letter => character(LETTERS, faces, random),
            Kind::Sign => character(SIGNS, faces, random),
            Kind::Scribble => Some(scribble(share, random)),
            Kind::Shape => Some(shape(share, random)),
            Kind::Texture => Some(texture(share, random)),
        };
        if let Some(picture) = drawn {
            return picture;
        }
    }
}

fn character(of: &str, faces: &[Face], random: &mut Random) -> Option<DynamicImage> {
    let characters: Vec<_> = of.chars().collect();
    let character = characters[random.below(characters.len())];
    faces[random.below(faces.len())].picture(character, random)
}

fn place(random: &mut Random) -> (f32, f32) {
    (random.between(25.0, 125.0), random.between(25.0, 125.0))
}

fn scribble(share: Share, random: &mut Random) -> DynamicImage {
    let mut canvas = Canvas::new(150);
    let radius = random.between(1.2, 7.0);
    match (share, random.below(3)) {
        // Through any points.
        (Share::Training, 0 | 1) => {
            for _ in 0..1 + random.below(2) {
                let points: Vec<_> = (0..5 + random.below(9)).map(|_| place(random)).collect();
                canvas.stroke(&points, radius);
            }
        }
        // To and fro.
        (Share::Training, _) => {
            let turns = 4 + random.below(8);
            let (turn, reach) = (random.between(0.0, PI), random.between(20.0, 55.0));
            let points: Vec<_> = (0..=turns)
                .map(|i| {
                    let along = (i as f32 / turns as f32 - 0.5) * 90.0;
                    let across = if i % 2 == 0 { reach } else { -reach } * random.between(0.6, 1.0);
                    let (sin, cos) = turn.sin_cos();
                    (75.0 + cos * along - sin * across, 75.0 + sin * along + cos * across)
                })
                .collect();
            canvas.stroke(&points, radius);
        }
        // A walk that keeps its direction for a while.
        (Share::KeptOut, _) => {
            let (mut at, mut angle, mut turn) = (place(random), random.between(0.0, 2.0 * PI), 0.0);
            let mut points = vec![at];
            for _ in 0..40 + random.below(60) {
                turn = 0.7 * turn + random.between(-0.5, 0.5);
                angle += turn;
                at = (at.0 + 7.0 * angle.cos(), at.1 + 7.0 * angle.sin());
                if !(15.0..135.0).contains(&at.0) || !(15.0..135.0).contains(&at.1) {
                    angle += PI / 2.0;
                    at = (at.0.clamp(15.0, 135.0), at.1.clamp(15.0, 135.0));
                }
                points.push(at);
            }
            canvas.stroke(&points, radius);
        }
    }
    canvas.picture(random)
}

fn shape(share: Share, random: &mut Random) -> DynamicImage {
    let mut canvas = Canvas::new(150);
    let radius = random.between(1.5, 6.0);
    let turn = random.between(0.0, 2.0 * PI);
    let size = random.between(30.0, 55.0);
    let squeeze = random.between(0.6, 1.0);
    let at = |angle: f32, away: f32| {
        let (sin, cos) = (angle + turn).sin_cos();
        (75.0 + size * away * cos, 75.0 + size * away * squeeze * sin)
    };
    let closed = |canvas: &mut Canvas, corners: &[(f32, f32)]| {
        for (i, &corner) in corners.iter().enumerate() {
            canvas.line(corner, corners[(i + 1) % corners.len()], radius);
        }
    };
    let corners = |n: usize| (0..n).map(move |i| 2.0 * PI * i as f32 / n as f32);
    match (share, random.below(6)) {
        (Share::Training, 0) => {
            let n = 3 + random.below(4);
            closed(&mut canvas, &corners(n).map(|angle| at(angle, 1.0)).collect::<Vec<_>>());
        }
        (Share::Training, 1) => {
            // Any triangle or quadrangle.
            let n = 3 + random.below(2);
            let places: Vec<_> = (0..n).map(|_| place(random)).collect();
            closed(&mut canvas, &places);
        }
        (Share::Training, 2) => {
            // A cross or an asterisk.
            for angle in corners(2 * (2 + random.below(3))) {
                canvas.line((75.0, 75.0), at(angle, 1.0), radius);
            }
        }
        (Share::Training, 3) => {
            // Filled: a blot, a bar, a disc.
            let (wide, high) = (random.between(0.3, 1.0), random.between(0.3, 1.0));
            let power = random.between(1.0, 6.0);
            let reach = size * wide.max(high);
            let steps = (2.0 * reach) as i64;
            for dy in -steps..=steps {
                for dx in -steps..=steps {
                    let (u, v) = (dx as f32 / (size * wide), dy as f32 / (size * high));
                    let inside = 1.0 - (u.abs().powf(power) + v.abs().powf(power));
                    canvas.darken_at(75 + dx, 75 + dy, inside * 12.0);
                }
            }
        }
        (Share::Training, 4) => {
            // Lines that lie, side by side.
            for i in 0..1 + random.below(4) {
                let y = 45.0 + 20.0 * i as f32 + random.between(-6.0, 6.0);
                canvas.line((20.0, y + random.between(-8.0, 8.0)), (130.0, y), radius);
            }
        }
        (Share::Training, _) => {
            // Two circles, beside or within each other.
            let (first, second) = (random.between(14.0, 45.0), random.between(10.0, 30.0));
            let away = random.between(0.0, 40.0);
            for (x, r) in [(75.0 - away, first), (75.0 + away, second)] {
                let circle = corners(40).map(|angle| (x + r * angle.cos(), 75.0 + r * angle.sin()));
                closed(&mut canvas, &circle.collect::<Vec<_>>());
            }
        }
        (Share::KeptOut, 0 | 1) => {
            // A star.
            let n = 2 * (4 + random.below(4));
            let inner = random.between(0.3, 0.6);
            let away = |i: usize| if i.is_multiple_of(2) { 1.0 } else { inner };
            let star = corners(n).enumerate().map(|(i, angle)| at(angle, away(i)));
            closed(&mut canvas, &star.collect::<Vec<_>>());
        }
        (Share::KeptOut, 2) => {
            // A spiral.
            let turns = random.between(2.2, 4.0);
            let points = (0..60).map(|i| i as f32 / 60.0).map(|t| at(2.0 * PI * turns * t, t));
            canvas.stroke(&points.collect::<Vec<_>>(), radius.min(4.0));
        }
        (Share::KeptOut, 3) => {
            // A heart.
            let points = corners(40).map(|t| {
                let x = 16.0 * t.sin().powi(3);
                let y = 13.0 * t.cos()
                    - 5.0 * (2.0 * t).cos()
                    - 2.0 * (3.0 * t).cos()
                    - (4.0 * t).cos();
                (75.0 + x * size / 17.0, 75.0 - y * size / 17.0)
            });
            closed(&mut canvas, &points.collect::<Vec<_>>());
        }
        (Share::KeptOut, 4) => {
            // An arrow.
            let (tip, end) = (at(0.0, 1.0), at(PI, 1.0));
            canvas.line(end, tip, radius);
            canvas.line(tip, at(0.7, 0.75), radius);
            canvas.line(tip, at(-0.7, 0.75), radius);
        }
        (Share::KeptOut, _) => {
            // A wave.
            let points = (0..50).map(|i| 20.0 + 2.2 * i as f32);
            let points = points.map(|x| (x, 75.0 + size * 0.4 * (x * 0.12 + turn).sin()));
            canvas.stroke(&points.collect::<Vec<_>>(), radius);
        }
    }
    canvas.picture(random)
}

fn texture(share: Share, random: &mut Random) -> DynamicImage {
    let mut canvas = Canvas::new(150);
    match (share, random.below(3)) {
        (Share::Training, 0) => {
            for _ in 0..20 + random.below(200) {
                canvas.dot(place(random), random.between(0.8, 5.0));
            }
        }
        (Share::Training, 1) => {
            // Hatched, once or twice.
            for _ in 0..1 + random.below(2) {
                let (sin, cos) = random.between(0.0, PI).sin_cos();
                let (step, radius) = (random.between(6.0, 22.0), random.between(0.8, 3.0));
                for i in -4..=4 {
                    let along = i as f32 * step;
                    let middle = (75.0 - sin * along, 75.0 + cos * along);
                    let reach = |way: f32| (middle.0 + way * cos, middle.1 + way * sin);
                    canvas.line(reach(-55.0), reach(55.0), radius);
                }
            }
        }
        (Share::Training, _) => {
            let field = random.between(8.0, 30.0);
            for y in 20..130 {
                for x in 20..130 {
                    let on = (x as f32 / field) as i64 + (y as f32 / field) as i64;
                    canvas.darken_at(x, y, (on % 2) as f32);
                }
            }
        }
        (Share::KeptOut, _) => {
            // Waves that cross.
            let waves: Vec<_> = (0..3)
                .map(|_| {
                    (random.between(-0.3, 0.3), random.between(-0.3, 0.3), random.between(0.0, 6.0))
                })
                .collect();
            for y in 20..130i64 {
                for x in 20..130i64 {
                    let wave =
                        |&(u, v, w): &(f32, f32, f32)| (u * x as f32 + v * y as f32 + w).sin();
                    canvas.darken_at(x, y, 2.0 * waves.iter().map(wave).sum::<f32>());
                }
            }
        }
    }
    canvas.picture(random)
}
