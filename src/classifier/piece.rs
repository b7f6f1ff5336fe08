use super::{bounds::Bounds, luminance::Plane};

/// Pixels of ink that hang together, by sides or corners.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Their places, by rows.
    pub pixels: Vec<u32>,
    pub bounds: Bounds,
    /// All of their ink.
    pub ink: f32,
}

impl Piece {
    /// Its width or its height, whichever is larger.
    pub fn size(&self) -> u32 {
        self.bounds.width().max(self.bounds.height())
    }

    /// Some pixels of a picture so wide, with its ink; `None` of none.
    pub fn of(ink: &Plane, pixels: Vec<u32>) -> Option<Piece> {
        let width = ink.width();
        let bounds =
            pixels.iter().map(|&at| Bounds::of(at % width, at / width)).reduce(Bounds::union)?;
        let amount = |&at: &u32| ink.as_raw().get(at as usize).copied().unwrap_or_default();
        Some(Piece { ink: pixels.iter().map(amount).sum(), pixels, bounds })
    }
}

/// The pieces with more ink than `threshold`.
pub(super) fn pieces(ink: &Plane, threshold: f32) -> Vec<Piece> {
    let (width, height) = ink.dimensions();
    let mut left: Vec<bool> = ink.pixels().map(|pixel| pixel.0[0] > threshold).collect();
    let mut take =
        |x: u32, y: u32| left.get_mut((y * width + x) as usize).is_some_and(std::mem::take);
    let mut found = vec![];
    let mut open = vec![];
    for (x, y, _) in ink.enumerate_pixels() {
        if !take(x, y) {
            continue;
        }
        let mut piece = Piece { pixels: vec![], bounds: Bounds::of(x, y), ink: 0.0 };
        open.push((x, y));
        while let Some((x, y)) = open.pop() {
            piece.pixels.push(y * width + x);
            piece.bounds = piece.bounds.union(Bounds::of(x, y));
            piece.ink += ink.get_pixel(x, y).0[0];
            for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    if take(x, y) {
                        open.push((x, y));
                    }
                }
            }
        }
        found.push(piece);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Plane, pieces};

    #[test]
    fn hang_together_by_sides_and_corners() {
        let rows = ["##...", "..#.#", "....#"];
        let plane = Plane::from_fn(5, 3, |x, y| {
            let ink = rows[y as usize].as_bytes()[x as usize] == b'#';
            [f32::from(u8::from(ink))].into()
        });
        let found = pieces(&plane, 0.5);
        let [one, two] = &found[..] else { panic!("{found:?}") };
        assert_eq!((one.pixels.len(), one.ink), (3, 3.0));
        assert_eq!(one.bounds, Bounds { left: 0, top: 0, right: 2, bottom: 1 });
        assert_eq!(two.bounds, Bounds { left: 4, top: 1, right: 4, bottom: 2 });
        assert!(two.bounds.touches_corner((5, 3)) && one.bounds.touches_corner((5, 4)));
        assert!(!two.bounds.touches_edge((6, 4)));
    }
}
