//! The stacked bars on a canvas, sharp at any pixel ratio, redrawn when their place or the colour scheme changes.

use dhurandhar_chart::Drawing as _;
use gloo_timers::callback::Timeout;
use web_sys::HtmlCanvasElement;
use yew::{Html, Properties, function_component, html, use_effect_with, use_memo, use_mut_ref, use_node_ref};

use crate::browser::appearance::use_appearance;
use crate::browser::timing::measured;
use crate::memory::drawing::memory_bars;
use crate::parts::canvas::draw;
use crate::state::computed::Computed;

#[derive(Properties, PartialEq)]
pub(crate) struct MemoryChartProps {
    pub(crate) report: Computed,
    /// Id of the table with the same figures.
    pub(crate) described_by: &'static str,
}

#[function_component]
pub(crate) fn MemoryChart(props: &MemoryChartProps) -> Html {
    let (place, canvas) = (use_node_ref(), use_node_ref());
    let appearance = use_appearance(&place);
    let bars = use_memo(props.report.clone(), |report| memory_bars(report));
    {
        let (canvas, is_first) = (canvas.clone(), use_mut_ref(|| true));
        use_effect_with((bars.clone(), appearance), move |(bars, appearance)| {
            let Some(canvas) = canvas.cast::<HtmlCanvasElement>().filter(|_| appearance.width > 0) else {
                return;
            };
            let (bars, appearance) = (bars.clone(), *appearance);
            // A canvas that cannot be drawn on leaves the table, which says the same.
            let draw = move || measured("draw", || draw(&*bars, &canvas, appearance).unwrap_or_default());
            // The first time, in a task of its own, after the page's layout.
            if is_first.replace(false) {
                Timeout::new(0, draw).forget();
            } else {
                draw();
            }
        });
    }
    html! {
        <div class="calc-chart" ref={place}>
            <canvas ref={canvas} role="img" aria-label={bars.summary()} aria-describedby={props.described_by} />
        </div>
    }
}
