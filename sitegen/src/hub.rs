//! The hub that the calculator may ask for a model by name, when its visitor presses the button.

use std::str::FromStr;

/// The usual hub.
pub const USUAL: &str = "https://huggingface.co";
/// Where it sends those who ask for a large file.
const USUAL_FILES: &str = "https://*.hf.co";

/// An address without a path, or no hub at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hub(Option<String>);

/// Why an address is not a hub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "hub `{0}`: expected an address such as {USUAL}, with http:// or https:// and without a path, or `none`"
)]
pub struct BadHub(String);

impl FromStr for Hub {
    type Err = BadHub;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let address = text.trim_end_matches('/');
        let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        match host {
            Some(host) if !host.is_empty() && host.chars().all(plain) => Ok(Self(Some(address.to_owned()))),
            _ => Err(BadHub(text.to_owned())),
        }
    }
}

impl Hub {
    /// Its address.
    pub fn address(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What the calculator's policy allows in addition to the site itself.
    pub fn sources(&self) -> String {
        match self.address() {
            None => String::new(),
            Some(USUAL) => format!(" {USUAL} {USUAL_FILES}"),
            Some(address) => format!(" {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_an_address_without_a_path_or_none() {
        assert_eq!("none".parse::<Hub>().unwrap().sources(), "");
        assert_eq!("http://127.0.0.1:9/".parse::<Hub>().unwrap().sources(), " http://127.0.0.1:9");
        assert!(USUAL.parse::<Hub>().unwrap().sources().contains(USUAL_FILES));
        for text in ["", "huggingface.co", "https://", "https://a/b", "https://a; script-src *", "ftp://a"] {
            let error = text.parse::<Hub>().unwrap_err().to_string();
            assert!(error.contains("expected an address such as https://huggingface.co"), "{error}");
        }
    }
}
