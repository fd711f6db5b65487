//! A chart of a codec tab on a canvas, redrawn when its data, its place or the colour scheme changes.

use dhurandhar_chart::{Drawing, GroupedBars, LineChart};
use gloo_events::EventListener;
use gloo_render::request_animation_frame;
use web_sys::HtmlCanvasElement;
use yew::{Html, Properties, function_component, html, use_effect_with, use_node_ref};

use crate::browser::appearance::{Appearance, use_appearance};
use crate::parts::canvas::draw;

/// What can be plotted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Chart {
    Lines(LineChart),
    Bars(GroupedBars),
}

impl Chart {
    fn drawing(&self) -> &dyn Drawing {
        match self {
            Self::Lines(chart) => chart,
            Self::Bars(chart) => chart,
        }
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct PlotProps {
    pub(crate) chart: Chart,
    /// Id of the table with the same figures.
    pub(crate) described_by: &'static str,
}

#[function_component]
pub(crate) fn Plot(props: &PlotProps) -> Html {
    let (place, canvas) = (use_node_ref(), use_node_ref());
    let appearance = use_appearance(&place);
    {
        let canvas = canvas.clone();
        use_effect_with((props.chart.clone(), appearance), move |(chart, appearance)| {
            let (chart, appearance) = (chart.clone(), *appearance);
            // In a frame of its own: the page can answer between its tables and its drawing.
            let paint = move |appearance: Appearance| {
                if let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| appearance.width > 0) {
                    // A canvas that cannot be drawn on leaves the table, which says the same.
                    draw(chart.drawing(), &canvas, appearance).unwrap_or_default();
                }
            };
            let later = paint.clone();
            let frame = request_animation_frame(move |_| later(appearance));
            // Paper is light, and is not waited for.
            let printing = web_sys::window().map(|window| {
                EventListener::new(&window, "beforeprint", move |_| {
                    paint(Appearance { is_dark: false, ..appearance });
                })
            });
            move || drop((frame, printing))
        });
    }
    let summary = props.chart.drawing().summary();
    html! {
        <div class="calc-chart" ref={place}>
            <canvas ref={canvas} role="img" aria-label={summary} aria-describedby={props.described_by} />
        </div>
    }
}
