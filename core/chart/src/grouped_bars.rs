//! Values by category and series. On a linear axis they are bars; on a log axis, where a bar's length would mean
//! nothing, they are points on a stem.

use crate::axis::{Axis, Scale, Spread, usable};
use crate::legend::{Key, legend};
use crate::marker::{Marker, mark};
use crate::number::short;
use crate::rows::{Frame, Rows, plate, whisker};
use crate::scene::{Align, Rect, Scene, Stroke, Texture};
use crate::text::{Font, Measure};
use crate::theme::{Role, SERIES};
use crate::{Drawing, summary};

/// Categories times series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupedBars {
    /// What it shows.
    pub title: String,
    /// Quantity and unit of the values; `Spread::Percentile` is drawn as linear.
    pub axis: Axis,
    /// Names of the series.
    pub series: Vec<String>,
    /// From top to bottom.
    pub groups: Vec<Group>,
    /// Lines across all groups, "target 10 tok/s".
    pub limits: Vec<(f64, String)>,
}

/// One category.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Its name.
    pub label: String,
    /// One per series, in their order; absent ones say "n/a".
    pub values: Vec<Option<Value>>,
}

/// A value, perhaps with a range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Value {
    /// The value.
    pub value: f64,
    /// Least and greatest, drawn as a whisker.
    pub range: Option<(f64, f64)>,
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self { value, range: None }
    }
}

const THICKNESS: f64 = 16.0;
const GAP: f64 = 4.0;

impl GroupedBars {
    fn spread(&self) -> Spread {
        if self.axis.spread == Spread::Log { Spread::Log } else { Spread::Linear }
    }

    fn shown(&self, value: Option<&Option<Value>>) -> Option<Value> {
        let value = (*value?)?;
        let shown = usable(value.value, self.spread())?;
        let range = value.range.and_then(|(low, high)| {
            let ends = (usable(low.min(high), self.spread())?, usable(low.max(high), self.spread())?);
            (low.is_finite() && high.is_finite()).then_some(ends)
        });
        Some(Value { value: shown, range })
    }

    fn values(&self) -> impl Iterator<Item = Value> {
        self.groups.iter().flat_map(move |group| {
            (0..self.series.len()).filter_map(move |index| self.shown(group.values.get(index)))
        })
    }

    fn scale(&self, wanted: u32) -> Scale {
        let axis = Axis { spread: self.spread(), from_zero: true, label: String::new() };
        let limits = self.limits.iter().map(|(value, _)| *value);
        let reach = self.values().flat_map(|value| {
            let (low, high) = value.range.unwrap_or((value.value, value.value));
            [low, value.value, high]
        });
        Scale::spanning(&axis, reach.chain(limits), wanted)
    }

    fn draw_value(
        &self,
        scene: &mut Scene,
        rows: &Rows,
        index: usize,
        value: Value,
        (top, name): (f64, &str),
    ) -> f64 {
        let middle = top + THICKNESS / 2.0;
        let end = rows.at(value.value);
        let role = Role::Series(index);
        if self.spread() == Spread::Log {
            let foot = rows.bodies.first().map_or(0.0, |body| body.x);
            scene.line((foot, middle), (end, middle), Stroke::solid(role, 1.4));
        } else {
            let foot = rows.at(0.0);
            let area =
                Rect { x: foot.min(end), y: top, width: (end - foot).abs().max(1.0), height: THICKNESS };
            scene.textured(area, role, texture(index));
            scene.tip([name, ": ", &short(value.value)].concat());
        }
        let mut reach = end;
        if let Some((low, high)) = value.range {
            whisker(scene, (rows.at(low), rows.at(high)), middle, 4.5);
            reach = reach.max(rows.at(high));
        }
        if self.spread() == Spread::Log {
            mark(scene, Marker::of(index), (end, middle), role);
            scene.tip([name, ": ", &short(value.value)].concat());
            reach += 4.0;
        }
        reach
    }
}

fn texture(index: usize) -> Texture {
    [Texture::Solid, Texture::Falling, Texture::Upright, Texture::Level][(index / SERIES) % 4]
}

impl Drawing for GroupedBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn summary(&self) -> String {
        let group = |group: &Group| {
            let value = |(index, name): (usize, &String)| {
                let value = self.shown(group.values.get(index));
                [name, " ", &value.map_or("n/a".to_owned(), |v| short(v.value))].concat()
            };
            let values: Vec<String> = self.series.iter().enumerate().map(value).collect();
            [group.label.as_str(), " ", &values.join(", ")].concat()
        };
        let title = match (self.title.as_str(), self.axis.label.as_str()) {
            (title, "") => title.to_owned(),
            (title, axis) => [title, " (", axis, ")"].concat(),
        };
        summary::sentence(&title, self.groups.iter().map(group))
    }

    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene {
        let mut scene = Scene::new(width);
        let key = |(index, name): (usize, &String)| {
            let key = if self.spread() == Spread::Log {
                Key::Line(Stroke::solid(Role::Series(index), 2.0), Some(Marker::of(index)))
            } else {
                Key::Swatch(Role::Series(index), texture(index))
            };
            (key, name.clone())
        };
        let mut top = 2.0;
        if self.series.len() > 1 {
            let entries: Vec<_> = self.series.iter().enumerate().map(key).collect();
            top = legend(&mut scene, 0.0, &entries, measure) + 12.0;
        }
        let texts = self.values().map(|value| measure.width(&short(value.value), Font::SMALL));
        let bars = self.series.len().max(1) as f64;
        let frame = Frame {
            rows: self.groups.iter().map(|g| (g.label.as_str(), bars * (THICKNESS + GAP) - GAP)).collect(),
            scale: self.scale(if scene.width < 480.0 { 4 } else { 8 }),
            axis: &self.axis.label,
            limits: self.limits.iter().filter(|l| usable(l.0, self.spread()).is_some()).cloned().collect(),
            reserve: texts.fold(measure.width("n/a", Font::SMALL), f64::max) + 18.0,
            gap: 16.0,
        };
        let rows = Rows::new(&mut scene, top, frame, measure);
        let mut written = Vec::new();
        for (group, body) in self.groups.iter().zip(&rows.bodies) {
            for (index, name) in self.series.iter().enumerate() {
                let top = body.y + index as f64 * (THICKNESS + GAP);
                let (reach, text) = match self.shown(group.values.get(index)) {
                    Some(value) => {
                        let reach = self.draw_value(&mut scene, &rows, index, value, (top, name));
                        (reach, short(value.value))
                    }
                    None => (body.x, "n/a".to_owned()),
                };
                written.push(((reach + 7.0, top + THICKNESS / 2.0), text));
            }
        }
        rows.finish(&mut scene, measure);
        for (at, text) in written {
            plate(&mut scene, &text, at, Font::SMALL, measure);
            let role = if text == "n/a" { Role::Muted } else { Role::Ink };
            scene.text(&text, at, Font::SMALL, role, Align::Start);
        }
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Shape;
    use crate::text::Estimate;

    fn example(axis: Axis) -> GroupedBars {
        GroupedBars {
            title: "Decode".to_owned(),
            axis,
            series: vec!["cold".to_owned(), "warm".to_owned()],
            groups: vec![Group {
                label: "mmap".to_owned(),
                values: vec![Some(Value { value: 4.0, range: Some((3.0, 5.5)) }), None],
            }],
            limits: Vec::new(),
        }
    }

    #[test]
    fn absent_values_say_so() {
        let bars = example(Axis::linear("tok/s"));
        assert_eq!(bars.summary(), "Decode (tok/s): mmap cold 4, warm n/a.");
        assert!(bars.scene(600.0, &Estimate).labels().any(|label| label.text == "n/a"));
    }

    #[test]
    fn a_log_axis_draws_points_and_no_bars() {
        let scene = example(Axis::log("tok/s")).scene(600.0, &Estimate);
        let bar = |shape: &Shape| matches!(shape, Shape::Rect { role: Role::Series(_), area, .. } if area.width > 20.0);
        assert!(!scene.shapes.iter().any(bar));
        let linear = example(Axis::linear("tok/s")).scene(600.0, &Estimate);
        assert!(linear.shapes.iter().any(bar));
    }

    #[test]
    fn what_a_log_axis_cannot_show_is_absent() {
        let mut bars = example(Axis::log(""));
        bars.groups[0].values[0] = Some(Value::from(0.0));
        assert_eq!(bars.summary(), "Decode: mmap cold n/a, warm n/a.");
    }
}
