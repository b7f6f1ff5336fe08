//! Pictures of digits as people take them: made from MNIST's training images, each from a seed alone.

use lenet::{
    Classifier,
    data::Idx,
    image::{DynamicImage, GrayImage, Luma, codecs::jpeg::JpegEncoder, imageops, load_from_memory},
};
use std::{f32::consts::PI, path::Path};

/// Numbers that follow from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 32)
    }

    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// Normally distributed, as good as: a sum of four, of standard deviation 1.
    fn normal(&mut self) -> f32 {
        3f32.sqrt() * (0..4).map(|_| self.between(-0.5, 0.5)).sum::<f32>()
    }
}

/// MNIST's training images, white on black, 28x28, with their labels.
pub struct Digits {
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Digits {
    pub fn read() -> Digits {
        Digits::read_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist"))
    }

    pub fn read_from(folder: &Path) -> Digits {
        let read = |name: &str| Idx::read(folder.join(name)).unwrap().numbers;
        Digits {
            images: read("train-images-idx3-ubyte.gz"),
            labels: read("train-labels-idx1-ubyte.gz"),
        }
    }

    fn any(&self, random: &mut Random) -> (GrayImage, u8) {
        let i = random.below(self.labels.len());
        let pixels = self.images[i * 784..(i + 1) * 784].to_vec();
        (cropped(&GrayImage::from_raw(28, 28, pixels).unwrap()), self.labels[i])
    }

    /// Some digits side by side, with so much room between their ink at the narrowest place.
    fn number(&self, random: &mut Random, gap: impl Fn(&mut Random) -> i32) -> (GrayImage, String) {
        let mut row = GrayImage::new(220, 34);
        let (mut text, mut last) = (String::new(), None);
        for _ in 0..2 + random.below(4) {
            let (digit, label) = self.any(random);
            let scale = random.between(0.9, 1.1);
            let scaled = |length: u32| ((length as f32 * scale).round() as u32).max(1);
            let size = (scaled(digit.width()), scaled(digit.height()));
            let digit = imageops::resize(&digit, size.0, size.1, imageops::FilterType::Triangle);
            let top = (31 - i64::from(digit.height())) / 2 + random.below(4) as i64;
            // To the right of what is there: row by row, rows above and below count as well.
            let mut left: i64 = last.unwrap_or(4);
            if last.is_some() {
                let gap = i64::from(gap(random));
                left = (0..i64::from(digit.height()))
                    .filter_map(|y| {
                        let first = (0..digit.width())
                            .find(|&x| digit.get_pixel(x, y as u32).0[0] > 100)?;
                        let near = (top + y - 1).max(0)..=(top + y + 1).min(33);
                        let end = near
                            .filter_map(|y| {
                                (0..220).rev().find(|&x| row.get_pixel(x, y as u32).0[0] > 100)
                            })
                            .max()?;
                        Some(i64::from(end) - i64::from(first) + 1 + gap)
                    })
                    .max()
                    .unwrap_or(left + gap)
                    .max(left - 12);
            }
            for (x, y, &ink) in digit.enumerate_pixels() {
                let (x, y) = (left + i64::from(x), top + i64::from(y));
                if (0..220).contains(&x) && (0..34).contains(&y) {
                    let under = row.get_pixel_mut(x as u32, y as u32);
                    under.0[0] = under.0[0].max(ink.0[0]);
                }
            }
            last = Some(left + i64::from(digit.width()));
            text.push(char::from(b'0' + label));
        }
        (cropped(&row), text)
    }
}

/// What is ink, without what is around it.
fn cropped(image: &GrayImage) -> GrayImage {
    let ink = || image.enumerate_pixels().filter(|(.., pixel)| pixel.0[0] > 60);
    let (left, right) =
        (ink().map(|(x, ..)| x).min().unwrap(), ink().map(|(x, ..)| x).max().unwrap());
    let (top, bottom) =
        (ink().map(|(_, y, _)| y).min().unwrap(), ink().map(|(_, y, _)| y).max().unwrap());
    imageops::crop_imm(image, left, top, right - left + 1, bottom - top + 1).to_image()
}

/// Numbers from 0 to 1, by rows: ink, or light.
#[derive(Clone)]
struct Canvas {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, height, values: vec![0.0; width * height] }
    }

    fn of(random: &mut Random) -> Canvas {
        Canvas::new(260 + random.below(220), 220 + random.below(180))
    }

    fn short(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    fn each(&mut self, mut change: impl FnMut(f32, f32, f32) -> f32) {
        for y in 0..self.height {
            for x in 0..self.width {
                let value = &mut self.values[y * self.width + x];
                *value = change(x as f32, y as f32, *value);
            }
        }
    }

    /// Puts a drawing there, its middle at a place, so high, turned by an angle.
    fn stamp(&mut self, drawing: &GrayImage, middle: (f32, f32), height: f32, angle: f32) {
        let scale = drawing.height() as f32 / height;
        let (sin, cos) = angle.sin_cos();
        let (half_width, half_height) =
            (drawing.width() as f32 / 2.0, drawing.height() as f32 / 2.0);
        let at = |x: i64, y: i64| {
            let inside = x >= 0
                && y >= 0
                && x < i64::from(drawing.width())
                && y < i64::from(drawing.height());
            if inside { f32::from(drawing.get_pixel(x as u32, y as u32).0[0]) / 255.0 } else { 0.0 }
        };
        self.each(|x, y, value| {
            let (dx, dy) = ((x + 0.5 - middle.0) * scale, (y + 0.5 - middle.1) * scale);
            let (u, v) =
                (cos * dx + sin * dy + half_width - 0.5, cos * dy - sin * dx + half_height - 0.5);
            if u < -1.0 || v < -1.0 || u > 2.0 * half_width || v > 2.0 * half_height {
                return value;
            }
            let (left, top) = (u.floor(), v.floor());
            let (s, t) = (u - left, v - top);
            let (left, top) = (left as i64, top as i64);
            let upper = at(left, top) * (1.0 - s) + at(left + 1, top) * s;
            let lower = at(left, top + 1) * (1.0 - s) + at(left + 1, top + 1) * s;
            let ink = upper * (1.0 - t) + lower * t;
            // As sharp as the size lets it be.
            let sharp = (1.0 / scale).clamp(1.0, 4.0);
            value.max(((ink - 0.5) * sharp + 0.5).clamp(0.0, 1.0))
        });
    }

    fn blurred(mut self, radius: usize) -> Canvas {
        for _ in 0..radius {
            let from = self.clone();
            let at = |x: i64, y: i64| {
                let x = x.clamp(0, from.width as i64 - 1) as usize;
                from.values[y.clamp(0, from.height as i64 - 1) as usize * from.width + x]
            };
            self.each(|x, y, _| {
                let (x, y) = (x as i64, y as i64);
                (-1..=1).map(|dy| (-1..=1).map(|dx| at(x + dx, y + dy)).sum::<f32>()).sum::<f32>()
                    / 9.0
            });
        }
        self
    }

    /// With grain of this standard deviation, in steps of 255.
    fn grainy(mut self, sigma: f32, random: &mut Random) -> Canvas {
        self.each(|_, _, value| value + sigma / 255.0 * random.normal());
        self
    }

    fn picture(&self) -> GrayImage {
        GrayImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let value = self.values[y as usize * self.width + x as usize];
            Luma([(value * 255.0).round().clamp(0.0, 255.0) as u8])
        })
    }

    /// As a camera takes it: out of focus, grainy, and as JPEG.
    fn photograph(self, random: &mut Random) -> DynamicImage {
        let (blur, sigma) = (random.below(3), random.between(1.0, 5.0));
        let picture = self.blurred(blur).grainy(sigma, random).picture();
        let mut file = vec![];
        let quality = 75 + random.below(20) as u8;
        JpegEncoder::new_with_quality(&mut file, quality).encode_image(&picture).unwrap();
        load_from_memory(&file).unwrap()
    }
}

/// Light on paper that falls off to one side.
fn light(canvas: &Canvas, random: &mut Random) -> impl Fn(f32, f32) -> f32 + use<> {
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let (level, angle, slope) =
        (random.between(0.75, 0.95), random.between(0.0, 2.0 * PI), random.between(0.0, 0.35));
    let (sin, cos) = angle.sin_cos();
    move |x, y| {
        let along = (x / width - 0.5) * cos + (y / height - 0.5) * sin;
        level * (1.0 - slope * (along + 0.5) - 0.1 * (y / height - 0.5).powi(2))
    }
}

/// A line through a point: how far a point lies to its left.
fn line(through: (f32, f32), angle: f32) -> impl Fn(f32, f32) -> f32 {
    let (sin, cos) = angle.sin_cos();
    move |x, y| (x - through.0) * cos + (y - through.1) * sin
}

/// A rectangle: how far a point lies outside it, or inside, where that is below 0.
fn rectangle(middle: (f32, f32), half: (f32, f32), angle: f32) -> impl Fn(f32, f32) -> f32 {
    let (across, down) = (line(middle, angle), line(middle, angle + PI / 2.0));
    move |x, y| (across(x, y).abs() - half.0).max(down(x, y).abs() - half.1)
}

fn any_place(canvas: &Canvas, size: f32, random: &mut Random) -> (f32, f32) {
    let margin = size * 0.6;
    (
        random.between(margin, canvas.width as f32 - margin),
        random.between(margin, canvas.height as f32 - margin),
    )
}

pub type Shown = (DynamicImage, String);

/// A kind of picture: its name, and how one is made.
pub type Family = (&'static str, fn(&Digits, &mut Random) -> Shown);

pub const DIGITS: &[Family] = &[
    ("drawn", drawn),
    ("photograph", photograph),
    ("cut at the margin", margin),
    ("cut, photographed", margin_photographed),
    ("tiny scan", tiny),
    ("hard shadow", shadow),
    ("ruled paper", ruled),
    ("squared paper", squared),
    ("hairlines", hairlines),
    ("desk all round", desk_all_round),
    ("desk in a corner", desk_in_a_corner),
    ("desk at two edges", desk_at_two_edges),
    ("desk at one edge", desk_at_one_edge),
];

pub const NUMBERS: &[Family] = &[
    ("spaced", spaced),
    ("touching", touching),
    ("spaced, photographed", spaced_photographed),
    ("touching, photographed", touching_photographed),
    ("squared, spaced", squared_number),
    ("two lines", two_lines),
    ("in boxes", boxed),
    ("on a plate", plate),
];

/// All digits that are read in a picture, with a space between lines: what its text should be.
pub fn read_number(classifier: &Classifier, image: &DynamicImage) -> String {
    let (mut number, mut line) = (String::new(), 0);
    for reading in classifier.read(image).unwrap_or_default() {
        if reading.line != line {
            (number, line) = (number + " ", reading.line);
        }
        number.push(char::from(b'0' + reading.prediction.digit));
    }
    number
}

fn text(label: u8) -> String {
    label.to_string()
}

fn drawn(digits: &Digits, random: &mut Random) -> Shown {
    let (digit, label) = digits.any(random);
    let mut ink = Canvas::of(random);
    let size = random.between(0.15, 0.9) * ink.short();
    let place = any_place(&ink, size, random);
    ink.stamp(&digit, place, size, 0.0);
    let (paper, pen) =
        [(1.0, 0.0), (0.0, 1.0), (0.9, 0.2), (0.3, 0.9), (0.6, 0.45)][random.below(5)];
    ink.each(|_, _, ink| paper + (pen - paper) * ink);
    (ink.picture().into(), text(label))
}

/// A digit on paper under uneven light.
fn on_paper(digits: &Digits, random: &mut Random, sizes: (f32, f32)) -> (Canvas, Canvas, String) {
    let (digit, label) = digits.any(random);
    let mut ink = Canvas::of(random);
    let size = random.between(sizes.0, sizes.1) * ink.short();
    let place = any_place(&ink, size, random);
    let angle = random.between(-0.1, 0.1);
    ink.stamp(&digit, place, size, angle);
    let mut paper = ink.clone();
    let light = light(&paper, random);
    paper.each(|x, y, _| light(x, y));
    (ink, paper, text(label))
}

fn written(mut paper: Canvas, ink: &Canvas, random: &mut Random) -> Canvas {
    let contrast = random.between(0.45, 0.85);
    for (value, ink) in paper.values.iter_mut().zip(&ink.values) {
        *value *= 1.0 - contrast * ink;
    }
    paper
}

fn photograph(digits: &Digits, random: &mut Random) -> Shown {
    let (ink, paper, text) = on_paper(digits, random, (0.2, 0.8));
    (written(paper, &ink, random).photograph(random), text)
}

fn cut(digits: &Digits, random: &mut Random) -> (Canvas, String) {
    let (digit, label) = digits.any(random);
    let side = [28, 40, 100, 240][random.below(4)];
    let mut ink = Canvas::new(side, side + random.below(side / 3));
    let size = ink.short() * random.between(0.6, 1.0);
    // A part of it is beyond an edge; at each of the four.
    let width = size * digit.width() as f32 / digit.height() as f32;
    let beyond = random.between(0.0, 0.08) * size;
    let (x, y) = (ink.width as f32 / 2.0, ink.height as f32 / 2.0);
    let middle = match random.below(4) {
        0 => (width / 2.0 - beyond, y),
        1 => (ink.width as f32 - width / 2.0 + beyond, y),
        2 => (x, size / 2.0 - beyond),
        _ => (x, ink.height as f32 - size / 2.0 + beyond),
    };
    ink.stamp(&digit, middle, size, 0.0);
    (ink, text(label))
}

fn margin(digits: &Digits, random: &mut Random) -> Shown {
    let (mut ink, text) = cut(digits, random);
    ink.each(|_, _, ink| 1.0 - ink);
    (ink.picture().into(), text)
}

fn margin_photographed(digits: &Digits, random: &mut Random) -> Shown {
    let (ink, text) = cut(digits, random);
    let mut paper = ink.clone();
    let light = light(&paper, random);
    paper.each(|x, y, _| light(x, y));
    let sigma = random.between(1.0, 6.0);
    (written(paper, &ink, random).grainy(sigma, random).picture().into(), text)
}

/// So small that the ink fills the picture, in seventeen grey levels.
fn tiny(digits: &Digits, random: &mut Random) -> Shown {
    let (digit, label) = digits.any(random);
    let side = 8 + random.below(7) as u32;
    let width = (side * digit.width()).div_ceil(digit.height()).clamp(1, side);
    let height = side.min((side * digit.height()).div_ceil(digit.width()));
    let small = imageops::resize(&digit, width, height, imageops::FilterType::Triangle);
    let mut picture = GrayImage::new(side, side);
    imageops::replace(
        &mut picture,
        &small,
        i64::from((side - width) / 2),
        i64::from((side - height) / 2),
    );
    for pixel in picture.pixels_mut() {
        pixel.0[0] = (pixel.0[0] / 15).min(16) * 15;
    }
    (picture.into(), text(label))
}

fn shadow(digits: &Digits, random: &mut Random) -> Shown {
    let (ink, mut paper, text) = on_paper(digits, random, (0.25, 0.7));
    let through = (
        paper.width as f32 * random.between(0.15, 0.85),
        paper.height as f32 * random.between(0.15, 0.85),
    );
    let side = line(through, random.between(0.0, 2.0 * PI));
    let (shade, soft) = (random.between(0.4, 0.8), random.between(0.5, 5.0));
    paper.each(|x, y, light| {
        light * (1.0 + (shade - 1.0) * (side(x, y) / soft + 0.5).clamp(0.0, 1.0))
    });
    (written(paper, &ink, random).photograph(random), text)
}

fn rule(paper: &mut Canvas, random: &mut Random, both: bool) {
    let (pitch, thick) = (random.between(14.0, 36.0), random.between(1.0, 2.2));
    let (faint, angle) = (random.between(0.12, 0.5), random.between(-0.08, 0.08));
    let (sin, cos) = angle.sin_cos();
    paper.each(|x, y, light| {
        let on = |at: f32| (thick - at.rem_euclid(pitch)).clamp(0.0, 1.0).min(at.rem_euclid(pitch));
        let across = on(cos * y - sin * x + 1_000.0);
        let down = if both { on(cos * x + sin * y + 1_000.0) } else { 0.0 };
        light * (1.0 - faint * across.max(down))
    });
}

fn ruled(digits: &Digits, random: &mut Random) -> Shown {
    let (ink, mut paper, text) = on_paper(digits, random, (0.12, 0.4));
    rule(&mut paper, random, false);
    (written(paper, &ink, random).photograph(random), text)
}

fn squared(digits: &Digits, random: &mut Random) -> Shown {
    let (ink, mut paper, text) = on_paper(digits, random, (0.12, 0.4));
    rule(&mut paper, random, true);
    (written(paper, &ink, random).photograph(random), text)
}

/// What is horizontal is thin, as in type of the kind of Bodoni's.
fn hairlines(digits: &Digits, random: &mut Random) -> Shown {
    let (digit, label) = digits.any(random);
    let mut ink = Canvas::new(240, 240);
    ink.stamp(&digit, (120.0, 120.0), 190.0, 0.0);
    let wide = ink.clone();
    let thin = random.between(0.5, 0.85);
    // As many rows of each stroke as are left, from its middle.
    for x in 0..240 {
        let mut y = 0;
        while y < 240 {
            let run = (y..240).take_while(|&y| wide.values[y * 240 + x] > 0.5).count();
            let gone = (run.min(30) as f32 * thin / 2.0) as usize;
            for dy in 0..gone.min(run.saturating_sub(3) / 2) {
                ink.values[(y + dy) * 240 + x] = 0.0;
                ink.values[(y + run - 1 - dy) * 240 + x] = 0.0;
            }
            y += run.max(1);
        }
    }
    ink.each(|_, _, ink| 1.0 - ink);
    let side = 40 + random.below(200) as u32;
    let picture = imageops::resize(&ink.picture(), side, side, imageops::FilterType::Triangle);
    (picture.into(), text(label))
}

/// A digit on the sheet that lies on those sides of lines; the rest is desk.
fn on_a_desk(
    digits: &Digits,
    random: &mut Random,
    mut size: f32,
    middle: (f32, f32),
    mut canvas: Canvas,
    edges: Vec<((f32, f32), f32)>,
) -> Shown {
    let (digit, label) = digits.any(random);
    let aspect = digit.width() as f32 / digit.height() as f32;
    size /= aspect.max(1.0);
    let mut ink = canvas.clone();
    ink.stamp(&digit, middle, size, random.between(-0.15, 0.15));
    let light = light(&canvas, random);
    let contrast = random.between(0.5, 0.85);
    let (desk, grain) = (random.between(0.12, 0.6), random.between(0.0, 0.08));
    let (wave, wood) = (random.between(0.05, 0.5), line((0.0, 0.0), random.between(0.0, PI)));
    let edges: Vec<_> = edges.into_iter().map(|(through, angle)| line(through, angle)).collect();
    canvas.each(|x, y, _| {
        let inside =
            edges.iter().map(|edge| (edge(x, y) + 0.5).clamp(0.0, 1.0)).fold(1.0, f32::min);
        let along = wood(x, y);
        let board =
            desk + grain * ((wave * along).sin() + 0.5 * (wave * 2.3 * along + 0.02 * x).sin());
        light(x, y) * (inside + (1.0 - inside) * board)
    });
    for (value, ink) in canvas.values.iter_mut().zip(&ink.values) {
        *value *= 1.0 - contrast * ink;
    }
    (canvas.photograph(random), text(label))
}

fn desk_all_round(digits: &Digits, random: &mut Random) -> Shown {
    let canvas = Canvas::of(random);
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let half = (width * random.between(0.24, 0.4), height * random.between(0.24, 0.4));
    let middle = (width * random.between(0.45, 0.55), height * random.between(0.45, 0.55));
    let turn = random.between(-0.3, 0.3);
    let edges = (0..4).map(|side| {
        let angle = turn + side as f32 * PI / 2.0;
        let away = if side % 2 == 0 { half.0 } else { half.1 };
        let through = (middle.0 - away * angle.cos(), middle.1 - away * angle.sin());
        (through, angle + random.between(-0.05, 0.05))
    });
    let edges = edges.collect();
    let size = half.0.min(half.1) * random.between(0.6, 1.3);
    on_a_desk(digits, random, size, middle, canvas, edges)
}

fn desk_in_a_corner(digits: &Digits, random: &mut Random) -> Shown {
    let canvas = Canvas::of(random);
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let corner = random.below(4);
    let (x, dx) = if corner.is_multiple_of(2) { (0.0, 1.0) } else { (width, -1.0) };
    let (y, dy) = if corner / 2 == 0 { (0.0, 1.0) } else { (height, -1.0) };
    let (across, down) = (width * random.between(0.15, 0.45), height * random.between(0.15, 0.45));
    let edge = ((x + dx * across, y), (dy * across).atan2(dx * down));
    let middle = (width / 2.0 + dx * width * 0.12, height / 2.0 + dy * height * 0.12);
    let size = canvas.short() * random.between(0.2, 0.5);
    on_a_desk(digits, random, size, middle, canvas, vec![edge])
}

fn desk_at_two_edges(digits: &Digits, random: &mut Random) -> Shown {
    let canvas = Canvas::of(random);
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let opposite = random.below(3) == 0;
    let first = random.below(4);
    let turn = random.between(-0.2, 0.2);
    let shares = [random.between(0.08, 0.3), random.between(0.08, 0.3)];
    let sides = [first, (first + if opposite { 2 } else { 1 }) % 4];
    let mut free = [0.0, 0.0, width, height];
    let mut edges = vec![];
    for (side, share) in sides.into_iter().zip(shares) {
        let through = match side {
            0 => (width * share, height / 2.0),
            1 => (width / 2.0, height * share),
            2 => (width * (1.0 - share), height / 2.0),
            _ => (width / 2.0, height * (1.0 - share)),
        };
        free[side] = if side % 2 == 0 { through.0 } else { through.1 };
        edges.push((through, turn + side as f32 * PI / 2.0));
    }
    let middle = ((free[0] + free[2]) / 2.0, (free[1] + free[3]) / 2.0);
    let size = (free[2] - free[0]).min(free[3] - free[1]) * random.between(0.3, 0.6);
    on_a_desk(digits, random, size, middle, canvas, edges)
}

fn desk_at_one_edge(digits: &Digits, random: &mut Random) -> Shown {
    let canvas = Canvas::of(random);
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let (share, turn, side) =
        (random.between(0.1, 0.35), random.between(-0.2, 0.2), random.below(4));
    let (through, middle) = match side {
        0 => ((width * share, height / 2.0), (width * (0.5 + share / 2.0), height / 2.0)),
        1 => ((width / 2.0, height * share), (width / 2.0, height * (0.5 + share / 2.0))),
        2 => ((width * (1.0 - share), height / 2.0), (width * (0.5 - share / 2.0), height / 2.0)),
        _ => ((width / 2.0, height * (1.0 - share)), (width / 2.0, height * (0.5 - share / 2.0))),
    };
    let size = canvas.short() * random.between(0.2, 0.45);
    on_a_desk(digits, random, size, middle, canvas, vec![(through, turn + side as f32 * PI / 2.0)])
}

/// A sheet with nothing on it, grainy.
pub fn blank(random: &mut Random) -> DynamicImage {
    let mut sheet = Canvas::of(random);
    if random.below(3) == 0 {
        sheet = Canvas::new(28 + random.below(80), 28 + random.below(80));
    }
    let even = random.below(2) == 0;
    let (light, level) = (light(&sheet, random), [1.0, 0.94, 0.8, 0.5][random.below(4)]);
    sheet.each(|x, y, _| if even { level } else { light(x, y) });
    let (sigma, blur) = (random.between(1.0, 20.0), random.below(3));
    let sheet = sheet.grainy(sigma, random).blurred(blur / 2);
    sheet.picture().into()
}

fn spaced_gap(random: &mut Random) -> i32 {
    4 + random.below(8) as i32
}

fn touching_gap(random: &mut Random) -> i32 {
    -(random.below(2) as i32)
}

fn number(digits: &Digits, random: &mut Random, gap: fn(&mut Random) -> i32) -> (Canvas, String) {
    let (row, text) = digits.number(random, gap);
    let height = random.between(40.0, 110.0);
    let width = height * row.width() as f32 / row.height() as f32;
    let (wide, high) = (width + random.between(30.0, 120.0), height + random.between(30.0, 120.0));
    let mut ink = Canvas::new(wide as usize, high as usize);
    let middle = (wide / 2.0 + random.between(-9.0, 9.0), high / 2.0 + random.between(-9.0, 9.0));
    ink.stamp(&row, middle, height, random.between(-0.03, 0.03));
    (ink, text)
}

fn drawn_number(digits: &Digits, random: &mut Random, gap: fn(&mut Random) -> i32) -> Shown {
    let (mut ink, text) = number(digits, random, gap);
    ink.each(|_, _, ink| 1.0 - ink);
    (ink.picture().into(), text)
}

fn photographed_number(
    digits: &Digits,
    random: &mut Random,
    gap: fn(&mut Random) -> i32,
    squares: bool,
) -> Shown {
    let (ink, text) = number(digits, random, gap);
    let mut paper = ink.clone();
    let light = light(&paper, random);
    paper.each(|x, y, _| light(x, y));
    if squares {
        rule(&mut paper, random, true);
    }
    (written(paper, &ink, random).photograph(random), text)
}

fn spaced(digits: &Digits, random: &mut Random) -> Shown {
    drawn_number(digits, random, spaced_gap)
}

fn touching(digits: &Digits, random: &mut Random) -> Shown {
    drawn_number(digits, random, touching_gap)
}

fn spaced_photographed(digits: &Digits, random: &mut Random) -> Shown {
    photographed_number(digits, random, spaced_gap, false)
}

fn touching_photographed(digits: &Digits, random: &mut Random) -> Shown {
    photographed_number(digits, random, touching_gap, false)
}

fn squared_number(digits: &Digits, random: &mut Random) -> Shown {
    photographed_number(digits, random, spaced_gap, true)
}

fn two_lines(digits: &Digits, random: &mut Random) -> Shown {
    let mut ink = Canvas::new(520, 300);
    let height = random.between(50.0, 80.0);
    let mut lines = vec![];
    for line in 0..2 {
        let (row, text) = digits.number(random, spaced_gap);
        let width = height * row.width() as f32 / row.height() as f32;
        let middle = (20.0 + width / 2.0 + random.between(0.0, 40.0), 80.0 + 140.0 * line as f32);
        ink.stamp(&row, middle, height, random.between(-0.02, 0.02));
        lines.push(text);
    }
    ink.each(|_, _, ink| 0.95 - 0.8 * ink);
    (ink.picture().into(), lines.join(" "))
}

/// Each digit in a box of its own, as on forms: they share walls, or stand apart.
fn boxed(digits: &Digits, random: &mut Random) -> Shown {
    let (count, side) = (2 + random.below(4), random.between(50.0, 90.0));
    let step = side + [0.0, random.between(6.0, 20.0)][random.below(2)];
    let (wide, high) = (step * count as f32, side);
    let (wide, high) = (wide + random.between(40.0, 90.0), high + random.between(40.0, 90.0));
    let mut ink = Canvas::new(wide as usize, high as usize);
    let mut paper = ink.clone();
    let light = light(&paper, random);
    paper.each(|x, y, _| light(x, y));
    let (thick, faint) = (random.between(1.5, 4.0), random.between(0.4, 1.0));
    let angle = random.between(-0.05, 0.05);
    let mut text = String::new();
    for number in 0..count {
        let along = (number as f32 - (count - 1) as f32 / 2.0) * step;
        let place = (wide / 2.0 + along * angle.cos(), high / 2.0 + along * angle.sin());
        let (digit, label) = digits.any(random);
        let aspect = digit.width() as f32 / digit.height() as f32;
        let height = side * random.between(0.45, 0.75) / aspect.max(1.0);
        let mut aside = || side * random.between(-0.06, 0.06);
        let middle = (place.0 + aside(), place.1 + aside());
        ink.stamp(&digit, middle, height, angle + random.between(-0.1, 0.1));
        let away = rectangle(place, (side / 2.0, side / 2.0), angle);
        ink.each(|x, y, ink| {
            ink.max(faint * (thick / 2.0 + 0.5 - away(x, y).abs()).clamp(0.0, 1.0))
        });
        text.push(char::from(b'0' + label));
    }
    (written(paper, &ink, random).photograph(random), text)
}

/// Lighter than a plate that is darker than the wall it is on, as a house has its number.
fn plate(digits: &Digits, random: &mut Random) -> Shown {
    let (row, text) = digits.number(random, spaced_gap);
    let height = random.between(40.0, 90.0);
    let width = height * row.width() as f32 / row.height() as f32;
    let mut margin = || height * random.between(0.2, 0.6);
    let half = (width / 2.0 + margin(), height / 2.0 + margin());
    let (wide, high) =
        (2.0 * half.0 + random.between(40.0, 120.0), 2.0 * half.1 + random.between(40.0, 120.0));
    let mut ink = Canvas::new(wide as usize, high as usize);
    let mut wall = ink.clone();
    let light = light(&wall, random);
    wall.each(|x, y, _| light(x, y));
    let (middle, angle) = ((wide / 2.0, high / 2.0), random.between(-0.05, 0.05));
    ink.stamp(&row, middle, height, angle);
    let away = rectangle(middle, half, angle);
    ink.each(|x, y, ink| (0.5 - away(x, y)).clamp(0.0, 1.0) * (1.0 - ink));
    (written(wall, &ink, random).photograph(random), text)
}
