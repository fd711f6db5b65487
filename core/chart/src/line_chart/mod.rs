//! Curves: quality over bits, loss over steps, latency percentiles, predicted beside measured.

use crate::axis::{Axis, Scale, Spread, usable};
use crate::number::{fixed, short};
use crate::scene::{Point, Scene};
use crate::text::Measure;
use crate::{Drawing, summary};

mod layout;

/// Lines over two axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineChart {
    /// What it shows.
    pub title: String,
    /// The axis below.
    pub x: Axis,
    /// The axis on the left; its label stands above it.
    pub y: Axis,
    /// In order of the colours.
    pub lines: Vec<Line>,
    /// Thresholds.
    pub limits: Vec<Limit>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// In drawing order; points that the axes cannot show are left out.
    pub points: Vec<LinePoint>,
    /// How it looks.
    pub style: LineStyle,
    /// The index of another line whose colour this one takes (a prediction beside its measurement).
    pub colour_of: Option<usize>,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineStyle {
    /// Joined points with markers where they are few.
    #[default]
    Joined,
    /// A dashed line without markers: theory, prediction. In grey unless it takes another line's colour.
    Theory,
    /// Markers alone.
    Points,
}

/// One point, perhaps with a range in y.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LinePoint {
    /// Position along the axis below.
    pub x: f64,
    /// Position along the axis on the left.
    pub y: f64,
    /// Least and greatest y, drawn as an error bar.
    pub range: Option<(f64, f64)>,
}

impl From<(f64, f64)> for LinePoint {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y, range: None }
    }
}

/// A threshold across the plot.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// An upright line at an x.
    X(f64, String),
    /// A level line at a y.
    Y(f64, String),
}

impl Line {
    /// Joined points.
    pub fn new(name: &str, points: &[(f64, f64)]) -> Self {
        let points = points.iter().copied().map(LinePoint::from).collect();
        Self { name: name.to_owned(), points, ..Self::default() }
    }

    /// A dashed line without markers.
    pub fn theory(name: &str, points: &[(f64, f64)]) -> Self {
        Self { style: LineStyle::Theory, ..Self::new(name, points) }
    }
}

impl LineChart {
    /// Latency by percentile: each series is a name and its (share of operations, latency) pairs, with shares from
    /// 0 to 1. The axis below stretches towards 100 %, the latency is on a log axis.
    pub fn latency(title: &str, unit: &str, series: &[(&str, &[(f64, f64)])]) -> Self {
        Self {
            title: title.to_owned(),
            x: Axis::percentile("share of operations at most this slow"),
            y: Axis::log(unit),
            lines: series.iter().map(|(name, points)| Line::new(name, points)).collect(),
            limits: Vec::new(),
        }
    }

    /// The points of a line that both axes can show.
    fn shown(&self, line: &Line) -> Vec<LinePoint> {
        let point = |point: &LinePoint| {
            let range = point.range.and_then(|(low, high)| {
                let ends = (usable(low.min(high), self.y.spread)?, usable(low.max(high), self.y.spread)?);
                (low.is_finite() && high.is_finite()).then_some(ends)
            });
            let (x, y) = (usable(point.x, self.x.spread)?, usable(point.y, self.y.spread)?);
            (point.x.is_finite() && point.y.is_finite()).then_some(LinePoint { x, y, range })
        };
        line.points.iter().filter_map(point).collect()
    }

    fn scales(&self, wanted: (u32, u32)) -> (Scale, Scale) {
        let points: Vec<LinePoint> = self.lines.iter().flat_map(|line| self.shown(line)).collect();
        let limit = |wants_x: bool| {
            self.limits.iter().filter_map(move |limit| match limit {
                Limit::X(value, _) if wants_x => Some(*value),
                Limit::Y(value, _) if !wants_x => Some(*value),
                _ => None,
            })
        };
        let x = points.iter().map(|point| point.x).chain(limit(true));
        let y = points.iter().flat_map(|point| {
            let (low, high) = point.range.unwrap_or((point.y, point.y));
            [low, point.y, high]
        });
        let y = y.chain(limit(false));
        (Scale::spanning(&self.x, x, wanted.0), Scale::spanning(&self.y, y, wanted.1))
    }
}

/// Thins a line to what its pixels can show: first, least, greatest and last point of each pixel column.
fn thinned(points: &[Point], width: f64) -> Vec<Point> {
    if (points.len() as f64) < width * 2.0 {
        return points.to_vec();
    }
    let mut kept: Vec<Point> = Vec::new();
    for column in points.chunk_by(|a, b| (libm::floor(a.0) - libm::floor(b.0)).abs() < 0.5) {
        let least = column.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = column.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
        let picked = [column.first().copied(), least, most, column.last().copied()];
        for point in picked.into_iter().flatten() {
            if kept.last() != Some(&point) {
                kept.push(point);
            }
        }
    }
    kept
}

impl Drawing for LineChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn summary(&self) -> String {
        let across = |x: f64| match self.x.spread {
            Spread::Percentile => [&fixed(x * 100.0, 3), "%"].concat(),
            _ => short(x),
        };
        let line = |line: &Line| {
            let points = self.shown(line);
            match points.as_slice() {
                [] => [line.name.as_str(), " without points"].concat(),
                [only] => [line.name.as_str(), " ", &short(only.y), " at ", &across(only.x)].concat(),
                [first, .., last] => [
                    line.name.as_str(),
                    " from ",
                    &short(first.y),
                    " at ",
                    &across(first.x),
                    " to ",
                    &short(last.y),
                    " at ",
                    &across(last.x),
                ]
                .concat(),
            }
        };
        let mut title = self.title.clone();
        if !(self.x.label.is_empty() || self.y.label.is_empty()) {
            title = [&title, " (", &self.y.label, " over ", &self.x.label, ")"].concat();
        }
        summary::sentence(&title, self.lines.iter().map(line))
    }

    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene {
        layout::scene(self, width, measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_both_ends_of_each_line() {
        let chart = LineChart {
            title: "Error".to_owned(),
            x: Axis::linear("bits"),
            y: Axis::log("MSE"),
            lines: vec![Line::new("turbo", &[(2.0, 0.12), (3.0, f64::NAN), (4.0, 0.009)])],
            limits: Vec::new(),
        };
        assert_eq!(chart.summary(), "Error (MSE over bits): turbo from 0.12 at 2 to 0.009 at 4.");
    }

    #[test]
    fn thinning_keeps_extremes_and_order() {
        let points: Vec<Point> =
            (0..10_000).map(|i| (f64::from(i) / 100.0, if i == 5_050 { 99.0 } else { 1.0 })).collect();
        let kept = thinned(&points, 100.0);
        assert!(kept.len() <= 400);
        assert!(kept.iter().any(|point| point.1 > 98.0));
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0 || (a.0 - b.0).abs() < 1.0));
    }
}
