//! A scene as SVG text. Inline SVG names custom properties, so it follows the page's colour scheme and needs no
//! `style` attribute; standalone SVG, for export, carries the colours of one theme.

use crate::Drawing;
use crate::number::fixed;
use crate::paint::{TEXTURE_STEP, TEXTURE_WIDTH};
use crate::scene::{Align, DASH, Label, Point, Scene, Shape, Stroke, Texture};
use crate::text::{Estimate, Font};
use crate::theme::{FONT_FAMILY, Role, Theme, hex, property};

/// Width at which the wide twin of a responsive drawing is laid out, CSS px.
pub const WIDE: f64 = 760.0;
/// Width at which the narrow twin is laid out, CSS px.
pub const NARROW: f64 = 340.0;

/// A drawing laid out at `width` CSS px for use inside a page: fills the width of its parent, is announced as one
/// image with title and summary. `id` must be unique in the page; characters outside `[A-Za-z0-9_-]` become `-`.
/// The page includes [`crate::theme::stylesheet`].
pub fn inline(drawing: &dyn Drawing, width: f64, id: &str) -> String {
    Writer::write(drawing, width, id, "drawing", None)
}

/// Two inline drawings in one `<div class="chart">`, of which the style sheet shows the one that suits the room:
/// text stays readable on a phone, where scaling one drawing down would not leave it so.
pub fn responsive(drawing: &dyn Drawing, id: &str) -> String {
    let wide = Writer::write(drawing, WIDE, id, "drawing wide", None);
    let narrow = Writer::write(drawing, NARROW, &[id, "-narrow"].concat(), "drawing narrow", None);
    ["<div class=\"chart\">", &wide, &narrow, "</div>"].concat()
}

/// A file of its own with the theme's colours and surface.
pub fn standalone(drawing: &dyn Drawing, width: f64, theme: &Theme) -> String {
    Writer::write(drawing, width, "chart", "drawing", Some(theme))
}

struct Writer<'a> {
    out: String,
    id: &'a str,
    theme: Option<&'a Theme>,
}

impl<'a> Writer<'a> {
    fn write(drawing: &dyn Drawing, width: f64, id: &str, class: &str, theme: Option<&'a Theme>) -> String {
        let id: String =
            id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
        let scene = drawing.scene(width, &Estimate);
        let mut writer = Writer { out: String::new(), id: &id, theme };
        writer.open(&scene, drawing, class);
        writer.patterns(&scene);
        writer.shapes(&scene);
        writer.out.push_str("</g></svg>");
        writer.out
    }

    fn open(&mut self, scene: &Scene, drawing: &dyn Drawing, class: &str) {
        let (width, height) = (fixed(scene.width, 1), fixed(scene.height, 1));
        self.out.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\"");
        self.attribute("class", class);
        self.attribute("viewBox", &["0 0 ", &width, " ", &height].concat());
        if self.theme.is_some() {
            self.attribute("width", &width);
            self.attribute("height", &height);
        } else {
            self.attribute("width", "100%");
        }
        let (title, desc) = ([self.id, "-title"].concat(), [self.id, "-desc"].concat());
        // A reader's font may run wider than the estimate; better over the edge than cut.
        self.attribute("overflow", "visible");
        self.attribute("role", "img");
        self.attribute("aria-labelledby", &[&title, " ", &desc].concat());
        self.out.push('>');
        for (tag, id, text) in
            [("title", &title, drawing.title().to_owned()), ("desc", &desc, drawing.summary())]
        {
            self.out.push_str(&["<", tag, " id=\"", id, "\">"].concat());
            escape(&mut self.out, &text);
            self.out.push_str(&["</", tag, ">"].concat());
        }
        if self.theme.is_some() {
            let surface = self.colour(Role::Surface);
            self.element("rect", &[("width", &width), ("height", &height), ("fill", &surface)], None);
        }
        self.out.push_str("<g");
        self.attribute("font-family", FONT_FAMILY);
        self.attribute("font-size", &fixed(Font::SMALL.size, 1));
        self.out.push('>');
    }

    fn patterns(&mut self, scene: &Scene) {
        let used = |texture| {
            scene.shapes.iter().any(|shape| matches!(shape, Shape::Rect { texture: t, .. } if *t == texture))
        };
        for texture in [Texture::Rising, Texture::Falling, Texture::Upright, Texture::Level] {
            if !used(texture) {
                continue;
            }
            let turn = match texture {
                Texture::Rising => "rotate(45)",
                Texture::Falling => "rotate(-45)",
                Texture::Level => "rotate(90)",
                _ => "rotate(0)",
            };
            // Diagonal lines are as far apart along the edge as upright ones.
            let diagonal = matches!(texture, Texture::Rising | Texture::Falling);
            let step = fixed(TEXTURE_STEP * if diagonal { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 }, 2);
            self.out.push_str("<pattern");
            self.attribute("id", &pattern_id(self.id, texture));
            self.attribute("width", &step);
            self.attribute("height", &step);
            self.attribute("patternUnits", "userSpaceOnUse");
            self.attribute("patternTransform", turn);
            self.out.push('>');
            let (line, fill) = (fixed(TEXTURE_WIDTH, 1), self.colour(Role::Surface));
            self.element("rect", &[("width", &line), ("height", &step), ("fill", &fill)], None);
            self.out.push_str("</pattern>");
        }
    }

    fn shapes(&mut self, scene: &Scene) {
        let mut tips = scene.tips.iter().peekable();
        for (index, shape) in scene.shapes.iter().enumerate() {
            let tip = tips.next_if(|(at, _)| *at == index).map(|(_, text)| text.as_str());
            match shape {
                Shape::Rect { area, role, texture } => {
                    let corner = [
                        fixed(area.x, 1),
                        fixed(area.y, 1),
                        fixed(area.width.max(0.1), 1),
                        fixed(area.height.max(0.1), 1),
                    ];
                    let fill = self.colour(*role);
                    let place = |fill| {
                        let [x, y, width, height] = &corner;
                        [("x", x.as_str()), ("y", y), ("width", width), ("height", height), ("fill", fill)]
                    };
                    if *texture == Texture::Solid {
                        self.element("rect", &place(&fill), tip);
                    } else {
                        self.element("rect", &place(&fill), None);
                        let over = ["url(#", &pattern_id(self.id, *texture), ")"].concat();
                        self.element("rect", &place(&over), tip);
                    }
                }
                Shape::Line { points, stroke } => self.line(points, *stroke),
                Shape::Polygon { points, role } => {
                    let fill = self.colour(*role);
                    let data = [&path_data(points), "z"].concat();
                    self.element("path", &[("d", &data), ("fill", &fill)], tip);
                }
                Shape::Disc { centre, radius, role } => {
                    let (x, y, r) = (fixed(centre.0, 1), fixed(centre.1, 1), fixed(*radius, 1));
                    let fill = self.colour(*role);
                    self.element("circle", &[("cx", &x), ("cy", &y), ("r", &r), ("fill", &fill)], tip);
                }
                Shape::Text(label) => self.label(label),
            }
        }
    }

    fn line(&mut self, points: &[Point], stroke: Stroke) {
        let (data, colour, width) = (path_data(points), self.colour(stroke.role), fixed(stroke.width, 2));
        let dash = [fixed(DASH.0, 1), " ".to_owned(), fixed(DASH.1, 1)].concat();
        let mut attributes = vec![("d", data.as_str()), ("stroke", &colour), ("stroke-width", &width)];
        if points.len() > 2 {
            attributes.extend([("fill", "none"), ("stroke-linejoin", "round")]);
        }
        if stroke.dashed {
            attributes.push(("stroke-dasharray", &dash));
        }
        self.element("path", &attributes, None);
    }

    fn label(&mut self, label: &Label) {
        // The middle of a line of capitals and digits lies 0.35 em above the baseline.
        let drop = label.font.size * 0.35;
        let (x, y) =
            if label.upward { (label.at.0 + drop, label.at.1) } else { (label.at.0, label.at.1 + drop) };
        let (x, y) = (fixed(x, 1), fixed(y, 1));
        self.out.push_str("<text");
        if label.upward {
            self.attribute("transform", &["translate(", &x, " ", &y, ")rotate(-90)"].concat());
        } else {
            self.attribute("x", &x);
            self.attribute("y", &y);
        }
        let fill = self.colour(label.role);
        self.attribute("fill", &fill);
        match label.align {
            Align::Start => {}
            Align::Middle => self.attribute("text-anchor", "middle"),
            Align::End => self.attribute("text-anchor", "end"),
        }
        if (label.font.size - Font::SMALL.size).abs() > 0.01 {
            self.attribute("font-size", &fixed(label.font.size, 1));
        }
        if label.font.bold {
            self.attribute("font-weight", "600");
        }
        self.out.push('>');
        escape(&mut self.out, &label.text);
        self.out.push_str("</text>");
    }

    fn element(&mut self, tag: &str, attributes: &[(&str, &str)], tip: Option<&str>) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        let Some(tip) = tip else {
            self.out.push_str("/>");
            return;
        };
        self.out.push_str("><title>");
        escape(&mut self.out, tip);
        self.out.push_str(&["</title></", tag, ">"].concat());
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push_str(&[" ", name, "=\""].concat());
        escape(&mut self.out, value);
        self.out.push('"');
    }

    fn colour(&self, role: Role) -> String {
        match self.theme {
            Some(theme) => hex(theme.colour(role)),
            None => ["var(", &property(role), ")"].concat(),
        }
    }
}

fn pattern_id(id: &str, texture: Texture) -> String {
    let name = match texture {
        Texture::Rising => "-rising",
        Texture::Falling => "-falling",
        Texture::Upright => "-upright",
        Texture::Solid | Texture::Level => "-level",
    };
    [id, name].concat()
}

fn path_data(points: &[Point]) -> String {
    let mut data = String::with_capacity(points.len() * 12);
    for (i, (x, y)) in points.iter().enumerate() {
        data.push(if i == 0 { 'M' } else { 'L' });
        data.push_str(&fixed(*x, 1));
        data.push(' ');
        data.push_str(&fixed(*y, 1));
    }
    data
}

/// Appends text with XML's own characters escaped and those that XML forbids left out.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
}
