use super::{
    canvas::{Canvas, Drawn, Picture, bold, draw_scale, text},
    palette::{EMPTY, INK, MUTED, ink_on, sequential},
};
use plotters::{prelude::*, style::text_anchor::HPos};

/// How many images of each digit (rows) were taken for each digit (columns).
#[derive(Debug)]
pub(super) struct Confusion<'a>(pub &'a [[u32; 10]; 10]);

const CELL: i32 = 140;
/// Left of the cells and over them, for the digits and what they are.
const LEFT: i32 = 200;
const TOP: i32 = 200;
const LEGEND_HEIGHT: i32 = 210;
const WIDTH: i32 = LEFT + 10 * CELL + 60;
const HEIGHT: i32 = TOP + 10 * CELL + LEGEND_HEIGHT;

/// From a share of a row to the scale of colours. The cube root: on a straight scale all mistakes would look alike, each less
/// than a hundredth of its row.
fn place(share: f64) -> f64 {
    share.cbrt()
}

impl Confusion<'_> {
    fn draw_cells<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        for (label, row) in self.0.iter().enumerate() {
            let total: u32 = row.iter().sum();
            for (answer, &count) in row.iter().enumerate() {
                let (x, y) = (LEFT + answer as i32 * CELL, TOP + label as i32 * CELL);
                let colour = match count {
                    0 => EMPTY,
                    _ => sequential(place(f64::from(count) / f64::from(total))),
                };
                let corners = [(x + 3, y + 3), (x + CELL - 3, y + CELL - 3)];
                canvas.draw(&Rectangle::new(corners, colour.filled()))?;
                if count > 0 {
                    // Five figures and more have to be smaller to stay within.
                    let size = if count < 10_000 { 60 } else { 44 };
                    let style = text(size, ink_on(colour), HPos::Center);
                    canvas.draw_text(&count.to_string(), &style, (x + CELL / 2, y + CELL / 2))?;
                }
            }
        }
        Ok(())
    }

    fn draw_axes<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (digit, name) = (bold(66, INK, HPos::Center), text(60, MUTED, HPos::Center));
        for i in 0..10 {
            let along = i * CELL + CELL / 2;
            canvas.draw_text(&i.to_string(), &digit, (LEFT - 45, TOP + along))?;
            canvas.draw_text(&i.to_string(), &digit, (LEFT + along, TOP - 50))?;
        }
        canvas.draw_text("predicted digit", &name, (LEFT + 5 * CELL, 60))?;
        let upright = name.transform(FontTransform::Rotate270);
        canvas.draw_text("true digit", &upright, (70, TOP + 5 * CELL))
    }

    fn draw_legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (top, width) = (TOP + 10 * CELL + 50, 7 * CELL);
        let left = LEFT + 10 * CELL - width - 3;
        draw_scale(canvas, (left, top), (width, 44), sequential)?;
        canvas.draw_text("share of row", &text(52, MUTED, HPos::Left), (LEFT + 3, top + 22))?;
        for (share, label) in [(0.001, "0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")] {
            let x = left + (place(share) * f64::from(width)) as i32;
            canvas
                .draw(&PathElement::new([(x, top + 44), (x, top + 60)], MUTED.stroke_width(4)))?;
            let anchor = if share == 1.0 { HPos::Right } else { HPos::Center };
            canvas.draw_text(label, &text(52, MUTED, anchor), (x, top + 95))?;
        }
        Ok(())
    }
}

impl Picture for Confusion<'_> {
    fn title(&self) -> String {
        "Confusion matrix, test set".into()
    }

    fn description(&self) -> String {
        let (matrix, digits) = (self.0, 0..10usize);
        let pairs =
            digits.clone().flat_map(|label| digits.clone().map(move |answer| (label, answer)));
        let wrong = pairs.filter(|(label, answer)| label != answer);
        let (label, answer) =
            wrong.max_by_key(|&(label, answer)| matrix[label][answer]).unwrap_or_default();
        match matrix[label][answer] {
            0 => "Confusion matrix: no mistakes".into(),
            count => format!(
                "Confusion matrix; the most frequent mistake is a {label} taken for a {answer}, {count} times"
            ),
        }
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, HEIGHT as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        self.draw_cells(canvas)?;
        self.draw_axes(canvas)?;
        self.draw_legend(canvas)
    }
}
