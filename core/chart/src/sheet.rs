//! A drawing on a sheet of its own, for files and paper: its title above, what is known of it below, margins around.

use crate::scene::{Align, Point, Scene, Shape};
use crate::text::{Font, Measure};
use crate::theme::Role;
use crate::{Drawing, Rect};

const MARGIN: f64 = 20.0;
const BETWEEN: f64 = 12.0;
const HEADING: Font = Font { size: 16.0, bold: true };

/// The sheet.
#[derive(Clone, Copy)]
pub struct Sheet<'a> {
    /// What is on it.
    pub drawing: &'a dyn Drawing,
    /// Lines below it, each broken where it is too long.
    pub notes: &'a [String],
}

impl Drawing for Sheet<'_> {
    fn title(&self) -> &str {
        self.drawing.title()
    }

    fn summary(&self) -> String {
        [&self.drawing.summary(), " ", &self.notes.join(" ")].concat()
    }

    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene {
        let mut sheet = Scene::new(width);
        let room = sheet.width - 2.0 * MARGIN;
        let mut top = MARGIN;
        let lines = |sheet: &mut Scene, text: &str, font: Font, role: Role, top: &mut f64| {
            for line in broken(text, room, font, measure) {
                sheet.text(&line, (MARGIN, *top + font.line() / 2.0), font, role, Align::Start);
                *top += font.line();
            }
        };
        lines(&mut sheet, self.title(), HEADING, Role::Ink, &mut top);
        top += BETWEEN;
        let inner = self.drawing.scene(room, measure);
        let first = sheet.shapes.len();
        let by = (MARGIN, top);
        sheet.shapes.extend(inner.shapes.into_iter().map(|shape| moved(shape, by)));
        sheet.tips.extend(inner.tips.into_iter().map(|(at, text)| (at + first, text)));
        top += inner.height + BETWEEN;
        for note in self.notes {
            lines(&mut sheet, note, Font::SMALL, Role::Muted, &mut top);
        }
        sheet.height = top + MARGIN;
        sheet
    }
}

fn moved(shape: Shape, (right, down): Point) -> Shape {
    let at = |(x, y): Point| (x + right, y + down);
    match shape {
        Shape::Rect { area, role, texture } => {
            let area = Rect { x: area.x + right, y: area.y + down, ..area };
            Shape::Rect { area, role, texture }
        }
        Shape::Line { points, stroke } => {
            Shape::Line { points: points.into_iter().map(at).collect(), stroke }
        }
        Shape::Polygon { points, role } => {
            Shape::Polygon { points: points.into_iter().map(at).collect(), role }
        }
        Shape::Disc { centre, radius, role } => Shape::Disc { centre: at(centre), radius, role },
        Shape::Text(mut label) => {
            label.at = at(label.at);
            Shape::Text(label)
        }
    }
}

/// The text in lines that fit the room; a word that is longer, such as an address, is cut where the room ends.
fn broken(text: &str, room: f64, font: Font, measure: &dyn Measure) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = |line: &str, more: &str| measure.width(&[line, more].concat(), font) <= room;
        let spaced = [" ", word].concat();
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits(line, &spaced) => line.push_str(&spaced),
            _ => lines.push(word.to_owned()),
        }
        while let Some(line) =
            lines.last_mut().filter(|line| line.chars().nth(1).is_some() && !fits(line, ""))
        {
            let mut end = line.len();
            while let Some((at, _)) = line.get(..end).and_then(|part| part.char_indices().nth_back(0)) {
                end = at;
                if at == 0 || line.get(..at).is_some_and(|part| fits(part, "")) {
                    break;
                }
            }
            let first = line.chars().next().map_or(1, char::len_utf8);
            let rest = line.split_off(end.max(first));
            lines.push(rest);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Estimate;
    use crate::{Bar, MemoryBars, Segment};

    fn bars() -> MemoryBars {
        let segment = Segment { name: "weights".to_owned(), bytes: 1e9, mapped: false, series: None };
        MemoryBars {
            title: "Memory of a model".to_owned(),
            bars: vec![Bar { segments: vec![segment], ..Bar::default() }],
            budgets: Vec::new(),
        }
    }

    #[test]
    fn everything_lies_within_the_margins() {
        let drawing = bars();
        let notes = ["A note of several words. ".repeat(12), "x".repeat(400)];
        let scene = Sheet { drawing: &drawing, notes: &notes }.scene(400.0, &Estimate);
        for label in scene.labels() {
            let bounds = label.bounds(&Estimate);
            assert!(bounds.x >= MARGIN - 0.1 && bounds.right() <= 400.0, "{label:?}");
            assert!(bounds.bottom() <= scene.height, "{label:?}");
        }
        assert!(scene.labels().any(|label| label.text == "Memory of a model"));
    }

    #[test]
    fn lines_break_between_words_and_long_words_are_cut() {
        let lines = broken("one two three", 50.0, Font::SMALL, &Estimate);
        assert_eq!(lines.join(" "), "one two three");
        assert!(lines.len() > 1);
        let cut = broken(&"é".repeat(100), 50.0, Font::SMALL, &Estimate);
        assert!(cut.len() > 1 && cut.concat().chars().count() == 100);
    }
}
