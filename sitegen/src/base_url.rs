//! The address under which a site will be published. Only the sitemap, the feed and canonical links need it.

use std::fmt;
use std::str::FromStr;

/// An absolute address that ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Why an address is not a base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("base URL `{0}`: expected http:// or https:// and a host, without query or fragment")]
pub struct BadBaseUrl(String);

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let usable = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
            && !text.contains(|c: char| {
                c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '"' | '<' | '>')
            });
        if !usable {
            return Err(BadBaseUrl(text.to_owned()));
        }
        Ok(Self(format!("{}/", text.trim_end_matches('/'))))
    }
}

impl BaseUrl {
    /// The absolute address of a place in the site.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_ends_with_one_slash() {
        for text in ["https://a.example/sub", "https://a.example/sub/"] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().join("docs/"), "https://a.example/sub/docs/");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_expected() {
        for text in [
            "",
            "a.example",
            "/sub/",
            "https://",
            "https:///x",
            "ftp://a.example/",
            "https://a/?q",
            "https://a/ b",
        ] {
            assert!(text.parse::<BaseUrl>().unwrap_err().to_string().contains("expected http"), "{text}");
        }
    }
}
