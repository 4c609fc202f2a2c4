//! The inputs that a file declares.

use serde_json::Value;

use crate::plan::inputs::Input;
use crate::plan::resolve::Resolver;
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{self, InputKind};
use crate::words::diagnostic::{Diagnostic, Span};

impl Resolver<'_> {
    /// The declared inputs, by name.
    pub(super) fn inputs(&mut self) -> Vec<Input> {
        let Some(declared) = &self.file.inputs else { return Vec::new() };
        let mut inputs = Vec::with_capacity(declared.len());
        for (name, said) in declared {
            let span = match said {
                Either::Short(kind) => &kind.span,
                Either::Full(full) => &full.span,
            };
            if !is_name(name) {
                let message = format!("{name:?} cannot be the name of an input");
                let help = "letters, digits and `_`, and no digit first, so that `{{ inputs.NAME }}` names it";
                self.diagnostics.push(Diagnostic::error(message, span.clone(), "its value").help(help));
                continue;
            }
            let input = match said {
                Either::Short(kind) => short(name, kind),
                Either::Full(full) => self.full(name, full),
            };
            self.check_input(&input, span);
            inputs.push(input);
        }
        inputs
    }

    fn full(&mut self, name: &str, said: &Spanned<spec::Input>) -> Input {
        let table = &said.value;
        let choices = table.choices.as_ref();
        let usual = if choices.is_some() { InputKind::Choice } else { InputKind::Text };
        let kind = table.kind.as_ref().map_or(usual, |kind| kind.value);
        if let Some(choices) = choices.filter(|_| kind != InputKind::Choice) {
            let mistake = Diagnostic::error("`choices` are for an input of type `choice`", choices.span.clone(), "");
            self.diagnostics.push(mistake.help("write `type: choice`, or leave `type` out"));
        }
        let mut input = Input {
            name: name.to_owned(),
            kind,
            default: None,
            required: table.required.as_ref().map_or(table.default.is_none(), |required| required.value),
            description: table.description.clone(),
            choices: choices.iter().flat_map(|list| &list.value).map(|choice| choice.value.clone()).collect(),
        };
        if let (Some(default), Some(required)) = (&table.default, &table.required)
            && required.value
        {
            self.diagnostics.push(
                Diagnostic::error("what has a `default` need not be given", required.span.clone(), "never missing")
                    .see(default.span.clone(), "the default")
                    .help("take out one of the two"),
            );
        }
        if let Some(default) = &table.default {
            match input.accept(&default.value) {
                Ok(value) => input.default = Some(value),
                Err(_) if input.kind == InputKind::Choice && input.choices.is_empty() => {}
                Err(why) => {
                    let message = format!("the input `{name}` {why}");
                    self.diagnostics.push(Diagnostic::error(message, default.span.clone(), "its default"));
                }
            }
        }
        input
    }

    fn check_input(&mut self, input: &Input, span: &Span) {
        if input.kind == InputKind::Choice && input.choices.is_empty() {
            let message = format!("the input `{}` is a choice of nothing", input.name);
            let help = "name what there is to choose from: `{choices: [red, blue]}`";
            self.diagnostics.push(Diagnostic::error(message, span.clone(), "no `choices`").help(help));
        }
        if input.name == "goal" && input.kind != InputKind::Text {
            let message = "the input `goal` is the goal of the run, which is a text";
            self.diagnostics.push(Diagnostic::error(message, span.clone(), "").help("write `goal: text`"));
        }
        let is_long = |value: &Value| value.to_string().len() > crate::plan::inputs::MAX_INPUT_BYTES;
        if input.default.as_ref().is_some_and(is_long) {
            let message = format!("the default of `{}` is too long for an input", input.name);
            self.diagnostics.push(Diagnostic::error(message, span.clone(), "").help("put it into a file"));
        }
    }
}

fn short(name: &str, kind: &Spanned<InputKind>) -> Input {
    Input {
        name: name.to_owned(),
        kind: kind.value,
        default: None,
        required: true,
        description: None,
        choices: Vec::new(),
    }
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.len() <= 100
}
