//! Byte-level BPE from GGUF lists: merges in order, and the pre-tokenizer that the file names.

use super::super::CheckpointError;
use super::lists::Lists;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::replace::Replace;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

const DIGIT: &str = r"\p{N}";
const THREE_DIGITS: &str = r"\p{N}{1,3}";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Upper-case letters before lower-case ones.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// What llama.cpp does where a file says nothing better.
const DEFAULT: &[&str] = &[
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
];

/// The regular expressions that split a text before merging, by `tokenizer.ggml.pre` (llama.cpp, `llama-vocab.cpp`),
/// and whether whole words of the vocabulary are taken before any merge.
fn splits(pre: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match pre {
        "gpt-2" | "phi-2" | "olmo" | "jais" | "trillion" | "granite-docling" => (&[GPT2], false),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
            (&[DIGIT, GPT2], false)
        }
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "smaug-bpe" | "dbrx" => (&[LLAMA3], true),
        "falcon" => (&[THREE_DIGITS, GPT2], false),
        "default" => (DEFAULT, false),
        "tekken" => (&[TEKKEN], true),
        "gpt-4o" | "llama4" => (&[GPT4O], false),
        "qwen35" => (&[QWEN35], false),
        "qwen2" | "stablelm2" | "deepseek-r1-qwen" | "hunyuan" | "megrez" => (&[QWEN2], false),
        _ => return None,
    })
}

/// How SentencePiece writes a space.
const SPACE: &str = "\u{2581}";

/// Gemma 4's: merges over characters rather than bytes, spaces written as SentencePiece does, bytes of what has no token,
/// and no merge across a line's end.
pub(super) fn build_pieces(lists: &Lists) -> Result<Tokenizer, CheckpointError> {
    let failed = |error: tokenizers::Error| CheckpointError::Tokenizer(error.to_string());
    let vocab: Vocab = lists.tokens.iter().cloned().zip(0u32..).collect();
    let merges = lists.merges.iter().filter_map(|merge| merge.split_once(' '));
    let merges = merges.map(|(left, right)| (left.to_owned(), right.to_owned())).collect();
    let unknown = lists.tokens.iter().zip(&lists.types).find(|(_, kind)| **kind == 2).map(|(token, _)| token);
    let mut model = BPE::builder().vocab_and_merges(vocab, merges).byte_fallback(true).fuse_unk(true);
    if let Some(unknown) = unknown {
        model = model.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(failed)?);
    tokenizer.with_normalizer(Some(Replace::new(" ", SPACE).map_err(failed)?));
    let lines = SplitPattern::Regex(r"[^\n]+|[\n]+".to_owned());
    tokenizer.with_pre_tokenizer(Some(
        Split::new(lines, SplitDelimiterBehavior::Isolated, false).map_err(failed)?,
    ));
    let back = Replace::new(SPACE, " ").map_err(failed)?;
    tokenizer.with_decoder(Some(DecoderSequence::new(vec![
        back.into(),
        ByteFallback::new().into(),
        Fuse::new().into(),
    ])));
    add(&mut tokenizer, lists);
    Ok(tokenizer)
}

/// Build the tokenizer.
pub(super) fn build(lists: &Lists) -> Result<Tokenizer, CheckpointError> {
    let failed = |error: tokenizers::Error| CheckpointError::Tokenizer(error.to_string());
    let pre = lists.text("pre").unwrap_or("default");
    let (patterns, whole_words) = splits(pre)
        .ok_or_else(|| CheckpointError::Tokenizer(format!("pre-tokenizer `{pre}` is not known here")))?;
    let vocab: Vocab = lists.tokens.iter().cloned().zip(0u32..).collect();
    let merges = lists.merges.iter().filter_map(|merge| merge.split_once(' '));
    let merges = merges.map(|(left, right)| (left.to_owned(), right.to_owned())).collect();
    let model = BPE::builder().vocab_and_merges(vocab, merges).ignore_merges(whole_words);
    let mut tokenizer = Tokenizer::new(model.build().map_err(failed)?);
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for pattern in patterns {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(failed)?.into());
    }
    let bytes = ByteLevel::new(false, true, false);
    steps.push(bytes.into());
    tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
    tokenizer.with_decoder(Some(bytes));
    add(&mut tokenizer, lists);
    Ok(tokenizer)
}

/// Control tokens and those that users defined, recognised before anything is split.
fn add(tokenizer: &mut Tokenizer, lists: &Lists) {
    let of_type = |kind: u64, special: bool| -> Vec<AddedToken> {
        let all = lists.tokens.iter().zip(&lists.types);
        all.filter(|(_, found)| **found == kind)
            .map(|(token, _)| AddedToken::from(token.clone(), special).normalized(false))
            .collect()
    };
    tokenizer.add_special_tokens(&of_type(3, true));
    tokenizer.add_tokens(&of_type(4, false));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces that a text is split into.
    fn pieces(pre: &str, text: &str) -> Vec<String> {
        use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};
        let mut split = PreTokenizedString::from(text);
        for pattern in splits(pre).unwrap().0 {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let step = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).unwrap();
            step.pre_tokenize(&mut split).unwrap();
        }
        let found = split.get_splits(OffsetReferential::Original, OffsetType::Byte);
        found.into_iter().map(|(piece, ..)| piece.to_owned()).collect()
    }

    #[test]
    fn texts_split_as_their_families_do() {
        assert_eq!(pieces("tekken", "HelloWorld 123's"), ["Hello", "World", " ", "1", "2", "3", "'s"]);
        assert_eq!(pieces("gpt-4o", "HelloWorld 1234's"), ["Hello", "World", " ", "123", "4", "'s"]);
        assert_eq!(pieces("llama4", "it's /\n/x"), ["it's", " /\n/", "x"]);
        assert_eq!(pieces("qwen35", "e\u{301}t 12"), ["e\u{301}t", " ", "1", "2"]);
        assert_eq!(pieces("default", "a+b 12345"), ["a", "+", "b", " ", "123", "45"]);
    }

    #[test]
    fn pieces_with_merges_write_spaces_and_bytes_and_go_back() {
        let bytes = (0..=255_u8).map(|byte| format!("<0x{byte:02X}>"));
        let words = ["<unk>", "<eos>", "a", "b", "\n", SPACE, "ab", "\u{2581}ab"].map(str::to_owned);
        let tokens: Vec<String> = words.into_iter().chain(bytes).collect();
        let mut types = vec![1; tokens.len()];
        (types[0], types[1]) = (2, 3);
        let merges = vec!["a b".to_owned(), format!("{SPACE} ab")];
        let lists = Lists { tokens, types, merges, ..Lists::default() };
        let tokenizer = build_pieces(&lists).unwrap();
        let ids = |text: &str| tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec();
        assert_eq!(ids("ab ab\n<eos>"), [6, 7, 4, 1]);
        assert_eq!(ids("\u{e9}"), [8 + 0xc3, 8 + 0xa9]);
        assert_eq!(tokenizer.decode(&ids("ab ab\u{e9}"), true).unwrap(), "ab ab\u{e9}");
    }
}
