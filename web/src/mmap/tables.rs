//! The figures behind the Mmap tab's chart: the prediction, the cliff, and what was measured.

use dhurandhar_core::measurement::{MeasuredPoint, Overlay, Policy, VerdictResult};
use dhurandhar_core::speed::{Lookup, LookupCase};
use yew::{Html, html};

use crate::parts::format;
use crate::parts::icon::{Shape, icon};

/// Id of the table of figures.
pub(crate) const LOOKUP_ID: &str = "mmap-lookup";
/// Id of the table of what happens when weights leave memory.
pub(crate) const CLIFF_ID: &str = "mmap-cliff";
/// Id of the table of a measurement.
pub(crate) const MEASURED_ID: &str = "mmap-measured";
const NOTHING: &str = "\u{2013}";

fn or_nothing(value: Option<f64>, words: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), words)
}

/// The verdict on the table in a sentence, with what it is measured by. Where the model does not run, it is never in the
/// colour of a yes: the page has one verdict.
pub(crate) fn sentence(case: &LookupCase, lookup: &Lookup, runs: Option<bool>) -> Html {
    let (Some(result), Some(stall), Some(share)) = (lookup.result, lookup.stall_us, lookup.stall_share)
    else {
        return html! {
            <p id="mmap-verdict">
                { "Without advice, every miss also reads what lies around the row, and which page leaves first depends on it: no stall \
                   is predicted. Random advice or read calls cost less and can be predicted." }
            </p>
        };
    };
    let (shape, class, words) = match result {
        VerdictResult::Pass if runs == Some(false) => {
            (Shape::Cross, "infeasible", "The table could stay on storage, but the model does not run")
        }
        VerdictResult::Pass => (Shape::Check, "resident", "The table can stay on storage"),
        VerdictResult::Warn => (Shape::Half, "mmap", "The table on storage will be felt"),
        VerdictResult::Fail | VerdictResult::Invalid => {
            (Shape::Cross, "infeasible", "The table on storage costs too much")
        }
    };
    let Policy { version, stall_mean, prefill_s, .. } = Policy::default();
    html! {
        <>
            <p id="mmap-verdict" role="status">
                <span class={yew::classes!("verdict", class)}>{ icon(shape) }{ words }</span>
                { format!(": a token waits {} for its row, {} of its time at {} tok/s; a cold prompt of {} tokens takes {} longer.",
                    format::wait(stall), format::percent(share), format::plain(case.target_tokens_per_s),
                    format::whole(case.prompt_tokens), or_nothing(lookup.prefill_s, |s| format::wait(s * 1e6))) }
            </p>
            <p class="calc-hint">
                { format!("Policy {version}: good up to {} of a token and {} s of prefill, too much beyond {} or {} s.",
                    format::percent(stall_mean.0), format::plain(prefill_s.0), format::percent(stall_mean.1), format::plain(prefill_s.1)) }
            </p>
        </>
    }
}

/// The verdict of a measurement, on the machine that it was made on: it stands beside the prediction, which is of another case.
pub(crate) fn measured_verdict(measured: &Overlay) -> Html {
    let (shape, class) = match measured.result {
        VerdictResult::Pass => (Shape::Check, "resident"),
        VerdictResult::Warn => (Shape::Half, "mmap"),
        VerdictResult::Fail | VerdictResult::Invalid => (Shape::Cross, "infeasible"),
    };
    html! {
        <p id="mmap-measured-verdict" role="status">
            <span class={yew::classes!("verdict", class)}>{ icon(shape) }{ "Measured: " }{ measured.result.name() }</span>
            { [" on ", &measured.device, "; the line above predicts the device that is chosen."].concat() }
        </p>
    }
}

/// The figures of one case.
pub(crate) fn figures(lookup: &Lookup) -> Html {
    let digits = |value: f64| format!("{value:.3}");
    let rows = [
        ("Table in this layout, MiB", format::mib(lookup.table_bytes)),
        ("Row, bytes", format::whole(lookup.row_bytes)),
        ("Pages per token", digits(lookup.pages_per_token)),
        ("Bytes read for a cold row", or_nothing(lookup.cold_bytes_per_token, format::rounded)),
        ("Stall per token, nothing cached", or_nothing(lookup.cold_stall_us, format::wait)),
        ("Expected misses per token, in pages", or_nothing(lookup.misses_per_token, digits)),
        ("Stall per token", or_nothing(lookup.stall_us, format::wait)),
        ("Share of the token time", or_nothing(lookup.stall_share, format::percent)),
        ("Prefill time added", or_nothing(lookup.prefill_s, |seconds| format::wait(seconds * 1e6))),
    ];
    html! {
        <div class="calc-table">
            <table id={LOOKUP_ID}>
                <caption>{ "Prediction. Misses are those of a steady state; prefill is with every row new and cold." }</caption>
                <thead><tr><th scope="col">{ "Figure" }</th><th scope="col" class="num">{ "Predicted" }</th></tr></thead>
                <tbody>
                    { for rows.into_iter().map(|(name, value)| html! { <tr><th scope="row">{ name }</th><td class="num">{ value }</td></tr> }) }
                </tbody>
            </table>
        </div>
    }
}

/// What happens when the decoder's own weights leave memory.
pub(crate) fn cliff(case: &LookupCase, lookup: &Lookup) -> Html {
    if lookup.cliff.is_empty() {
        return Html::default();
    }
    let line = |step: &dhurandhar_core::speed::CliffStep| {
        html! {
            <tr>
                <th scope="row">{ format!("{:.0} %", step.held_share * 100.0) }</th>
                <td class="num">{ step.tokens_per_s.map_or_else(|| NOTHING.to_owned(), |range| format::speed(range.0)) }</td>
                <td class="num">{ step.tokens_per_s.map_or_else(|| NOTHING.to_owned(), |range| format::speed(range.1)) }</td>
            </tr>
        }
    };
    html! {
        <div class="calc-table">
            <table id={CLIFF_ID}>
                <caption>
                    { format!("The cliff: {} MiB of decoder weights are read for every token. A table's cache that pushes them out costs far \
                               more than the table's own misses.", format::mib(case.decoder_bytes)) }
                </caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Weights in memory" }</th>
                        <th scope="col" class="num">{ "Worst, tok/s" }</th>
                        <th scope="col" class="num">{ "Best, tok/s" }</th>
                    </tr>
                </thead>
                <tbody>{ for lookup.cliff.iter().map(line) }</tbody>
            </table>
            <p class="calc-hint">
                { "Best: only what is missing is read again. Worst: a sweep in order loses every page before its turn. Both are ceilings of \
                   the memory's and the storage's speed." }
            </p>
        </div>
    }
}

/// Predicted and measured, configuration by configuration.
pub(crate) fn measured(measured: &Overlay) -> Html {
    let ratio = |ratio: Option<f64>| or_nothing(ratio, |ratio| format!("{ratio:.2}"));
    let line = |point: &MeasuredPoint| {
        let bytes = point.cache_bytes.map(|bytes| bytes / 1_048_576.0);
        html! {
            <tr>
                <th scope="row">{ for point.id.split_inclusive('/').map(|part| html! { <>{ part }<wbr /></> }) }</th>
                <td class="num wide">{ or_nothing(bytes, |mib| format!("{mib:.1}")) }</td>
                <td class="num">{ or_nothing(point.predicted_us, format::wait) }</td>
                <td class="num">{ format::wait(point.stall_us) }</td>
                <td class="num">{ ratio(point.stall_ratio) }</td>
                <td class="num wide">{ or_nothing(point.predicted_reads, |reads| format!("{reads:.2}")) }</td>
                <td class="num wide">{ or_nothing(point.reads_per_token, |reads| format!("{reads:.2}")) }</td>
                <td class="num wide">{ ratio(point.reads_ratio) }</td>
            </tr>
        }
    };
    html! {
        <div class="calc-table">
            <table id={MEASURED_ID}>
                <caption>
                    <strong>{ format!("Measured: {}. ", measured.result.name()) }</strong>
                    { format!("Measured on {}, {}; its own verdict is {}. Waits are means under a memory limit and medians otherwise. \
                               The predictions are the file's own. A run that calibrates them has no ratio, nor has one of which \
                               the model claims nothing.",
                        measured.device, measured.started, measured.result.name()) }
                </caption>
                <thead>
                    <tr>
                        <th scope="col">{ "Configuration" }</th>
                        <th scope="col" class="num wide">{ "Cache, MiB" }</th>
                        <th scope="col" class="num">{ "Predicted" }</th>
                        <th scope="col" class="num">{ "Measured" }</th>
                        <th scope="col" class="num">{ "Ratio" }</th>
                        <th scope="col" class="num wide">{ "Reads, predicted" }</th>
                        <th scope="col" class="num wide">{ "Reads, measured" }</th>
                        <th scope="col" class="num wide">{ "Ratio" }</th>
                    </tr>
                </thead>
                <tbody>{ for measured.points.iter().map(line) }</tbody>
            </table>
        </div>
    }
}
