//! Text as other programs write it: byte order marks, UTF-16, and Python's words for numbers that JSON does not have.

use std::borrow::Cow;

/// Python's words, and what stands for them until the text is parsed: a text that no file has.
const WORDS: [(&str, &str, f64); 3] = [
    ("-Infinity", "\"\\u0001-inf\"", f64::NEG_INFINITY),
    ("Infinity", "\"\\u0001inf\"", f64::INFINITY),
    ("NaN", "\"\\u0001nan\"", f64::NAN),
];

/// The text in UTF-8, without a byte order mark.
pub fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |rest: &[u8], word: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| word([pair[0], pair[1]]));
        let text: String =
            char::decode_utf16(units).map(|sign| sign.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Cow::Borrowed(rest),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// The text with Python's words outside of quotes put into quotes; nothing where there are none.
pub(super) fn quoted_words(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut quoted, mut found) = (0, false, false);
    while let Some(&byte) = text.get(at) {
        let rest = &text[at..];
        let word = WORDS.iter().find(|(word, ..)| !quoted && rest.starts_with(word.as_bytes()));
        if let Some((word, stand_in, _)) = word {
            out.extend(stand_in.as_bytes());
            at += word.len();
            found = true;
            continue;
        }
        if byte == b'\\' && quoted {
            out.extend(rest.iter().take(2));
            at += 2;
            continue;
        }
        quoted ^= byte == b'"';
        out.push(byte);
        at += 1;
    }
    found.then_some(out)
}

/// The number that a stand-in stands for.
pub(super) fn word(text: &str) -> Option<f64> {
    let name = text.strip_prefix('\u{1}')?;
    Some(match name {
        "-inf" => f64::NEG_INFINITY,
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => return None,
    })
}
