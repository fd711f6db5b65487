//! The quantisation in the name of a GGUF file, as people write it there.

/// The quantisation that `file` names, in capitals: `Q4_K_M` of `Model-7B-q4_k_m.gguf`, `UD-Q4_K_XL` of a dynamic one.
pub fn quantisation(file: &str) -> Option<String> {
    let stem = file.strip_suffix(".gguf").or_else(|| file.strip_suffix(".GGUF")).unwrap_or(file);
    // A part's number follows it in the names of split files.
    let stem = match stem.rsplit_once("-of-") {
        Some((front, _)) => front.rsplit_once('-').map_or(stem, |(front, _)| front),
        None => stem,
    };
    let words: Vec<&str> = stem.split(['-', '.']).collect();
    let at = words.iter().rposition(|word| is_quantisation(word))?;
    let word = words.get(at)?.to_ascii_uppercase();
    let is_dynamic = at > 0 && words.get(at - 1).is_some_and(|word| word.eq_ignore_ascii_case("ud"));
    Some(if is_dynamic { format!("UD-{word}") } else { word })
}

fn is_quantisation(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    if ["F16", "F32", "BF16", "FP16", "MXFP4", "MXFP4_MOE"].contains(&word.as_str()) {
        return true;
    }
    let digits = ["IQ", "TQ", "Q"].iter().find_map(|start| word.strip_prefix(start));
    digits.is_some_and(|rest| {
        let mut parts = rest.split('_');
        let bits = parts.next().unwrap_or_default();
        let is_bits = bits.len() == 1 && bits.bytes().all(|sign| sign.is_ascii_digit());
        let mut more = parts.peekable();
        let is_named = more.peek().is_some();
        is_bits
            && is_named
            && more.all(|part| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::quantisation;

    #[test]
    fn names_say_the_quantisation() {
        for (file, expected) in [
            ("Qwen3-8B-Q4_K_M.gguf", Some("Q4_K_M")),
            ("llama-3.2-1b-instruct-q8_0.gguf", Some("Q8_0")),
            ("mistral-7b.Q5_K_S.gguf", Some("Q5_K_S")),
            ("Qwen3-30B-A3B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("gpt-oss-20b-MXFP4.gguf", Some("MXFP4")),
            ("m-IQ2_XXS.gguf", Some("IQ2_XXS")),
            ("m-TQ1_0.gguf", Some("TQ1_0")),
            ("m-Q4_0_4_4.gguf", Some("Q4_0_4_4")),
            ("m-BF16-00001-of-00003.gguf", Some("BF16")),
            ("Q8-model.gguf", None),
            ("model.gguf", None),
            ("Qwen-Q.gguf", None),
        ] {
            assert_eq!(quantisation(file).as_deref(), expected, "{file}");
        }
    }
}
