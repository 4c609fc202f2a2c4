//! The text of an orchestra that orch writes for a person to go on with: names that can be a task's, and YAML with
//! comments. Knows no file and nothing of where the orchestra comes from.

pub(crate) mod names;
pub(crate) mod yaml;

/// A text as a template that renders to it. `{goal}` stays: whoever writes it elsewhere means the goal as well.
#[must_use]
pub(crate) fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let tag = ["{{", "{%", "{#"].into_iter().find(|tag| rest[at..].starts_with(tag));
        written.push_str(&rest[..at]);
        match tag {
            Some(tag) => written.push_str(&format!("{{{{ '{tag}' }}}}")),
            None => written.push('{'),
        }
        rest = &rest[at + tag.map_or(1, str::len)..];
    }
    written + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::template::{Template, Values};

    #[test]
    fn a_literal_text_renders_to_itself() {
        let values = Values { goal: "the goal", ..Values::default() };
        for text in ["a {{ b }} c", "{% if %} {# x #}", "{{{{ {{%", "{\"a\": {}}", "{", "ü{{", "{{'"] {
            assert_eq!(Template::new(&literal(text)).render(&values).unwrap(), text);
        }
        assert_eq!(Template::new(&literal("{{goal}} {goal}")).render(&values).unwrap(), "{{goal}} the goal");
    }
}
