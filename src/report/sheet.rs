use super::{
    canvas::{Canvas, Drawn, Picture, bold, text},
    palette::{GRID, INK, MUTED},
};
use crate::{Dataset, Result, train::Mistake};
use image::{GrayImage, imageops};
use plotters::{prelude::*, style::text_anchor::HPos};

/// The worst mistakes, side by side.
#[derive(Debug)]
pub(super) struct Sheet {
    pub shown: Vec<(Mistake, GrayImage)>,
    /// How many there are, shown or not.
    total: usize,
    columns: i32,
}

/// What a look can take in.
const SHOWN: usize = 40;
const COLUMNS: i32 = 8;
/// What a sheet of all mistakes has room for, where there are not too many: the paper shows 82.
const MOST: usize = 120;
const MOST_COLUMNS: i32 = 12;
const PIXEL: i32 = 8;
const IMAGE: i32 = 32 * PIXEL;
const TILE: (i32, i32) = (IMAGE + 54, IMAGE + 164);
const MARGIN: i32 = 40;

impl Sheet {
    /// The worst of the images of `data`, dark on light.
    pub fn new(mistakes: &[Mistake], data: &Dataset) -> Result<Sheet> {
        Sheet::of(mistakes, data, SHOWN, COLUMNS)
    }

    /// All of them, or nearly so, in the order of the set: as the paper's figure 8 shows them.
    pub fn all(mistakes: &[Mistake], data: &Dataset) -> Result<Sheet> {
        let mut worst = mistakes[..mistakes.len().min(MOST)].to_vec();
        worst.sort_by_key(|mistake| mistake.index);
        let mut sheet = Sheet::of(&worst, data, MOST, MOST_COLUMNS)?;
        sheet.total = mistakes.len();
        Ok(sheet)
    }

    fn of(mistakes: &[Mistake], data: &Dataset, most: usize, columns: i32) -> Result<Sheet> {
        let shown = mistakes.iter().take(most).map(|mistake| {
            let mut image = data.image(mistake.index)?;
            imageops::invert(&mut image);
            Ok((*mistake, image))
        });
        Ok(Sheet { shown: shown.collect::<Result<_>>()?, total: mistakes.len(), columns })
    }
}

impl Picture for Sheet {
    fn title(&self) -> String {
        match (self.shown.len(), self.total) {
            (_, 0) => "No mistakes".into(),
            (_, 1) => "The only mistake".into(),
            (shown, total) if shown == total && self.columns == MOST_COLUMNS => {
                format!("All {total} mistakes")
            }
            (shown, total) if shown == total => format!("All {total} mistakes, the worst first"),
            (shown, total) => format!("The worst {shown} of {total} mistakes"),
        }
    }

    fn description(&self) -> String {
        self.title()
    }

    fn size(&self) -> (u32, u32) {
        let rows = self.shown.len().div_ceil(self.columns as usize) as i32;
        ((self.columns * TILE.0 + 2 * MARGIN) as u32, (rows * TILE.1 + MARGIN) as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        for (i, (mistake, image)) in self.shown.iter().enumerate() {
            let (column, row) = (i as i32 % self.columns, i as i32 / self.columns);
            let (left, top) = (MARGIN + column * TILE.0 + (TILE.0 - IMAGE) / 2, 4 + row * TILE.1);
            for (x, y, ink) in image.enumerate_pixels() {
                let (x, y) = (left + x as i32 * PIXEL, top + y as i32 * PIXEL);
                let colour = RGBColor(ink.0[0], ink.0[0], ink.0[0]);
                canvas.draw(&Rectangle::new([(x, y), (x + PIXEL, y + PIXEL)], colour.filled()))?;
            }
            let frame = [(left - 4, top - 4), (left + IMAGE + 3, top + IMAGE + 3)];
            canvas.draw(&Rectangle::new(frame, GRID.stroke_width(4)))?;
            let middle = left + IMAGE / 2;
            let words = format!("{} read as {}", mistake.label, mistake.answer);
            canvas.draw_text(&words, &bold(50, INK, HPos::Center), (middle, top + IMAGE + 36))?;
            let sure = format!("{:.1} %", mistake.probability * 100.0);
            canvas.draw_text(&sure, &text(46, MUTED, HPos::Center), (middle, top + IMAGE + 86))?;
        }
        Ok(())
    }
}
