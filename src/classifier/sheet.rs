//! A sheet of paper that lies on something darker, which the picture shows as well.

use super::{background::means, bounds::Bounds, grid::Grid, luminance::Plane};

/// The sheet is looked for among this many means along the picture's longer side.
const CELLS: u32 = 96;

/// A picture with fewer pixels on its shorter side has no room for a sheet and a desk.
const SMALLEST: u32 = 48;

/// Dark marks narrower than twice so many cells are ink or rulings, and are painted over before the sheet is looked for.
const MARK: i64 = 3;

/// Neighbouring cells of one sheet, or of one desk, differ by less than this.
const STEP: f32 = 0.05;

/// The sheet is brighter than what it lies on by more than this.
const BRIGHTER: f32 = 0.08;

/// Along this share of its outline; at its corners four cells further may be within it.
const OUTLINE: f32 = 0.7;

/// It covers at least this share of the picture, and at most the other.
const AREA: (f32, f32) = (0.1, 0.98);

/// It is a rectangle, more or less: it fills this share of the smallest one around it. An ellipse, such as a thick 0 is, fills
/// 0.79.
const FILLED: f32 = 0.82;

/// Of which at least this share is paper and not ink. A thick digit fills less of the shape that it has without its hollows.
const PAPER: f32 = 0.7;

/// It is no narrower than this share of its length, unless it goes on beyond the picture: a bar is a 1.
const NARROWEST: f32 = 0.34;

/// The part of a picture that is the sheet, and where: what is around it is NaN. `None` where no sheet is seen, or nothing else.
pub(super) fn sheet(plane: &Plane) -> Option<(Plane, Bounds)> {
    let (width, height) = plane.dimensions();
    if width.min(height) < SMALLEST {
        return None;
    }
    let side = width.max(height).div_ceil(CELLS);
    let cells = means(plane, side);
    let grid = Grid { width: width.div_ceil(side).into(), height: height.div_ceil(side).into() };
    let painted = grid.filtered(&grid.filtered(&cells, MARK, f32::max), MARK, f32::min);

    // Along an oblique edge the cells that it crosses lead from one side to the other by small steps: none of them belongs to either.
    let lightest = grid.filtered(&painted, 1, f32::max);
    let darkest = grid.filtered(&painted, 1, f32::min);
    let mut seen: Vec<bool> =
        lightest.iter().zip(darkest).map(|(light, dark)| light - dark > 2.0 * STEP).collect();
    let mut best: Option<(usize, Vec<bool>)> = None;
    for start in 0..grid.len() {
        if seen[start] {
            continue;
        }
        let near = |from: usize, to: usize| (painted[from] - painted[to]).abs() < STEP;
        let region = grid.reached(vec![start], &mut seen, near);
        let count = region.len();
        if (count as f32) < AREA.0 * grid.len() as f32 * PAPER
            || best.as_ref().is_some_and(|(most, _)| *most >= count)
        {
            continue;
        }
        let whole = without_holes(&grid, &region);
        if is_sheet(&grid, &whole, &cells, &painted) {
            best = Some((count, whole));
        }
    }
    let (_, whole) = best?;
    let inside = |x: u32, y: u32| {
        let at = grid.at((x / side).into(), (y / side).into());
        at.and_then(|at| whole.get(at)).copied().unwrap_or_default()
    };
    let bounds = grid
        .places()
        .filter(|&(x, y)| grid.at(x, y).is_some_and(|at| whole[at]))
        .map(|(x, y)| {
            let (left, top) = (x as u32 * side, y as u32 * side);
            Bounds {
                left,
                top,
                right: (left + side).min(width) - 1,
                bottom: (top + side).min(height) - 1,
            }
        })
        .reduce(Bounds::union)?;
    let cut = Plane::from_fn(bounds.width(), bounds.height(), |x, y| {
        let (x, y) = (bounds.left + x, bounds.top + y);
        if inside(x, y) { *plane.get_pixel(x, y) } else { [f32::NAN].into() }
    });
    Some((cut, bounds))
}

/// With all that cannot be reached from the picture's border but through it.
fn without_holes(grid: &Grid, region: &[usize]) -> Vec<bool> {
    let mut taken = vec![false; grid.len()];
    region.iter().for_each(|&at| taken[at] = true);
    let border = |x, y| x == 0 || y == 0 || x + 1 == grid.width || y + 1 == grid.height;
    let border = grid.places().filter(|&(x, y)| border(x, y)).filter_map(|(x, y)| grid.at(x, y));
    let outside = border.filter(|&at| !taken[at]).collect();
    let mut whole = vec![true; grid.len()];
    for at in grid.reached(outside, &mut taken, |_, _| true) {
        whole[at] = false;
    }
    whole
}

fn is_sheet(grid: &Grid, whole: &[bool], cells: &[f32], painted: &[f32]) -> bool {
    let area = whole.iter().filter(|&&inside| inside).count() as f32;
    let share = area / grid.len() as f32;
    if share < AREA.0 || share > AREA.1 {
        return false;
    }
    // Across the outline, and the cells that belong to neither side.
    let (mut length, mut brighter, mut inside_sum, mut outside_sum) = (0.0, 0.0, 0.0, 0.0);
    for (x, y) in grid.places().filter(|&(x, y)| grid.at(x, y).is_some_and(|at| whole[at])) {
        for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            if grid.at(x + dx, y + dy).is_none_or(|next| whole[next]) {
                continue;
            }
            let outside = grid.at(x + 4 * dx, y + 4 * dy).or(grid.at(x + dx, y + dy));
            let inside = grid.at(x - dx, y - dy).filter(|&at| whole[at]).or(grid.at(x, y));
            if let Some((outside, inside)) = outside.zip(inside) {
                length += 1.0;
                brighter += f32::from(u8::from(painted[inside] > painted[outside] + BRIGHTER));
                inside_sum += painted[inside];
                outside_sum += painted[outside];
            }
        }
    }
    if length == 0.0 || brighter < OUTLINE * length {
        return false;
    }
    let middle = (inside_sum + outside_sum) / (2.0 * length);
    let paper = whole.iter().zip(cells).filter(|&(&inside, &cell)| inside && cell > middle).count();
    if (paper as f32) < PAPER * area {
        return false;
    }
    // The smallest rectangle around it, at any angle; as much of it as the picture shows.
    let inside: Vec<_> =
        grid.places().filter(|&(x, y)| grid.at(x, y).is_some_and(|at| whole[at])).collect();
    let border =
        |&(x, y): &(i64, i64)| x == 0 || y == 0 || x + 1 == grid.width || y + 1 == grid.height;
    let goes_on = inside.iter().any(border);
    (0..45).any(|step| {
        let (sin, cos) = (step as f32 * 2f32.to_radians()).sin_cos();
        let turned = |&(x, y): &(i64, i64)| {
            let (x, y) = (x as f32, y as f32);
            (x * cos + y * sin, y * cos - x * sin)
        };
        let start = (f32::MAX, f32::MIN, f32::MAX, f32::MIN);
        let (left, right, top, bottom) = inside.iter().map(turned).fold(start, |ends, (u, v)| {
            (ends.0.min(u), ends.1.max(u), ends.2.min(v), ends.3.max(v))
        });
        let (wide, high) = (right - left + 1.0, bottom - top + 1.0);
        let within = |place: &(i64, i64)| {
            let (u, v) = turned(place);
            u >= left && u <= right && v >= top && v <= bottom
        };
        (goes_on || wide.min(high) >= NARROWEST * wide.max(high))
            && area >= FILLED * grid.places().filter(within).count() as f32
    })
}

#[cfg(test)]
mod tests {
    use super::{Plane, sheet};

    #[test]
    fn lies_on_a_darker_desk() {
        // Turned by 45 degrees; with a thick stroke on it.
        let at = |x: u32, y: u32| {
            let away = x.abs_diff(200) + y.abs_diff(150);
            let ink = (190..210).contains(&x) && (110..190).contains(&y);
            if away > 120 {
                0.4
            } else if ink {
                0.2
            } else {
                0.8
            }
        };
        let plane = Plane::from_fn(400, 300, |x, y| [at(x, y)].into());
        let (cut, bounds) = sheet(&plane).unwrap();
        assert!(bounds.left.abs_diff(80) < 16 && bounds.bottom.abs_diff(270) < 16, "{bounds:?}");
        assert!(cut.get_pixel(0, 0).0[0].is_nan());
        assert_eq!(cut.get_pixel(200 - bounds.left, 150 - bounds.top).0[0], 0.2);
        // What is no sheet: a triangle, a bar, a darker sheet, one without anything around it.
        let none = |at: &dyn Fn(u32, u32) -> bool, inside: f32, outside: f32| {
            let value = |x, y| if at(x, y) { inside } else { outside };
            let plane = Plane::from_fn(400, 300, |x, y| [value(x, y)].into());
            assert!(sheet(&plane).is_none(), "{inside} on {outside}");
        };
        none(&|x, y| x >= 100 && y >= 50 && x + y < 350, 0.9, 0.1);
        none(&|x, y| x.abs_diff(200) < 30 && y.abs_diff(150) < 120, 0.9, 0.1);
        none(&|x, y| x.abs_diff(200) < 130 && y.abs_diff(150) < 120, 0.3, 0.8);
        none(&|_, _| true, 0.8, 0.0);
    }
}
