use super::palette::INK;
use crate::{Error, Result};
use image::{
    RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    imageops,
};
use plotters::{
    coord::Shift,
    drawing::DrawingAreaErrorKind,
    prelude::*,
    style::{
        register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{io, path::Path, sync::Once};

pub(crate) type Canvas<B> = DrawingArea<B, Shift>;
pub(crate) type Drawn<B> =
    std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Something to look at, as a PNG file and as SVG within the page.
pub(crate) trait Picture {
    /// What it shows. It stands over the PNG; the page has headings of its own.
    fn title(&self) -> String;

    /// What it says, for those who do not see it.
    fn description(&self) -> String;

    /// Width and height, without the title. A PNG has one pixel for each `SUPERSAMPLING` of these.
    fn size(&self) -> (u32, u32);

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B>;
}

/// PNGs are drawn this many times as large and then averaged: plotters draws oblique lines with hard edges.
const SUPERSAMPLING: u32 = 2;

/// Of the title's strip over a PNG.
const TITLE_HEIGHT: u32 = 150;

/// The picture as a PNG, on white; `path` is what an error speaks of.
pub(crate) fn png(picture: &impl Picture, path: &Path) -> Result<Vec<u8>> {
    let (width, height) = picture.size();
    let height = height + TITLE_HEIGHT;
    let mut pixels = vec![0; (width * height * 3) as usize];
    let draw = |canvas: Canvas<BitMapBackend>| {
        canvas.fill(&WHITE)?;
        let (strip, rest) = canvas.split_vertically(TITLE_HEIGHT as i32);
        let middle = (width as i32 / 2, TITLE_HEIGHT as i32 / 2);
        strip.draw_text(&picture.title(), &bold(76, INK, HPos::Center), middle)?;
        picture.draw(&rest)?;
        canvas.present()
    };
    draw(BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area())
        .map_err(|error| cannot_draw(path, error))?;

    let drawn = RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| Error::invalid("picture", "a canvas of its size", "another"))?;
    let small = imageops::thumbnail(&drawn, width / SUPERSAMPLING, height / SUPERSAMPLING);
    let mut bytes = vec![];
    // The fast compression that is the encoder's own choice makes files of twice the size.
    let (compression, filter) = (CompressionType::Default, FilterType::Adaptive);
    small
        .write_with_encoder(PngEncoder::new_with_quality(&mut bytes, compression, filter))
        .map_err(|error| cannot_draw(path, error))?;
    Ok(bytes)
}

/// The picture as an `<svg>` element on no background; `path` is what an error speaks of.
pub(crate) fn svg(picture: &impl Picture, path: &Path) -> Result<String> {
    let mut svg = String::new();
    let draw = |canvas: Canvas<SVGBackend>| {
        picture.draw(&canvas)?;
        canvas.present()
    };
    draw(SVGBackend::with_string(&mut svg, picture.size()).into_drawing_area())
        .map_err(|error| cannot_draw(path, error))?;
    // A screen reader gets one sentence instead of every tick of every axis.
    let label = format!("<svg role=\"img\" aria-label=\"{}\" ", escaped(&picture.description()));
    Ok(svg.replacen("<svg ", &label, 1))
}

/// As text of a page, or within an attribute's quotes.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A name that may be long, made to fit into `width`: as `style` gives it for `size`, smaller, or cut; and how wide it is then.
pub(crate) fn fitted<B: DrawingBackend>(
    canvas: &Canvas<B>,
    name: &str,
    size: u32,
    width: i32,
    style: impl Fn(u32) -> TextStyle<'static>,
) -> std::result::Result<(String, TextStyle<'static>, i32), DrawingAreaErrorKind<B::ErrorType>> {
    let (mut words, mut kept, mut size, smallest) =
        (name.to_owned(), name.to_owned(), size, size / 2);
    loop {
        let style = style(size);
        let wide = canvas.estimate_text_size(&words, &style)?.0 as i32;
        if wide <= width || kept.is_empty() {
            return Ok((words, style, wide));
        }
        if size > smallest {
            size -= 1;
        } else {
            kept.pop();
            words = format!("{kept}..");
        }
    }
}

/// A strip of all the colours of a scale, from `colour(0.0)` at the left to `colour(1.0)`.
pub(crate) fn draw_scale<B: DrawingBackend>(
    canvas: &Canvas<B>,
    (left, top): (i32, i32),
    (width, height): (i32, i32),
    colour: impl Fn(f64) -> RGBColor,
) -> Drawn<B> {
    const STEPS: i32 = 100;
    for step in 0..STEPS {
        // Each as far as the end, under the next: edges that only touch would let the background through.
        let corners = [(left + width * step / STEPS, top), (left + width, top + height)];
        let colour = colour(f64::from(step) / f64::from(STEPS - 1));
        canvas.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    Ok(())
}

fn cannot_draw(path: &Path, error: impl std::error::Error) -> Error {
    let source = io::Error::other(error.to_string());
    Error::Io { action: "draw", path: path.into(), source }
}

/// How plain text looks, `size` high from line to line and vertically centred on its point.
pub(crate) fn text(size: u32, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    styled(size, colour, anchor, FontStyle::Normal)
}

/// [`text`] that catches the eye.
pub(crate) fn bold(size: u32, colour: RGBColor, anchor: HPos) -> TextStyle<'static> {
    styled(size, colour, anchor, FontStyle::Bold)
}

fn styled(size: u32, colour: RGBColor, anchor: HPos, style: FontStyle) -> TextStyle<'static> {
    static FONT: Once = Once::new();
    FONT.call_once(provide_font);
    (FontFamily::SansSerif, size, style)
        .into_font()
        .color(&colour)
        .pos(Pos::new(anchor, VPos::Center))
}

/// Gives plotters the font that this crate brings along. It goes by the generic name: a program that has given plotters a
/// sans-serif font, or has it take the system's (plotters' feature `ttf`), keeps that one.
fn provide_font() {
    let fonts: [(_, &'static [u8]); 2] = [
        (FontStyle::Normal, include_bytes!("font/Roboto-Regular.ttf")),
        (FontStyle::Bold, include_bytes!("font/Roboto-Medium.ttf")),
    ];
    if (FontFamily::SansSerif, 12).into_font().layout_box("0").is_err() {
        for (style, bytes) in fonts {
            // Where this fails, drawing does too, and says so.
            let _ = register_font(FontFamily::SansSerif.as_str(), style, bytes);
        }
    }
}
