//! What a person writes: a question and the cases to compare.

use crate::format::document::{self, DocumentError, Fields, Value};
use crate::report::options;

/// Most cases that can be read side by side.
const MOST_CASES: usize = 12;

/// A question and its cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the document is called.
    pub title: String,
    /// The question that is to be decided.
    pub question: String,
    /// The day that it is asked, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The day from which on the answer should be computed again.
    pub valid_until: Option<String>,
    /// What else the author knows of that could go wrong.
    pub risks: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// A model on a device, with choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What the case is called.
    pub title: String,
    /// The model's name or file.
    pub model: String,
    /// The device's name or file.
    pub device: String,
    /// The program whose defaults hold.
    pub program: Option<String>,
    /// Options by the names of the command line's, with `_` for `-`, and their values.
    pub options: Vec<(String, String)>,
}

impl Request {
    /// Reads a request from YAML; `source` names the file in messages.
    ///
    /// # Errors
    /// The first field that is missing, misspelt or no value of its kind, with its line.
    pub fn from_yaml(source: &str, text: &str) -> Result<Self, DocumentError> {
        let node = document::parse_yaml(source, text)?;
        let fields = Fields::of(source, &node)?;
        let cases: Vec<Case> = fields.maps("cases")?.iter().map(case).collect::<Result<_, _>>()?;
        if cases.is_empty() && fields.has("cases") {
            return Err(fields.wrong_value("cases", "an empty list", "a list of at least one case"));
        }
        if cases.is_empty() {
            return Err(fields.missing("cases", "a list of at least one case"));
        }
        if cases.len() > MOST_CASES {
            let found = format!("a list of {}", cases.len());
            return Err(fields.wrong_value("cases", &found, &format!("at most {MOST_CASES}")));
        }
        for (index, case) in cases.iter().enumerate() {
            if cases[..index].iter().any(|earlier| earlier.title == case.title) {
                let found = format!("two cases called {:?}", case.title);
                return Err(fields.wrong_value("cases", &found, "a `title` of its own for each case"));
            }
        }
        let request = Self {
            title: fields.require_text("title")?.to_owned(),
            question: fields.require_text("question")?.to_owned(),
            date: day(&fields, "date")?,
            valid_until: day(&fields, "valid_until")?,
            risks: fields.texts("risks")?,
            cases,
        };
        fields.finish()?;
        Ok(request)
    }
}

fn case(fields: &Fields<'_>) -> Result<Case, DocumentError> {
    let model = fields.require_text("model")?.to_owned();
    let device = fields.require_text("device")?.to_owned();
    let title = fields.text("title")?.map_or_else(|| format!("{model} on {device}"), str::to_owned);
    let program = fields.text("program")?.map(str::to_owned);
    let mut stated = Vec::new();
    for option in options() {
        let Some(node) = fields.node(option) else { continue };
        let value = match &node.value {
            Value::Bool(on) => u8::from(*on).to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Null | Value::List(_) | Value::Map(_) => {
                return Err(fields.wrong(option, node, "one value"));
            }
        };
        stated.push((option.to_owned(), value));
    }
    fields.finish()?;
    Ok(Case { title, model, device, program, options: stated })
}

/// A day, `YYYY-MM-DD`.
fn day(fields: &Fields<'_>, name: &'static str) -> Result<Option<String>, DocumentError> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, digits: usize, most: u32| {
        part.len() == digits && part.parse().is_ok_and(|number: u32| (1..=most).contains(&number))
    };
    match parts.as_slice() {
        [year, month, day] if number(year, 4, 9999) && number(month, 2, 12) && number(day, 2, 31) => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(fields.wrong_value(name, &format!("{text:?}"), "a day as YYYY-MM-DD")),
    }
}
