//! Memory by component as stacked bars, with budget lines and intervals.

use crate::axis::Scale;
use crate::legend::{Key, legend};
use crate::number::ByteUnit;
use crate::rows::{Frame, Rows, plate, whisker};
use crate::scene::{Align, Rect, Scene, Texture};
use crate::text::{Font, Measure};
use crate::theme::{Role, SERIES};
use crate::{Drawing, summary};
use dhurandhar_core::placement::Stack;

/// Stacked horizontal bars of bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryBars {
    /// What it shows.
    pub title: String,
    /// From top to bottom.
    pub bars: Vec<Bar>,
    /// Lines across all bars.
    pub budgets: Vec<Budget>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bar {
    /// Its name; may be empty when it is the only one.
    pub label: String,
    /// From left to right.
    pub segments: Vec<Segment>,
    /// Least and greatest total in bytes, drawn as a whisker over the bar's end.
    pub interval: Option<(f64, f64)>,
}

impl From<&Stack> for Bar {
    fn from(stack: &Stack) -> Self {
        let segments = stack.segments.iter().map(|(component, bytes, file)| Segment {
            name: component.title().to_owned(),
            bytes: *bytes as f64,
            mapped: *file,
            series: Some(component.series()),
        });
        Self {
            label: stack.label.to_owned(),
            segments: segments.collect(),
            interval: Some((stack.total.low as f64, stack.total.high as f64)),
        }
    }
}

/// One component.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Its name; equal names have equal colours.
    pub name: String,
    /// Bytes; what is not positive and finite is left out.
    pub bytes: f64,
    /// Backed by a file and reclaimable, drawn hatched, rather than resident.
    pub mapped: bool,
    /// Its colour, the same in every drawing; those without one take the next that is free.
    pub series: Option<usize>,
}

/// A line at a number of bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Budget {
    /// Its name, "budget".
    pub label: String,
    /// Bytes.
    pub bytes: f64,
}

const BODY: f64 = 30.0;
/// Far beyond any memory; keeps sums finite and texts short.
const GREATEST: f64 = 1e20;

impl Segment {
    fn size(&self) -> f64 {
        positive(self.bytes)
    }
}

fn positive(bytes: f64) -> f64 {
    if bytes > 0.0 { bytes.min(GREATEST) } else { 0.0 }
}

impl Bar {
    /// Bytes of all segments; saturates at 10^20.
    pub fn total(&self) -> f64 {
        self.segments.iter().map(Segment::size).sum::<f64>().min(GREATEST)
    }

    /// The interval with its ends in order, if it is one.
    fn interval(&self) -> Option<(f64, f64)> {
        let (low, high) = self.interval?;
        (low.is_finite() && high.is_finite()).then(|| (positive(low.min(high)), positive(low.max(high))))
    }

    fn end(&self) -> f64 {
        self.interval().map_or(0.0, |(_, high)| high).max(self.total())
    }
}

impl MemoryBars {
    fn largest(&self) -> f64 {
        let bars = self.bars.iter().map(Bar::end);
        bars.chain(self.budgets.iter().map(|budget| positive(budget.bytes))).fold(0.0, f64::max)
    }

    /// ", over the budget by 264 MiB"; with several budgets, their names alone.
    fn against_budgets(&self, total: f64, unit: ByteUnit) -> String {
        let budgets = || self.budgets.iter().filter(|budget| positive(budget.bytes) > 0.0);
        let over = |budget: &Budget| total > positive(budget.bytes);
        if budgets().count() == 1 {
            let verdict = |budget: &Budget| {
                let verdict = if over(budget) { ", over the " } else { ", within the " };
                let by = unit.text((total - positive(budget.bytes)).abs());
                [verdict, &budget.label, " by ", &by].concat()
            };
            return budgets().map(verdict).collect();
        }
        let mut text = String::new();
        for (lead, wanted) in [(", over ", true), (", within ", false)] {
            let names: Vec<&str> =
                budgets().filter(|b| over(b) == wanted).map(|b| b.label.as_str()).collect();
            if !names.is_empty() {
                text.push_str(lead);
                text.push_str(&names.join(" and "));
            }
        }
        text
    }

    fn unit(&self) -> ByteUnit {
        ByteUnit::for_bytes(self.largest())
    }

    /// Names in order of appearance, with the colour and the first look of each.
    fn components(&self) -> Vec<(&str, usize, Texture)> {
        let mut found: Vec<(&str, usize, Texture)> = Vec::new();
        for segment in self.bars.iter().flat_map(|bar| &bar.segments).filter(|segment| segment.size() > 0.0) {
            if found.iter().all(|(name, ..)| *name != segment.name) {
                let index = segment.series.unwrap_or(found.len());
                found.push((&segment.name, index, look(index, segment.mapped)));
            }
        }
        found
    }

    fn entries(&self) -> Vec<(Key, String)> {
        let unit = self.unit();
        let only = match self.bars.as_slice() {
            [bar] => Some(bar),
            _ => None,
        };
        let entry = |(name, index, texture): (&str, usize, Texture)| {
            let bytes: Option<f64> = only.map(|bar| {
                bar.segments.iter().filter(|segment| segment.name == name).map(Segment::size).sum()
            });
            let text = bytes.map_or(name.to_owned(), |bytes| [name, " ", &unit.text(bytes)].concat());
            (Key::Swatch(Role::Series(index), texture), text)
        };
        self.components().into_iter().map(entry).collect()
    }

    /// Each bar's visible segments with their areas and colour indices.
    fn placed(&self, rows: &Rows) -> Vec<(&Bar, &Segment, Rect, usize)> {
        let components = self.components();
        let mut placed = Vec::new();
        for (bar, body) in self.bars.iter().zip(&rows.bodies) {
            let mut sum = 0.0;
            for segment in bar.segments.iter().filter(|segment| segment.size() > 0.0) {
                let from = rows.at(sum);
                sum += segment.size();
                let to = rows.at(sum);
                let found = components.iter().find(|(name, ..)| *name == segment.name);
                let index = found.map_or(0, |(_, index, _)| *index);
                // A hairline of surface keeps neighbours apart; slivers keep their width instead.
                let gap = if to - from > 4.0 { 1.0 } else { 0.0 };
                let area = Rect { x: from, y: body.y, width: to - from - gap, height: body.height };
                placed.push((bar, segment, area, index));
            }
        }
        placed
    }

    fn bars(&self, scene: &mut Scene, rows: &Rows, measure: &dyn Measure) {
        let unit = self.unit();
        let placed = self.placed(rows);
        for (_, segment, area, index) in &placed {
            let before = scene.shapes.len();
            scene.textured(*area, Role::Series(*index), look(*index, segment.mapped));
            if scene.shapes.len() > before {
                scene.tip([&segment.name, ": ", &unit.text(segment.size())].concat());
            }
        }
        rows.finish(scene, measure);
        for (bar, segment, area, index) in placed {
            // The whisker keeps its part of the bar free of text.
            let clear = bar.interval().map_or(f64::MAX, |(low, _)| rows.at(low) - 4.0);
            let free = Rect { width: area.width.min(clear - area.x), ..area };
            if let Some((text, wide)) = within(free, segment, unit, measure) {
                let middle = area.y + area.height / 2.0;
                let ground = Rect { x: area.x + 3.0, y: middle - 9.0, width: wide + 8.0, height: 18.0 };
                if look(index, segment.mapped) != Texture::Solid || rows.crossed(ground.x, ground.right()) {
                    scene.rect(ground, Role::Series(index));
                }
                scene.text(&text, (area.x + 7.0, middle), Font::SMALL, Role::OnSeries(index), Align::Start);
            }
        }
    }

    fn totals(&self, scene: &mut Scene, rows: &Rows, measure: &dyn Measure) {
        let unit = self.unit();
        for (bar, body) in self.bars.iter().zip(&rows.bodies) {
            let middle = body.y + body.height / 2.0;
            if let Some((low, high)) = bar.interval() {
                whisker(scene, (rows.at(low), rows.at(high)), middle, 6.0);
            }
            let at = (rows.at(bar.end()) + 8.0, middle);
            let text = unit.text(bar.total());
            plate(scene, &text, at, Font::STRONG, measure);
            scene.text(&text, at, Font::STRONG, Role::Ink, Align::Start);
        }
    }
}

/// Hatched when mapped; components beyond the number of colours get a texture of their own.
const fn look(index: usize, mapped: bool) -> Texture {
    match (mapped, index / SERIES) {
        (true, 0) => Texture::Rising,
        (true, _) => Texture::Falling,
        (false, 0) => Texture::Solid,
        (false, 1) => Texture::Upright,
        (false, _) => Texture::Level,
    }
}

/// As much of a segment's name and size as fits into it, with its width.
fn within(area: Rect, segment: &Segment, unit: ByteUnit, measure: &dyn Measure) -> Option<(String, f64)> {
    let size = unit.count(segment.size());
    let both = [&segment.name, " ", &size].concat();
    let candidates = [both, segment.name.clone(), size].map(|text| {
        let wide = measure.width(&text, Font::SMALL);
        (text, wide)
    });
    candidates.into_iter().find(|(_, wide)| *wide <= area.width - 14.0)
}

impl Drawing for MemoryBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn summary(&self) -> String {
        let unit = self.unit();
        let bar = |bar: &Bar| {
            let mut text = [bar.label.as_str(), " ", &unit.text(bar.total())].concat();
            let biggest = bar.segments.iter().max_by(|a, b| a.size().total_cmp(&b.size()));
            if let Some(part) = biggest.filter(|part| part.size() > 0.0) {
                text.push_str(&[" (most of it ", &part.name, ", ", &unit.text(part.size()), ")"].concat());
            }
            text.push_str(&self.against_budgets(bar.total(), unit));
            text
        };
        summary::sentence(&self.title, self.bars.iter().map(bar))
    }

    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene {
        let mut scene = Scene::new(width);
        let unit = self.unit();
        let mut top = legend(&mut scene, 0.0, &self.entries(), measure);
        top += if top > 0.0 { 12.0 } else { 2.0 };
        let totals = self.bars.iter().map(|bar| measure.width(&unit.text(bar.total()), Font::STRONG));
        let budget = |budget: &Budget| {
            (positive(budget.bytes), [&budget.label, " ", &unit.text(positive(budget.bytes))].concat())
        };
        let wanted = if scene.width < 480.0 { 4 } else { 8 };
        let mut scale = Scale::bytes(self.largest(), unit, wanted);
        if let Some((_, text)) = scale.ticks.last_mut() {
            text.push('\u{a0}');
            text.push_str(unit.name);
        }
        let frame = Frame {
            rows: self.bars.iter().map(|bar| (bar.label.as_str(), BODY)).collect(),
            scale,
            axis: "",
            limits: self.budgets.iter().filter(|b| positive(b.bytes) > 0.0).map(budget).collect(),
            reserve: totals.fold(0.0, f64::max) + 14.0,
            gap: 14.0,
        };
        let rows = Rows::new(&mut scene, top, frame, measure);
        self.bars(&mut scene, &rows, measure);
        self.totals(&mut scene, &rows, measure);
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    fn example() -> MemoryBars {
        let segment = |name: &str, mib: f64, mapped| Segment {
            name: name.to_owned(),
            bytes: mib * MIB,
            mapped,
            series: None,
        };
        MemoryBars {
            title: "Memory".to_owned(),
            bars: vec![Bar {
                label: "total".to_owned(),
                segments: vec![segment("decoder", 1_200.0, false), segment("PLE", 600.0, true)],
                interval: None,
            }],
            budgets: vec![Budget { label: "budget".to_owned(), bytes: 1_536.0 * MIB }],
        }
    }

    #[test]
    fn the_summary_says_total_largest_part_and_budget() {
        let expected = "Memory: total 1,800\u{a0}MiB (most of it decoder, 1,200\u{a0}MiB), \
                        over the budget by 264\u{a0}MiB.";
        assert_eq!(example().summary(), expected);
    }

    #[test]
    fn mapped_components_are_hatched_and_equal_names_share_a_colour() {
        let mut bars = example();
        bars.bars.push(bars.bars[0].clone());
        let found = bars.components();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].2, Texture::Solid);
        assert_eq!(found[1].2, Texture::Rising);
        assert_ne!(look(8, false), look(0, false));
    }

    #[test]
    fn a_component_keeps_its_colour_whatever_stands_before_it() {
        let mut bars = example();
        for (segment, series) in bars.bars[0].segments.iter_mut().zip([5, 1]) {
            segment.series = Some(series);
        }
        assert_eq!(bars.components().iter().map(|(_, index, _)| *index).collect::<Vec<_>>(), [5, 1]);
        bars.bars[0].segments.reverse();
        assert_eq!(bars.components().iter().map(|(_, index, _)| *index).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn what_is_no_size_counts_as_nothing() {
        let bar = |bytes| Bar { segments: vec![Segment { bytes, ..Segment::default() }], ..Bar::default() };
        assert!(bar(f64::NAN).total().abs() < f64::EPSILON);
        assert!(bar(-5.0).total().abs() < f64::EPSILON);
        assert!(bar(f64::INFINITY).total().is_finite());
    }
}
