//! Where figures come from, with links: addresses as they stand, and files and repositories by their usual names.

use maud::{Markup, html};

/// Repositories that sources call by their own name alone: where they are, and the folder that paths begin in.
const KNOWN: [(&str, &str, &str); 3] = [
    ("executorch", "pytorch/executorch", ""),
    ("maxtext", "AI-Hypercomputer/maxtext", ""),
    ("transformers", "huggingface/transformers", "src/transformers/"),
];

/// A source's text: an address, `config.json of OWNER/NAME`, and `OWNER/NAME PATH line N (COMMIT)` lead there.
pub(super) fn linked(text: &str) -> Markup {
    let words: Vec<&str> = text.split(' ').collect();
    // A commit stands in brackets at the end, and is that of the file before it.
    let commit = words
        .last()
        .and_then(|last| last.strip_prefix('(')?.strip_suffix(')'))
        .filter(|last| is_commit(last));
    let line =
        words.iter().position(|word| *word == "line").and_then(|at| words.get(at + 1)?.parse::<u64>().ok());
    let target = |at: usize| -> Option<String> {
        let word = bare(words.get(at)?);
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
        if word.starts_with("https://") || word.starts_with("http://") {
            return Some(word.to_owned());
        }
        if let Some((repository, folder)) = repository(before)
            && word.contains('/')
        {
            let revision = commit.unwrap_or("HEAD");
            let line = line.map_or_else(String::new, |line| format!("#L{line}"));
            return Some(format!("https://github.com/{repository}/blob/{revision}/{folder}{word}{line}"));
        }
        let of_hub = matches!(before, "of" | "for") && is_repository(word);
        of_hub.then(|| format!("https://huggingface.co/{word}"))
    };
    html! {
        @for (at, word) in words.iter().enumerate() {
            @if at > 0 { " " }
            @match target(at) {
                Some(href) => {
                    @let shown = bare(word);
                    a href=(href) rel="external" { (shown) } (word.get(shown.len()..).unwrap_or_default())
                }
                None => (word),
            }
        }
    }
}

/// A word without what follows it in a sentence.
fn bare(word: &str) -> &str {
    let word = word.trim_end_matches([',', ';', ':', ')', '.']);
    word.strip_suffix("'s").unwrap_or(word)
}

/// A repository of code by what sources call it, and the folder that its paths begin in.
fn repository(word: &str) -> Option<(&str, &str)> {
    let known =
        KNOWN.iter().find(|(name, ..)| *name == word).map(|(_, repository, folder)| (*repository, *folder));
    known.or_else(|| is_repository(word).then_some((word, "")))
}

/// `OWNER/NAME`, and no path or fraction.
fn is_repository(word: &str) -> bool {
    let clean = |part: &str| {
        !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"-_.".contains(&sign))
    };
    let letters = |part: &str| part.bytes().any(|sign| sign.is_ascii_alphabetic());
    word.split_once('/')
        .is_some_and(|(owner, name)| clean(owner) && clean(name) && letters(owner) && letters(name))
}

fn is_commit(word: &str) -> bool {
    (7..=40).contains(&word.len()) && word.bytes().all(|sign| sign.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::linked;

    #[test]
    fn files_repositories_and_addresses_are_links() {
        for (text, hrefs) in [
            (
                "config.json of zai-org/GLM-4.5-Air, as in NVIDIA-NeMo/Megatron-Bridge tests/unit/test_glm45.py line 89 (067f987df03b)",
                &[
                    "https://huggingface.co/zai-org/GLM-4.5-Air",
                    "https://github.com/NVIDIA-NeMo/Megatron-Bridge/blob/067f987df03b/tests/unit/test_glm45.py#L89",
                ][..],
            ),
            (
                "Lightning-AI/litgpt litgpt/config.py",
                &["https://github.com/Lightning-AI/litgpt/blob/HEAD/litgpt/config.py"],
            ),
            (
                "transformers models/lfm2",
                &["https://github.com/huggingface/transformers/blob/HEAD/src/transformers/models/lfm2"],
            ),
            (
                "tensor header of google/gemma-4-E2B: 2011 bf16 tensors",
                &["https://huggingface.co/google/gemma-4-E2B"],
            ),
            ("published: https://example.org/a.html, table 2", &["https://example.org/a.html"]),
            (
                "parameter count: model class LlamaForCausalLM instantiated without weights (transformers 5.24.0)",
                &[],
            ),
            ("2/3 of memory and/or less", &[]),
        ] {
            let page = linked(text).into_string();
            let found: Vec<&str> =
                page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            assert_eq!(found, hrefs, "{text}");
        }
    }
}
