//! What a task asks its answer to be: a kind of text, and for JSON a schema. It is checked, and never trusted.
//!
//! Knows the text of an answer and nothing of who wrote it.

use std::fmt::Write;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use crate::plan::ctx::{self, Setting};
use crate::plan::spec::OutputFormat;

pub(crate) mod fields;
mod json;
mod mend;
pub(crate) mod plan;
pub(crate) mod sample;
mod text;
pub(crate) mod verdict;

/// How many problems are named at once.
const MAX_PROBLEMS: usize = 5;

/// The longest message about an answer, in bytes.
const MAX_MESSAGE_BYTES: usize = 2000;

/// What an answer has to be; any text, if nothing is said. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    format: OutputFormat,
    schema: Option<Arc<Schema>>,
    /// The shared values that are set from it.
    sets: Arc<[Setting]>,
    /// Of a plan, whom it may give tasks, where they are done as planned.
    roster: Option<Arc<plan::Roster>>,
}

#[derive(Debug)]
struct Schema {
    written: Value,
    validator: Validator,
}

/// Why a schema is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JSON Schema is wrong at {path}: {why}")]
pub struct SchemaError {
    /// Where in the schema, as a JSON pointer; `/` is all of it.
    pub path: String,
    /// What is wrong there.
    pub why: String,
}

/// An answer that is what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The output.
    pub text: String,
    /// Whether something had to be mended that is not the answer itself, such as a trailing comma.
    pub repaired: bool,
}

/// Why an answer is not what was asked for, in words for a person and for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The problems, at most a few.
    pub message: String,
}

impl OutputSpec {
    /// A contract. A schema asks for JSON.
    ///
    /// Schemas are of draft 2020-12 unless they say otherwise. They may refer to parts of themselves alone: nothing is
    /// fetched and no file is opened. `format` is a remark and is not checked, as that draft says.
    ///
    /// # Errors
    /// A schema that is none, or that refers to something outside of itself.
    pub fn new(format: OutputFormat, schema: Option<Value>) -> Result<Self, SchemaError> {
        let written = match (format, schema) {
            (OutputFormat::Plan, _) => plan::schema(),
            (_, Some(schema)) => schema,
            (_, None) => return Ok(Self { format, schema: None, sets: Arc::default(), roster: None }),
        };
        let validator =
            jsonschema::draft202012::options().build(&written).or_else(|_| jsonschema::validator_for(&written));
        let validator = validator.map_err(|error| {
            let path = error.instance_path().to_string();
            SchemaError { path: if path.is_empty() { "/".to_owned() } else { path }, why: error.to_string() }
        })?;
        let format = if format == OutputFormat::Plan { OutputFormat::Plan } else { OutputFormat::Json };
        Ok(Self { format, schema: Some(Arc::new(Schema { written, validator })), sets: Arc::default(), roster: None })
    }

    /// A plan whose tasks are done as planned.
    #[must_use]
    pub(crate) fn plan_for(roster: plan::Roster) -> Self {
        let written = plan::schema_for(&roster);
        let validator = jsonschema::draft202012::options().build(&written).ok();
        let schema = validator.map(|validator| Arc::new(Schema { written, validator }));
        Self { format: OutputFormat::Plan, schema, sets: Arc::default(), roster: Some(Arc::new(roster)) }
    }

    /// Of a plan, whom it may give tasks.
    #[must_use]
    pub(crate) fn roster(&self) -> Option<&plan::Roster> {
        self.roster.as_deref()
    }

    /// A contract that any answer fulfils.
    #[must_use]
    pub fn free() -> Self {
        Self { format: OutputFormat::Text, schema: None, sets: Arc::default(), roster: None }
    }

    /// The same contract, which asks also for what shared values are set from.
    #[must_use]
    pub(crate) fn setting(self, sets: &[Setting]) -> Self {
        Self { sets: sets.into(), ..self }
    }

    /// What kind of text it is.
    #[must_use]
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// The schema, for providers that can hold a model to it.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        self.schema.as_ref().map(|schema| &schema.written)
    }

    /// What a prompt says about the form; `None` where any text will do.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        Some(match (self.format, &self.schema) {
            (OutputFormat::Text, _) => return None,
            (OutputFormat::Markdown, _) => "Answer in Markdown.".to_owned(),
            (OutputFormat::File, _) => {
                "Answer with the whole content of the file and nothing else: no remarks before or after \
                                it, no code fence, and nothing left out."
                    .to_owned()
            }
            (OutputFormat::Json | OutputFormat::Plan, None) => {
                format!("Answer with one JSON document and nothing else.{}", self.fields_asked())
            }
            (OutputFormat::Json | OutputFormat::Plan, Some(schema)) => format!(
                "{}Answer with one JSON document and nothing else. It has to match this JSON Schema:\n{}",
                self.roster().map(|roster| format!("{}\n\n", roster.instructions())).unwrap_or_default(),
                schema.written
            ),
        })
    }

    /// The fields that are taken out of the answer, where no schema says so.
    fn fields_asked(&self) -> String {
        let fields: Vec<String> = self
            .sets
            .iter()
            .filter(|set| !set.path.is_empty())
            .map(|set| format!("`{}`", set.path.join(".")))
            .collect();
        if fields.is_empty() { String::new() } else { format!(" It needs the fields {}.", fields.join(", ")) }
    }

    /// The output that an answer is, or why it is none. What is mended is certain: fences and remarks around the
    /// answer, commas and quotes. An answer that was cut off is never completed.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn check(&self, answer: &str) -> Result<Accepted, Rejection> {
        let accepted = self.check_form(answer)?;
        ctx::settings(&self.sets, &accepted.text, false).map_err(|message| Rejection { message })?;
        Ok(accepted)
    }

    fn check_form(&self, answer: &str) -> Result<Accepted, Rejection> {
        let rejection = |message: String| Rejection { message };
        match self.format {
            OutputFormat::Text => Ok(Accepted { text: answer.to_owned(), repaired: false }),
            OutputFormat::Markdown => Ok(text::markdown(answer)),
            OutputFormat::File => text::file(answer).map_err(rejection),
            OutputFormat::Json | OutputFormat::Plan => {
                let found = json::find(answer).map_err(rejection)?;
                if let Some(schema) = &self.schema {
                    schema.check(&found.value)?;
                }
                if self.format == OutputFormat::Plan {
                    plan::check(&found.value, self.roster()).map_err(rejection)?;
                }
                Ok(Accepted { text: found.text, repaired: found.repaired })
            }
        }
    }
}

impl Schema {
    fn check(&self, value: &Value) -> Result<(), Rejection> {
        let mut message = String::new();
        let mut more = 0;
        for (number, error) in self.validator.iter_errors(value).enumerate() {
            if number >= MAX_PROBLEMS || message.len() > MAX_MESSAGE_BYTES {
                more += 1;
                continue;
            }
            let path = error.instance_path().to_string();
            let path = if path.is_empty() { "the document" } else { &path };
            // The value itself may be long; what is said of it need not be.
            let _ = writeln!(message, "- {path}: {}", shortened(&error.to_string(), 300));
        }
        if message.is_empty() {
            return Ok(());
        }
        if more > 0 {
            let _ = writeln!(message, "- and {more} more");
        }
        Err(Rejection { message: format!("the JSON does not match the schema:\n{}", message.trim_end()) })
    }
}

/// What a model is told after a rejection.
#[must_use]
pub(crate) fn correction(rejection: &Rejection) -> String {
    format!(
        "That answer cannot be used: {}\n\nGive the whole answer once more, with this mended and nothing else around it.",
        shortened(&rejection.message, MAX_MESSAGE_BYTES)
    )
}

/// The beginning of a text, `limit` bytes at most; `…` stands for the rest.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}\u{2026}", &text[..end])
}

/// The one JSON document in a text, whatever stands around it.
///
/// # Errors
/// Why there is none.
pub(crate) fn document(text: &str) -> Result<Value, String> {
    json::find(text).map(|found| found.value)
}

#[cfg(test)]
mod tests;
