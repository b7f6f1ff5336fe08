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

    /// Those within `radius` of one, along rows and columns, and it.
    pub fn around(&self, x: i64, y: i64, radius: i64) -> impl Iterator<Item = usize> {
        let near = move || -radius..=radius;
        near()
            .flat_map(move |dy| near().map(move |dx| (dx, dy)))
            .filter_map(move |(dx, dy)| self.at(x + dx, y + dy))
    }

    /// Each cell gets what `choose` makes of those within `radius` of it.
    pub fn filtered(&self, values: &[f32], radius: i64, choose: fn(f32, f32) -> f32) -> Vec<f32> {
        let along = |values: &[f32], dx: i64, dy: i64| -> Vec<f32> {
            self.places()
                .map(|(x, y)| {
                    let near = (-radius..=radius).filter_map(|d| self.at(x + d * dx, y + d * dy));
                    near.map(|at| values[at]).reduce(choose).unwrap_or_default()
                })
                .collect()
        };
        along(&along(values, 1, 0), 0, 1)
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
