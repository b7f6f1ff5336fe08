//! Colours that stay apart for people who see fewer of them: Okabe and Ito's for lines, cividis (Nuñez, Anderton, Renslow
//! 2018) for shares, blue to vermilion through white for weights.

use plotters::style::RGBColor;

/// Text. The page's style sheet replaces these four in its dark form, by their values.
pub(crate) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
/// Text beside what matters.
pub(crate) const MUTED: RGBColor = RGBColor(0x57, 0x60, 0x6a);
/// Lines to read a value by.
pub(crate) const GRID: RGBColor = RGBColor(0xd8, 0xdc, 0xe1);
/// A cell with nothing in it.
pub(crate) const EMPTY: RGBColor = RGBColor(0xf0, 0xf2, 0xf4);

/// Okabe and Ito's blue.
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Okabe and Ito's vermilion.
pub(crate) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Okabe and Ito's bluish green.
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);

const CIVIDIS: [[u8; 3]; 9] = [
    [0, 34, 78],
    [26, 56, 111],
    [67, 78, 108],
    [97, 101, 111],
    [125, 124, 120],
    [155, 148, 118],
    [188, 174, 108],
    [222, 201, 88],
    [254, 232, 56],
];

const DIVERGING: [[u8; 3]; 5] =
    [[0, 68, 136], [70, 150, 200], [247, 247, 247], [235, 140, 70], [165, 60, 0]];

/// Cividis backwards, so that more is darker: 0 is yellow, 1 dark blue.
pub(crate) fn sequential(value: f64) -> RGBColor {
    between(&CIVIDIS, 1.0 - value)
}

/// -1 is blue, 0 white, 1 vermilion.
pub(crate) fn diverging(value: f64) -> RGBColor {
    between(&DIVERGING, (value + 1.0) / 2.0)
}

/// Black or white, whichever is easier to read on `background`. Pure ones, which no style sheet replaces.
pub(crate) fn ink_on(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    // Where WCAG's contrasts with black and with white are equal.
    if luminance > 0.179 { RGBColor(0, 0, 0) } else { RGBColor(255, 255, 255) }
}

/// The colour at `position`, 0 to 1, of evenly spaced ones.
fn between(colours: &[[u8; 3]], position: f64) -> RGBColor {
    let place = position.clamp(0.0, 1.0) * (colours.len() - 1) as f64;
    let (from, to) = (colours[place as usize], colours[place.ceil() as usize]);
    let mix = |i: usize| {
        (f64::from(from[i]) + (f64::from(to[i]) - f64::from(from[i])) * place.fract()).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::{diverging, ink_on, sequential};
    use plotters::style::RGBColor;

    #[test]
    fn scales_end_where_they_should_and_survive_nan() {
        assert_eq!(sequential(1.0), RGBColor(0, 34, 78));
        assert_eq!(sequential(-3.0), RGBColor(254, 232, 56));
        assert_eq!(diverging(0.0), RGBColor(247, 247, 247));
        assert_eq!(diverging(9.0), RGBColor(165, 60, 0));
        diverging(f64::NAN);
        assert_eq!(ink_on(sequential(1.0)), RGBColor(255, 255, 255));
        assert_eq!(ink_on(sequential(0.0)), RGBColor(0, 0, 0));
    }
}
