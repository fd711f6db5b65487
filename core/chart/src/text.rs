//! How wide a text is. Layout asks a [`Measure`]; the page answers with the canvas's own `measureText`, every
//! other caller with [`Estimate`], which needs no font files and gives the same answer on every machine.

/// Size and weight of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Font {
    /// CSS px.
    pub size: f64,
    /// Heavier than the running text.
    pub bold: bool,
}

impl Font {
    /// Axis numbers, legend, labels.
    pub const SMALL: Self = Self { size: 12.0, bold: false };
    /// Names of rows and bars.
    pub const LABEL: Self = Self { size: 13.0, bold: false };
    /// Totals.
    pub const STRONG: Self = Self { size: 13.0, bold: true };

    /// Height of one line of this font.
    pub const fn line(self) -> f64 {
        self.size * 1.4
    }

    /// The CSS `font` shorthand at a device pixel ratio, as a canvas context takes it.
    pub fn css(self, scale: f64) -> String {
        let weight = if self.bold { "bold " } else { "" };
        [weight, &crate::number::fixed(self.size * scale, 1), "px ", crate::theme::FONT_FAMILY].concat()
    }
}

/// Measures text.
pub trait Measure {
    /// Width of one line of text, CSS px.
    fn width(&self, text: &str, font: Font) -> f64;
}

/// A measurer that knows the usual advance widths of a grotesque, and errs on the wide side.
#[derive(Debug, Clone, Copy, Default)]
pub struct Estimate;

/// Advance widths of U+0020 to U+007E in thousandths of the font size (Helvetica's published metrics).
const ADVANCE: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// Room for system fonts that run wider than Helvetica.
const MARGIN: f64 = 1.14;

impl Measure for Estimate {
    fn width(&self, text: &str, font: Font) -> f64 {
        let thousandths: f64 = text.chars().map(advance).sum();
        let weight = if font.bold { 1.1 } else { 1.0 };
        thousandths / 1000.0 * font.size * weight * MARGIN
    }
}

fn advance(c: char) -> f64 {
    let code = u32::from(c);
    let ascii = usize::try_from(code).ok().and_then(|code| ADVANCE.get(code.checked_sub(32)?));
    match (ascii, code) {
        (Some(&width), _) => f64::from(width),
        (None, 0x2070..=0x209F) => 380.0,
        (None, 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x1F000..) => 1000.0,
        (None, 0x2000..=0x206F) => 700.0,
        (None, _) => 600.0,
    }
}

/// The text, or as much of it as fits `room` with an ellipsis; empty when not even that fits.
pub fn fit(text: &str, room: f64, font: Font, measure: &dyn Measure) -> String {
    if measure.width(text, font) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(400).collect();
    while kept.pop().is_some() {
        let candidate = [kept.trim_end(), "…"].concat();
        if !kept.is_empty() && measure.width(&candidate, font) <= room {
            return candidate;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up_and_grow_with_the_font() {
        let small = Estimate.width("1,536 MiB", Font::SMALL);
        assert!((small - 61.59).abs() < 0.1, "{small}");
        assert!(Estimate.width("1,536 MiB", Font::STRONG) > small);
        assert!(Estimate.width("", Font::SMALL).abs() < f64::EPSILON);
        assert!(Estimate.width("模型", Font::SMALL) > Estimate.width("ab", Font::SMALL));
    }

    #[test]
    fn a_long_text_is_cut_to_the_room() {
        let font = Font::SMALL;
        assert_eq!(fit("decoder", 100.0, font, &Estimate), "decoder");
        let cut = fit("a very long component name", 80.0, font, &Estimate);
        assert!(cut.ends_with('…') && Estimate.width(&cut, font) <= 80.0, "{cut}");
        assert_eq!(fit("decoder", 3.0, font, &Estimate), "");
        assert_eq!(fit("decoder", f64::NAN, font, &Estimate), "");
    }

    #[test]
    fn the_css_font_scales_with_the_pixel_ratio() {
        assert!(Font::STRONG.css(2.0).starts_with("bold 26px system-ui"));
    }
}
