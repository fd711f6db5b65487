//! Tokenizers built from small lists, and templates as checkpoints write them.

use super::*;

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [string(key), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
}

fn list(kind: u32, items: &[Vec<u8>]) -> Vec<u8> {
    [kind.to_le_bytes().to_vec(), (items.len() as u64).to_le_bytes().to_vec(), items.concat()].concat()
}

fn header(entries: &[Vec<u8>]) -> Vec<u8> {
    let counts = [0u64.to_le_bytes(), (entries.len() as u64).to_le_bytes()].concat();
    [b"GGUF".to_vec(), 3u32.to_le_bytes().to_vec(), counts, entries.concat()].concat()
}

fn texts(items: &[&str]) -> Vec<u8> {
    list(8, &items.iter().map(|item| string(item)).collect::<Vec<_>>())
}

fn pieces() -> Pieces {
    let tokens =
        ["<unk>", "<s>", "\u{2581}", "a", "b", "ab", "\u{2581}ab", "<0xC3>", "<0xA9>", "ba", "<turn>"];
    let types = [2i32, 3, 1, 1, 1, 1, 1, 6, 6, 1, 4];
    let scores = [0.0f32, 0.0, -9.0, -8.0, -7.0, -2.0, -1.0, 0.0, 0.0, -3.0, 0.0];
    let bytes = header(&[
        entry("tokenizer.ggml.model", 8, &string("llama")),
        entry("tokenizer.ggml.tokens", 9, &texts(&tokens)),
        entry("tokenizer.ggml.scores", 9, &list(6, &scores.map(|score| score.to_le_bytes().to_vec()))),
        entry("tokenizer.ggml.token_type", 9, &list(5, &types.map(|kind| kind.to_le_bytes().to_vec()))),
        entry("tokenizer.ggml.add_space_prefix", 7, &[0]),
    ]);
    Pieces::new(&Lists::read(&bytes).unwrap()).unwrap()
}

#[test]
fn the_best_pair_is_joined_first_and_bytes_stand_in_for_the_unknown() {
    let pieces = pieces();
    // "ab" (-2) wins over "ba" (-3), then "_ab" (-1) forms.
    assert_eq!(pieces.encode(" aba"), [6, 3]);
    assert_eq!(pieces.encode("\u{e9}b"), [7, 8, 4]);
    assert_eq!(pieces.decode(&[1, 6, 3, 7, 8]), " aba\u{e9}");
}

#[test]
fn special_pieces_are_recognised_in_the_text() {
    assert_eq!(pieces().encode("ab<turn>ba"), [5, 10, 9]);
}

#[test]
fn merges_follow_their_order_after_the_split() {
    let tokens = ["a", "b", "\u{120}", "ab", "\u{120}ab", "1", "<end>"];
    let types = [1i32, 1, 1, 1, 1, 1, 3];
    let bytes = header(&[
        entry("tokenizer.ggml.model", 8, &string("gpt2")),
        entry("tokenizer.ggml.pre", 8, &string("smollm")),
        entry("tokenizer.ggml.tokens", 9, &texts(&tokens)),
        entry("tokenizer.ggml.token_type", 9, &list(5, &types.map(|kind| kind.to_le_bytes().to_vec()))),
        entry("tokenizer.ggml.merges", 9, &texts(&["a b", "\u{120} ab"])),
    ]);
    let model = bpe::build(&Lists::read(&bytes).unwrap()).unwrap();
    let ids = model.encode_fast("ab ab11<end>", false).unwrap();
    assert_eq!(ids.get_ids(), [3, 4, 5, 5, 6]);
    assert_eq!(model.decode(&[3, 4, 5, 6], true).unwrap(), "ab ab1");
}

/// What a trainer left set for its batches is nobody's wish here.
#[test]
fn texts_are_neither_cut_nor_filled_up() {
    let model = r#"{"type": "WordLevel", "vocab": {"a": 0, "b": 1, "<pad>": 2}, "unk_token": "<pad>"}"#;
    let truncation = r#"{"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}"#;
    let padding = r#"{"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 2,
        "pad_type_id": 0, "pad_token": "<pad>"}"#;
    let text = format!(
        r#"{{"version": "1.0", "truncation": {truncation}, "padding": {padding}, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {{"type": "Whitespace"}}, "post_processor": null, "decoder": null, "model": {model}}}"#
    );
    let folder = tempfile::tempdir().unwrap();
    let open = |text: &str| {
        std::fs::write(folder.path().join("tokenizer.json"), text).unwrap();
        Tokenizer::from_folder(folder.path(), &Value::Null)
    };
    assert_eq!(open(&text).unwrap().encode("a b a b a", true).unwrap(), [0, 1, 0, 1, 0]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    assert!(open(pointer).unwrap_err().to_string().contains("a pointer of Git LFS"));
}

#[test]
fn a_header_cut_short_is_refused() {
    let whole = header(&[entry("tokenizer.ggml.tokens", 9, &texts(&["a", "b"]))]);
    for length in 0..whole.len() {
        assert!(Lists::read(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn templates_see_messages_and_special_tokens() {
    let source = "{{ bos_token }}{% for m in messages %}\n<{{ m.role }}>{{ m['content'].strip() }}{{ eos_token }}\n\
                  {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    let template = Template::new(source, Some("<s>".into()), Some("</s>".into()));
    let message = Message { role: "user".into(), content: " hi ".into() };
    assert_eq!(template.render(&[message], true).unwrap(), "<s><user>hi</s>\n<assistant>");
    let refusing = Template::new("{{ raise_exception('no system turn') }}", None, None);
    assert!(refusing.render(&[], false).unwrap_err().to_string().contains("no system turn"));
}
