use super::{
    canvas::{Canvas, Drawn, Picture, bold, draw_scale, fitted, text},
    palette::{EMPTY, INK, MUTED, ink_on, sequential},
};
use crate::{data::Classes, train::Evaluation};
use plotters::{prelude::*, style::text_anchor::HPos};

/// How many images of each digit or class (rows) were taken for each (columns).
#[derive(Debug)]
pub(super) struct Confusion<'a> {
    matrix: &'a [[u32; 10]; 10],
    pub classes: &'a Classes,
    /// Left of the cells and over them, for the classes and what they are.
    edge: i32,
}

const CELL: i32 = 140;
/// The edge for digits, and for names that take more room.
const DIGITS: i32 = 200;
const NAMES: i32 = 560;
const LEGEND_HEIGHT: i32 = 210;

/// From a share of a row to the scale of colours. The cube root: on a straight scale all mistakes would look alike, each less
/// than a hundredth of its row.
fn place(share: f64) -> f64 {
    share.cbrt()
}

impl<'a> Confusion<'a> {
    pub fn new(test: &'a Evaluation) -> Confusion<'a> {
        let Evaluation { confusion: matrix, classes, .. } = test;
        let edge = if classes.are_digits() { DIGITS } else { NAMES };
        Confusion { matrix, classes, edge }
    }

    /// What a class is.
    pub fn noun(&self) -> &'static str {
        if self.classes.are_digits() { "digit" } else { "class" }
    }

    fn draw_cells<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        for (label, row) in self.matrix.iter().enumerate() {
            let total: u32 = row.iter().sum();
            for (answer, &count) in row.iter().enumerate() {
                let (x, y) = (self.edge + answer as i32 * CELL, self.edge + label as i32 * CELL);
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
        let (edge, name) = (self.edge, text(60, MUTED, HPos::Center));
        let title = 120;
        for (i, class) in (0..).zip(self.classes.names()) {
            let along = edge + i * CELL + CELL / 2;
            if self.classes.are_digits() {
                let digit = bold(66, INK, HPos::Center);
                canvas.draw_text(class, &digit, (edge - 45, along))?;
                canvas.draw_text(class, &digit, (along, edge - 50))?;
                continue;
            }
            let style = |size| bold(size, INK, HPos::Center);
            let (class, style, wide) = fitted(canvas, class, 60, edge - title - 30, style)?;
            canvas.draw_text(&class, &style, (edge - 20 - wide / 2, along))?;
            let upright = style.transform(FontTransform::Rotate270);
            canvas.draw_text(&class, &upright, (along, edge - 20 - wide / 2))?;
        }
        canvas.draw_text(&format!("predicted {}", self.noun()), &name, (edge + 5 * CELL, 60))?;
        let upright = name.transform(FontTransform::Rotate270);
        canvas.draw_text(&format!("true {}", self.noun()), &upright, (70, edge + 5 * CELL))
    }

    fn draw_legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (top, width) = (self.edge + 10 * CELL + 50, 7 * CELL);
        let left = self.edge + 10 * CELL - width - 3;
        draw_scale(canvas, (left, top), (width, 44), sequential)?;
        canvas.draw_text(
            "share of row",
            &text(52, MUTED, HPos::Left),
            (self.edge + 3, top + 22),
        )?;
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
        let (matrix, digits) = (self.matrix, 0..10usize);
        let pairs =
            digits.clone().flat_map(|label| digits.clone().map(move |answer| (label, answer)));
        let wrong = pairs.filter(|(label, answer)| label != answer);
        let (label, answer) =
            wrong.max_by_key(|&(label, answer)| matrix[label][answer]).unwrap_or_default();
        match matrix[label][answer] {
            0 => "Confusion matrix: no mistakes".into(),
            count => {
                let [label, answer] = [label, answer].map(|label| &self.classes.names()[label]);
                format!(
                    "Confusion matrix; the most frequent mistake is a {label} taken for a {answer}, {count} times"
                )
            }
        }
    }

    fn size(&self) -> (u32, u32) {
        let side = self.edge + 10 * CELL;
        ((side + 60) as u32, (side + LEGEND_HEIGHT) as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        self.draw_cells(canvas)?;
        self.draw_axes(canvas)?;
        self.draw_legend(canvas)
    }
}
