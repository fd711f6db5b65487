//! The frame of charts whose values run to the right: named rows, a value axis below, and limit lines across.
//! Names stand beside the rows where there is room and above them where there is not.

use std::cmp::Ordering;

use dhurandhar_core::leaf::number::within;

use crate::axis::Scale;
use crate::scene::{Align, Label, Point, Rect, Scene, Stroke};
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
    /// Names with their places.
    names: Vec<(String, Point)>,
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
        let left = if beside && longest > 0.0 { longest + 14.0 } else { 0.0 };
        let right = scene.width - frame.reserve.max(half_tick(ticks.last())).min(scene.width * 0.5);
        let mut rows = Self {
            bodies: Vec::new(),
            scale: frame.scale,
            left,
            right,
            bottom: 0.0,
            limits: Vec::new(),
            names: Vec::new(),
        };
        let first = top + rows.limit_labels(scene, top, &frame.limits, measure);
        let mut y = first + if beside { 8.0 } else { 0.0 };
        for (name, height) in frame.rows {
            let name_line = if beside || name.is_empty() { 0.0 } else { Font::LABEL.line() + 4.0 };
            let name = fit(name, scene.width, Font::LABEL, measure);
            rows.names.push(if beside {
                let from = left - 14.0 - measure.width(&name, Font::LABEL);
                (name, (from, y + height / 2.0))
            } else {
                (name, (0.0, y + name_line / 2.0))
            });
            rows.bodies.push(Rect { x: left, y: y + name_line, width: right - left, height });
            y += name_line + height + frame.gap;
        }
        rows.bottom = (y - frame.gap).max(first) + 8.0;
        rows.grid(scene, first, measure);
        scene.height = rows.bottom + TICK_LINE + 4.0;
        if !frame.axis.is_empty() {
            let text = fit(frame.axis, scene.width, Font::SMALL, measure);
            let wide = measure.width(&text, Font::SMALL);
            let x = within((left + right - wide) / 2.0, 0.0, (scene.width - wide).max(0.0));
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
        let place = |(value, text): &(f64, String)| {
            let wide = measure.width(text, Font::SMALL);
            let from = within(self.at(*value) - wide / 2.0, 0.0, (scene.width - wide).max(0.0));
            (from, from + wide)
        };
        // The last tick names the unit, so it stays; others give way.
        let last = self.scale.ticks.last().map_or(f64::MAX, |tick| place(tick).0);
        let mut free = f64::NEG_INFINITY;
        let mut shown = Vec::new();
        for (index, tick) in self.scale.ticks.iter().enumerate() {
            let (from, to) = place(tick);
            if index + 1 == self.scale.ticks.len() || from >= free && to + 8.0 <= last {
                shown.push((from, tick.1.as_str()));
                free = to + 8.0;
            }
        }
        for (value, _) in &self.scale.ticks {
            let x = self.at(*value);
            scene.line((x, top), (x, self.bottom), Stroke::solid(Role::Grid, 1.0));
        }
        for (from, text) in shown {
            let at = (from, self.bottom + TICK_LINE / 2.0 + 2.0);
            scene.text(text, at, Font::SMALL, Role::Muted, Align::Start);
        }
    }

    /// Puts the labels of limits on as many lines as they need, clear of each other and of each other's limit
    /// lines; returns the height of those label lines.
    fn limit_labels(
        &mut self,
        scene: &mut Scene,
        top: f64,
        limits: &[(f64, String)],
        measure: &dyn Measure,
    ) -> f64 {
        let mut placed: Vec<LimitLabel> = Vec::new();
        for (value, text) in limits {
            let text = fit(text, scene.width, Font::SMALL, measure);
            let wide = measure.width(&text, Font::SMALL);
            let x = self.at(*value);
            let last = (scene.width - wide).max(0.0);
            // Centred over its line if it can be, else to one side of it.
            let froms = [x - wide / 2.0, x - 4.0, x + 4.0 - wide].map(|from| within(from, 0.0, last));
            let label = |line, from| LimitLabel { x, line, from, to: from + wide };
            let free = (0..=placed.len())
                .flat_map(|line| froms.map(|from| label(line, from)))
                .find(|label| placed.iter().all(|other| label.clear_of(other)));
            let label = free.unwrap_or_else(|| label(placed.len(), froms[0]));
            let middle = top + (label.line as f64 + 0.5) * LIMIT_LINE;
            scene.text(&text, (label.from, middle), Font::SMALL, Role::Accent, Align::Start);
            self.limits.push((x, middle + LIMIT_LINE / 2.0));
            placed.push(label);
        }
        let lines = placed.iter().map(|label| label.line + 1).max().unwrap_or(0);
        if lines == 0 { 0.0 } else { lines as f64 * LIMIT_LINE + 4.0 }
    }

    /// Adds the limit lines and, on top of them, the names; call it after the bars.
    pub(crate) fn finish(&self, scene: &mut Scene, measure: &dyn Measure) {
        for (x, top) in &self.limits {
            scene.line((*x, *top), (*x, self.bottom), Stroke::dashed(Role::Accent, 1.5));
        }
        for (name, at) in &self.names {
            if self.crossed(at.0, at.0 + measure.width(name, Font::LABEL)) {
                plate(scene, name, *at, Font::LABEL, measure);
            }
            scene.text(name, *at, Font::LABEL, Role::Ink, Align::Start);
        }
    }

    /// Whether a limit line runs between two positions.
    pub(crate) fn crossed(&self, from: f64, to: f64) -> bool {
        self.limits.iter().any(|(x, _)| *x > from - 3.0 && *x < to + 3.0)
    }
}

/// The label of a limit at `x`, on a label line counted from the top, between two positions.
struct LimitLabel {
    x: f64,
    line: usize,
    from: f64,
    to: f64,
}

impl LimitLabel {
    fn clear_of(&self, other: &Self) -> bool {
        let covers = |label: &Self, x: f64| x > label.from - 4.0 && x < label.to + 4.0;
        match self.line.cmp(&other.line) {
            Ordering::Equal => self.to + 12.0 <= other.from || other.to + 12.0 <= self.from,
            Ordering::Less => !covers(other, self.x),
            Ordering::Greater => !covers(self, other.x),
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
