//! How models elsewhere are named.

/// The hub, unless `HF_ENDPOINT` names another.
pub const HUB: &str = "https://huggingface.co";
/// Ollama's registry, unless `OLLAMA_REGISTRY` names another.
pub const OLLAMA: &str = "https://registry.ollama.ai";

/// Endings of files, which no repository's name is taken to have.
const FILES: [&str; 10] = ["yaml", "yml", "json", "gguf", "safetensors", "bin", "pt", "pth", "ckpt", "npy"];

/// A name that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A repository of the hub.
    Hub(HubName),
    /// A file at an address.
    Url(String),
    /// A model of Ollama's registry.
    Ollama(OllamaName),
}

/// A repository of the hub, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    /// `owner/name`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: Option<String>,
    /// A file in the repository, or a quantisation.
    pub wanted: Option<String>,
}

impl HubName {
    /// The revision, `main` where none is named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }

    /// As the user would write it, without the file.
    pub fn shown(&self) -> String {
        match &self.revision {
            Some(revision) => format!("{}@{revision}", self.repository),
            None => self.repository.clone(),
        }
    }

    /// The part after the owner.
    pub fn title(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }
}

/// A model of Ollama's registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaName {
    /// `library` for those without an owner.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Which of its variants.
    pub tag: String,
}

impl OllamaName {
    /// As the user would write it.
    pub fn shown(&self) -> String {
        match self.owner.as_str() {
            "library" => format!("ollama:{}:{}", self.name, self.tag),
            owner => format!("ollama:{owner}/{}:{}", self.name, self.tag),
        }
    }
}

/// What `name` means; `None` for names of things on this machine, and why not for what only looks like a name.
pub fn parse(name: &str, endpoint: &str) -> Result<Option<Reference>, String> {
    let lower = name.to_ascii_lowercase();
    let after = |start: &str| name.get(start.len()..).filter(|_| lower.starts_with(start));
    let web = after("https://").or_else(|| after("http://"));
    if let Some(rest) = ["ollama:", "ollama://"].iter().rev().find_map(|start| after(start)) {
        return ollama(name, rest).map(Some);
    }
    if let Some(rest) = after("hf://") {
        return page(name, rest.strip_prefix("models/").unwrap_or(rest))
            .map(|found| Some(Reference::Hub(found)));
    }
    // Hosts are the same in capitals, and with or without a scheme.
    let host_and_path = web.unwrap_or(name).split_once('/');
    if let Some((host, rest)) = host_and_path {
        match host.to_ascii_lowercase().as_str() {
            "hf.co" | "huggingface.co" | "www.huggingface.co" => {
                return page(name, rest).map(|found| Some(Reference::Hub(found)));
            }
            "ollama.com" | "www.ollama.com" | "registry.ollama.ai" if !rest.starts_with("v2/") => {
                return ollama(name, rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/'))
                    .map(Some);
            }
            _ => {}
        }
    }
    if let Some(rest) = web {
        let scheme = if after("https://").is_some() { "https://" } else { "http://" };
        let lowered = [scheme, rest].concat();
        let name = lowered.as_str();
        if let Some(rest) = name.strip_prefix(endpoint).and_then(|rest| rest.strip_prefix('/')) {
            let found = page(name, rest);
            // A mirror may give files of its own, too.
            if found.is_ok() || !is_file(file_name(name)) {
                return found.map(|found| Some(Reference::Hub(found)));
            }
        }
        return url(name).map(|url| Some(Reference::Url(url)));
    }
    let Some(found) = short(name.trim_end_matches(['/', ':', '@'])) else {
        // The path of a page without its host.
        let parts: Vec<&str> = name.split('/').collect();
        return match parts.as_slice() {
            [_, _, "tree" | "blob" | "resolve" | "raw", _, ..] => {
                page(name, name).map(Reference::Hub).map(Some)
            }
            _ => Ok(None),
        };
    };
    let is_file = found.revision.is_none() && found.wanted.is_none() && is_file(&found.repository);
    Ok((!is_file).then_some(Reference::Hub(found)))
}

/// `owner/name[@revision][:file-or-quantisation]`.
fn short(name: &str) -> Option<HubName> {
    let (front, wanted) = match name.split_once(':') {
        Some((front, wanted)) => (front, Some(wanted)),
        None => (name, None),
    };
    let (repository, revision) = match front.split_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (front, None),
    };
    let (owner, title) = repository.split_once('/')?;
    let clean = |text: Option<&str>| text.is_none_or(|text| !text.is_empty() && is_path(text));
    (is_word(owner) && is_word(title) && clean(revision) && clean(wanted)).then(|| HubName {
        repository: repository.to_owned(),
        revision: revision.map(str::to_owned),
        wanted: wanted.map(str::to_owned),
    })
}

/// What follows the hub's host: a short name, or the path of a page or a file.
fn page(name: &str, rest: &str) -> Result<HubName, String> {
    let wrong = || {
        format!(
            "{name}: no address of a model on the hub; expected one such as {HUB}/owner/name or {HUB}/owner/name/resolve/main/model.gguf"
        )
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/');
    let parts: Vec<&str> = rest.splitn(5, '/').collect();
    let [owner, title, more @ ..] = parts.as_slice() else { return Err(wrong()) };
    if more.is_empty() {
        return short(rest).ok_or_else(wrong);
    }
    if let Some(found) = short(rest) {
        return Ok(found);
    }
    let decoded = |text: &str| decode(text).filter(|text| is_path(text));
    let (revision, file) = match more {
        ["tree", revision] => (revision, None),
        // A folder is named as one.
        ["tree", revision, folder] => (revision, Some(decoded(folder).ok_or_else(wrong)? + "/")),
        ["resolve" | "blob" | "raw", revision, file] => (revision, Some(decoded(file).ok_or_else(wrong)?)),
        _ => return Err(wrong()),
    };
    if !is_word(owner) || !is_word(title) {
        return Err(wrong());
    }
    let revision = decoded(revision).ok_or_else(wrong)?;
    Ok(HubName {
        repository: format!("{owner}/{title}"),
        revision: (revision != "main").then_some(revision),
        wanted: file,
    })
}

fn ollama(name: &str, rest: &str) -> Result<Reference, String> {
    let wrong = || format!("{name}: no name of Ollama's registry; expected one such as ollama:llama3.2:1b");
    let rest = rest.trim_start_matches('/');
    let rest = rest.strip_prefix("registry.ollama.ai/").or(rest.strip_prefix("ollama.com/")).unwrap_or(rest);
    if rest.starts_with("hf.co/") || rest.starts_with("huggingface.co/") {
        let (_, rest) = rest.split_once('/').unwrap_or_default();
        return page(name, rest).map(Reference::Hub);
    }
    let (front, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
    let (owner, title) = front.split_once('/').unwrap_or(("library", front));
    let found = OllamaName { owner: owner.to_owned(), name: title.to_owned(), tag: tag.to_owned() };
    if [owner, title, tag].into_iter().all(is_word) { Ok(Reference::Ollama(found)) } else { Err(wrong()) }
}

fn url(name: &str) -> Result<String, String> {
    let (_, rest) = name.split_once("://").unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = name.split('#').next().unwrap_or(name);
    if host.is_empty()
        || host.contains('@')
        || name.contains(|sign: char| sign.is_whitespace() || sign.is_control())
    {
        return Err("an address with a space, a password or no host; expected one such as https://example.org/model.gguf".into());
    }
    if file_name(path).is_empty() {
        return Err(format!(
            "{name}: no address of a file; expected that of a GGUF or safetensors file, an index or a config.json"
        ));
    }
    Ok(plain.to_owned())
}

/// The last part of an address's path.
pub fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

/// The address of another file in the same folder.
pub fn beside(url: &str, file: &str) -> String {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (url, String::new()),
    };
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    format!("{folder}/{file}{query}")
}

/// A part of a path as an address has it.
pub fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first == b'%' {
            let (digits, after) = more.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whether a name ends as one of a file does.
fn is_file(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| FILES.contains(&ending.as_str()))
}

/// A word of a name: what the hub and the registry let names consist of.
fn is_word(text: &str) -> bool {
    let signs = text.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"-._".contains(&sign));
    signs && !text.is_empty() && text.len() <= 96 && !text.starts_with('.') && !text.contains("..")
}

/// A revision or a file: a path that stays in its repository.
fn is_path(text: &str) -> bool {
    let parts = || text.split('/');
    !text.contains(char::is_control)
        && !text.contains('\\')
        && parts().all(|part| !part.is_empty() && part != ".." && part != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> (String, Option<String>, Option<String>) {
        match parse(name, "http://127.0.0.1:8000").unwrap().unwrap() {
            Reference::Hub(found) => (found.repository, found.revision, found.wanted),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn repositories_are_named_in_many_ways() {
        let plain = ("Qwen/Qwen3-8B".to_owned(), None, None);
        for name in [
            "Qwen/Qwen3-8B",
            "hf.co/Qwen/Qwen3-8B",
            "huggingface.co/Qwen/Qwen3-8B",
            "https://huggingface.co/Qwen/Qwen3-8B",
            "https://huggingface.co/Qwen/Qwen3-8B/",
            "https://huggingface.co/Qwen/Qwen3-8B/tree/main",
            "https://hf.co/Qwen/Qwen3-8B?library=transformers",
            "http://127.0.0.1:8000/Qwen/Qwen3-8B",
            "ollama:hf.co/Qwen/Qwen3-8B",
            "Qwen/Qwen3-8B/",
            "Qwen/Qwen3-8B:",
            "Qwen/Qwen3-8B@",
            "Qwen/Qwen3-8B/tree/main",
            "www.huggingface.co/Qwen/Qwen3-8B",
            "HTTPS://HuggingFace.co/Qwen/Qwen3-8B",
            "http://huggingface.co/Qwen/Qwen3-8B",
            "HF.co/Qwen/Qwen3-8B",
            "hf://Qwen/Qwen3-8B",
        ] {
            assert_eq!(hub(name), plain, "{name}");
        }
        let some = |text: &str| Some(text.to_owned());
        let full = ("a/b".to_owned(), some("refs/pr/1"), some("q/x-Q4_K_M.gguf"));
        assert_eq!(hub("a/b@refs/pr/1:q/x-Q4_K_M.gguf"), full);
        assert_eq!(hub("https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/q/x-Q4_K_M.gguf"), full);
        assert_eq!(hub("https://hf.co/a/b/tree/main/Q4_K_M").2, some("Q4_K_M/"));
        assert_eq!(hub("hf.co/a/b:Q4_K_M"), ("a/b".into(), None, some("Q4_K_M")));
        assert_eq!(hub("https://hf.co/a/b/blob/main/x%20y.gguf?download=true").2, some("x y.gguf"));
    }

    #[test]
    fn files_and_built_in_models_are_no_names_of_the_hub() {
        for name in [
            "qwen3-8b",
            "models/a.gguf",
            "./a/b",
            "/a/b",
            "../b",
            "a/b/c",
            "a\\b",
            "C:\\a/b",
            "~/b",
            "a/b.json",
            "",
        ] {
            assert_eq!(parse(name, HUB), Ok(None), "{name}");
        }
    }

    #[test]
    fn what_leads_nowhere_says_what_was_expected() {
        for name in [
            "https://huggingface.co/",
            "https://huggingface.co/Qwen",
            "https://huggingface.co/a/b/discussions/1",
            "https://huggingface.co/a/b/resolve/main/../../x",
            "hf.co/a/b/blob/main/%zz",
            "https://example.org/",
            "https://user:secret@example.org/a.gguf",
            "ollama:",
            "ollama:a/b/c/d",
        ] {
            let error = parse(name, HUB).unwrap_err();
            assert!(error.contains("expected") && !error.contains("secret"), "{name}: {error}");
        }
    }

    #[test]
    fn a_mirror_gives_files_of_its_own() {
        let url = "http://127.0.0.1:8000/model.gguf";
        assert_eq!(parse(url, "http://127.0.0.1:8000"), Ok(Some(Reference::Url(url.into()))));
    }

    #[test]
    fn other_addresses_and_registries() {
        let url = "https://example.org/x/model.gguf?a=1";
        assert_eq!(parse(url, HUB), Ok(Some(Reference::Url(url.into()))));
        assert_eq!(
            (file_name(url), beside(url, "b").as_str()),
            ("model.gguf", "https://example.org/x/b?a=1")
        );
        let ollama = |name| match parse(name, HUB).unwrap() {
            Some(Reference::Ollama(found)) => found.shown(),
            other => panic!("{other:?}"),
        };
        assert_eq!(ollama("ollama:llama3.2"), "ollama:llama3.2:latest");
        assert_eq!(ollama("ollama:anne/b:q4_0"), "ollama:anne/b:q4_0");
        assert_eq!(ollama("https://ollama.com/library/llama3.2:1b"), "ollama:llama3.2:1b");
        assert_eq!(ollama("Ollama:llama3.2"), "ollama:llama3.2:latest");
        assert_eq!(encode("a b/c+d"), "a%20b/c%2Bd");
    }
}
