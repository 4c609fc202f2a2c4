//! What a review answers with: whether the work is approved, and what is wrong with it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::words::text::{one_line, plural};

/// How much of an issue is told, in columns.
const TOLD: usize = 200;

/// What a reviewer answers with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Verdict {
    /// Whether the work does all that its task asks for, and nothing has to be mended.
    pub approved: bool,
    /// What there is to say of it as a whole, in a few sentences.
    #[serde(default)]
    summary: String,
    /// Everything that is wrong with it; empty if nothing is.
    issues: Vec<Issue>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Issue {
    /// How bad it is.
    severity: Severity,
    /// The file that it is in, relative to the project.
    file: Option<String>,
    /// The line in that file.
    line: Option<u64>,
    /// What is wrong, and what follows from it.
    description: String,
    /// How to mend it.
    suggestion: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

/// The JSON Schema of a verdict.
#[must_use]
pub(crate) fn schema() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    // Some vendors take no references.
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<Verdict>().to_value()
}

impl Verdict {
    /// Reads an output that matches the schema.
    ///
    /// # Errors
    /// Why it is no verdict.
    pub(crate) fn of(output: &str) -> Result<Self, String> {
        serde_json::from_str(output).map_err(|error| format!("it is not a verdict: {error}"))
    }

    /// What is wrong, in one line for a person.
    #[must_use]
    pub(crate) fn told(&self) -> String {
        let Some(first) = self.issues.first() else {
            return match self.summary.trim() {
                "" => "no issue is named".to_owned(),
                summary => one_line(summary, TOLD),
            };
        };
        let place = match (&first.file, first.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let mend = first.suggestion.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
        let severity = match first.severity {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        };
        let issues = plural(self.issues.len() as u64, "issue", "issues");
        one_line(&format!("{issues}, the first one {severity}: {place}{}{mend}", first.description), TOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_one_line() {
        let told = |issues: &str, summary: &str| {
            let text = format!(r#"{{"approved": false, "summary": "{summary}", "issues": [{issues}]}}"#);
            Verdict::of(&text).unwrap().told()
        };
        let issue = r#"{"severity": "high", "file": "a.rs", "line": 3, "description": "it\npanics", "suggestion": "return an error"}"#;
        assert_eq!(told(issue, ""), "1 issue, the first one high: a.rs:3: it panics (return an error)");
        assert_eq!(told(r#"{"severity": "low", "description": "dull"}"#, "x"), "1 issue, the first one low: dull");
        assert_eq!((told("", "Not yet."), told("", " ")), ("Not yet.".to_owned(), "no issue is named".to_owned()));
        assert!(Verdict::of(r#"{"approved": true}"#).is_err());
    }
}
