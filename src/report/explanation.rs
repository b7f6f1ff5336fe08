use super::{
    canvas::{self, Canvas, Drawn, Picture, bold, draw_scale, fitted, text},
    palette::{BLUE, EMPTY, GRID, INK, MUTED, diverging},
};
use crate::{
    Result, atomic_file,
    classifier::{Activation, Classifier, Prediction, Prepared},
    data::Classes,
    network::{LAYERS, Layer, thousands},
};
use image::GrayImage;
use plotters::{prelude::*, style::text_anchor::HPos};
use std::path::Path;

/// A picture of what the network makes of an image: the prepared image and every layer's maps, in the order of the paper's
/// figure, with the probabilities at its end.
///
/// ```
/// use lenet::{Classifier, Explanation, Prepared, image};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # std::env::set_current_dir(env!("CARGO_MANIFEST_DIR"))?;
/// let classifier = Classifier::pretrained()?;
/// let prepared = Prepared::new(&image::open("examples/images/3-marker.png")?)?;
/// let explanation = Explanation::new(&classifier, &prepared);
/// assert_eq!(explanation.prediction().digit, 3);
/// # let folder = tempfile::tempdir()?;
/// # std::env::set_current_dir(&folder)?;
/// explanation.save("three.png")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Explanation {
    input: GrayImage,
    stages: Vec<Activation>,
    prediction: Prediction,
    classes: Classes,
}

/// How a layer's values are laid out. A layer of single units is one map.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Side by side, and one under the other.
    maps: [i32; 2],
    /// Of each map, across and down.
    cells: [i32; 2],
    /// Of each cell.
    size: i32,
}

/// All layers but the last, as the paper's figure has them; F6 in 7x12, as its output units' bitmaps are.
const LOOKS: [Look; LAYERS.len() - 1] = [
    Look { maps: [2, 3], cells: [28, 28], size: 8 },
    Look { maps: [2, 3], cells: [14, 14], size: 12 },
    Look { maps: [4, 4], cells: [10, 10], size: 14 },
    Look { maps: [4, 4], cells: [5, 5], size: 20 },
    Look { maps: [1, 1], cells: [8, 15], size: 44 },
    Look { maps: [1, 1], cells: [7, 12], size: 48 },
];

const INPUT_PIXEL: i32 = 15;
const MAP_GAP: i32 = 18;
const MARGIN: i32 = 70;
const LAYER_GAP: i32 = 90;
/// Over each layer, for its name, shape and number of parameters.
const HEADING: i32 = 210;
const HIGHEST: i32 = 3 * 28 * 8 + 2 * MAP_GAP;
const LEGEND_HEIGHT: i32 = 190;
const ROW: i32 = 66;
const BAR: i32 = 330;
/// Right of the bar, for the probability.
const SHARE: i32 = 190;

impl Look {
    fn extent(self) -> [i32; 2] {
        [0, 1].map(|i| self.maps[i] * (self.cells[i] * self.size + MAP_GAP) - MAP_GAP)
    }
}

impl Explanation {
    /// Of what `classifier` makes of `image`.
    pub fn new(classifier: &Classifier, image: &Prepared) -> Explanation {
        let (prediction, stages) = classifier.classify_with_stages(image);
        let classes = classifier.classes().clone();
        Explanation { input: image.input().clone(), stages, prediction, classes }
    }

    /// What is read in the image.
    pub fn prediction(&self) -> &Prediction {
        &self.prediction
    }

    /// Writes the picture, a PNG.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        atomic_file::write(path, &canvas::png(self, path)?)
    }
}

impl Picture for Explanation {
    fn title(&self) -> String {
        let [(digit, probability), ..] = self.prediction.ranked();
        format!("Read as {} ({:.1} %)", self.classes.name(digit), probability * 100.0)
    }

    fn description(&self) -> String {
        format!("{}: the image and every layer's output", self.title())
    }

    fn size(&self) -> (u32, u32) {
        let layers: i32 = LOOKS.iter().map(|look| look.extent()[0] + LAYER_GAP).sum();
        let width = 2 * MARGIN + 32 * INPUT_PIXEL + LAYER_GAP + layers + self.output_width();
        (width as u32, (HEADING + HIGHEST + LEGEND_HEIGHT) as u32)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let mut left = MARGIN;
        let side = 32 * INPUT_PIXEL;
        heading(canvas, left + side / 2, ["input", "32\u{d7}32", ""].map(String::from))?;
        let top = HEADING + (HIGHEST - side) / 2;
        for (x, y, ink) in self.input.enumerate_pixels() {
            let [x, y] = [left + x as i32 * INPUT_PIXEL, top + y as i32 * INPUT_PIXEL];
            let colour = RGBColor(ink.0[0], ink.0[0], ink.0[0]);
            square(canvas, (x, y), INPUT_PIXEL, colour)?;
        }
        left += side + LAYER_GAP;

        for (stage, look) in self.stages.iter().zip(LOOKS) {
            let [width, height] = look.extent();
            heading(canvas, left + width / 2, words(&stage.layer))?;
            look.draw(&stage.values, canvas, (left, HEADING + (HIGHEST - height) / 2))?;
            left += width + LAYER_GAP;
        }

        heading(canvas, left + self.output_width() / 2, words(&Layer::OUTPUT))?;
        self.draw_output(canvas, (left, HEADING + (HIGHEST - 10 * ROW) / 2))?;
        self.draw_legend(canvas)
    }
}

impl Explanation {
    /// Left of the bars, for the digits, or for names.
    fn label_width(&self) -> i32 {
        if self.classes.are_digits() { 60 } else { 400 }
    }

    fn output_width(&self) -> i32 {
        self.label_width() + BAR + SHARE
    }

    fn draw_output<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        (left, top): (i32, i32),
    ) -> Drawn<B> {
        for (digit, &probability) in self.prediction.probabilities.iter().enumerate() {
            let middle = top + digit as i32 * ROW + ROW / 2;
            let best = digit == usize::from(self.prediction.digit);
            let style = |size, anchor| match best {
                true => bold(size, INK, anchor),
                false => text(size, MUTED, anchor),
            };
            let (name, width) = (&self.classes.names()[digit], self.label_width());
            let (name, named, _) =
                fitted(canvas, name, 50, width - 20, |size| style(size, HPos::Left))?;
            canvas.draw_text(&name, &named, (left, middle))?;
            let (bar, half) = (left + width, ROW / 2 - 10);
            let full = [(bar, middle - half), (bar + BAR, middle + half)];
            canvas.draw(&Rectangle::new(full, EMPTY.filled()))?;
            let length = (BAR as f32 * probability).round() as i32;
            if length > 0 {
                let corners = [(bar, middle - half), (bar + length, middle + half)];
                canvas.draw(&Rectangle::new(corners, BLUE.filled()))?;
            }
            let share = format!("{:.1} %", probability * 100.0);
            let place = (left + self.output_width(), middle);
            canvas.draw_text(&share, &style(50, HPos::Right), place)?;
        }
        Ok(())
    }

    fn draw_legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (left, width) = (MARGIN + 32 * INPUT_PIXEL + LAYER_GAP, 900);
        let top = HEADING + HIGHEST + 60;
        draw_scale(canvas, (left, top), (width, 36), |share| diverging(2.0 * share - 1.0))?;
        for (x, words, anchor) in [
            (left, "\u{2212}1", HPos::Left),
            (left + width / 2, "0", HPos::Center),
            (left + width, "1", HPos::Right),
        ] {
            canvas.draw_text(words, &text(46, MUTED, anchor), (x, top + 72))?;
        }
        let words = "what each unit of C1 to F6 gives, after its tanh";
        canvas.draw_text(words, &text(46, MUTED, HPos::Left), (left + width + 50, top + 18))
    }
}

impl Look {
    fn draw<B: DrawingBackend>(
        self,
        values: &[f32],
        canvas: &Canvas<B>,
        (left, top): (i32, i32),
    ) -> Drawn<B> {
        let Look { maps, cells, size } = self;
        let [width, height] = cells.map(|cells| cells * size);
        // Units that are no map's pixels stand apart.
        let spacing = if maps == [1, 1] { 4 } else { 0 };
        for (i, map) in values.chunks((cells[0] * cells[1]) as usize).enumerate() {
            let [column, row] = [i as i32 % maps[0], i as i32 / maps[0]];
            let [left, top] = [left + column * (width + MAP_GAP), top + row * (height + MAP_GAP)];
            for (j, &value) in map.iter().enumerate() {
                let [x, y] = [j as i32 % cells[0], j as i32 / cells[0]];
                let place = (left + x * size, top + y * size);
                square(canvas, place, size - spacing, diverging(value.into()))?;
            }
            let frame = [(left - 2, top - 2), (left + width + 1, top + height + 1)];
            canvas.draw(&Rectangle::new(frame, GRID.stroke_width(3)))?;
        }
        Ok(())
    }
}

/// A layer's name, shape and number of parameters.
fn words(layer: &Layer) -> [String; 3] {
    let (maps, side) = (layer.maps(), layer.side);
    let shape = match side {
        1 => maps.to_string(),
        side => format!("{maps}@{side}\u{d7}{side}"),
    };
    let parameters = format!("{} parameters", thousands(layer.parameters() as i64));
    [layer.name.into(), shape, parameters]
}

fn heading<B: DrawingBackend>(canvas: &Canvas<B>, middle: i32, lines: [String; 3]) -> Drawn<B> {
    let [name, shape, parameters] = &lines;
    canvas.draw_text(name, &bold(60, INK, HPos::Center), (middle, 40))?;
    canvas.draw_text(shape, &text(46, INK, HPos::Center), (middle, 98))?;
    canvas.draw_text(parameters, &text(40, MUTED, HPos::Center), (middle, 150))
}

fn square<B: DrawingBackend>(
    canvas: &Canvas<B>,
    (x, y): (i32, i32),
    size: i32,
    colour: RGBColor,
) -> Drawn<B> {
    canvas.draw(&Rectangle::new([(x, y), (x + size, y + size)], colour.filled()))
}
