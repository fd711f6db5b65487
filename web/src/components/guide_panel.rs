//! Tabs whose figures are made elsewhere: what they are about, and where to find it.

use yew::{Html, html};

/// A tab that explains.
pub(crate) struct GuidePanel;

impl GuidePanel {
    /// Its part of the page.
    #[expect(clippy::unused_self, reason = "as every other part of the page is made")]
    pub(crate) fn view(&self) -> Html {
        mmap()
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
