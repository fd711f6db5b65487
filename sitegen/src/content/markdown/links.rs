//! Link and image targets, rewritten by the caller's rule.

use pulldown_cmark::{Event, Tag};

use super::{Located, MarkdownError, Spanned};

pub(super) fn resolve(
    events: &mut [Spanned<'_>],
    rule: &dyn Fn(&str) -> Result<String, MarkdownError>,
) -> Result<(), Located> {
    for (event, span) in events {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            *dest_url = rule(dest_url).map_err(|error| error.at(span))?.into();
        }
    }
    Ok(())
}

/// Does the target name a scheme (`https:`, `mailto:`) or another host (`//host`)?
pub fn is_external(target: &str) -> bool {
    let scheme = target.split(['/', '?', '#']).next().and_then(|head| head.split_once(':'));
    target.starts_with("//") || scheme.is_some_and(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_other_hosts_are_external() {
        for target in ["https://a.example/", "mailto:a@b", "//host/x", "data:text/plain,x"] {
            assert!(is_external(target), "{target}");
        }
        for target in ["a.md", "../b/", "#c", "d/e:f", "?q=a:b"] {
            assert!(!is_external(target), "{target}");
        }
    }
}
