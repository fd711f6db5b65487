//! Byte-level BPE from GGUF lists: merges in order, and the pre-tokenizer that the file names.

use super::super::CheckpointError;
use super::lists::Lists;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

const DIGIT: &str = r"\p{N}";
const THREE_DIGITS: &str = r"\p{N}{1,3}";
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

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
        "qwen2" | "stablelm2" | "deepseek-r1-qwen" | "hunyuan" | "megrez" => (&[QWEN2], false),
        _ => return None,
    })
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
    let of_type = |kind: u64, special: bool| -> Vec<AddedToken> {
        let all = lists.tokens.iter().zip(&lists.types);
        all.filter(|(_, found)| **found == kind)
            .map(|(token, _)| AddedToken::from(token.clone(), special))
            .collect()
    };
    tokenizer.add_special_tokens(&of_type(3, true));
    tokenizer.add_tokens(&of_type(4, false));
    Ok(tokenizer)
}
