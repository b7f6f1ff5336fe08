use super::{
    canvas::{Canvas, Drawn, Picture, bold, fitted, text},
    palette::{GRID, INK, MUTED},
};
use crate::{Dataset, Result, data::Classes, train::Mistake};
use image::{GrayImage, imageops};
use plotters::{prelude::*, style::text_anchor::HPos};

/// Mistakes, side by side.
#[derive(Debug)]
pub(crate) struct ContactSheet {
    pub shown: Vec<(Mistake, GrayImage)>,
    /// How many there are, shown or not.
    total: usize,
    classes: Classes,
    look: &'static Look,
}

/// How mistakes are laid out.
#[derive(Debug)]
struct Look {
    /// How many there is room for.
    most: usize,
    columns: i32,
    /// Width and height of a pixel of an image.
    pixel: i32,
    /// What an image takes, with its frame, its caption and the room around it.
    tile: (i32, i32),
    /// In the order of the probability that each answer was given, the highest first, and with it; else what the paper's figure
    /// 8 has: the order of the set, and `4->6` for a 4 that was read as a 6.
    by_probability: bool,
}

/// What a look can take in.
const WORST: Look = Look { most: 40, columns: 8, pixel: 8, tile: (310, 420), by_probability: true };
/// The same with names, which take a line each.
const WORST_NAMED: Look = Look { tile: (310, 480), ..WORST };
/// All of them where they are not too many: the paper shows 82.
const ALL: Look =
    Look { most: 120, columns: 12, pixel: 4, tile: (170, 218), by_probability: false };

const MARGIN: i32 = 40;

impl ContactSheet {
    /// The worst of the images of `data`, dark on light: those that the network was surest of.
    pub fn new(mistakes: &[Mistake], data: &Dataset) -> Result<ContactSheet> {
        let look = if data.classes().are_digits() { &WORST } else { &WORST_NAMED };
        ContactSheet::of(mistakes, data, look)
    }

    /// All of them, or nearly so, as the paper's figure 8 shows them.
    pub fn all(mistakes: &[Mistake], data: &Dataset) -> Result<ContactSheet> {
        ContactSheet::of(mistakes, data, &ALL)
    }

    fn of(mistakes: &[Mistake], data: &Dataset, look: &'static Look) -> Result<ContactSheet> {
        let mut worst = mistakes.to_vec();
        if look.by_probability {
            worst.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        }
        worst.truncate(look.most);
        if !look.by_probability {
            worst.sort_by_key(|mistake| mistake.index);
        }
        let shown = worst.into_iter().map(|mistake| {
            let mut image = data.image(mistake.index)?;
            imageops::invert(&mut image);
            Ok((mistake, image))
        });
        Ok(ContactSheet {
            shown: shown.collect::<Result<_>>()?,
            total: mistakes.len(),
            classes: data.classes().clone(),
            look,
        })
    }
}

impl Picture for ContactSheet {
    fn title(&self) -> String {
        match (self.shown.len(), self.total) {
            (_, 0) => "No mistakes".into(),
            (_, 1) => "The only mistake".into(),
            (shown, total) if shown < total => format!("The worst {shown} of {total} mistakes"),
            (_, total) if self.look.by_probability => {
                format!("All {total} mistakes, the worst first")
            }
            (_, total) => format!("All {total} mistakes"),
        }
    }

    fn description(&self) -> String {
        self.title()
    }

    fn size(&self) -> (u32, u32) {
        let Look { columns, tile, .. } = *self.look;
        let rows = self.shown.len().div_ceil(columns as usize) as i32;
        ((columns * tile.0 + 2 * MARGIN) as u32, (rows * tile.1 + MARGIN) as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let Look { columns, pixel, tile, by_probability, .. } = *self.look;
        let side = 32 * pixel;
        for (i, (mistake, image)) in self.shown.iter().enumerate() {
            let (column, row) = (i as i32 % columns, i as i32 / columns);
            let (left, top) = (MARGIN + column * tile.0 + (tile.0 - side) / 2, 4 + row * tile.1);
            for (x, y, ink) in image.enumerate_pixels() {
                let (x, y) = (left + x as i32 * pixel, top + y as i32 * pixel);
                let colour = RGBColor(ink.0[0], ink.0[0], ink.0[0]);
                canvas.draw(&Rectangle::new([(x, y), (x + pixel, y + pixel)], colour.filled()))?;
            }
            let frame = [(left - 4, top - 4), (left + side + 3, top + side + 3)];
            canvas.draw(&Rectangle::new(frame, GRID.stroke_width(4)))?;
            let (middle, bottom) = (left + side / 2, top + side);
            let Mistake { label, answer, probability, .. } = mistake;
            let [label, answer] = [label, answer].map(|&label| self.classes.name(label));
            let mut lines = match (by_probability, self.classes.are_digits()) {
                (false, _) => vec![format!("{label}->{answer}")],
                (true, true) => vec![format!("{label} read as {answer}")],
                (true, false) => vec![label.into(), format!("read as {answer}")],
            };
            let strong = lines.len();
            lines.extend(by_probability.then(|| format!("{:.1} %", probability * 100.0)));
            for (i, line) in lines.iter().enumerate() {
                let style = |size| match i < strong {
                    true => bold(size, INK, HPos::Center),
                    false => text(size, MUTED, HPos::Center),
                };
                let size = if i < strong { 50 } else { 46 };
                let (line, style, _) = fitted(canvas, line, size, tile.0 - 30, style)?;
                canvas.draw_text(&line, &style, (middle, bottom + 36 + 50 * i as i32))?;
            }
        }
        Ok(())
    }
}
