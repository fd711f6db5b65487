//! Percent-encoding of the values of a link.

/// Encodes everything but unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Decodes `%XX` and `+`; a stray percent sign stays as it is, bytes that are not UTF-8 become U+FFFD.
pub(crate) fn decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| core::str::from_utf8(pair).ok());
        let code = pair.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        at += if code.is_some() { 3 } else { 1 };
        decoded.push(code.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in ["", "Pi 5 & co", "10 % mehr Gerät", "a+b=c", "日本", "%", "%zz", "%4"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(encode("a b&c"), "a%20b%26c");
        assert_eq!(decode("a+b%2"), "a b%2");
        assert_eq!(decode("%ff"), "\u{fffd}");
    }
}
