//! Where an address leads, and whether that exists.

use std::collections::{BTreeMap, HashSet};

use super::{Fault, Reference, Usage};
use crate::content::markdown::is_external;
use crate::output::site::Site;
use crate::path::SitePath;

/// What there is to lead to.
pub(super) struct Known<'a> {
    pub(super) site: &'a Site,
    pub(super) ids: &'a BTreeMap<&'a str, HashSet<&'a str>>,
}

impl Known<'_> {
    /// What is wrong with an address in `file`, if anything is.
    pub(super) fn fault(&self, file: &str, reference: &Reference) -> Option<Fault> {
        let target = &reference.target;
        let own = || target.clone();
        if target.starts_with('/') && !target.starts_with("//") {
            return Some(Fault::RootAbsolute(own()));
        }
        if is_external(target) {
            return match (scheme(target), reference.usage) {
                (Some("javascript"), _) => Some(Fault::ScriptLink(own())),
                (Some("data"), Usage::Resource) | (_, Usage::Link) => None,
                (_, Usage::Resource) => Some(Fault::ThirdParty(own())),
            };
        }
        let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
        let path = percent_decoded(path.split('?').next().unwrap_or_default());
        let page = if path.is_empty() {
            file.to_owned()
        } else {
            match SitePath::new(file).join(&path) {
                None => return Some(Fault::Outside(own())),
                Some(place) => place.file(),
            }
        };
        if !self.site.files.contains_key(&page) {
            let folder = self.site.files.contains_key(&format!("{page}/index.html"));
            return Some(if folder { Fault::Slash(own()) } else { Fault::Missing(own()) });
        }
        self.missing_fragment(target, &page, fragment)
    }

    fn missing_fragment(&self, target: &str, page: &str, fragment: &str) -> Option<Fault> {
        let id = percent_decoded(fragment);
        let ids = self.ids.get(page)?;
        // An empty fragment and `#top` mean the top of any page.
        let found = id.is_empty() || id == "top" || ids.contains(id.as_str());
        (!found).then(|| Fault::Fragment { target: target.to_owned(), page: page.to_owned(), id })
    }
}

fn scheme(target: &str) -> Option<&str> {
    target.split_once(':').map(|(scheme, _)| scheme)
}

/// Undoes `%20`; what is no valid escape stays as it is.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%')
            .then(|| std::str::from_utf8(after.get(..2)?).ok())
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn escapes_are_undone_and_everything_else_stays() {
        assert_eq!(percent_decoded("a%20b%C3%A9"), "a bé");
        assert_eq!(percent_decoded("100%, %zz, %+1, %"), "100%, %zz, %+1, %");
    }
}
