use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Accepted, OutputSpec, correction};
use crate::plan::spec::OutputFormat;

fn json_contract() -> OutputSpec {
    OutputSpec::new(OutputFormat::Json, None).unwrap()
}

fn value(answer: &str) -> Result<Value, String> {
    let accepted = json_contract().check(answer).map_err(|rejection| rejection.message)?;
    Ok(serde_json::from_str(&accepted.text).unwrap())
}

#[test]
fn any_text_is_free() {
    let text = " as it is\n".to_owned();
    assert_eq!(OutputSpec::free().check(&text), Ok(Accepted { text, repaired: false }));
    assert_eq!(OutputSpec::free().instructions(), None);
}

#[test]
fn what_stands_around_json_is_taken_off_and_small_mistakes_are_mended() {
    for (answer, repaired) in [
        ("{\"a\": [1, 2]}", false),
        ("\u{feff} {\"a\": [1, 2]} \n", false),
        ("```json\n{\"a\": [1, 2]}\n```", false),
        ("Here it is, don't worry:\n```\n{\"a\": [1, 2]}\n```\nDone.", false),
        ("Sure! {\"a\": [1, 2]} That is [all].", false),
        ("{\"a\": [1, 2,],}", true),
        ("{'a': [1, 2]}", true),
        ("{a: [1, 2] /* two */}", true),
        ("```json\n{\"a\": [1, 2],}\n```", true),
    ] {
        let accepted = json_contract().check(answer).unwrap_or_else(|r| panic!("{answer}: {}", r.message));
        assert_eq!(serde_json::from_str::<Value>(&accepted.text).unwrap(), json!({"a": [1, 2]}), "{answer}");
        assert_eq!(accepted.repaired, repaired, "{answer}");
    }
    assert_eq!(value("{'ok': True, 'no': None}"), Ok(json!({"ok": true, "no": null})));
}

#[test]
fn what_is_not_one_whole_document_is_rejected() {
    for (answer, why) in [
        ("", "no JSON"),
        ("I cannot do that.", "no JSON"),
        ("{\"a\": [1, 2", "no end"),
        ("{\"a\": \"b", "no end"),
        ("```json\n{\"a\": [1, 2\n```", "no JSON"),
        ("{\"a\": 1} or {\"a\": 2}", "2 different"),
        ("{\"a\": 1, \"a\": 2}", "stands twice"),
        ("{\"a\": NaN}", "no JSON"),
    ] {
        let rejected = value(answer).unwrap_err();
        assert!(rejected.contains(why), "{answer}: {rejected}");
    }
    let deep = "[".repeat(1_000_000);
    assert!(value(&deep).is_err());
}

#[test]
fn a_schema_is_held_and_the_model_is_told_where() {
    let schema = json!({"type": "object", "required": ["name", "age"], "properties": {"age": {"type": "integer"}}});
    let contract = OutputSpec::new(OutputFormat::Text, Some(schema)).unwrap();
    assert!(contract.check(r#"{"name": "x", "age": 3}"#).is_ok());
    let rejection = contract.check(r#"{"age": "three"}"#).unwrap_err();
    assert!(rejection.message.contains("/age") && rejection.message.contains("name"), "{}", rejection.message);
    assert!(correction(&rejection).contains("once more"));
    assert!(contract.instructions().unwrap().contains("\"required\""));
}

#[test]
fn a_wrong_schema_is_an_error_and_nothing_is_fetched() {
    assert!(OutputSpec::new(OutputFormat::Json, Some(json!({"type": "objekt"}))).is_err());
    for outside in ["https://example.com/a.json", "file:///etc/passwd", "other.json"] {
        assert!(OutputSpec::new(OutputFormat::Json, Some(json!({ "$ref": outside }))).is_err(), "{outside}");
    }
    assert!(
        OutputSpec::new(OutputFormat::Json, Some(json!({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"})))
            .is_ok()
    );
}

#[test]
fn a_file_is_the_answer_or_its_one_code_block() {
    let file =
        |answer: &str| OutputSpec::new(OutputFormat::File, None).unwrap().check(answer).map(|accepted| accepted.text);
    assert_eq!(file("fn main() {}").unwrap(), "fn main() {}\n");
    assert_eq!(file("```rust\nfn main() {}\n```").unwrap(), "fn main() {}\n");
    assert_eq!(file("Here:\n\n```rust\nfn main() {}\n```\nEnjoy.").unwrap(), "fn main() {}\n");
    assert_eq!(file("# Title\n```sh\na\n```\n```sh\nb\n```").unwrap(), "# Title\n```sh\na\n```\n```sh\nb\n```\n");
    for bad in
        ["", "```a\nx\n```\n```b\ny\n```", "fn a() {}\n// ... existing code ...\nfn b() {}", "# ... rest of the code"]
    {
        assert!(file(bad).is_err(), "{bad}");
    }
    for good in ["// the rest of this function is slow", "let rest = [..];", "# Remaining code paths", "..."] {
        assert!(file(good).is_ok(), "{good}");
    }
}

#[test]
fn a_fence_around_markdown_goes() {
    let markdown = |answer: &str| OutputSpec::new(OutputFormat::Markdown, None).unwrap().check(answer).unwrap().text;
    assert_eq!(markdown("```markdown\n# A\ntext\n```"), "# A\ntext");
    assert_eq!(markdown("# A\n```sh\nls\n```"), "# A\n```sh\nls\n```");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"'{\\[]{1,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{1,6}", nested, 1..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn a_document_is_found_in_whatever_it_is_wrapped(document in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        prop_assert_eq!(value(&text), Ok(document.clone()));
        if !text.contains("```") {
            prop_assert_eq!(value(&format!("Here:\n```json\n{text}\n```\nDone")), Ok(document));
        }
    }

    #[test]
    fn what_is_cut_off_is_never_taken_for_the_whole(document in any_json(), cut in 0.0..1.0f64) {
        let text = document.to_string();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "any place will do"
        )]
        let at = (text.len() as f64 * cut) as usize;
        let prefix = &text[..text.char_indices().map(|(i, _)| i).take_while(|&i| i <= at).last().unwrap_or(0)];
        if let Ok(found) = value(prefix) {
            prop_assert!(found != document, "{prefix}");
        }
        if prefix.starts_with('{') {
            prop_assert!(value(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn no_answer_makes_it_panic(answer in "\\PC{0,200}") {
        for form in [OutputFormat::Text, OutputFormat::Markdown, OutputFormat::Json, OutputFormat::File] {
            let _ = OutputSpec::new(form, None).unwrap().check(&answer);
        }
    }
}
