//! The totals before the table.

use dhurandhar_core::leaf::Interval;
use dhurandhar_core::report::Report;
use yew::{Html, html};

use crate::parts::format;

/// Its part of the page.
pub(crate) fn headline(report: &Report) -> Html {
    let needs = &report.placement.needs;
    // A card's memory is none of the host's; one in the host's memory is part of it.
    let split = report.placement.has_card();
    let here = if split { "Needed of the host's memory" } else { "Needed for full speed" };
    let pages = if needs.wired.bytes > 0 {
        "locked or wired ones stay in memory"
    } else {
        "dropped when memory is short, then read again"
    };
    html! {
        <dl class="calc-figures">
            if split { { figure("Needed on the card", needs.on_gpus(), range(needs.on_gpus())) } }
            { figure(here, needs.hot(), range(needs.hot())) }
            { figure("Anonymous memory", needs.anonymous, "cannot be dropped".to_owned()) }
            { figure("File pages read each token", Interval::exact(needs.hot().bytes - needs.anonymous.bytes), pages.to_owned()) }
            if needs.table_file_bytes > 0 { { figure("With tables in memory", needs.resident(), range(needs.resident())) } }
        </dl>
    }
}

fn range(total: Interval) -> String {
    format!("{} to {}", format::whole_mib(total.low), format::whole_mib(total.high))
}

fn figure(name: &'static str, total: Interval, hint: String) -> Html {
    html! {
        <div>
            <dt>{ name }</dt>
            <dd><b>{ format::whole_mib(total.bytes) }</b>{ " MiB" }</dd>
            <dd class="calc-hint">{ hint }</dd>
        </div>
    }
}
