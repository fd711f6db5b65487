//! Point markers, one shape per series, so that colour is never the only difference.

use crate::scene::{Point, Rect, Scene, Shape};
use crate::theme::Role;

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Disc,
    Square,
    Triangle,
    Diamond,
    Wedge,
}

impl Marker {
    /// The marker of the n-th series.
    pub(crate) fn of(series: usize) -> Self {
        [Self::Disc, Self::Square, Self::Triangle, Self::Diamond, Self::Wedge][series % 5]
    }
}

/// Adds a marker around a point, with a rim that sets it off from lines behind it.
pub(crate) fn mark(scene: &mut Scene, marker: Marker, (x, y): Point, role: Role) {
    for (role, grow) in [(Role::Surface, 1.5), (role, 0.0)] {
        let polygon = |corners: &[Point], reach: f64| Shape::Polygon {
            points: corners.iter().map(|(dx, dy)| (x + dx * reach, y + dy * reach)).collect(),
            role,
        };
        let shape = match marker {
            Marker::Disc => Shape::Disc { centre: (x, y), radius: 3.5 + grow, role },
            Marker::Square => {
                let half = 3.2 + grow;
                let area = Rect { x: x - half, y: y - half, width: 2.0 * half, height: 2.0 * half };
                Shape::Rect { area, role, texture: crate::scene::Texture::Solid }
            }
            Marker::Triangle => polygon(&[(-0.95, 0.75), (0.95, 0.75), (0.0, -1.0)], 4.4 + grow * 1.4),
            Marker::Diamond => polygon(&[(-1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0)], 4.6 + grow * 1.3),
            Marker::Wedge => polygon(&[(-0.95, -0.75), (0.95, -0.75), (0.0, 1.0)], 4.4 + grow * 1.4),
        };
        scene.shapes.push(shape);
    }
}
