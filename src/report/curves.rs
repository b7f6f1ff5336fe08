use super::{
    canvas::{Canvas, Drawn, Picture, text},
    metrics::Metrics,
    palette::{BLUE, GREEN, GRID, INK, MUTED, VERMILION},
};
use plotters::{
    coord::ranged1d::{DefaultFormatting, KeyPointHint},
    prelude::*,
    style::text_anchor::HPos,
};
use std::ops::Range;

/// How a figure went, epoch by epoch or pass by pass.
#[derive(Debug)]
pub(crate) struct Curves {
    pub name: &'static str,
    /// What the horizontal axis counts.
    pub step: &'static str,
    pub unit: Unit,
    pub series: Vec<Series>,
}

/// One line. An epoch whose figure is not finite has no point.
#[derive(Debug)]
pub(crate) struct Series {
    pub name: &'static str,
    pub colour: RGBColor,
    /// Drawn around each point: shapes tell lines apart that colours do not.
    pub marker: &'static [(i32, i32)],
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// From 0 up.
    Number,
    /// A share, up to 1.
    Percent,
    /// A share, from 0 up.
    Errors,
}

const WIDTH: u32 = 1600;
const HEIGHT: u32 = 1060;
const TEXT: u32 = 66;
/// Over the axes, for the names of the lines.
const LEGEND_HEIGHT: i32 = 130;
/// Epochs that are drawn with a marker each: more would touch.
const MARKED: usize = 30;

pub(crate) const OCTAGON: &[(i32, i32)] =
    &[(-8, -19), (8, -19), (19, -8), (19, 8), (8, 19), (-8, 19), (-19, 8), (-19, -8)];
pub(crate) const DIAMOND: &[(i32, i32)] = &[(0, -25), (25, 0), (0, 25), (-25, 0)];
pub(crate) const TRIANGLE: &[(i32, i32)] = &[(0, -25), (23, 17), (-23, 17)];

impl Curves {
    pub(super) fn loss(epochs: &[Metrics]) -> Curves {
        let figures: [fn(&Metrics) -> Option<f64>; 3] =
            [|m| m.train_loss, |m| m.validation_loss, |m| m.test_loss];
        Curves { name: "Loss", step: "epoch", unit: Unit::Number, series: series(epochs, figures) }
    }

    pub(super) fn accuracy(epochs: &[Metrics]) -> Curves {
        let figures: [fn(&Metrics) -> Option<f64>; 3] =
            [|m| m.train_accuracy, |m| m.validation_accuracy, |m| m.test_accuracy];
        Curves {
            name: "Accuracy",
            step: "epoch",
            unit: Unit::Percent,
            series: series(epochs, figures),
        }
    }

    /// The first and the last epoch.
    fn epochs(&self) -> (f64, f64) {
        let epochs = self.series.iter().flat_map(|series| &series.points).map(|point| point.0);
        epochs
            .fold(None, |range, epoch| match range {
                None => Some((epoch, epoch)),
                Some((low, high)) => Some((epoch.min(low), epoch.max(high))),
            })
            .unwrap_or((1.0, 1.0))
    }

    /// Where the vertical axis has its ticks, bottom and top included.
    fn ticks(&self) -> Vec<f64> {
        let values = self.series.iter().flat_map(|series| &series.points).map(|point| point.1);
        match self.unit {
            Unit::Number | Unit::Errors => ticks(0.0, values.fold(0.0, f64::max)),
            Unit::Percent => ticks(values.fold(1.0, f64::min), 1.0),
        }
    }

    fn format(&self, value: f64, decimals: usize) -> String {
        match self.unit {
            Unit::Number if value == 0.0 || (1e-4..1e5).contains(&value) => {
                format!("{value:.0$}", decimals.min(5))
            }
            Unit::Number => format!("{value:.1e}"),
            Unit::Percent | Unit::Errors => {
                format!("{:.*} %", decimals.saturating_sub(2), value * 100.0)
            }
        }
    }

    /// A name in its colour and the last value, for each line.
    fn draw_legend<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let mut x = 40;
        for series in &self.series {
            let y = LEGEND_HEIGHT / 2;
            let line = vec![(x, y), (x + 100, y)];
            canvas.draw(&PathElement::new(line, series.colour.stroke_width(8)))?;
            let marker: Vec<_> =
                series.marker.iter().map(|(dx, dy)| (x + 50 + dx, y + dy)).collect();
            canvas.draw(&Polygon::new::<_, ShapeStyle>(marker, series.colour.filled()))?;
            x += 125;
            let last = series.points.last().map(|point| self.format(point.1, 4));
            let words = format!("{} {}", series.name, last.unwrap_or_default());
            let style = text(TEXT, INK, HPos::Left);
            canvas.draw_text(&words, &style, (x, y))?;
            // A browser's font may be wider than ours.
            x += canvas.estimate_text_size(&words, &style)?.0 as i32 * 11 / 10 + 40;
        }
        Ok(())
    }
}

fn series(epochs: &[Metrics], figures: [fn(&Metrics) -> Option<f64>; 3]) -> Vec<Series> {
    let looks = [("train", BLUE, OCTAGON), ("val", GREEN, TRIANGLE), ("test", VERMILION, DIAMOND)];
    let lines = looks.into_iter().zip(figures).map(|((name, colour, marker), figure)| {
        let points = epochs.iter().filter_map(|m| Some((m.epoch as f64, figure(m)?))).collect();
        Series { name, colour, marker, points }
    });
    lines.filter(|series: &Series| !series.points.is_empty()).collect()
}

impl Picture for Curves {
    fn title(&self) -> String {
        format!("{} by {}", self.name, self.step)
    }

    fn description(&self) -> String {
        let (first, last) = self.epochs();
        let mut description = format!("{} from {} {first} to {last}", self.name, self.step);
        for series in &self.series {
            if let [(_, from), .., (_, to)] = series.points[..] {
                let (from, to) = (self.format(from, 4), self.format(to, 4));
                description += &format!("; {} from {from} to {to}", series.name);
            } else if let [(_, only)] = series.points[..] {
                description += &format!("; {} {}", series.name, self.format(only, 4));
            }
        }
        description
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, HEIGHT)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (legend, plot) = canvas.split_vertically(LEGEND_HEIGHT);
        self.draw_legend(&legend)?;

        let (first, last) = self.epochs();
        let pad = if first == last { 0.5 } else { (last - first) * 0.03 };
        let epochs = whole_ticks(first, last);
        let values = self.ticks();
        let decimals = decimals(&values);
        let (bottom, top) = (values[0], values[values.len() - 1]);
        let mut chart = ChartBuilder::on(&plot)
            .margin_top(40)
            .margin_right(60)
            .margin_left(20)
            .margin_bottom(30)
            .set_label_area_size(LabelAreaPosition::Left, 280)
            .set_label_area_size(LabelAreaPosition::Bottom, 170)
            .build_cartesian_2d(
                Axis { range: first - pad..last + pad, ticks: epochs },
                Axis { range: bottom..top, ticks: values },
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(4))
            .light_line_style(TRANSPARENT)
            .axis_style(MUTED.stroke_width(4))
            .label_style(text(TEXT, MUTED, HPos::Center))
            .axis_desc_style(text(TEXT, MUTED, HPos::Center))
            .x_desc(self.step)
            .x_label_formatter(&|epoch| format!("{epoch:.0}"))
            .y_label_formatter(&|&value| self.format(value, decimals))
            .set_all_tick_mark_size(16)
            .draw()?;

        for series in &self.series {
            let style = series.colour.stroke_width(9);
            if let [_, _, ..] = series.points[..] {
                chart.draw_series([PathElement::new(series.points.clone(), style)])?;
            }
            if series.points.len() <= MARKED {
                chart.draw_series(series.points.iter().map(|&point| {
                    let filled: ShapeStyle = series.colour.filled();
                    EmptyElement::at(point) + Polygon::new(series.marker, filled)
                }))?;
            }
        }
        Ok(())
    }
}

/// A straight axis with ticks of our choice: plotters' own falls on fractions of an epoch.
struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// About five round numbers, the first at or below `low`, the last at or above `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { 0.1 };
    let step = round_step(span / 4.0);
    // What is above the last tick by rounding alone is on it.
    let (from, to) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let from = from.min(to - 1.0);
    (from as i64..=to as i64).map(|tick| tick as f64 * step).collect()
}

/// At most eleven whole numbers from `first` to `last`.
fn whole_ticks(first: f64, last: f64) -> Vec<f64> {
    let step = if last - first <= 10.0 { 1.0 } else { round_step((last - first) / 8.0).round() };
    let from = (first / step).ceil() as i64;
    (from..=(last / step) as i64).map(|tick| tick as f64 * step).collect()
}

/// The next number of the form 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&step| step >= least)
        .unwrap_or(10.0 * power)
}

/// How many decimals tell the ticks apart.
fn decimals(ticks: &[f64]) -> usize {
    let step = ticks[1] - ticks[0];
    (-(step + step * 1e-9).log10().floor()).max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::{decimals, ticks, whole_ticks};

    #[test]
    fn ticks_are_round_and_hold_the_range() {
        for (low, high, expected, places) in [
            (0.0, 0.26, &[0.0, 0.1, 0.2, 0.3][..], 1),
            (0.0, 2.3, &[0.0, 1.0, 2.0, 3.0], 0),
            (0.0, 0.0, &[-0.05, 0.0], 2),
            (0.921, 1.0, &[0.92, 0.94, 0.96, 0.98, 1.0], 2),
            (1.0, 1.0, &[0.95, 1.0], 2),
        ] {
            let ticks = ticks(low, high);
            assert_eq!(ticks.len(), expected.len(), "{low} to {high}: {ticks:?}");
            for (tick, expected) in ticks.iter().zip(expected) {
                assert!((tick - expected).abs() < 1e-12, "{low} to {high}: {ticks:?}");
            }
            assert_eq!(decimals(&ticks), places, "{ticks:?}");
        }
    }

    #[test]
    fn epochs_get_whole_ticks_that_do_not_crowd() {
        assert_eq!(whole_ticks(1.0, 1.0), [1.0]);
        assert_eq!(whole_ticks(1.0, 3.0), [1.0, 2.0, 3.0]);
        assert_eq!(whole_ticks(1.0, 50.0), [10.0, 20.0, 30.0, 40.0, 50.0]);
        for last in 2..2_000 {
            let ticks = whole_ticks(1.0, f64::from(last));
            assert!(ticks.len() <= 11 && ticks.iter().all(|tick| tick.fract() == 0.0), "{ticks:?}");
        }
    }
}
