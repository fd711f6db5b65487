//! Addresses inside the site. All of them are relative, so that the site works under any sub-path.

use std::fmt;

/// A page's or a file's place in the site: `""` is the home page, `docs/` a page, `robots.txt` a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SitePath(String);

impl SitePath {
    /// A place, written without a leading slash; a page ends with `/`, but for the home page, which is `""`.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The place as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file that holds it: `docs/` is `docs/index.html`.
    pub fn file(&self) -> String {
        if self.0.is_empty() || self.0.ends_with('/') {
            format!("{}index.html", self.0)
        } else {
            self.0.clone()
        }
    }

    /// How many folders down the file lies.
    pub fn depth(&self) -> usize {
        self.0.matches('/').count()
    }

    /// The relative address of `target` (with or without a fragment) as written in this place.
    ///
    /// ```
    /// use dhurandhar_sitegen::path::SitePath;
    /// let page = SitePath::new("docs/kv/");
    /// assert_eq!(page.to("methodology/#bits"), "../../methodology/#bits");
    /// assert_eq!(page.to("docs/qjl/"), "../qjl/");
    /// assert_eq!(page.to("docs/kv/#top"), "#top");
    /// ```
    pub fn to(&self, target: &str) -> String {
        let (path, fragment) = target.find('#').map_or((target, ""), |at| target.split_at(at));
        if path == self.0 && !fragment.is_empty() {
            return fragment.to_owned();
        }
        let own_folder = self.0.rfind('/').map_or("", |at| &self.0[..=at]);
        let shared = shared_folders(own_folder, path);
        let up = own_folder[shared..].matches('/').count();
        let down = &path[shared..];
        let start = if up == 0 { "./" } else { "" };
        format!("{start}{}{down}{fragment}", "../".repeat(up))
    }

    /// The place that the relative address `href`, written in a file of this folder, means. `None` when it climbs
    /// out of the site.
    pub fn join(&self, href: &str) -> Option<Self> {
        let mut parts: Vec<&str> = self.0.split('/').collect();
        parts.pop();
        let mut folder = true;
        for part in href.split('/') {
            folder = matches!(part, "" | "." | "..");
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                name => parts.push(name),
            }
        }
        let mut joined = parts.join("/");
        if folder && !joined.is_empty() {
            joined.push('/');
        }
        Some(Self(joined))
    }
}

impl fmt::Display for SitePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The extension of a file in the site, without its dot; empty when there is none.
pub fn extension(place: &str) -> &str {
    place.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension)
}

/// Length of the longest common run of whole folders.
fn shared_folders(a: &str, b: &str) -> usize {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    a[..same].rfind('/').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_addresses_lead_back_to_where_they_point() {
        let places = ["", "a/", "a/b/", "ab/", "a/b/c.html", "404.html", "assets/x.css"];
        for from in places {
            for to in places {
                let from = SitePath::new(from);
                let href = from.to(to);
                assert!(!href.starts_with('/'), "{href}");
                assert_eq!(from.join(&href).unwrap().as_str(), to, "{from:?} -> {to:?} by {href}");
            }
        }
    }

    #[test]
    fn climbing_out_of_the_site_is_refused() {
        assert_eq!(SitePath::new("a/").join("../../x"), None);
        assert_eq!(SitePath::new("a/").join(".."), Some(SitePath::new("")));
    }

    #[test]
    fn pages_are_folders_with_an_index() {
        assert_eq!(SitePath::new("").file(), "index.html");
        assert_eq!(SitePath::new("docs/").file(), "docs/index.html");
        assert_eq!(SitePath::new("404.html").file(), "404.html");
    }
}
