//! What a file is, by its first bytes; its name decides only where they do not.

/// Kinds of files that hold models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A profile in the compact form.
    Yaml,
    /// A Hugging Face `config.json`.
    Config,
    /// A GGUF file.
    Gguf,
    /// A safetensors file.
    Safetensors,
    /// The index of a sharded safetensors checkpoint.
    SafetensorsIndex,
    /// Something else, in words.
    Foreign(&'static str),
}

impl Kind {
    /// Whether the first bytes of the file are enough.
    pub fn reads_header_only(self) -> bool {
        matches!(self, Self::Gguf | Self::Safetensors)
    }
}

/// Beginnings of files that people drop by mistake.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive, such as a PyTorch checkpoint"),
    (b"\x80\x02", "a Python pickle, such as an old PyTorch checkpoint"),
    (b"tjgg", "a GGML file from before GGUF"),
    (b"fmgg", "a GGML file from before GGUF"),
    (b"lmgg", "a GGML file from before GGUF"),
    (b"FUGG", "a GGUF file with its bytes reversed"),
    (b"LITERTLM", "a LiteRT-LM bundle"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
];

/// Tell what a file called `name` is from its first bytes.
pub fn detect(name: &str, first_bytes: &[u8]) -> Kind {
    let name = name.to_ascii_lowercase();
    let named = |ending: &str| name.ends_with(ending);
    if first_bytes.starts_with(b"GGUF") {
        return Kind::Gguf;
    }
    if let Some((_, what)) = FOREIGN.iter().find(|(start, _)| first_bytes.starts_with(start)) {
        return Kind::Foreign(what);
    }
    // Eight bytes of a length below 4 GiB, then the brace that opens the header.
    if first_bytes.get(8) == Some(&b'{') && first_bytes.get(4..8) == Some(&[0; 4]) {
        return Kind::Safetensors;
    }
    let text = first_bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first_bytes).trim_ascii_start();
    if text.starts_with(b"{") {
        let mentions = |word: &[u8]| first_bytes.windows(word.len()).any(|window| window == word);
        let is_index = named(".index.json") || mentions(b"\"weight_map\"");
        return if is_index { Kind::SafetensorsIndex } else { Kind::Config };
    }
    match () {
        () if named(".gguf") => Kind::Gguf,
        () if named(".safetensors") => Kind::Safetensors,
        () if named(".index.json") => Kind::SafetensorsIndex,
        () if named(".json") => Kind::Config,
        () if first_bytes.contains(&0) => Kind::Foreign("neither text nor a known format"),
        () => Kind::Yaml,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_before_the_name() {
        assert_eq!(detect("x.json", b"GGUF\x03\0\0\0"), Kind::Gguf);
        assert_eq!(detect("x", b"\x7b\x01\0\0\0\0\0\0{\"a\""), Kind::Safetensors);
        assert_eq!(detect("x", b"\xef\xbb\xbf {\"model_type\""), Kind::Config);
        assert_eq!(detect("x.json", b"{\"metadata\": {}, \"weight_map\": {}}"), Kind::SafetensorsIndex);
        assert_eq!(detect("model.safetensors.index.json", b"{"), Kind::SafetensorsIndex);
        assert_eq!(detect("my_model.yaml", b"name: x\n"), Kind::Yaml);
        assert_eq!(detect("x.safetensors", b"\0\0\0\0\0\0\0\x80{"), Kind::Safetensors);
        assert_eq!(detect("x.gguf", b""), Kind::Gguf);
        assert!(matches!(detect("x", b"\0\0"), Kind::Foreign(_)));
    }
}
