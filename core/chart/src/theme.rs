//! Colours by role. A drawing names roles; a theme says what they look like on a light or a dark surface.
//!
//! The site's inline SVG names CSS custom properties instead, so that one drawing follows the reader's colour
//! scheme; [`stylesheet`] defines those properties from the same two themes.

/// Number of categorical colours before textures tell series apart.
pub const SERIES: usize = 8;
/// Number of steps of the sequential scale.
pub const STEPS: usize = 7;

/// Fonts of every drawing, as a CSS font list.
pub const FONT_FAMILY: &str = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Text and whiskers.
    Ink,
    /// Axis numbers and secondary text (4.5:1).
    Muted,
    /// Hairlines.
    Grid,
    /// What the drawing stands on.
    Surface,
    /// Budget and target lines, and their labels.
    Accent,
    /// A categorical colour; indices wrap at [`SERIES`].
    Series(usize),
    /// Text on top of `Series`.
    OnSeries(usize),
    /// A step of the sequential scale, 0 (least) to `STEPS - 1`; larger indices saturate.
    Step(usize),
    /// Text on top of `Step`.
    OnStep(usize),
}

/// Red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The colours of one surface, and the device pixels per CSS pixel to paint with.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Device pixels per CSS pixel (`window.devicePixelRatio`); 1 for print-like output.
    pub scale: f64,
    /// See [`Role::Ink`].
    pub ink: Rgb,
    /// See [`Role::Muted`].
    pub muted: Rgb,
    /// See [`Role::Grid`].
    pub grid: Rgb,
    /// See [`Role::Surface`].
    pub surface: Rgb,
    /// See [`Role::Accent`].
    pub accent: Rgb,
    /// Categorical colours after Okabe and Ito, each moved in lightness until it has 3:1 against the surface.
    pub series: [Rgb; SERIES],
    /// Sequential scale, from the surface towards blue.
    pub steps: [Rgb; STEPS],
}

const WHITE: Rgb = (0xff, 0xff, 0xff);
const BLACK: Rgb = (0x10, 0x14, 0x1a);

impl Theme {
    /// Dark ink on white.
    pub const fn light() -> Self {
        Self {
            scale: 1.0,
            ink: (0x1b, 0x20, 0x27),
            muted: (0x57, 0x60, 0x6b),
            grid: (0xdd, 0xe1, 0xe6),
            surface: WHITE,
            accent: (0xb3, 0x26, 0x1e),
            series: [
                (0x00, 0x72, 0xb2),
                (0xc4, 0x7f, 0x00),
                (0x00, 0x85, 0x68),
                (0xb3, 0x56, 0x8d),
                (0x3f, 0x97, 0xcf),
                (0x7d, 0x72, 0x09),
                (0xbf, 0x4f, 0x00),
                (0x5f, 0x6b, 0x78),
            ],
            steps: [
                (0xee, 0xf4, 0xf9),
                (0xcf, 0xe3, 0xf1),
                (0xa9, 0xce, 0xe8),
                (0x79, 0xb4, 0xdc),
                (0x43, 0x98, 0xcd),
                (0x12, 0x70, 0xae),
                (0x08, 0x4c, 0x7f),
            ],
        }
    }

    /// Light ink on near-black.
    pub const fn dark() -> Self {
        Self {
            scale: 1.0,
            ink: (0xe8, 0xeb, 0xef),
            muted: (0xa3, 0xad, 0xb8),
            grid: (0x2f, 0x36, 0x3f),
            surface: (0x14, 0x17, 0x1b),
            accent: (0xff, 0x8a, 0x80),
            series: [
                (0x4a, 0x9f, 0xdc),
                (0xe6, 0x9f, 0x00),
                (0x21, 0xb4, 0x8b),
                (0xd9, 0x8c, 0xb8),
                (0x8f, 0xd0, 0xf7),
                (0xe8, 0xdc, 0x55),
                (0xe8, 0x74, 0x3b),
                (0x9a, 0xa6, 0xb2),
            ],
            steps: [
                (0x1c, 0x26, 0x30),
                (0x1b, 0x38, 0x50),
                (0x1b, 0x4d, 0x73),
                (0x22, 0x66, 0x98),
                (0x45, 0x92, 0xca),
                (0x78, 0xb9, 0xe8),
                (0xb5, 0xdc, 0xfa),
            ],
        }
    }

    /// The same colours at another device pixel ratio; a ratio that is not a positive number counts as 1.
    #[must_use]
    pub const fn scaled(mut self, device_pixel_ratio: f64) -> Self {
        let usable = device_pixel_ratio.is_finite() && device_pixel_ratio > 0.0;
        self.scale = if usable { device_pixel_ratio } else { 1.0 };
        self
    }

    /// The colour of a role.
    pub fn colour(&self, role: Role) -> Rgb {
        match role {
            Role::Ink => self.ink,
            Role::Muted => self.muted,
            Role::Grid => self.grid,
            Role::Surface => self.surface,
            Role::Accent => self.accent,
            Role::Series(i) => self.series[i % SERIES],
            Role::OnSeries(i) => text_on(self.series[i % SERIES]),
            Role::Step(i) => self.steps[i.min(STEPS - 1)],
            Role::OnStep(i) => text_on(self.steps[i.min(STEPS - 1)]),
        }
    }

    /// Custom property declarations for every role, `--chart-ink:#1b2027;…`.
    pub fn declarations(&self) -> String {
        let mut css = String::new();
        for role in every_role() {
            css.push_str(&property(role));
            css.push(':');
            css.push_str(&hex(self.colour(role)));
            css.push(';');
        }
        css
    }
}

fn every_role() -> impl Iterator<Item = Role> {
    [Role::Ink, Role::Muted, Role::Grid, Role::Surface, Role::Accent]
        .into_iter()
        .chain((0..SERIES).flat_map(|i| [Role::Series(i), Role::OnSeries(i)]))
        .chain((0..STEPS).flat_map(|i| [Role::Step(i), Role::OnStep(i)]))
}

/// The custom property of a role, `--chart-ink`.
pub fn property(role: Role) -> String {
    let (name, index) = match role {
        Role::Ink => ("ink", None),
        Role::Muted => ("muted", None),
        Role::Grid => ("grid", None),
        Role::Surface => ("surface", None),
        Role::Accent => ("accent", None),
        Role::Series(i) => ("series-", Some(i % SERIES)),
        Role::OnSeries(i) => ("on-series-", Some(i % SERIES)),
        Role::Step(i) => ("step-", Some(i.min(STEPS - 1))),
        Role::OnStep(i) => ("on-step-", Some(i.min(STEPS - 1))),
    };
    let index = index.map(|i| i.to_string()).unwrap_or_default();
    ["--chart-", name, &index].concat()
}

/// `#rrggbb`.
pub fn hex((red, green, blue): Rgb) -> String {
    let mut out = String::with_capacity(7);
    out.push('#');
    for byte in [red, green, blue] {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
        }
    }
    out
}

/// Whichever of near-black and white reads better on a fill: by the coded channels, since a power costs the page more
/// than a kilobyte. A test holds it to the contrast ratio for every colour of the themes.
fn text_on((red, green, blue): Rgb) -> Rgb {
    let weight = 2126 * u32::from(red) + 7152 * u32::from(green) + 722 * u32::from(blue);
    if weight < 1_200_000 { WHITE } else { BLACK }
}

/// The style sheet that inline drawings need: colours that follow the colour scheme, forced colours and print,
/// `data-theme="light|dark"` on any ancestor to overrule the scheme, tabular numerals, and the switch between
/// the wide and the narrow twin of [`crate::svg::responsive`].
pub fn stylesheet() -> String {
    let light = Theme::light().declarations();
    let dark = Theme::dark().declarations();
    [
        ":root,[data-theme=light]{",
        &light,
        "}@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){",
        &dark,
        "}}@media screen{[data-theme=dark]{",
        &dark,
        "}}",
        "@media (forced-colors:active){:root:root{--chart-ink:CanvasText;--chart-muted:CanvasText;",
        "--chart-grid:GrayText;--chart-surface:Canvas;--chart-accent:LinkText}}",
        ".chart{display:block;max-width:60rem;container-type:inline-size}",
        ".drawing{display:block;width:100%;height:auto}.drawing text{font-variant-numeric:tabular-nums}",
        ".drawing.narrow{display:none}@container (max-width:559px){",
        ".drawing.narrow{display:block}.drawing.wide{display:none}}",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance((red, green, blue): Rgb) -> f64 {
        let linear = |byte: u8| {
            let c = f64::from(byte) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    #[test]
    fn text_has_the_higher_contrast_of_the_two() {
        for theme in [Theme::light(), Theme::dark()] {
            for fill in theme.series.into_iter().chain(theme.steps) {
                let white = contrast(fill, WHITE) >= contrast(fill, BLACK);
                assert_eq!(text_on(fill) == WHITE, white, "{}", hex(fill));
            }
        }
    }

    #[test]
    fn every_colour_reads_on_its_surface() {
        for theme in [Theme::light(), Theme::dark()] {
            for (i, series) in theme.series.into_iter().enumerate() {
                assert!(contrast(series, theme.surface) >= 3.0, "series {i}");
                assert!(contrast(series, theme.colour(Role::OnSeries(i))) >= 4.5, "on series {i}");
            }
            for (i, step) in theme.steps.into_iter().enumerate() {
                assert!(contrast(step, theme.colour(Role::OnStep(i))) >= 4.5, "on step {i}");
            }
            for text in [theme.ink, theme.muted, theme.accent] {
                assert!(contrast(text, theme.surface) >= 4.5);
            }
        }
    }

    #[test]
    fn the_scale_moves_away_from_the_surface() {
        for theme in [Theme::light(), Theme::dark()] {
            let away = theme.steps.map(|step| contrast(step, theme.surface));
            assert!(away.is_sorted(), "{away:?}");
        }
    }

    #[test]
    fn colours_and_properties_are_written_as_css() {
        assert_eq!(hex((0, 0x72, 0xb2)), "#0072b2");
        assert_eq!(property(Role::OnSeries(9)), "--chart-on-series-1");
        assert_eq!(property(Role::Step(99)), "--chart-step-6");
        assert!(stylesheet().contains("--chart-ink:#1b2027;"));
    }

    #[test]
    fn a_senseless_pixel_ratio_counts_as_one() {
        for ratio in [0.0, -2.0, f64::NAN, f64::INFINITY] {
            assert!((Theme::light().scaled(ratio).scale - 1.0).abs() < f64::EPSILON);
        }
    }
}
