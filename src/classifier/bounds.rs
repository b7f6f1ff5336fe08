/// A rectangle of pixels, its last row and column included: never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl Bounds {
    /// One pixel.
    pub fn of(x: u32, y: u32) -> Bounds {
        Bounds { left: x, top: y, right: x, bottom: y }
    }

    /// What holds both.
    pub fn union(self, other: Bounds) -> Bounds {
        Bounds {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    pub fn width(self) -> u32 {
        self.right - self.left + 1
    }

    pub fn height(self) -> u32 {
        self.bottom - self.top + 1
    }

    /// The blank between both, along rows or columns.
    pub fn away(self, other: Bounds) -> u32 {
        let across = self.left.max(other.left).saturating_sub(self.right.min(other.right));
        let down = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom));
        across.max(down)
    }

    /// Whether a pixel lies within it.
    pub fn holds(self, x: u32, y: u32) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    /// With so many more pixels on each side, as far as a picture of this size has them.
    pub fn grown(self, by: u32, (width, height): (u32, u32)) -> Bounds {
        Bounds {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: (self.right + by).min(width - 1),
            bottom: (self.bottom + by).min(height - 1),
        }
    }

    /// At how many of the edges of a picture of this size it lies: left or right, and top or bottom.
    fn touches(self, (width, height): (u32, u32)) -> (bool, bool) {
        (self.left == 0 || self.right + 1 == width, self.top == 0 || self.bottom + 1 == height)
    }

    /// Whether it lies at an edge of a picture of this size.
    pub fn touches_edge(self, size: (u32, u32)) -> bool {
        let (side, end) = self.touches(size);
        side || end
    }

    /// Whether it lies in a corner.
    pub fn touches_corner(self, size: (u32, u32)) -> bool {
        let (side, end) = self.touches(size);
        side && end
    }
}

/// The area of the smallest rectangle around some pixels, at any angle: the smallest of 45.
pub(super) fn smallest_rectangle(pixels: &[(f32, f32)]) -> f32 {
    let length = |along: &dyn Fn(f32, f32) -> f32| {
        let (least, most) = pixels.iter().fold((f32::MAX, f32::MIN), |(least, most), &(x, y)| {
            let at = along(x, y);
            (at.min(least), at.max(most))
        });
        most - least + 1.0
    };
    let area = |step: u16| {
        let (sin, cos) = f32::from(2 * step).to_radians().sin_cos();
        length(&|x, y| x * cos + y * sin) * length(&|x, y| y * cos - x * sin)
    };
    (0..45).map(area).fold(f32::MAX, f32::min)
}
