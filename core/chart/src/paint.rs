//! Paints a scene onto any plotters backend, at the device pixel ratio of the theme.
//!
//! Backends know neither dashes nor textures and place lines between pixels, so dashes are cut here, textures are
//! lines clipped to their rectangle, and upright or level lines are filled rectangles on whole device pixels.

use std::convert::Infallible;

use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
    FontStyle, FontTransform,
};

use crate::number::whole;
use crate::scene::{Align, DASH, Label, Point, Rect, Scene, Shape, Stroke, Texture};
use crate::text::{Estimate, Measure};
use crate::theme::{FONT_FAMILY, Rgb, Role, Theme};

/// What a backend may answer.
pub type Painted<DB> = Result<(), DrawingErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Paints the surface and then every shape. The backend should measure `scene.width × scene.height` CSS px times
/// the theme's scale.
pub fn paint<DB: DrawingBackend>(scene: &Scene, backend: &mut DB, theme: &Theme) -> Painted<DB> {
    backend.ensure_prepared()?;
    let mut brush = Brush { backend, theme };
    let whole = Rect { x: 0.0, y: 0.0, width: scene.width, height: scene.height };
    brush.rect(whole, Role::Surface)?;
    for shape in &scene.shapes {
        brush.shape(shape)?;
    }
    brush.backend.present()
}

struct Brush<'a, DB> {
    backend: &'a mut DB,
    theme: &'a Theme,
}

impl<DB: DrawingBackend> Brush<'_, DB> {
    fn shape(&mut self, shape: &Shape) -> Painted<DB> {
        match shape {
            Shape::Rect { area, role, texture } => {
                self.rect(*area, *role)?;
                for (from, to) in texture_lines(*area, *texture) {
                    self.segment(from, to, Stroke::solid(Role::Surface, TEXTURE_WIDTH))?;
                }
                Ok(())
            }
            Shape::Line { points, stroke } if stroke.dashed => {
                for (from, to) in dashes(points) {
                    self.segment(from, to, *stroke)?;
                }
                Ok(())
            }
            Shape::Line { points, stroke } => {
                if let [from, to] = points.as_slice() {
                    return self.segment(*from, *to, *stroke);
                }
                let style = self.style(stroke.role, stroke.width);
                let scale = self.theme.scale;
                self.backend.draw_path(points.iter().map(|point| device(*point, scale)), &style)
            }
            Shape::Polygon { points, role } => {
                let style = self.style(*role, 1.0);
                let scale = self.theme.scale;
                self.backend.fill_polygon(points.iter().map(|point| device(*point, scale)), &style)
            }
            Shape::Disc { centre, radius, role } => {
                let style = self.style(*role, 1.0);
                let radius = pixels(*radius * self.theme.scale).max(1).unsigned_abs();
                self.backend.draw_circle(device(*centre, self.theme.scale), radius, &style, true)
            }
            Shape::Text(label) => {
                let style =
                    TextStyle { label, scale: self.theme.scale, colour: self.theme.colour(label.role) };
                self.backend.draw_text(&label.text, &style, device(label.at, self.theme.scale))
            }
        }
    }

    fn rect(&mut self, area: Rect, role: Role) -> Painted<DB> {
        let style = self.style(role, 1.0);
        let from = device((area.x, area.y), self.theme.scale);
        let to = device((area.right(), area.bottom()), self.theme.scale);
        // A sliver stays visible: at least one device pixel each way.
        let to = (to.0.max(from.0.saturating_add(1)), to.1.max(from.1.saturating_add(1)));
        self.backend.draw_rect(from, to, &style, true)
    }

    fn segment(&mut self, from: Point, to: Point, stroke: Stroke) -> Painted<DB> {
        let half = stroke.width / 2.0;
        let upright = (from.0 - to.0).abs() < 0.01;
        if upright || (from.1 - to.1).abs() < 0.01 {
            let grow = if upright { (half, 0.0) } else { (0.0, half) };
            let low = (from.0.min(to.0) - grow.0, from.1.min(to.1) - grow.1);
            let high = (from.0.max(to.0) + grow.0, from.1.max(to.1) + grow.1);
            return self.rect(Rect::between(low, high), stroke.role);
        }
        let style = self.style(stroke.role, stroke.width);
        self.backend.draw_line(device(from, self.theme.scale), device(to, self.theme.scale), &style)
    }

    fn style(&self, role: Role, width: f64) -> Style {
        let width = pixels(width * self.theme.scale).max(1).unsigned_abs();
        Style { colour: self.theme.colour(role), width }
    }
}

/// CSS px to whole device pixels.
fn device((x, y): Point, scale: f64) -> BackendCoord {
    (pixels(x * scale), pixels(y * scale))
}

fn pixels(value: f64) -> i32 {
    i32::try_from(whole(libm::round(value).clamp(-1e6, 1e6))).unwrap_or(0)
}

/// Distance between the lines of a texture, CSS px.
pub(crate) const TEXTURE_STEP: f64 = 6.0;
/// Thickness of the lines of a texture, CSS px.
pub(crate) const TEXTURE_WIDTH: f64 = 1.2;

/// The lines of a texture, clipped to its rectangle.
fn texture_lines(area: Rect, texture: Texture) -> Vec<(Point, Point)> {
    let (left, top, right, bottom) = (area.x, area.y, area.right(), area.bottom());
    let mut lines = Vec::new();
    let reach = match texture {
        Texture::Solid => return lines,
        Texture::Rising | Texture::Falling => area.width + area.height,
        Texture::Upright => area.width,
        Texture::Level => area.height,
    };
    let mut offset = TEXTURE_STEP / 2.0;
    while offset < reach && lines.len() < 2_000 {
        // A diagonal meets the upper or left edge at one end and the lower or right edge at the other.
        let before = (left + (offset - area.height).max(0.0), left + offset.min(area.width));
        lines.push(match texture {
            Texture::Upright => ((left + offset, top), (left + offset, bottom)),
            Texture::Level => ((left, top + offset), (right, top + offset)),
            Texture::Rising => {
                ((before.0, top + offset.min(area.height)), (before.1, top + (offset - area.width).max(0.0)))
            }
            _ => (
                (before.0, bottom - offset.min(area.height)),
                (before.1, bottom - (offset - area.width).max(0.0)),
            ),
        });
        offset += TEXTURE_STEP;
    }
    lines
}

/// Cuts a line through points into dashes; a dash that turns a corner becomes two pieces.
fn dashes(points: &[Point]) -> Vec<(Point, Point)> {
    let mut pieces = Vec::new();
    let (mut drawing, mut left) = (true, DASH.0);
    for pair in points.windows(2) {
        let [mut from, to] = [pair[0], pair[1]];
        loop {
            let rest = ((to.0 - from.0).powi(2) + (to.1 - from.1).powi(2)).sqrt();
            if !rest.is_finite() || pieces.len() > 4_000 {
                return pieces;
            }
            let step = rest.min(left);
            let share = if rest > 0.0 { step / rest } else { 1.0 };
            let next = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            if drawing && step > 0.0 {
                pieces.push((from, next));
            }
            from = next;
            if rest <= left {
                left -= rest;
                break;
            }
            drawing = !drawing;
            left = if drawing { DASH.0 } else { DASH.1 };
        }
    }
    pieces
}

struct Style {
    colour: Rgb,
    width: u32,
}

impl BackendStyle for Style {
    fn color(&self) -> BackendColor {
        BackendColor { alpha: 1.0, rgb: self.colour }
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

struct TextStyle<'a> {
    label: &'a Label,
    scale: f64,
    colour: Rgb,
}

impl BackendTextStyle for TextStyle<'_> {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        BackendColor { alpha: 1.0, rgb: self.colour }
    }

    fn size(&self) -> f64 {
        self.label.font.size * self.scale
    }

    fn transform(&self) -> FontTransform {
        if self.label.upward { FontTransform::Rotate270 } else { FontTransform::None }
    }

    fn style(&self) -> FontStyle {
        if self.label.font.bold { FontStyle::Bold } else { FontStyle::Normal }
    }

    fn anchor(&self) -> Pos {
        let across = match self.label.align {
            Align::Start => HPos::Left,
            Align::Middle => HPos::Center,
            Align::End => HPos::Right,
        };
        Pos::new(across, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FONT_FAMILY)
    }

    // Backends that ask for a text's size (none of the drawings do) get the estimate, never the page's DOM.
    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Infallible> {
        let width = Estimate.width(text, self.label.font) * self.scale;
        Ok(((0, 0), (pixels(width), pixels(self.size()))))
    }

    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        _text: &str,
        _at: BackendCoord,
        _pixel: F,
    ) -> Result<Result<(), E>, Infallible> {
        // No glyphs here: a backend that cannot draw text itself shows none.
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_the_line_in_proportion() {
        let pieces = dashes(&[(0.0, 0.0), (90.0, 0.0)]);
        assert_eq!(pieces.len(), 10);
        let covered: f64 = pieces.iter().map(|(from, to)| to.0 - from.0).sum();
        assert!((covered - 50.0).abs() < 1e-9);
        assert!(dashes(&[(0.0, 0.0), (f64::NAN, 0.0)]).is_empty());
        assert!(dashes(&[(3.0, 3.0), (3.0, 3.0)]).is_empty());
    }

    #[test]
    fn textures_stay_inside_their_rectangle() {
        let area = Rect { x: 10.0, y: 20.0, width: 47.0, height: 19.0 };
        for texture in [Texture::Rising, Texture::Falling, Texture::Upright, Texture::Level] {
            let lines = texture_lines(area, texture);
            assert!(lines.len() >= 3);
            for (x, y) in lines.into_iter().flat_map(|(from, to)| [from, to]) {
                assert!((10.0..=57.0).contains(&x) && (20.0..=39.0).contains(&y), "{texture:?} {x} {y}");
            }
        }
        assert!(texture_lines(area, Texture::Solid).is_empty());
    }
}
