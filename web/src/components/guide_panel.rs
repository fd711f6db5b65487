//! Tabs whose figures are made elsewhere: what they are about, and where to find it.

use yew::{Html, html};

use crate::tabs::Tab;

/// What it shows.
pub(crate) struct GuidePanel {
    pub(crate) tab: Tab,
}

impl GuidePanel {
    /// Its part of the page.
    pub(crate) fn view(&self) -> Html {
        match self.tab {
            Tab::Mmap => mmap(),
            _ => codecs(self.tab),
        }
    }
}

fn mmap() -> Html {
    html! {
        <div class="calc-guide">
            <h2>{ "Reading a table from storage" }</h2>
            <p>
                { "How fast a device reads rows of a mapped file, cold and warm, is measured on the device itself. A page in a \
                   browser can do neither: it cannot evict pages from the cache, nor see whether they were." }
            </p>
            <p>
                { "What can be predicted is predicted here: the stall of a row that is not cached, and the speed at which \
                   dropped weights are read again, are part of every verdict on the Devices tab. The share of rows found in \
                   the page cache is under Advanced on the Memory tab." }
            </p>
            <p><a href="../methodology/">{ "How the predictions are made" }</a></p>
        </div>
    }
}

fn codecs(tab: Tab) -> Html {
    let title = if tab == Tab::TurboQuant { "TurboQuant for the KV cache" } else { "Codecs at equal bits" };
    html! {
        <div class="calc-guide">
            <h2>{ title }</h2>
            <p>
                { "What a KV-cache codec costs in bits is part of the Memory tab today: choose a TurboQuant format for keys or \
                   values, and the cache is counted with its scales. What it costs in error is measured on vectors, which this \
                   version of the page does not do." }
            </p>
            <p><a href="../methodology/">{ "How the predictions are made" }</a></p>
        </div>
    }
}
