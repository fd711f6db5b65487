//! Drawings shared by the calculator's canvas and the site's SVG.
//!
//! A chart is plain data. [`Drawing::scene`] lays it out at a width into a [`Scene`], a list of shapes whose colours
//! are roles; [`paint()`] puts a scene onto any plotters backend under a [`Theme`], and [`svg`] writes it as text.
//! Layout depends only on the data, the width and the [`Measure`], so the same chart is the same picture everywhere.
//! Every chart also says what it shows in one sentence ([`Drawing::summary`]), for readers who do not see it.
//!
//! Absurd values (NaN, infinities, nothing at all) draw as absent; no input panics.
//!
//! ```
//! use dhurandhar_chart::{Bar, Budget, Drawing, MemoryBars, Segment, svg};
//!
//! let mib = 1_048_576.0;
//! let chart = MemoryBars {
//!     title: "Memory by component".to_owned(),
//!     bars: vec![Bar {
//!         segments: vec![
//!             Segment { name: "decoder weights".to_owned(), bytes: 980.0 * mib, mapped: false, series: None },
//!             Segment { name: "PLE page cache".to_owned(), bytes: 120.0 * mib, mapped: true, series: None },
//!         ],
//!         ..Bar::default()
//!     }],
//!     budgets: vec![Budget { label: "budget".to_owned(), bytes: 1_536.0 * mib }],
//! };
//! let html = svg::responsive(&chart, "memory");
//! assert!(html.contains("budget 1,536\u{a0}MiB"));
//! assert!(chart.summary().contains("within the budget by 436\u{a0}MiB"));
//! ```

mod axis;
mod grouped_bars;
mod heat_map;
mod legend;
mod line_chart;
mod marker;
mod memory_bars;
pub mod number;
mod paint;
mod rows;
mod scene;
mod sheet;
mod summary;
pub mod svg;
mod text;
pub mod theme;

pub use axis::{Axis, Spread};
pub use grouped_bars::{Group, GroupedBars, Value};
pub use heat_map::{Cell, HeatMap};
pub use line_chart::{Limit, Line, LineChart, LinePoint, LineStyle};
pub use memory_bars::{Bar, Budget, MemoryBars, Segment};
pub use paint::{Painted, paint};
pub use plotters_backend::DrawingBackend;
pub use scene::{Align, Label, Point, Rect, Scene, Shape, Stroke, Texture};
pub use sheet::Sheet;
pub use text::{Estimate, Font, Measure, fit};
pub use theme::{Role, Theme};

/// Something that can be drawn and said.
pub trait Drawing {
    /// What it shows, a few words.
    fn title(&self) -> &str;

    /// What a reader would take from it, in one sentence.
    fn summary(&self) -> String;

    /// The layout at a width in CSS px; the height follows from the content.
    fn scene(&self, width: f64, measure: &dyn Measure) -> Scene;
}

/// Lays a drawing out over the width of a backend and paints it. Callers that size the backend after the drawing
/// call [`Drawing::scene`] first and then [`paint()`].
pub fn draw<DB: DrawingBackend>(
    drawing: &dyn Drawing,
    backend: &mut DB,
    theme: &Theme,
    measure: &dyn Measure,
) -> Painted<DB> {
    let width = f64::from(backend.get_size().0) / theme.scale;
    paint(&drawing.scene(width, measure), backend, theme)
}
