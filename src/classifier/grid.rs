/// Cells in columns and rows. What is kept for each of them is by rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub width: i64,
    pub height: i64,
}

impl Grid {
    /// The index of a cell; `None` outside.
    pub fn at(&self, x: i64, y: i64) -> Option<usize> {
        let inside = x >= 0 && y >= 0 && x < self.width && y < self.height;
        inside.then(|| (y * self.width + x) as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        (self.width * self.height) as usize
    }

    /// All, by rows.
    pub fn places(&self) -> impl Iterator<Item = (i64, i64)> + use<> {
        let width = self.width;
        (0..self.height).flat_map(move |y| (0..width).map(move |x| (x, y)))
    }

    /// Each cell gets what `choose`, the larger or the smaller of two, makes of those within `radius` of it.
    pub fn filtered(&self, values: &[f32], radius: i64, choose: fn(f32, f32) -> f32) -> Vec<f32> {
        let (width, radius) = (self.width as usize, radius as usize);
        let mut filtered = Vec::with_capacity(values.len());
        for row in values.chunks_exact(width.max(1)) {
            filtered.extend(extremes(row, radius, choose));
        }
        for x in 0..width {
            let column: Vec<f32> = filtered.iter().skip(x).step_by(width).copied().collect();
            for (y, value) in extremes(&column, radius, choose).into_iter().enumerate() {
                filtered[y * width + x] = value;
            }
        }
        filtered
    }

    /// The cells that can be reached from some through those that are not `taken` and that `enter` lets in, and these; then
    /// they are taken.
    pub fn reached(
        &self,
        from: Vec<usize>,
        taken: &mut [bool],
        enter: impl Fn(usize, usize) -> bool,
    ) -> Vec<usize> {
        let mut reached = from;
        reached.iter().for_each(|&at| taken[at] = true);
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            next += 1;
            let (x, y) = (at as i64 % self.width, at as i64 / self.width);
            for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                if let Some(to) = self.at(x + dx, y + dy)
                    && !taken[to]
                    && enter(at, to)
                {
                    taken[to] = true;
                    reached.push(to);
                }
            }
        }
        reached
    }
}

/// Of each number and those within `radius` of it what `choose` makes: three choices a number, whatever the radius, by running extremes
/// of blocks, forwards and backwards (M. van Herk, 1992).
fn extremes(line: &[f32], radius: usize, choose: fn(f32, f32) -> f32) -> Vec<f32> {
    let block = 2 * radius + 1;
    let (mut forwards, mut backwards) = (line.to_vec(), line.to_vec());
    for i in 1..line.len() {
        if !i.is_multiple_of(block) {
            forwards[i] = choose(forwards[i - 1], forwards[i]);
        }
        let i = line.len() - 1 - i;
        if !(i + 1).is_multiple_of(block) {
            backwards[i] = choose(backwards[i + 1], backwards[i]);
        }
    }
    let extreme = |i: usize| {
        let (start, end) = (i.saturating_sub(radius), (i + radius).min(line.len() - 1));
        match start / block == end / block {
            // At an end of the line, in one block from its edge on, or a whole one.
            true if start.is_multiple_of(block) => forwards[end],
            true => backwards[start],
            false => choose(backwards[start], forwards[end]),
        }
    };
    (0..line.len()).map(extreme).collect()
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn filtered_is_the_extreme_of_a_square() {
        for (width, height) in [(1, 1), (7, 1), (1, 6), (5, 4), (13, 9)] {
            let grid = Grid { width, height };
            let values: Vec<f32> =
                grid.places().map(|(x, y)| ((x * 37 + y * 101) % 23) as f32).collect();
            for radius in 0..8 {
                let got = grid.filtered(&values, radius, f32::max);
                for (at, (x, y)) in grid.places().enumerate() {
                    let near = grid
                        .places()
                        .zip(&values)
                        .filter(|((u, v), _)| (u - x).abs() <= radius && (v - y).abs() <= radius);
                    let expected = near.map(|(_, &value)| value).fold(0.0, f32::max);
                    assert_eq!(got[at], expected, "{x}, {y} of {width}x{height}, {radius}");
                }
            }
        }
    }
}
