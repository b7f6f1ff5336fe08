//! The lines of ruled and squared paper.

use super::luminance::Plane;

/// They are looked for among so many marks along the picture's longer side.
const MARKS: u32 = 400;

/// They are no more oblique than this: so much across on so much along.
const STEEPEST: f32 = 0.2;

/// Of a line's length this share is to be seen, from end to end, or of it and its neighbour.
const SEEN: f32 = 0.55;

/// A line is thin: of what is this many marks beside it, less than the share is ink.
const BESIDE: i32 = 4;
const BLANK: f32 = 0.35;

/// Of this share of its length at either end half is to be seen: a ruling ends at the sheet's edge.
const END: f32 = 0.15;

/// Where more than this share of all marks is ink, that is no ruling.
const DENSE: f32 = 0.3;

/// One line is a stroke; so many are rulings.
const FEWEST: usize = 3;

/// Whether there is ink, and picture, in blocks of pixels; `along` the lines that are looked for, and across.
struct Marks {
    along: i32,
    across: i32,
    /// Pixels in a mark, along and across.
    factor: i32,
    ink: Vec<bool>,
    picture: Vec<bool>,
}

/// `middle` of the picture's length it is so far across, and `slope` more with each step along.
#[derive(Debug, Clone, Copy)]
struct Line {
    slope: f32,
    middle: f32,
    seen: f32,
}

impl Line {
    fn at(&self, along: i32, length: i32) -> f32 {
        self.middle + self.slope * (along as f32 - length as f32 / 2.0)
    }
}

impl Marks {
    fn of(ink: &Plane, plane: &Plane, faintest: f32, upright: bool) -> Marks {
        let (width, height) = ink.dimensions();
        let factor = width.max(height).div_ceil(MARKS);
        let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
        let (along, across) = if upright { (rows, columns) } else { (columns, rows) };
        let empty = vec![false; (along * across) as usize];
        let mut marks = Marks {
            along: along as i32,
            across: across as i32,
            factor: factor as i32,
            ink: empty.clone(),
            picture: empty,
        };
        for ((x, y, ink), value) in ink.enumerate_pixels().zip(plane.pixels()) {
            let (x, y) = (x / factor, y / factor);
            let at = if upright { x * along + y } else { y * along + x } as usize;
            marks.ink[at] |= ink.0[0] > faintest;
            marks.picture[at] |= !value.0[0].is_nan();
        }
        marks
    }

    fn at(&self, marks: &[bool], along: i32, across: i32) -> bool {
        (0..self.across).contains(&across) && marks[(across * self.along + along) as usize]
    }

    fn lines(&self) -> Vec<Line> {
        let points: Vec<(f32, f32)> = (0..self.across)
            .flat_map(|across| (0..self.along).map(move |along| (along, across)))
            .filter(|&(along, across)| self.at(&self.ink, along, across))
            .map(|(along, across)| (along as f32 - self.along as f32 / 2.0, across as f32))
            .collect();
        if points.len() as f32 > DENSE * self.ink.len() as f32 {
            return vec![];
        }
        let steps = (STEEPEST * self.along as f32) as i32;
        let over = steps;
        let mut found = vec![];
        for step in -steps..=steps {
            let slope = step as f32 / self.along as f32;
            let mut votes = vec![0u16; (self.across + 2 * over + 2) as usize];
            for &(along, across) in &points {
                let at = (across - slope * along).round() as i32 + over;
                if let Some(votes) = usize::try_from(at).ok().and_then(|at| votes.get_mut(at)) {
                    *votes = votes.saturating_add(1);
                }
            }
            for (at, pair) in votes.windows(2).enumerate() {
                // Before the line is looked at: enough ink, even of the shorter one that a sheet may leave, and less beside it.
                let here = f32::from(pair[0] + pair[1]);
                let beside = |by: i32| {
                    let at = at.saturating_add_signed(by as isize);
                    votes.get(at..at + 2).map_or(0.0, |pair| f32::from(pair[0] + pair[1]))
                };
                let thin = beside(-BESIDE).max(beside(BESIDE)) < BLANK / SEEN * here;
                if thin && here > 0.3 * SEEN * self.along as f32 {
                    let middle = at as f32 - over as f32 + 0.5;
                    found.extend(self.line(slope, middle));
                }
            }
        }
        found.sort_by(|a, b| b.seen.total_cmp(&a.seen));
        let mut lines: Vec<Line> = vec![];
        for line in found {
            let apart = |other: &Line| {
                [0, self.along].into_iter().all(|end| {
                    (line.at(end, self.along) - other.at(end, self.along)).abs() > BESIDE as f32
                })
            };
            if lines.iter().all(apart) {
                lines.push(line);
            }
        }
        if lines.len() < FEWEST { vec![] } else { lines }
    }

    /// The line, if it is one.
    fn line(&self, slope: f32, middle: f32) -> Option<Line> {
        let line = Line { slope, middle, seen: 0.0 };
        let inside: Vec<(i32, i32)> = (0..self.along)
            .map(|along| (along, line.at(along, self.along).floor() as i32))
            .filter(|&(along, across)| self.at(&self.picture, along, across))
            .collect();
        let seen = |part: &[(i32, i32)], by: i32| {
            let ink = |&&(along, across): &&(i32, i32)| {
                self.at(&self.ink, along, across + by) || self.at(&self.ink, along, across + by + 1)
            };
            part.iter().filter(ink).count() as f32 / part.len().max(1) as f32
        };
        let end = (END * inside.len() as f32) as usize;
        let (first, last) = (inside.get(..end)?, inside.get(inside.len() - end..)?);
        let whole = seen(&inside, 0);
        let is_line = inside.len() as f32 > 0.3 * self.along as f32
            && whole > SEEN
            && seen(first, 0) > 0.5
            && seen(last, 0) > 0.5
            && seen(&inside, -BESIDE) < BLANK
            && seen(&inside, BESIDE) < BLANK;
        is_line.then_some(Line { seen: whole, ..line })
    }
}

/// Erases them; what is thicker where it crosses them stays.
pub(super) fn erase(ink: &mut Plane, plane: &Plane, faintest: f32) {
    let both = [false, true].map(|upright| (upright, Marks::of(ink, plane, faintest, upright)));
    let found = both.map(|(upright, marks)| (upright, marks.lines(), marks.factor, marks.along));
    for (upright, lines, factor, marks) in found {
        let (width, height) = ink.dimensions();
        let (length, breadth) = if upright { (height, width) } else { (width, height) };
        let place =
            |along: u32, across: u32| if upright { (across, along) } else { (along, across) };
        for line in lines {
            // What of it each step along has, from across to across.
            let run = |along: u32| {
                let mark = along as f32 / factor as f32;
                let middle =
                    (line.middle + 0.5 + line.slope * (mark - marks as f32 / 2.0)) * factor as f32;
                let filled = |across: u32| {
                    let (x, y) = place(along, across);
                    across < breadth && ink.get_pixel(x, y).0[0] > faintest
                };
                let near = (middle - 1.5 * factor as f32).max(0.0) as u32
                    ..=(middle + 1.5 * factor as f32).max(0.0) as u32;
                let inside = near.into_iter().find(|&across| filled(across))?;
                let mut ends = (inside, inside);
                while ends.0 > 0 && filled(ends.0 - 1) {
                    ends.0 -= 1;
                }
                while filled(ends.1 + 1) {
                    ends.1 += 1;
                }
                Some((along, ends.0, ends.1))
            };
            let runs: Vec<_> = (0..length).filter_map(run).collect();
            let mut thick: Vec<_> = runs.iter().map(|&(_, first, last)| last - first + 1).collect();
            thick.sort_unstable();
            let most = thick.get(thick.len() / 2).map_or(0, |thick| thick + thick / 2 + 1);
            for (along, first, last) in runs {
                if last - first < most {
                    for across in first.saturating_sub(1)..=(last + 1).min(breadth - 1) {
                        let (x, y) = place(along, across);
                        ink.get_pixel_mut(x, y).0[0] = 0.0;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Plane, erase};

    #[test]
    fn are_erased_and_strokes_are_not() {
        let stroke = |x: u32, y: u32| (200..212).contains(&x) && (60..140).contains(&y);
        let ruled = |x: u32, y: u32| (10 * x + y) % 300 < 20 || (y + 500 - x / 10) % 25 < 2;
        let paper = Plane::from_pixel(400, 300, [0.9].into());
        let at = |x, y| {
            if stroke(x, y) || ruled(x, y) { 0.8 } else { 0.0 }
        };
        let mut ink = Plane::from_fn(400, 300, |x, y| [at(x, y)].into());
        erase(&mut ink, &paper, 0.1);
        let left = |kept: bool| {
            let all = ink.enumerate_pixels().filter(|&(x, y, _)| stroke(x, y) == kept);
            let some = all.clone().filter(|(.., pixel)| pixel.0[0] > 0.0).count();
            some as f32 / all.count() as f32
        };
        assert!(left(true) > 0.95, "{}", left(true));
        assert!(left(false) < 0.01, "{}", left(false));
        // Two lines are strokes.
        let two =
            Plane::from_fn(400, 300, |_, y| [if y == 100 || y == 200 { 1.0 } else { 0.0 }].into());
        let mut ink = two.clone();
        erase(&mut ink, &paper, 0.1);
        assert_eq!(ink, two);
    }
}
