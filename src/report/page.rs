use super::{
    canvas::{self, Picture, escaped},
    confusion::Confusion,
    contact_sheet::ContactSheet,
    curves::Curves,
    filters::Filters,
    metrics::Metrics,
};
use crate::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use std::{
    io::{self, Cursor},
    path::Path,
};

/// `report.html`: everything on one page that needs nothing beside it.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// One at least.
    pub epochs: &'a [Metrics],
    /// What is said of the run: name and value.
    pub metadata: &'a [(String, String)],
    pub loss: Curves,
    pub accuracy: Curves,
    pub confusion: Confusion<'a>,
    pub sheet: ContactSheet,
    pub filters: Filters,
}

impl Page<'_> {
    /// `path` is what an error speaks of. Beside the metadata and the names of classes all that is put in are figures and words of
    /// this crate, which need no escaping.
    pub fn html(&self, path: &Path) -> Result<String> {
        let [.., last] = self.epochs else {
            return Err(Error::invalid("epochs", "one at least", "none"));
        };
        Ok(format!(
            include_str!("page.html"),
            style = include_str!("page.css"),
            epoch = last.epoch,
            accuracy_in_title = percent(last.test_accuracy),
            tiles = self.tiles(last),
            run = run(self.metadata),
            loss = canvas::svg(&self.loss, path)?,
            accuracy = canvas::svg(&self.accuracy, path)?,
            confusion = canvas::svg(&self.confusion, path)?,
            noun = self.confusion.noun(),
            by_class = if self.confusion.classes.are_digits() {
                "Digit by digit"
            } else {
                "Class by class"
            },
            digits = self.digits(last),
            mistakes_title = self.sheet.title(),
            mistakes = self.mistakes(path)?,
            filters = canvas::svg(&self.filters, path)?,
            epochs = self.epochs.iter().rev().map(epoch).collect::<String>(),
        ))
    }

    fn tiles(&self, last: &Metrics) -> String {
        let accuracy = |metrics: &&Metrics| metrics.test_accuracy.unwrap_or_default();
        let best = self.epochs.iter().rev().max_by(|a, b| accuracy(a).total_cmp(&accuracy(b)));
        let best = best.unwrap_or(last);
        [
            (
                "Test accuracy",
                percent(last.test_accuracy),
                format!("train {}", percent(last.train_accuracy)),
            ),
            (
                "Test loss",
                number(last.test_loss, 4),
                format!("train {}", number(last.train_loss, 4)),
            ),
            ("Best test accuracy", percent(best.test_accuracy), format!("epoch {}", best.epoch)),
            (
                "Epoch took",
                format!("{}&nbsp;s", number(last.seconds, 1)),
                format!("{} images/s", number(last.images_per_second, 0)),
            ),
        ]
        .map(|(name, figure, beside)| {
            format!("<div><dt>{name}</dt><dd>{figure}<small>{beside}</small></dd></div>\n")
        })
        .concat()
    }

    /// A row of the table of digits, or classes, for each.
    fn digits(&self, metrics: &Metrics) -> String {
        let row = |(digit, name): (usize, &String)| {
            let images: u32 = metrics.test_confusion[digit].iter().sum();
            let shares = [metrics.test_precision, metrics.test_recall, metrics.test_f1];
            let shares =
                shares.map(|share| format!("<td>{}</td>", percent(Some(share[digit])))).concat();
            let name = escaped(name);
            format!("<tr><th scope=\"row\">{name}</th><td>{images}</td>{shares}</tr>\n")
        };
        self.confusion.classes.names().iter().enumerate().map(row).collect()
    }

    fn mistakes(&self, path: &Path) -> Result<String> {
        let figures = self.sheet.shown.iter().map(|(mistake, image)| {
            let mut png = vec![];
            image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(|error| {
                Error::Io { action: "draw", path: path.into(), source: io::Error::other(error) }
            })?;
            let index = mistake.index;
            let [label, answer] =
                [mistake.label, mistake.answer].map(|label| escaped(self.confusion.classes.name(label)));
            let sure = format!("{:.1}&nbsp;%", mistake.probability * 100.0);
            Ok(format!(
                "<figure><img width=\"32\" height=\"32\" src=\"data:image/png;base64,{}\" \
                 alt=\"test image {index}, a {label} read as {answer}\" title=\"test image {index}\">\
                 <figcaption><b>{label}</b> read as <b>{answer}</b><small>{sure}</small></figcaption></figure>\n",
                STANDARD.encode(png)
            ))
        });
        figures.collect()
    }
}

/// The section of what is said of the run, where anything is.
fn run(metadata: &[(String, String)]) -> String {
    if metadata.is_empty() {
        return String::new();
    }
    let row = |(name, value): &(String, String)| {
        format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escaped(name), escaped(value))
    };
    let rows: String = metadata.iter().map(row).collect();
    format!(
        "<section>\n<h2>The run</h2>\n<table class=\"run\"><tbody>\n{rows}</tbody></table>\n</section>\n"
    )
}

/// A row of the table of epochs.
fn epoch(metrics: &Metrics) -> String {
    let figures = [
        number(metrics.train_loss, 4),
        percent(metrics.train_accuracy),
        number(metrics.test_loss, 4),
        percent(metrics.test_accuracy),
        number(metrics.seconds, 1),
    ];
    let figures = figures.map(|figure| format!("<td>{figure}</td>")).concat();
    format!("<tr><th scope=\"row\">{}</th>{figures}</tr>\n", metrics.epoch)
}

/// A figure that is not there is a dash.
fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".into(), |value| format!("{value:.decimals$}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.2}&nbsp;%", share * 100.0))
}

#[cfg(test)]
mod tests {
    use crate::report::palette::{BLUE, EMPTY, GREEN, GRID, INK, MUTED, VERMILION};

    /// The style sheet finds what it has to recolour in the dark by the colours themselves.
    #[test]
    fn the_dark_form_knows_the_palette() {
        for colour in [INK, MUTED, GRID, EMPTY, BLUE, VERMILION, GREEN] {
            let name = format!("=\"#{:02X}{:02X}{:02X}\"]", colour.0, colour.1, colour.2);
            assert!(include_str!("page.css").contains(&name), "{name}");
        }
    }
}
