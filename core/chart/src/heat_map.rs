//! A matrix of values on a sequential scale, each cell with its number where it fits.

use crate::axis::{Spread, usable};
use crate::number::{brief, short};
use crate::scene::{Align, Label, Rect, Scene, Shape};
use crate::text::{Font, Measure, fit};
use crate::theme::{Role, STEPS};
use crate::{Drawing, summary};

/// Rows times columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatMap {
    /// What it shows.
    pub title: String,
    /// Quantity and unit of the values.
    pub quantity: String,
    /// Names of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// Names of the columns, from left to right.
    pub columns: Vec<String>,
    /// One list per row, one cell per column; missing cells are empty.
    pub cells: Vec<Vec<Cell>>,
    /// How values are spread over the scale (`Percentile` counts as linear).
    pub spread: Spread,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// Its value; none, NaN, or what a log scale cannot show leaves it uncoloured.
    pub value: Option<f64>,
    /// What to write instead of the number ("resident").
    pub text: Option<String>,
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self { value: Some(value), text: None }
    }
}

/// How to write numbers, and how large.
type Figures = (fn(f64) -> String, Font);

/// What the cells of a map have in common.
struct Looks {
    pitch: f64,
    range: Option<(f64, f64)>,
    figures: Option<Figures>,
    words: Font,
}

const FONT: Font = Font::SMALL;
/// Where the small font does not fit.
const TIGHT: Font = Font { size: 10.0, bold: false };
const GAP: f64 = 2.0;
const KEY: f64 = 10.0;

impl HeatMap {
    fn value(&self, cell: &Cell) -> Option<f64> {
        let spread = if self.spread == Spread::Log { Spread::Log } else { Spread::Linear };
        usable(cell.value?, spread)
    }

    /// Least and greatest value, if there is any.
    fn range(&self) -> Option<(f64, f64)> {
        let shown = self.cells.iter().take(self.rows.len());
        let values = shown.flat_map(|row| row.iter().take(self.columns.len())).filter_map(|c| self.value(c));
        values.fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        })
    }

    fn warp(&self, value: f64) -> f64 {
        if self.spread == Spread::Log { libm::log10(value) } else { value }
    }

    /// The step of a value: how many of the bounds between equal parts of the range it reaches.
    fn step(&self, value: f64, (low, high): (f64, f64)) -> usize {
        let (low, high) = (self.warp(low), self.warp(high));
        let share = (self.warp(value) - low) / (high - low);
        (1..STEPS).filter(|step| share >= *step as f64 / STEPS as f64).count()
    }

    fn text(&self, cell: &Cell) -> String {
        match (&cell.text, self.value(cell)) {
            (Some(text), _) => text.clone(),
            (None, Some(value)) => short(value),
            (None, None) => "–".to_owned(),
        }
    }

    /// Every cell of a short or worded row; the ends of the range of a long one.
    fn row_in_words(&self, row: usize) -> String {
        let cells = || self.columns.iter().enumerate().map(|(index, name)| (name, self.at(row, index)));
        let numbers = || cells().filter_map(|(name, cell)| Some((name, self.value(&cell)?)));
        let least = numbers().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = numbers().max_by(|a, b| a.1.total_cmp(&b.1));
        match (least, most) {
            (Some(least), Some(most)) if self.columns.len() > 8 => {
                let end = |(name, value): (&String, f64)| [short(value).as_str(), " at ", name].concat();
                ["from ", &end(least), " to ", &end(most)].concat()
            }
            _ => {
                let cell = |(name, cell): (&String, Cell)| [name, " ", &self.text(&cell)].concat();
                cells().take(8).map(cell).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Column names above their columns, turned where they do not fit; returns the height taken.
    fn header(&self, scene: &mut Scene, left: f64, cell: f64, measure: &dyn Measure) -> f64 {
        let longest = self.columns.iter().map(|name| measure.width(name, FONT)).fold(0.0, f64::max);
        let turned = longest > cell - 6.0;
        let height = if turned { longest.min(130.0) + 8.0 } else { FONT.line() + 6.0 };
        // Turned names need a line's height of room; thin them out where columns are narrower.
        let every = (1..=self.columns.len().max(1)).find(|n| !turned || *n as f64 * cell >= FONT.size + 2.0);
        for (index, name) in self.columns.iter().enumerate().filter(|(i, _)| i % every.unwrap_or(1) == 0) {
            let x = left + (index as f64 + 0.5) * cell;
            let x = if turned { x.min(scene.width - FONT.size / 2.0) } else { x };
            let text = fit(name, if turned { 130.0 } else { cell }, FONT, measure);
            let (at, align) =
                if turned { ((x, height - 6.0), Align::Start) } else { ((x, height / 2.0), Align::Middle) };
            if !text.is_empty() {
                let label = Label { text, at, font: FONT, role: Role::Muted, align, upward: turned };
                scene.shapes.push(Shape::Text(label));
            }
        }
        height
    }

    /// The largest way to write numbers that fits every cell, or none.
    fn figures(&self, room: f64, measure: &dyn Measure) -> Option<Figures> {
        let ways: [Figures; 4] = [(short, FONT), (short, TIGHT), (brief, FONT), (brief, TIGHT)];
        let values =
            || self.cells.iter().flatten().filter(|c| c.text.is_none()).filter_map(|c| self.value(c));
        ways.into_iter()
            .find(|(write, font)| values().all(|value| measure.width(&write(value), *font) <= room))
    }

    fn at(&self, row: usize, column: usize) -> Cell {
        self.cells.get(row).and_then(|cells| cells.get(column)).cloned().unwrap_or_default()
    }

    /// One row of cells from the left edge of `first`, which is the area of the first cell.
    fn row(&self, scene: &mut Scene, row: usize, first: Rect, looks: &Looks, measure: &dyn Measure) {
        let room = first.width - 4.0;
        let name = self.rows.get(row).map_or("", String::as_str);
        for (column, heading) in self.columns.iter().enumerate() {
            let cell = self.at(row, column);
            let value = self.value(&cell);
            let step = value.zip(looks.range).map(|(value, range)| self.step(value, range));
            let area = Rect { x: first.x + column as f64 * looks.pitch, ..first };
            scene.rect(area, step.map_or(Role::Surface, Role::Step));
            scene.tip([name, ", ", heading, ": ", &self.text(&cell)].concat());
            let (text, font) = match (&cell.text, value, looks.figures) {
                (Some(text), ..) => (fit(text, room, looks.words, measure), looks.words),
                (None, Some(value), Some((write, font))) => (write(value), font),
                (None, Some(_), None) => continue,
                (None, None, _) => (fit("–", room, FONT, measure), FONT),
            };
            let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
            scene.text(&text, middle, font, step.map_or(Role::Muted, Role::OnStep), Align::Middle);
        }
    }

    /// The scale below the cells: its steps with least and greatest value at either end.
    fn key(&self, scene: &mut Scene, top: f64, measure: &dyn Measure) -> f64 {
        let Some((low, high)) = self.range() else {
            return 0.0;
        };
        let ends = [short(low), short(high)];
        let middle = top + FONT.line() / 2.0;
        let [from, to] = ends.each_ref().map(|text| measure.width(text, FONT));
        let swatch = ((scene.width - from - to - 16.0) / STEPS as f64).clamp(6.0, 22.0);
        scene.text(&ends[0], (0.0, middle), FONT, Role::Muted, Align::Start);
        let mut x = from + 8.0;
        for step in 0..STEPS {
            scene.rect(Rect { x, y: middle - KEY / 2.0, width: swatch - 1.0, height: KEY }, Role::Step(step));
            x += swatch;
        }
        scene.text(&ends[1], (x + 7.0, middle), FONT, Role::Muted, Align::Start);
        x += to + 24.0;
        let name = if self.spread == Spread::Log && !self.quantity.is_empty() {
            [&self.quantity, " (log scale)"].concat()
        } else {
            self.quantity.clone()
        };
        let wide = measure.width(&name, FONT);
        let (x, middle) = if x + wide > scene.width { (0.0, middle + FONT.line()) } else { (x, middle) };
        let name = fit(&name, scene.width - x, FONT, measure);
        scene.text(&name, (x, middle), FONT, Role::Muted, Align::Start);
        middle + FONT.line() / 2.0 - top
    }
}

impl Drawing for HeatMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn summary(&self) -> String {
        let row = |(row, name): (usize, &String)| [name.as_str(), " ", &self.row_in_words(row)].concat();
        let title = match (self.title.as_str(), self.range()) {
            (title, Some((low, high))) => {
                [title, ", ", &self.quantity, " from ", &short(low), " to ", &short(high)].concat()
            }
            (title, None) => title.to_owned(),
        };
        summary::sentence(&title, self.rows.iter().enumerate().map(row))
    }

    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene {
        let mut scene = Scene::new(width);
        let longest = self.rows.iter().map(|name| measure.width(name, FONT)).fold(0.0, f64::max);
        let left = (longest.ceil() + 10.0).min(scene.width * 0.4);
        let cell = ((scene.width - left) / self.columns.len().max(1) as f64).min(96.0);
        let height = if self.rows.len() > 24 { 18.0 } else { 26.0 };
        let top = self.header(&mut scene, left, cell, measure);
        let gap = if cell > 12.0 { GAP } else { 0.0 };
        let cell_room = cell - gap - 4.0;
        let figures = self.figures(cell_room, measure);
        let fits = |cell: &Cell| cell.text.as_ref().is_none_or(|text| measure.width(text, FONT) <= cell_room);
        let words = if self.cells.iter().flatten().all(fits) { FONT } else { TIGHT };
        let looks = Looks { pitch: cell, range: self.range(), figures, words };
        for (row, name) in self.rows.iter().enumerate() {
            let y = top + row as f64 * height;
            let name = fit(name, left - 10.0, FONT, measure);
            scene.text(&name, (left - 10.0, y + height / 2.0), FONT, Role::Ink, Align::End);
            let first = Rect { x: left, y, width: cell - gap, height: height - gap.min(1.0) };
            self.row(&mut scene, row, first, &looks, measure);
        }
        let bottom = top + self.rows.len() as f64 * height + 12.0;
        scene.height = bottom + self.key(&mut scene, bottom, measure) + 2.0;
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> HeatMap {
        HeatMap {
            title: "Key error".to_owned(),
            quantity: "MSE".to_owned(),
            rows: vec!["0".to_owned(), "1".to_owned()],
            columns: vec!["K".to_owned(), "V".to_owned()],
            cells: vec![vec![0.01.into(), 0.1.into()], vec![1.0.into()]],
            spread: Spread::Log,
        }
    }

    #[test]
    fn steps_follow_the_spread() {
        let mut map = example();
        let range = map.range().unwrap();
        assert_eq!([0.01, 0.1, 1.0].map(|v| map.step(v, range)), [0, 3, 6]);
        map.spread = Spread::Linear;
        assert_eq!([0.01, 0.1, 1.0].map(|v| map.step(v, range)), [0, 0, 6]);
        assert_eq!(map.step(0.5, (0.5, 0.5)), 0);
    }

    #[test]
    fn missing_cells_are_dashes() {
        let map = example();
        assert_eq!(map.summary(), "Key error, MSE from 0.01 to 1: 0 K 0.01, V 0.1; 1 K 1, V –.");
        let scene = map.scene(400.0, &crate::Estimate);
        assert!(scene.labels().any(|label| label.text == "–"));
    }
}
