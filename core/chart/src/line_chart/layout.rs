//! Where the parts of a line chart go: direct labels at the ends of lines where there is room, a legend where not.

use super::{Limit, Line, LineChart, LineStyle, thinned};
use crate::axis::{Scale, usable};
use crate::legend::{Key, legend};
use crate::marker::{Marker, mark};
use crate::number::short;
use crate::rows::plate;
use crate::scene::{Align, Point, Rect, Scene, Stroke};
use crate::text::{Font, Measure, fit};
use crate::theme::Role;

const END_LABEL: f64 = 16.0;
const LEADER: f64 = 24.0;
const FONT: Font = Font::SMALL;

struct Plot<'a> {
    chart: &'a LineChart,
    area: Rect,
    x: Scale,
    y: Scale,
    measure: &'a dyn Measure,
}

pub(super) fn scene(chart: &LineChart, width: f64, measure: &dyn Measure) -> Scene {
    let mut scene = Scene::new(width);
    let (x, y) = chart.scales(if scene.width < 480.0 { (4, 5) } else { (8, 6) });
    let direct = end_room(chart, &x, scene.width, measure);
    let mut top = 0.0;
    if direct.is_none() && chart.lines.len() > 1 {
        let entries: Vec<_> =
            chart.lines.iter().enumerate().map(|line| key(chart, line, scene.width)).collect();
        top = legend(&mut scene, 0.0, &entries, measure) + 10.0;
    }
    if !chart.y.label.is_empty() {
        let label = fit(&chart.y.label, scene.width, FONT, measure);
        scene.text(&label, (0.0, top + 9.0), FONT, Role::Muted, Align::Start);
        top += 22.0;
    }
    top += 6.0;
    let height = (scene.width * 0.46).clamp(190.0, 300.0);
    let tick = |(_, text): &(f64, String)| measure.width(text, FONT);
    let first = x.ticks.first().map_or(0.0, tick) / 2.0;
    let left = (y.ticks.iter().map(tick).fold(0.0, f64::max).ceil() + 8.0).max(first);
    let half = x.ticks.last().map_or(0.0, tick) / 2.0;
    let right = scene.width - direct.unwrap_or(0.0).max(half.ceil() + 1.0).max(6.0);
    let area = Rect { x: left, y: top, width: (right - left).max(40.0), height };
    let plot = Plot { chart, area, x, y, measure };
    plot.axes(&mut scene);
    plot.limit_lines(&mut scene);
    for (index, line) in chart.lines.iter().enumerate() {
        plot.line(&mut scene, index, line);
    }
    plot.limit_labels(&mut scene);
    if direct.is_some() {
        plot.end_labels(&mut scene);
    }
    scene
}

/// Room on the right for names at the ends of lines, or none when a legend serves better: on narrow drawings, for
/// long or many names, and when a line ends far from the right edge.
fn end_room(chart: &LineChart, x: &Scale, width: f64, measure: &dyn Measure) -> Option<f64> {
    let longest = chart.lines.iter().map(|line| measure.width(&line.name, FONT)).fold(0.0, f64::max);
    let few = (2..=8).contains(&chart.lines.len());
    if !few || width < 480.0 || longest > width * 0.3 {
        return None;
    }
    let ends_right = |line: &Line| {
        line.style != LineStyle::Points && chart.shown(line).last().is_some_and(|last| x.share(last.x) > 0.93)
    };
    chart.lines.iter().all(ends_right).then_some(longest.ceil() + LEADER + 6.0)
}

/// Colour and marker of a line; lines that take another's colour do not use one up.
fn look(chart: &LineChart, index: usize) -> (Role, usize) {
    let own = |line: &Line| line.colour_of.is_none() && line.style != LineStyle::Theory;
    let place = |index: usize| chart.lines.iter().take(index).filter(|line| own(line)).count();
    match chart.lines.get(index) {
        Some(Line { colour_of: Some(other), .. }) if chart.lines.get(*other).is_some_and(own) => {
            (Role::Series(place(*other)), place(*other))
        }
        Some(line) if own(line) => (Role::Series(place(index)), place(index)),
        _ => (Role::Muted, place(index)),
    }
}

/// Whether a line of so many points has markers on a drawing of this width.
fn marked(style: LineStyle, points: usize, width: f64) -> bool {
    match style {
        LineStyle::Joined => points as f64 <= width / 16.0,
        LineStyle::Theory => points == 1,
        LineStyle::Points => true,
    }
}

fn key(chart: &LineChart, (index, line): (usize, &Line), width: f64) -> (Key, String) {
    let (role, place) = look(chart, index);
    let marker = marked(line.style, chart.shown(line).len(), width).then(|| Marker::of(place));
    let (style, name) = (line.style, line.name.as_str());
    let key = match style {
        LineStyle::Theory => Key::Line(Stroke::dashed(role, 2.0), None),
        LineStyle::Joined => Key::Line(Stroke::solid(role, 2.0), marker),
        LineStyle::Points => Key::Point(role, Marker::of(place)),
    };
    (key, name.to_owned())
}

impl Plot<'_> {
    fn at(&self, x: f64, y: f64) -> Point {
        (
            self.area.x + self.x.share(x) * self.area.width,
            self.area.bottom() - self.y.share(y) * self.area.height,
        )
    }

    fn axes(&self, scene: &mut Scene) {
        let (left, right, bottom) = (self.area.x, self.area.right(), self.area.bottom());
        for (value, text) in &self.y.ticks {
            let y = bottom - self.y.share(*value) * self.area.height;
            scene.line((left, y), (right, y), Stroke::solid(Role::Grid, 1.0));
            scene.text(text, (left - 8.0, y), FONT, Role::Muted, Align::End);
        }
        scene.line((left, bottom), (right, bottom), Stroke::solid(Role::Muted, 1.0));
        let mut free = f64::NEG_INFINITY;
        for (value, text) in &self.x.ticks {
            let x = left + self.x.share(*value) * self.area.width;
            let half = self.measure.width(text, FONT) / 2.0;
            scene.line((x, bottom), (x, bottom + 4.0), Stroke::solid(Role::Muted, 1.0));
            if x - half >= free {
                scene.text(text, (x, bottom + 15.0), FONT, Role::Muted, Align::Middle);
                free = x + half + 8.0;
            }
        }
        scene.height = bottom + 26.0;
        let label = fit(&self.chart.x.label, scene.width, FONT, self.measure);
        if !label.is_empty() {
            let wide = self.measure.width(&label, FONT);
            let x = ((left + right - wide) / 2.0).clamp(0.0, (scene.width - wide).max(0.0));
            scene.text(&label, (x, bottom + 34.0), FONT, Role::Muted, Align::Start);
            scene.height += 19.0;
        }
    }

    fn limit_lines(&self, scene: &mut Scene) {
        let (area, stroke) = (self.area, Stroke::dashed(Role::Accent, 1.5));
        for limit in &self.chart.limits {
            match self.limit(limit) {
                Some((true, x)) => scene.line((x, area.y), (x, area.bottom()), stroke),
                Some((false, y)) => scene.line((area.x, y), (area.right(), y), stroke),
                None => {}
            }
        }
    }

    /// Whether a limit is upright, and its position, if the axis can show it.
    fn limit(&self, limit: &Limit) -> Option<(bool, f64)> {
        let (upright, value) = match limit {
            Limit::X(value, _) => (true, usable(*value, self.chart.x.spread)?),
            Limit::Y(value, _) => (false, usable(*value, self.chart.y.spread)?),
        };
        let at = self.at(value, value);
        Some((upright, if upright { at.0 } else { at.1 }))
    }

    /// Labels of limits, where they hide least: beside their line at the end that is free of data.
    fn limit_labels(&self, scene: &mut Scene) {
        let area = self.area;
        let data: Vec<Rect> = self.chart.lines.iter().flat_map(|line| self.pieces(line)).collect();
        for limit in &self.chart.limits {
            let (Some((upright, at)), Limit::X(_, text) | Limit::Y(_, text)) = (self.limit(limit), limit)
            else {
                continue;
            };
            let text = fit(text, area.width - 16.0, FONT, self.measure);
            let wide = self.measure.width(&text, FONT);
            let (near, far) = (at + 7.0, at - 7.0 - wide);
            let (above, below) = (at - 10.0, at + 10.0);
            let places = if upright {
                let (high, low) = (area.y + 9.0, area.bottom() - 12.0);
                [(near, high), (far, high), (near, low), (far, low)]
            } else {
                let (start, end) = (area.x + 6.0, area.right() - 6.0 - wide);
                [(start, above), (end, above), (start, below), (end, below)]
            };
            let covered = |place: &Point| {
                let (x, y) = *place;
                let label = Rect { x: x - 3.0, y: y - 8.0, width: wide + 6.0, height: 16.0 };
                let outside = x < area.x || x + wide > area.right() || y < area.y || y > area.bottom();
                (outside, data.iter().filter(|piece| piece.overlaps(label)).count())
            };
            let Some(place) = places.into_iter().min_by_key(covered) else {
                continue;
            };
            let place = (place.0.clamp(0.0, (scene.width - wide).max(0.0)), place.1);
            plate(scene, &text, place, FONT, self.measure);
            scene.text(&text, place, FONT, Role::Accent, Align::Start);
        }
    }

    /// The boxes around the pieces of a line.
    fn pieces(&self, line: &Line) -> Vec<Rect> {
        let points = self.chart.shown(line);
        let places: Vec<Point> = points.iter().map(|point| self.at(point.x, point.y)).collect();
        let grown = |a: Point, b: Point| Rect::between((a.0 - 1.0, a.1 - 1.0), (b.0 + 1.0, b.1 + 1.0));
        match places.as_slice() {
            [only] => vec![grown(*only, *only)],
            _ => places.windows(2).map(|pair| grown(pair[0], pair[1])).collect(),
        }
    }

    fn line(&self, scene: &mut Scene, index: usize, line: &Line) {
        let (role, place) = look(self.chart, index);
        let points = self.chart.shown(line);
        for (x, (low, high)) in points.iter().filter_map(|point| Some((point.x, point.range?))) {
            let (low, high) = (self.at(x, low), self.at(x, high));
            let stroke = Stroke::solid(role, 1.2);
            scene.line(low, high, stroke);
            for end in [low, high] {
                scene.line((end.0 - 3.5, end.1), (end.0 + 3.5, end.1), stroke);
            }
        }
        let places: Vec<Point> = points.iter().map(|point| self.at(point.x, point.y)).collect();
        // A noisy curve of many points reads better thin.
        let width = if places.len() as f64 > self.area.width { 1.2 } else { 2.0 };
        match line.style {
            LineStyle::Joined => scene.path(thinned(&places, self.area.width), Stroke::solid(role, width)),
            LineStyle::Theory => scene.path(thinned(&places, self.area.width), Stroke::dashed(role, 1.6)),
            LineStyle::Points => {}
        }
        if marked(line.style, places.len(), scene.width) {
            for (point, place_at) in points.iter().zip(places).take(2_000) {
                mark(scene, Marker::of(place), place_at, role);
                scene.tip([&line.name, ": ", &short(point.y), " at ", &short(point.x)].concat());
            }
        }
    }

    /// Names beside the last points, pushed apart so that none overlaps, each led to by a piece of its line.
    fn end_labels(&self, scene: &mut Scene) {
        let mut ends: Vec<(f64, Point, usize)> = Vec::new();
        for (index, line) in self.chart.lines.iter().enumerate() {
            if let Some(last) = self.chart.shown(line).last() {
                let end = self.at(last.x, last.y);
                ends.push((end.1, end, index));
            }
        }
        ends.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut above = f64::NEG_INFINITY;
        for (y, ..) in &mut ends {
            *y = y.max(above + END_LABEL);
            above = *y;
        }
        let mut below = self.area.bottom() + END_LABEL;
        for (y, ..) in ends.iter_mut().rev() {
            *y = y.min(below - END_LABEL);
            below = *y;
        }
        for (y, end, index) in ends {
            let (role, _) = look(self.chart, index);
            let name = self.chart.lines.get(index).map_or("", |line| line.name.as_str());
            let x = self.area.right() + LEADER;
            let from = (end.0 + 7.0).min(x - 8.0);
            scene.path(vec![(from, end.1), (x - 8.0, y), (x - 4.0, y)], Stroke::solid(role, 1.2));
            scene.text(name, (x, y), FONT, Role::Ink, Align::Start);
        }
    }
}
