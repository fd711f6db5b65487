//! The forms in which examples are commonly written: conversations by OpenAI's and ShareGPT's names, instructions by
//! Alpaca's, prompts with completions, and plain text.

use super::example::Line;
use crate::checkpoint::tokenizer::Message;
use serde_json::{Map, Value};

const EXPECTED: &str = "expected an object with messages (or ShareGPT's conversations), with prompt and completion (or \
                        Alpaca's instruction and output), or with text";

/// Names of ShareGPT's roles.
const ROLES: [(&str, &str); 8] = [
    ("human", "user"),
    ("user", "user"),
    ("gpt", "assistant"),
    ("chatgpt", "assistant"),
    ("bot", "assistant"),
    ("assistant", "assistant"),
    ("system", "system"),
    ("tool", "tool"),
];

/// An example from one JSON value.
pub(super) fn line(value: &Value) -> Result<Line, String> {
    let fields = value.as_object().ok_or_else(|| format!("{}; {EXPECTED}", kind(value)))?;
    let has = |key: &str| fields.get(key).is_some_and(|value| !value.is_null());
    if has("messages") {
        return turns(fields, "messages", "role", "content");
    }
    if has("conversations") {
        let openai = |turn: &Value| turn.get("role").is_some();
        let first = fields["conversations"].as_array().and_then(|turns| turns.first());
        let [role, content] = if first.is_some_and(openai) { ["role", "content"] } else { ["from", "value"] };
        return turns(fields, "conversations", role, content);
    }
    if has("prompt") && has("completion") {
        return Ok(Line::Pair { prompt: text(fields, "prompt")?, completion: text(fields, "completion")? });
    }
    if has("instruction") && has("output") {
        let mut prompt = text(fields, "instruction")?;
        if has("input") && !text(fields, "input")?.trim().is_empty() {
            prompt = format!("{prompt}\n\n{}", text(fields, "input")?);
        }
        return Ok(Line::Pair { prompt, completion: text(fields, "output")? });
    }
    if has("text") {
        return Ok(Line::Text { text: text(fields, "text")? });
    }
    let keys: Vec<&str> = fields.keys().map(String::as_str).take(6).collect();
    Err(format!(
        "an object with {}; {EXPECTED}",
        if keys.is_empty() { "nothing".into() } else { keys.join(", ") }
    ))
}

fn turns(fields: &Map<String, Value>, list: &str, role: &str, content: &str) -> Result<Line, String> {
    let Some(turns) = fields[list].as_array() else {
        return Err(format!("`{list}` is {}; expected a list of turns", kind(&fields[list])));
    };
    let turn = |(at, turn): (usize, &Value)| -> Result<Message, String> {
        let wrong = |problem: String| format!("turn {}: {problem}", at + 1);
        let turn = turn.as_object();
        let turn = turn.ok_or_else(|| wrong(format!("expected an object with {role} and {content}")))?;
        let said = turn.get(role).and_then(Value::as_str);
        let said = said.ok_or_else(|| wrong(format!("`{role}` is missing; expected a text")))?;
        // OpenAI's roles are checked with the template; ShareGPT's have other names.
        let own = ROLES.iter().find(|(name, _)| role == "from" && *name == said).map(|(_, own)| *own);
        if role == "from" && own.is_none() {
            return Err(wrong(format!("`from` is {said:?}; expected human, gpt, system or tool")));
        }
        let content = parts(turn.get(content).unwrap_or(&Value::Null), content).map_err(wrong)?;
        Ok(Message { role: own.unwrap_or(said).to_owned(), content })
    };
    Ok(Line::Messages { messages: turns.iter().enumerate().map(turn).collect::<Result<_, _>>()? })
}

/// A text, or a list of parts that are texts.
fn parts(value: &Value, key: &str) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => parts
            .iter()
            .map(|part| match (part, part.get("type").and_then(Value::as_str)) {
                (Value::String(text), _) => Ok(text.clone()),
                (_, Some("text")) => match part.get("text").and_then(Value::as_str) {
                    Some(text) => Ok(text.to_owned()),
                    None => Err(format!("`{key}` has a part without text")),
                },
                (_, found) => {
                    Err(format!("`{key}` has a part of type {}; expected text", found.unwrap_or("none")))
                }
            })
            .collect(),
        other => Err(format!("`{key}` is {}; expected a text", kind(other))),
    }
}

fn text(fields: &Map<String, Value>, key: &str) -> Result<String, String> {
    parts(&fields[key], key)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a flag",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn turn(role: &str, content: &str) -> Message {
        Message { role: role.into(), content: content.into() }
    }

    #[test]
    fn common_forms_are_one_conversation() {
        let wanted = vec![turn("user", "Hi"), turn("assistant", "Hello")];
        let parts = json!([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]);
        for value in [
            json!({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": parts}]}),
            json!({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}),
            json!({"conversations": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
        ] {
            let Line::Messages { messages } = line(&value).unwrap() else { panic!("{value}") };
            assert_eq!(messages, wanted);
        }
    }

    #[test]
    fn instructions_take_their_input_along() {
        for (value, wanted) in [
            (json!({"instruction": "Add", "input": "1 2", "output": "3"}), "Add\n\n1 2"),
            (json!({"instruction": "Add", "input": "", "output": "3"}), "Add"),
            (json!({"prompt": "Add", "completion": "3"}), "Add"),
        ] {
            let Line::Pair { prompt, completion } = line(&value).unwrap() else { panic!("{value}") };
            assert_eq!((prompt.as_str(), completion.as_str()), (wanted, "3"));
        }
    }

    #[test]
    fn what_is_none_of_them_is_named() {
        for (value, named) in [
            (json!([1]), "a list; expected an object"),
            (json!({"question": "x"}), "an object with question; expected"),
            (json!({"messages": "x"}), "`messages` is a text"),
            (json!({"messages": [{"role": "user"}]}), "turn 1: `content` is nothing"),
            (json!({"conversations": [{"from": "alien", "value": "x"}]}), "turn 1: `from` is \"alien\""),
            (json!({"messages": [{"role": "user", "content": [{"type": "image"}]}]}), "a part of type image"),
            (json!({"text": 3}), "`text` is a number"),
        ] {
            let error = line(&value).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
