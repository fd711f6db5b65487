//! What classes of transformers fill in for fields that a config leaves out: `tests/scripts/left_out_fields.py` built each.

use dhurandhar_core::model::import;
use serde_json::Value;

#[test]
fn left_out_fields_are_what_the_class_fills_in_or_refused() {
    let text = include_str!("../../tests/fixtures/left-out.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for case in &cases {
        let name = format!("{} without {}", case["type"], case["without"]);
        match import::import("config.json", case["config"].to_string().as_bytes(), None) {
            Err(error) => println!("{name}: {error}"),
            Ok(model) => {
                let (found, truth) = (model.parameters().text, case["parameters"].as_u64().unwrap());
                if found == truth {
                    equal += 1;
                } else {
                    wrong.push(format!("{name}: {found}, transformers {truth}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(equal * 10 >= cases.len() * 9, "{equal} of {}", cases.len());
}
