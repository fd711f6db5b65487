//! What a file is, by its first bytes; its name decides only where they do not.

use crate::format::{document::utf8, litertlm};

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
    /// A LiteRT-LM bundle.
    Bundle,
    /// Something else, in words.
    Foreign(&'static str),
}

/// How a pointer of Git LFS begins, which stands where a file was not fetched.
pub const GIT_LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/";

/// Beginnings of files that people drop by mistake.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive, such as a PyTorch checkpoint"),
    (b"\x80\x02", "a Python pickle, such as an old PyTorch checkpoint"),
    (b"\x80\x03", "a Python pickle, such as an old PyTorch checkpoint"),
    (b"\x80\x04", "a Python pickle, such as an old PyTorch checkpoint"),
    (b"\x80\x05", "a Python pickle, such as an old PyTorch checkpoint"),
    (GIT_LFS_POINTER, "a Git LFS pointer: the file that it stands for was not downloaded"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file, such as a Keras checkpoint"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"tjgg", "a GGML file from before GGUF"),
    (b"fmgg", "a GGML file from before GGUF"),
    (b"lmgg", "a GGML file from before GGUF"),
    (b"FUGG", "a GGUF file with its bytes reversed"),
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
    if first_bytes.starts_with(litertlm::MAGIC) {
        return Kind::Bundle;
    }
    if let Some(what) = foreign(&name, first_bytes) {
        return Kind::Foreign(what);
    }
    // Eight bytes of a length below 4 GiB, then the brace that opens the header.
    if first_bytes.get(8) == Some(&b'{') && first_bytes.get(4..8) == Some(&[0; 4]) {
        return Kind::Safetensors;
    }
    let text = utf8(first_bytes);
    let text = text.trim_ascii_start();
    if text.starts_with(b"{") {
        let beginning = text.get(..1 << 16).unwrap_or(text);
        let mentions = |word: &[u8]| beginning.windows(word.len()).any(|window| window == word);
        if mentions(b"\"added_tokens\"") && mentions(b"\"version\"") && !mentions(b"\"model_type\"") {
            return Kind::Foreign("a tokenizer");
        }
        let is_index = named(".index.json") || mentions(b"\"weight_map\"");
        return if is_index { Kind::SafetensorsIndex } else { Kind::Config };
    }
    match () {
        () if named(".gguf") => Kind::Gguf,
        () if named(".safetensors") => Kind::Safetensors,
        () if named(".index.json") => Kind::SafetensorsIndex,
        () if named(".json") => Kind::Config,
        () if text.contains(&0) => Kind::Foreign("neither text nor a known format"),
        () => Kind::Yaml,
    }
}

/// What a file of no model is, by its beginning, or by its name where many kinds begin alike.
fn foreign(name: &str, first_bytes: &[u8]) -> Option<&'static str> {
    // In lower case already.
    let ending = name.rsplit('.').next().unwrap_or_default();
    let tagged = |at: usize, tag: &[u8]| first_bytes.get(at..at + tag.len()) == Some(tag);
    let protobuf = tagged(0, b"\x08") && tagged(2, b"\x12");
    // The field's length goes on while its bytes have the highest bit.
    let described = first_bytes.iter().skip(3).skip_while(|byte| **byte >= 0x80).nth(1);
    let page = first_bytes.trim_ascii_start().get(..14).unwrap_or_default().to_ascii_lowercase();
    match () {
        () if page.starts_with(b"<!doctype html") || page.starts_with(b"<html") => {
            Some("an HTML page, such as an error page saved under the file's name")
        }
        () if page.starts_with(b"<?xml") => Some("an XML document"),
        () if tagged(4, b"TFL3") => Some("a TFLite model"),
        () if tagged(257, b"ustar") => Some("a tar archive"),
        () if tagged(0, b"PK\x03\x04") && ending == "task" => Some("a MediaPipe task bundle"),
        // Both begin with a version and a field 2: the name of a program in one, a message that begins with inputs in the other.
        () if ending == "mlmodel" || protobuf && described == Some(&b'\n') => Some("a Core ML model"),
        () if ending == "onnx" || protobuf => Some("an ONNX model"),
        () => FOREIGN.iter().find(|(start, _)| first_bytes.starts_with(start)).map(|(_, what)| *what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_no_model_are_named() {
        for (name, bytes, what) in [
            ("m.gguf", b"<!DOCTYPE html><html>".as_slice(), "an HTML page"),
            ("m.safetensors", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
            ("pytorch_model.bin", b"\x80\x04\x95", "a Python pickle"),
            ("m.onnx", b"\x08\x07\x12\x07pytorch", "an ONNX model"),
            ("m.bin", b"\x08\x07\x12\x07pytorch", "an ONNX model"),
            ("m.bin", b"\x08\x05\x12\xb4\x03\n\x08input_ids", "a Core ML model"),
            ("m.mlmodel", b"\x08\x07", "a Core ML model"),
            ("m.tflite", b"\x1c\0\0\0TFL3", "a TFLite model"),
            ("m.task", b"PK\x03\x04", "a MediaPipe task bundle"),
            ("m.gz", b"\x1f\x8b\x08", "a gzip archive"),
            ("tokenizer.json", b"{\"version\": \"1.0\", \"added_tokens\": [", "a tokenizer"),
        ] {
            let Kind::Foreign(found) = detect(name, bytes) else { panic!("{name}: no foreign file") };
            assert!(found.starts_with(what), "{name}: {found}");
        }
    }

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
