//! How well a name suits what somebody has typed.

/// Ranks that [`rank`] gives: the best is 0, the last is one less.
pub const RANKS: u8 = 4;

/// How well a name (in any of its spellings) suits what was typed: 0 where it begins with it, 1 where every typed word begins
/// a word of its own, in order, 2 where every typed word begins some word, 3 where each stands somewhere. None where one is
/// missing. Case, hyphens and underscores make no difference.
pub fn rank(typed: &str, spellings: &[&str]) -> Option<u8> {
    let typed = plain(typed);
    let typed: Vec<&str> = typed.split_whitespace().collect();
    let all = plain(&spellings.join(" "));
    if !typed.iter().all(|word| all.contains(word)) {
        return None;
    }
    let of = |spelling: &&str| {
        let text = plain(spelling);
        let mut words = text.split_whitespace();
        if text.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(&typed.join(" ")) {
            return 0;
        }
        if typed.iter().all(|wanted| words.any(|word| word.starts_with(wanted))) {
            return 1;
        }
        3
    };
    let begins = typed.iter().all(|wanted| all.split_whitespace().any(|word| word.starts_with(wanted)));
    let best = spellings.iter().map(of).min().unwrap_or(3);
    Some(best.min(if begins { 2 } else { 3 }))
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if "-_".contains(c) { ' ' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_alike_comes_before_what_contains_it() {
        let of = |typed, slug, title| rank(typed, &[slug, title]);
        assert_eq!(of("llama 3.2 3", "llama-3.2-3b", "Llama 3.2 3B"), Some(0));
        assert_eq!(of("llama 3.2 3", "llama-3.2-1b", "Llama 3.2 1B"), Some(2));
        assert_eq!(of("gemma e2b", "gemma4-e2b", "Gemma 4 E2B"), Some(1));
        assert_eq!(of("E2B gemma 4", "gemma4-e2b", "Gemma 4 E2B"), Some(2));
        assert_eq!(of("emma", "gemma4-e2b", "Gemma 4 E2B"), Some(3));
        assert_eq!(of("xyzzy", "gemma4-e2b", "Gemma 4 E2B"), None);
        assert_eq!(of("", "gemma4-e2b", "Gemma 4 E2B"), Some(0));
    }
}
