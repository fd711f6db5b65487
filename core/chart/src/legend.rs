//! The legend: keys with names that flow over as many lines as they need and never overlap.

use crate::marker::{Marker, mark};
use crate::scene::{Align, Rect, Scene, Stroke, Texture};
use crate::text::{Font, Measure, fit};
use crate::theme::Role;

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Key {
    /// A filled square.
    Swatch(Role, Texture),
    /// A short line, with the marker of its points.
    Line(Stroke, Option<Marker>),
    /// A marker alone.
    Point(Role, Marker),
}

const SWATCH: f64 = 11.0;
const DASHES: f64 = 23.0;
const GAP: f64 = 7.0;
const BETWEEN: f64 = 20.0;
const LINE: f64 = 20.0;

/// Adds the entries from `top` downwards over the scene's width; returns the height that they took.
pub(crate) fn legend(scene: &mut Scene, top: f64, entries: &[(Key, String)], measure: &dyn Measure) -> f64 {
    let font = Font::SMALL;
    let (mut x, mut middle) = (0.0, top + LINE / 2.0);
    for (key, name) in entries {
        let drawn = match key {
            Key::Swatch(..) | Key::Point(..) => SWATCH,
            Key::Line(..) => DASHES,
        };
        let name = fit(name, scene.width - drawn - GAP, font, measure);
        let length = drawn + GAP + measure.width(&name, font);
        if x > 0.0 && x + length > scene.width {
            (x, middle) = (0.0, middle + LINE);
        }
        match *key {
            Key::Swatch(role, texture) => {
                let area = Rect { x, y: middle - SWATCH / 2.0, width: SWATCH, height: SWATCH };
                scene.textured(area, role, texture);
            }
            Key::Point(role, marker) => mark(scene, marker, (x + SWATCH / 2.0, middle), role),
            Key::Line(stroke, marker) => {
                scene.line((x, middle), (x + DASHES, middle), stroke);
                if let Some(marker) = marker {
                    mark(scene, marker, (x + DASHES / 2.0, middle), stroke.role);
                }
            }
        }
        scene.text(&name, (x + drawn + GAP, middle), font, Role::Ink, Align::Start);
        x += length + BETWEEN;
    }
    if entries.is_empty() { 0.0 } else { middle + LINE / 2.0 - top }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Estimate;

    #[test]
    fn sixty_entries_wrap_without_overlap() {
        let mut scene = Scene::new(320.0);
        let entry = |i: usize| (Key::Swatch(Role::Series(i), Texture::Solid), "x".repeat(1 + i * 7 % 50));
        let entries: Vec<_> = (0..60).map(entry).collect();
        let height = legend(&mut scene, 0.0, &entries, &Estimate);
        let bounds: Vec<Rect> = scene.labels().map(|label| label.bounds(&Estimate)).collect();
        assert_eq!(bounds.len(), 60);
        for (i, a) in bounds.iter().enumerate() {
            assert!(a.x >= 0.0 && a.right() <= 320.0 && a.bottom() <= height, "{a:?}");
            assert!(bounds[i + 1..].iter().all(|b| !a.overlaps(*b)), "{a:?}");
        }
    }

    #[test]
    fn no_entries_take_no_room() {
        assert!(legend(&mut Scene::new(320.0), 0.0, &[], &Estimate).abs() < f64::EPSILON);
    }
}
