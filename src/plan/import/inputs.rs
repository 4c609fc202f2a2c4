//! What a run of the original is given by name. A run here is given its goal, so one input becomes the goal, and
//! several stay as they stand and are named at the head of the file.

use crate::plan::draft::literal;
use crate::plan::import::outline::{left_out, listed};

/// The inputs of an original, in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Inputs(Vec<Input>);

#[derive(Debug)]
struct Input {
    name: String,
    about: Option<String>,
}

impl Inputs {
    /// Takes up an input; `about` says what it is.
    pub(super) fn add(&mut self, name: &str, about: Option<String>) {
        if !self.0.iter().any(|input| input.name == name) {
            self.0.push(Input { name: name.to_owned(), about });
        }
    }

    /// Takes up what stands in single braces in a text.
    pub(super) fn find(&mut self, text: &str) {
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            rest = &rest[open + 1..];
            if let Some(double) = rest.strip_prefix('{') {
                rest = double;
            } else if let Some((name, _)) = rest.split_once('}')
                && is_name(name)
            {
                self.add(name, None);
            }
        }
    }

    /// A text of the original with its inputs in single braces, as a template of ours.
    pub(super) fn fill(&self, text: &str) -> String {
        let text = literal(text);
        match self.0.as_slice() {
            [only] => text.replace(&format!("{{{}}}", only.name), "{goal}"),
            _ => text,
        }
    }

    /// Whether a text that is no template here names an input.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|input| text.contains(&format!("{{{}}}", input.name)))
    }

    /// What the head of the file says of them.
    pub(super) fn note(&self, id: &str) -> Option<String> {
        let about = |input: &Input| input.about.as_ref().map_or(String::new(), |about| format!(" ({about})"));
        match self.0.as_slice() {
            [] => None,
            [only] if only.name == "goal" => None,
            [only] => Some(format!(
                "The original is given `{}`{}; here that is the goal: orch run {id} --goal \"...\"",
                only.name,
                about(only)
            )),
            several => {
                let names = listed(several.iter().map(|input| input.name.as_str()));
                let about: String = several
                    .iter()
                    .filter_map(|input| Some(format!(" `{}`: {}.", input.name, input.about.as_ref()?)))
                    .collect();
                let advice = "A run is given its goal alone: write their values, or {goal}, where they stand in braces \
                              below.";
                Some(left_out(&format!("the inputs {names}"), &format!("{advice}{about}")))
            }
        }
    }
}

/// Whether a text in braces is the name of an input, and not JSON or code.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.find(text);
        inputs
    }

    #[test]
    fn one_input_is_the_goal_and_several_are_named() {
        let one = found("On {topic}, as {\"json\": {a b}} and {topic} {{ x }} {{y}}");
        assert_eq!(one.fill("About {topic} {{ x }}"), "About {goal} {{ '{{' }} x }}");
        assert!(one.note("x").is_some_and(|note| note.contains("`topic`") && note.contains("orch run x")));
        let two = found("{topic} {year}");
        assert_eq!(two.fill("{topic}"), "{topic}");
        assert!(two.note("x").is_some_and(|note| note.starts_with("Left out: the inputs `topic`, `year`.")));
        assert!(found("{goal}").note("x").is_none() && two.are_in("in {year}") && !two.are_in("in year"));
    }
}
