use super::{
    canvas::{Canvas, Drawn, Picture, draw_scale, text},
    palette::{GRID, INK, MUTED, diverging},
};
use crate::{Error, Result, network::Layer, weights::StateDict};
use plotters::{prelude::*, style::text_anchor::HPos};

/// The weights of C1: six filters of 5x5.
#[derive(Debug)]
pub(super) struct Filters(Vec<f32>);

const CELL: i32 = 80;
const FILTER: i32 = 5 * CELL;
const GAP: i32 = 90;
const WIDTH: i32 = 3 * FILTER + 4 * GAP;
/// Over each filter, for its number.
const NUMBER: i32 = 130;
const LEGEND_HEIGHT: i32 = 230;
const HEIGHT: i32 = 2 * (NUMBER + FILTER) + LEGEND_HEIGHT;

impl Filters {
    pub fn new(weights: &StateDict) -> Result<Filters> {
        let [(name, shape), _] = Layer::C1.tensors();
        match weights.get(&name) {
            Some(weight) if weight.shape() == shape => Ok(Filters(weight.values().into())),
            other => {
                let got = other.map_or("none".into(), |weight| format!("{:?}", weight.shape()));
                let expected = format!("LeNet's: {name} of shape {shape:?}");
                Err(Error::invalid("weights", expected, got))
            }
        }
    }

    /// What the ends of the scale stand for: all filters share it, and 0 is its middle.
    fn limit(&self) -> f32 {
        // Weights that are not finite must not take the scale away from the others.
        let sizes = self.0.iter().map(|weight| weight.abs()).filter(|size| size.is_finite());
        Some(sizes.fold(0.0, f32::max)).filter(|&limit| limit > 0.0).unwrap_or(1.0)
    }
}

impl Picture for Filters {
    fn title(&self) -> String {
        "The six filters of C1".into()
    }

    fn description(&self) -> String {
        format!("Six filters of 5 by 5 weights, between -{0:.2} and {0:.2}", self.limit())
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH as u32, HEIGHT as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let limit = self.limit();
        for (i, filter) in self.0.chunks(25).enumerate() {
            let (column, row) = (i as i32 % 3, i as i32 / 3);
            let (left, top) = (GAP + column * (FILTER + GAP), row * (NUMBER + FILTER) + NUMBER);
            let middle = (left + FILTER / 2, top - 50);
            canvas.draw_text(&(i + 1).to_string(), &text(60, INK, HPos::Center), middle)?;
            for (j, &weight) in filter.iter().enumerate() {
                let (x, y) = (left + j as i32 % 5 * CELL, top + j as i32 / 5 * CELL);
                let colour = diverging(f64::from(weight / limit));
                canvas.draw(&Rectangle::new([(x, y), (x + CELL, y + CELL)], colour.filled()))?;
            }
            let frame = [(left - 3, top - 3), (left + FILTER + 2, top + FILTER + 2)];
            canvas.draw(&Rectangle::new(frame, GRID.stroke_width(4)))?;
        }

        let (left, width, top) = (GAP, WIDTH - 2 * GAP, HEIGHT - LEGEND_HEIGHT + 80);
        draw_scale(canvas, (left, top), (width, 44), |share| diverging(2.0 * share - 1.0))?;
        for (x, value, anchor) in [
            (left, format!("\u{2212}{limit:.2}"), HPos::Left),
            (left + width / 2, "0".into(), HPos::Center),
            (left + width, format!("{limit:.2}"), HPos::Right),
        ] {
            canvas.draw_text(&value, &text(60, MUTED, anchor), (x, top + 95))?;
        }
        Ok(())
    }
}
