//! The frame of charts whose values run to the right: named rows, a value axis below, and limit lines across.
//! Names stand beside the rows where there is room and above them where there is not.

use crate::axis::Scale;
use crate::scene::{Align, Label, Rect, Scene, Stroke};
use crate::text::{Font, Measure, fit};
use crate::theme::Role;

/// Width from which names may stand beside their rows, CSS px.
const ROOMY: f64 = 560.0;
const TICK_LINE: f64 = 18.0;
const LIMIT_LINE: f64 = 17.0;

/// What the frame is made of.
pub(crate) struct Frame<'a> {
    /// A name and the height of the body per row.
    pub(crate) rows: Vec<(&'a str, f64)>,
    /// Values to positions.
    pub(crate) scale: Scale,
    /// Below the ticks; empty for none.
    pub(crate) axis: &'a str,
    /// Lines across every row.
    pub(crate) limits: Vec<(f64, String)>,
    /// Free space kept on the right for values written behind a bar.
    pub(crate) reserve: f64,
    /// Free space between rows.
    pub(crate) gap: f64,
}

/// A frame in place.
pub(crate) struct Rows {
    /// Where each row's body lies; its left edge is the axis' low end.
    pub(crate) bodies: Vec<Rect>,
    scale: Scale,
    left: f64,
    right: f64,
    bottom: f64,
    /// Position of each limit, and the top of its line.
    limits: Vec<(f64, f64)>,
}

impl Rows {
    /// Lays the frame out from `top`, adds names, grid, ticks and limit labels, and sets the scene's height.
    pub(crate) fn new(scene: &mut Scene, top: f64, frame: Frame<'_>, measure: &dyn Measure) -> Self {
        let longest =
            frame.rows.iter().map(|(name, _)| measure.width(name, Font::LABEL)).fold(0.0, f64::max).ceil();
        let beside = scene.width >= ROOMY && longest <= scene.width * 0.3;
        let ticks = &frame.scale.ticks;
        let half_tick = |tick: Option<&(f64, String)>| {
            tick.map_or(0.0, |(_, text)| measure.width(text, Font::SMALL) / 2.0).ceil()
        };
        let left = if beside { longest + 14.0 } else { 0.0 };
        let right = scene.width - frame.reserve.max(half_tick(ticks.last())).min(scene.width * 0.45);
        let mut rows =
            Self { bodies: Vec::new(), scale: frame.scale, left, right, bottom: 0.0, limits: Vec::new() };
        let first = top + rows.limit_labels(scene, top, &frame.limits, measure);
        let mut y = first + if beside { 8.0 } else { 0.0 };
        let mut names = Vec::new();
        for (name, height) in frame.rows {
            let name_line = if beside || name.is_empty() { 0.0 } else { Font::LABEL.line() + 4.0 };
            names.push(if beside {
                (left - 14.0, y + height / 2.0, name, Align::End)
            } else {
                (0.0, y + name_line / 2.0, name, Align::Start)
            });
            rows.bodies.push(Rect { x: left, y: y + name_line, width: right - left, height });
            y += name_line + height + frame.gap;
        }
        rows.bottom = y - frame.gap + 8.0;
        rows.grid(scene, first, measure);
        for (x, middle, name, align) in names {
            let name = fit(name, scene.width, Font::LABEL, measure);
            if align == Align::Start {
                plate(scene, &name, (x, middle), Font::LABEL, measure);
            }
            scene.text(&name, (x, middle), Font::LABEL, Role::Ink, align);
        }
        scene.height = rows.bottom + TICK_LINE + 4.0;
        if !frame.axis.is_empty() {
            let text = fit(frame.axis, scene.width, Font::SMALL, measure);
            let wide = measure.width(&text, Font::SMALL);
            let x = ((left + right - wide) / 2.0).clamp(0.0, (scene.width - wide).max(0.0));
            scene.text(&text, (x, scene.height + 9.0), Font::SMALL, Role::Muted, Align::Start);
            scene.height += TICK_LINE + 2.0;
        }
        rows
    }

    /// The position of a value.
    pub(crate) fn at(&self, value: f64) -> f64 {
        self.left + self.scale.share(value) * (self.right - self.left)
    }

    fn grid(&self, scene: &mut Scene, top: f64, measure: &dyn Measure) {
        let mut free = f64::NEG_INFINITY;
        for (value, text) in &self.scale.ticks {
            let x = self.at(*value);
            scene.line((x, top), (x, self.bottom), Stroke::solid(Role::Grid, 1.0));
            let wide = measure.width(text, Font::SMALL);
            let from = (x - wide / 2.0).clamp(0.0, (scene.width - wide).max(0.0));
            if from >= free {
                let at = (from, self.bottom + TICK_LINE / 2.0 + 2.0);
                scene.text(text, at, Font::SMALL, Role::Muted, Align::Start);
                free = from + wide + 8.0;
            }
        }
    }

    /// Puts the labels of limits on as many lines as they need; returns the height of those lines.
    fn limit_labels(
        &mut self,
        scene: &mut Scene,
        top: f64,
        limits: &[(f64, String)],
        measure: &dyn Measure,
    ) -> f64 {
        let mut lines: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut placed = Vec::new();
        for (value, text) in limits {
            let text = fit(text, scene.width, Font::SMALL, measure);
            let wide = measure.width(&text, Font::SMALL);
            let at = self.at(*value);
            let from = (at - wide / 2.0).clamp(0.0, (scene.width - wide).max(0.0));
            let free = |line: &Vec<(f64, f64)>| {
                line.iter().all(|(start, end)| from + wide + 12.0 <= *start || from >= end + 12.0)
            };
            let line = lines.iter().position(free).unwrap_or(lines.len());
            if line == lines.len() {
                lines.push(Vec::new());
            }
            lines[line].push((from, from + wide));
            placed.push((at, from, line, text));
        }
        for (at, from, line, text) in placed {
            let middle = top + line as f64 * LIMIT_LINE + LIMIT_LINE / 2.0;
            scene.text(&text, (from, middle), Font::SMALL, Role::Accent, Align::Start);
            self.limits.push((at, middle + LIMIT_LINE / 2.0));
        }
        if lines.is_empty() { 0.0 } else { lines.len() as f64 * LIMIT_LINE + 4.0 }
    }

    /// Adds the limit lines; call it after the bars, so that they lie on top.
    pub(crate) fn limit_lines(&self, scene: &mut Scene) {
        for (x, top) in &self.limits {
            scene.line((*x, *top), (*x, self.bottom), Stroke::dashed(Role::Accent, 1.5));
        }
    }
}

/// Clears the ground under a text that starts at a position.
pub(crate) fn plate(scene: &mut Scene, text: &str, at: (f64, f64), font: Font, measure: &dyn Measure) {
    let label =
        Label { text: text.to_owned(), at, font, role: Role::Ink, align: Align::Start, upward: false };
    let bounds = label.bounds(measure);
    if bounds.width > 0.0 {
        let area = Rect {
            x: bounds.x - 2.0,
            y: bounds.y - 1.0,
            width: bounds.width + 4.0,
            height: bounds.height + 2.0,
        };
        scene.rect(area, Role::Surface);
    }
}

/// Adds an interval along the value axis: a line with a cap at each end, on a rim of the surface colour.
pub(crate) fn whisker(scene: &mut Scene, (low, high): (f64, f64), middle: f64, cap: f64) {
    for (role, width) in [(Role::Surface, 4.0), (Role::Ink, 1.5)] {
        let stroke = Stroke::solid(role, width);
        scene.line((low, middle), (high, middle), stroke);
        for end in [low, high] {
            scene.line((end, middle - cap), (end, middle + cap), stroke);
        }
    }
}
