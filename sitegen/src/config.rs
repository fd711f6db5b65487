//! `content/site.toml`: addresses outside the site. What is not set is not shown.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// The file, below the content folder; it is read, not copied.
pub const FILE: &str = "site.toml";

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the sources of this site and its programs are.
    pub repository: Option<String>,
    /// Where the programs can be fetched.
    pub releases: Option<String>,
    /// Where somebody can send a measurement or say that a number is wrong.
    pub issues: Option<String>,
}

impl Config {
    /// Reads the file of a content folder; without one nothing is set.
    pub fn load(content: &Path) -> Result<Self> {
        let path = content.join(FILE);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).context(FILE)?;
        for (name, address) in config.links() {
            if !address.starts_with("https://") {
                bail!("{FILE}: the address of {name} is `{address}`; expected one that starts with https://");
            }
        }
        Ok(config)
    }

    /// Names and addresses of what is set.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("Source", &self.repository),
            ("Releases", &self.releases),
            ("Report a wrong number", &self.issues),
        ];
        all.into_iter().filter_map(|(name, address)| Some((name, address.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_linked_and_mistakes_are_named() {
        assert_eq!(Config::parse("").unwrap().links().count(), 0);
        let config = Config::parse("repository = \"https://example.org/r\"").unwrap();
        assert_eq!(config.links().collect::<Vec<_>>(), [("Source", "https://example.org/r")]);
        let wrong = |text: &str| format!("{:#}", Config::parse(text).unwrap_err());
        assert!(wrong("repository = \"http://example.org\"").contains("starts with https://"));
        assert!(wrong("repo = \"https://example.org\"").contains("unknown field `repo`"));
    }
}
