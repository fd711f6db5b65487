//! Drawings on a canvas, sharp at any pixel ratio.

use std::cell::Cell;

use dhurandhar_chart::{Drawing, Font, Measure, Theme, paint};
use dhurandhar_core::leaf::cast::to_u64;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::browser::appearance::Appearance;

/// The theme of the page.
fn theme(appearance: Appearance) -> Theme {
    // The surface is the page's own paper.
    let theme = if appearance.is_dark {
        Theme { surface: (0x11, 0x17, 0x1a), ..Theme::dark() }
    } else {
        Theme { surface: (0xfc, 0xfc, 0xfa), ..Theme::light() }
    };
    theme.scaled(appearance.pixel_ratio)
}

/// Draws as the page looks.
pub(crate) fn draw(drawing: &dyn Drawing, canvas: &HtmlCanvasElement, appearance: Appearance) -> Option<()> {
    paint_on(drawing, canvas, f64::from(appearance.width), &theme(appearance))
}

fn paint_on(drawing: &dyn Drawing, canvas: &HtmlCanvasElement, width: f64, theme: &Theme) -> Option<()> {
    let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
    let scene = drawing.scene(width, &CanvasMeasure { context: &context, font: Cell::new(None) });
    let size =
        |length: f64| u32::try_from(to_u64((length * theme.scale).round().clamp(1.0, 16_384.0))).unwrap_or(1);
    let (width, height) = (size(scene.width), size(scene.height));
    // Setting a size clears a canvas and its memory, even to the size it has.
    if (canvas.width(), canvas.height()) != (width, height) {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let mut backend = CanvasBackend::with_canvas_object(canvas.clone())?;
    paint(&scene, &mut backend, theme).ok()
}

/// A drawing for a file: on a canvas of its own in light colours, two pixels for each CSS px.
pub(crate) fn paint_sheet(drawing: &dyn Drawing, width: f64) -> Option<HtmlCanvasElement> {
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    paint_on(drawing, &canvas, width, &Theme::light().scaled(2.0))?;
    Some(canvas)
}

/// Measures text as the canvas will draw it.
struct CanvasMeasure<'a> {
    context: &'a CanvasRenderingContext2d,
    /// The font that the context has: naming one costs more than a measurement.
    font: Cell<Option<Font>>,
}

impl Measure for CanvasMeasure<'_> {
    fn width(&self, text: &str, font: Font) -> f64 {
        if self.font.replace(Some(font)) != Some(font) {
            self.context.set_font(&font.css(1.0));
        }
        self.context.measure_text(text).map_or(0.0, |metrics| metrics.width())
    }
}
