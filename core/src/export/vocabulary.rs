//! A made-up vocabulary of the true size, with lengths spread as in published ones: what it takes in memory depends on
//! how many entries there are and how long they are, not on what they say.

use crate::format::gguf::Header;
use crate::model::architecture::Tokenizer;
use crate::model::family::tokenizer_name;

/// Length in bytes of entry `index % 32`: 7 on average, one in 32 too long for a string to keep in place.
const LENGTHS: [usize; 32] =
    [3, 4, 5, 6, 7, 8, 9, 10, 4, 5, 6, 7, 8, 9, 11, 12, 3, 4, 5, 6, 7, 8, 6, 13, 4, 5, 6, 7, 8, 5, 10, 18];
/// Codes of token types: normal, unknown, control, byte.
const NORMAL: u64 = 1;
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const BYTE: u64 = 6;

/// Tokens, types, scores or merges, and special ids.
pub(super) fn write(header: &mut Header, tokenizer: Tokenizer, size: u64) {
    let size = usize::try_from(size).unwrap_or(0);
    let mut tokens: Vec<String> = Vec::with_capacity(size);
    let mut types = Vec::with_capacity(size);
    for (text, kind) in [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)] {
        tokens.push(text.to_owned());
        types.push(kind);
    }
    for byte in 0..=u8::MAX {
        let spelled = tokenizer == Tokenizer::Bpe;
        tokens.push(if spelled { letter(byte).to_string() } else { format!("<0x{byte:02X}>") });
        types.push(if spelled { NORMAL } else { BYTE });
    }
    // Gemma 4's loader looks the newline up as it stands.
    if tokenizer == Tokenizer::Gemma4 {
        tokens.push("\n".to_owned());
        types.push(NORMAL);
    }
    let first_word = tokens.len();
    while tokens.len() < size {
        tokens.push(word(tokens.len()));
        types.push(NORMAL);
    }
    header.text("tokenizer.ggml.model", tokenizer_name(tokenizer));
    if tokenizer == Tokenizer::Bpe {
        header.text("tokenizer.ggml.pre", "gpt-2");
    }
    header.texts("tokenizer.ggml.tokens", &tokens);
    header.counts("tokenizer.ggml.token_type", &types);
    if tokenizer != Tokenizer::Bpe {
        header.numbers("tokenizer.ggml.scores", (0..tokens.len()).map(|id| -(id as f32)));
    }
    if tokenizer != Tokenizer::Spm {
        header.texts("tokenizer.ggml.merges", &merges(&tokens[first_word..], tokenizer));
    }
    for (id, name) in (0..).zip(["unknown", "bos", "eos"]) {
        header.count(&format!("tokenizer.ggml.{name}_token_id"), id);
    }
}

/// One merge for each word, as byte-pair vocabularies have; Gemma 4's list is about twice its vocabulary.
fn merges(words: &[String], tokenizer: Tokenizer) -> Vec<String> {
    let cuts: &[usize] = if tokenizer == Tokenizer::Gemma4 { &[1, 2] } else { &[1] };
    let split = |(word, cut): (&String, usize)| {
        let at = (word.len() / 2 + cut - 1).clamp(1, word.len() - 1);
        let (left, right) = word.split_at(at);
        format!("{left} {right}")
    };
    cuts.iter().flat_map(|cut| words.iter().map(move |word| (word, *cut))).map(split).collect()
}

/// Letters that spell `index` and are padded to the entry's length, so that no two are the same.
fn word(index: usize) -> String {
    let mut text = String::new();
    let mut rest = index;
    while rest > 0 {
        text.extend(('a'..='z').nth(rest % 26));
        rest /= 26;
    }
    let length = LENGTHS[index % LENGTHS.len()];
    while text.len() < length {
        text.push('Z');
    }
    text
}

/// The printable character that byte-level vocabularies write for a byte (GPT-2's table).
fn letter(byte: u8) -> char {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if plain(byte) {
        return char::from(byte);
    }
    // The others follow one another from U+0100 on.
    let before = (0..byte).filter(|earlier| !plain(*earlier)).count();
    ('\u{100}'..).nth(before).unwrap_or(' ')
}
