//! Figures that an article asks for by name: a fenced block ` ```figure codec-quality ` becomes a chart or a table.
//!
//! Each is computed by `dhurandhar-core` when the site is built, so that no figure in the text can go stale.

mod codec;
mod table;

use std::sync::OnceLock;

use maud::Markup;

/// Draws one figure; an error is a fault of the figure, not of the article.
type Draw = fn() -> anyhow::Result<Markup>;

const FIGURES: [(&str, Draw); 7] = [
    ("codec-quality", codec::quality),
    ("codec-outliers", codec::outliers),
    ("codec-keys", codec::keys),
    ("codec-true-bits", codec::true_bits),
    ("codec-cost", codec::cost),
    ("codec-inner-products", codec::inner_products),
    ("codec-errata", codec::errata),
];

/// The figure of that name as HTML, or what is wrong. Computed once a process: the profiles it rests on are embedded.
pub(crate) fn html(name: &str) -> Result<String, String> {
    static DRAWN: [OnceLock<Result<String, String>>; FIGURES.len()] =
        [const { OnceLock::new() }; FIGURES.len()];
    let Some(at) = FIGURES.iter().position(|(known, _)| *known == name) else {
        let known: Vec<&str> = FIGURES.iter().map(|(known, _)| *known).collect();
        return Err(format!("expected one of {}", known.join(", ")));
    };
    let draw = || (FIGURES[at].1)().map(Markup::into_string).map_err(|error| format!("{error:#}"));
    DRAWN[at].get_or_init(draw).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_comes_out_and_an_unknown_one_names_the_known() {
        for (name, _) in FIGURES {
            let html = html(name).unwrap();
            assert!(html.contains("<table") || html.contains("<svg"), "{name}");
            assert!(!html.contains("NaN") && !html.contains("inf<"), "{name}: {html}");
        }
        assert!(html("codec-quantity").unwrap_err().contains("codec-quality"));
    }
}
