//! LaTeX formulas to MathML, which browsers draw themselves: no script, no font.

use pulldown_cmark::Event;
use pulldown_latex::config::DisplayMode;
use pulldown_latex::{Parser, RenderConfig, Storage, push_mathml};

use super::{Located, MarkdownError, Spanned};

pub(super) fn to_mathml(events: &mut [Spanned<'_>]) -> Result<(), Located> {
    for (event, span) in events {
        let (formula, display_mode) = match event {
            Event::InlineMath(formula) => (formula, DisplayMode::Inline),
            Event::DisplayMath(formula) => (formula, DisplayMode::Block),
            _ => continue,
        };
        let mathml = mathml(formula, display_mode).map_err(|error| error.at(span))?;
        *event = match display_mode {
            // A long formula scrolls by itself; the page never does.
            DisplayMode::Block => {
                Event::InlineHtml(format!("<span class=\"formula\" tabindex=\"0\">{mathml}</span>").into())
            }
            DisplayMode::Inline => Event::InlineHtml(mathml.into()),
        };
    }
    Ok(())
}

fn mathml(formula: &str, display_mode: DisplayMode) -> Result<String, MarkdownError> {
    let fail = |reason: String| MarkdownError::Math { formula: formula.to_owned(), reason };
    let storage = Storage::new();
    let events: Vec<_> = Parser::new(formula, &storage)
        .collect::<Result<_, _>>()
        .map_err(|error| fail(error.to_string().lines().next().unwrap_or_default().to_owned()))?;
    let config = RenderConfig { display_mode, annotation: Some(formula), ..RenderConfig::default() };
    let mut html = String::new();
    let events = events.into_iter().map(Ok::<_, pulldown_latex::ParserError>);
    push_mathml(&mut html, events, config).map_err(|error| fail(error.to_string()))?;
    Ok(html)
}

#[cfg(test)]
mod tests {
    use crate::content::markdown::{MarkdownError, error_of, html_of};

    #[test]
    fn formulas_become_mathml_without_inline_style() {
        let html = html_of("Bits $b = 4.5$ and\n\n$$\\text{bytes} = \\sum_{l} \\frac{n_l \\, b_l}{8}$$\n");
        assert_eq!(html.matches("<math").count(), 2, "{html}");
        assert!(html.contains("display=\"block\"") && html.contains("<mfrac>"), "{html}");
        assert!(!html.contains("style="), "{html}");
    }

    #[test]
    fn a_broken_formula_is_an_error_at_its_place() {
        let error = error_of("one\n\n$\\frac{a}$\n");
        assert_eq!(error.offset, 5);
        assert!(matches!(error.what, MarkdownError::Math { .. }));
    }
}
