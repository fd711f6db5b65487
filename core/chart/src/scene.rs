//! A drawing after layout: a short list of shapes in CSS px, colours by role. Charts are computed into a scene
//! once and then painted onto any plotters backend or written as SVG, so the page carries one copy of the layout.

use crate::text::{Font, Measure};
use crate::theme::Role;

/// A position in CSS px from the upper left corner.
pub type Point = (f64, f64);

/// An axis-parallel rectangle in CSS px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, never negative.
    pub width: f64,
    /// Height, never negative.
    pub height: f64,
}

impl Rect {
    /// The rectangle between two corners, in any order.
    pub fn between(a: Point, b: Point) -> Self {
        Self { x: a.0.min(b.0), y: a.1.min(b.1), width: (a.0 - b.0).abs(), height: (a.1 - b.1).abs() }
    }

    /// Right edge.
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    /// Lower edge.
    pub fn bottom(self) -> f64 {
        self.y + self.height
    }

    /// Whether the two share some area.
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Lines over a fill, so that two areas differ in more than colour. Drawn in the surface colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Texture {
    /// No lines.
    #[default]
    Solid,
    /// Diagonal lines, `/`.
    Rising,
    /// Diagonal lines, `\`.
    Falling,
    /// Vertical lines.
    Upright,
    /// Horizontal lines.
    Level,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Colour.
    pub role: Role,
    /// CSS px.
    pub width: f64,
    /// Dashed.
    pub dashed: bool,
}

/// Length of a dash and of the gap after it, CSS px.
pub(crate) const DASH: (f64, f64) = (5.0, 4.0);

impl Stroke {
    /// A continuous line.
    pub const fn solid(role: Role, width: f64) -> Self {
        Self { role, width, dashed: false }
    }

    /// A dashed line.
    pub const fn dashed(role: Role, width: f64) -> Self {
        Self { role, width, dashed: true }
    }
}

/// Which part of a text stands at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// One line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The text.
    pub text: String,
    /// Where: `align` says which part of the text, vertically it is the middle of the line.
    pub at: Point,
    /// Size and weight.
    pub font: Font,
    /// Colour.
    pub role: Role,
    /// Horizontal alignment, or vertical when `upward`.
    pub align: Align,
    /// Turned to read from bottom to top.
    pub upward: bool,
}

impl Label {
    /// The area that the text covers.
    pub fn bounds(&self, measure: &dyn Measure) -> Rect {
        let length = measure.width(&self.text, self.font);
        let height = self.font.size;
        let before = match self.align {
            Align::Start => 0.0,
            Align::Middle => length / 2.0,
            Align::End => length,
        };
        let (x, y) = self.at;
        if self.upward {
            Rect { x: x - height / 2.0, y: y - length + before, width: height, height: length }
        } else {
            Rect { x: x - before, y: y - height / 2.0, width: length, height }
        }
    }
}

/// One thing to paint.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle.
    Rect {
        /// Where.
        area: Rect,
        /// Colour.
        role: Role,
        /// Lines over it.
        texture: Texture,
    },
    /// A line through points.
    Line {
        /// At least two.
        points: Vec<Point>,
        /// How it looks.
        stroke: Stroke,
    },
    /// A filled polygon.
    Polygon {
        /// At least three.
        points: Vec<Point>,
        /// Colour.
        role: Role,
    },
    /// A filled disc.
    Disc {
        /// Middle.
        centre: Point,
        /// CSS px.
        radius: f64,
        /// Colour.
        role: Role,
    },
    /// Text.
    Text(Label),
}

/// A drawing of a known size, ready to be painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// CSS px.
    pub width: f64,
    /// CSS px; follows from the content.
    pub height: f64,
    /// In painting order.
    pub shapes: Vec<Shape>,
    /// What a shape says when pointed at: its index in `shapes`, and the text.
    pub tips: Vec<(usize, String)>,
}

impl Scene {
    /// An empty scene. Widths that are not between 200 and 4,000 CSS px are brought there.
    pub fn new(width: f64) -> Self {
        let width = if width.is_finite() { width.clamp(200.0, 4_000.0) } else { 640.0 };
        Self { width, height: 0.0, shapes: Vec::new(), tips: Vec::new() }
    }

    /// Adds a plain rectangle.
    pub fn rect(&mut self, area: Rect, role: Role) {
        self.textured(area, role, Texture::Solid);
    }

    /// Adds a rectangle with lines over it.
    pub fn textured(&mut self, area: Rect, role: Role, texture: Texture) {
        if area.width > 0.0 && area.height > 0.0 {
            self.shapes.push(Shape::Rect { area, role, texture });
        }
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: Point, to: Point, stroke: Stroke) {
        self.path(vec![from, to], stroke);
    }

    /// Adds a line through points.
    pub fn path(&mut self, points: Vec<Point>, stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points, stroke });
        }
    }

    /// Adds one line of text.
    pub fn text(&mut self, text: &str, at: Point, font: Font, role: Role, align: Align) {
        if !text.is_empty() {
            let label = Label { text: text.to_owned(), at, font, role, align, upward: false };
            self.shapes.push(Shape::Text(label));
        }
    }

    /// Gives the shape added last a text for pointing at it.
    pub fn tip(&mut self, text: String) {
        if let Some(last) = self.shapes.len().checked_sub(1) {
            self.tips.push((last, text));
        }
    }

    /// Every text in the scene.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(label) => Some(label),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_without_area_is_added() {
        let mut scene = Scene::new(f64::NAN);
        scene.rect(Rect { x: 0.0, y: 0.0, width: 0.0, height: 20.0 }, Role::Ink);
        scene.text("", (0.0, 0.0), Font::SMALL, Role::Ink, Align::Start);
        scene.path(vec![(0.0, 0.0)], Stroke::solid(Role::Ink, 1.0));
        assert!(scene.shapes.is_empty());
        assert!((scene.width - 640.0).abs() < f64::EPSILON);
    }
}
