use crate::lenet_1998::{CODE_HEIGHT, CODE_WIDTH, codes};
use crate::report::{
    canvas::{Canvas, Drawn, Picture, text},
    palette::{EMPTY, INK, MUTED},
};
use plotters::{prelude::*, style::text_anchor::HPos};

/// The bitmaps that the radial basis units compare F6 with: five in a row, as in the paper's figure 3.
#[derive(Debug)]
pub(super) struct Codes;

const PIXEL: i32 = 32;
const GAP: i32 = 90;
const DIGIT: (i32, i32) = (CODE_WIDTH as i32 * PIXEL, CODE_HEIGHT as i32 * PIXEL);
/// Under each bitmap, for its digit.
const NAME: i32 = 130;
const COLUMNS: i32 = 5;

impl Picture for Codes {
    fn title(&self) -> String {
        "What F6 is compared with".into()
    }

    fn description(&self) -> String {
        format!("Ten bitmaps of {CODE_WIDTH} by {CODE_HEIGHT} pixels, one for each digit")
    }

    fn size(&self) -> (u32, u32) {
        let rows = 10 / COLUMNS;
        ((COLUMNS * (DIGIT.0 + GAP) + GAP) as u32, (rows * (DIGIT.1 + NAME)) as u32 + 30)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        for (digit, code) in codes().iter().enumerate() {
            let (column, row) = (digit as i32 % COLUMNS, digit as i32 / COLUMNS);
            let (left, top) = (GAP + column * (DIGIT.0 + GAP), row * (DIGIT.1 + NAME));
            for (i, &pixel) in code.iter().enumerate() {
                let (x, y) = ((i % CODE_WIDTH) as i32 * PIXEL, (i / CODE_WIDTH) as i32 * PIXEL);
                let corner = (left + x, top + y);
                let colour = if pixel > 0.0 { INK } else { EMPTY };
                // A line of background between the pixels.
                let corners = [corner, (corner.0 + PIXEL - 3, corner.1 + PIXEL - 3)];
                canvas.draw(&Rectangle::new(corners, colour.filled()))?;
            }
            let middle = (left + DIGIT.0 / 2, top + DIGIT.1 + 55);
            canvas.draw_text(&digit.to_string(), &text(66, MUTED, HPos::Center), middle)?;
        }
        Ok(())
    }
}
