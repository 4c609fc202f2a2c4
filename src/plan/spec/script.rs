//! The script of a rehearsal: what the offline player answers, and where it fails.
//!
//! ```yaml
//! replies:
//!   - {task: research, text: "given text"}
//!   - {task: build, attempt: 1, fail: rate_limited, message: "slow down", retry_after_seconds: 2}
//!   - {task: build, attempt: 2, cut: true}
//!   - {task: "*", delay_seconds: 0.2}
//! ```
//!
//! `ScriptFile` is the file as it is written, [`Script`] is what it means. Knows no orchestra: whether there is a task
//! of a name is for those who have both files.

use std::sync::OnceLock;
use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;

use crate::plan::spec::located::Spanned;
use crate::plan::spec::{Text, read_as};
use crate::words::diagnostic::{Diagnostic, Source, Span, near_miss};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;

/// What is written for every task.
const EVERY_TASK: &str = "*";

/// What the offline player does in place of its usual answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// The replies in the order of the file; of those that match a call, the first one counts.
    pub replies: Vec<ScriptReply>,
}

/// What the player does for one task, or for every task.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptReply {
    /// The task's name and its place in the file, or `*` for every task.
    pub task: Text,
    /// The attempt that it is for, from 1; every attempt when absent.
    pub attempt: Option<u32>,
    /// How long the player waits before it does anything else.
    pub delay: Duration,
    /// What it does then.
    pub act: Act,
}

/// What the player does with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// It answers as it does without a script.
    Usual,
    /// It answers with this text.
    Text(String),
    /// It fails as a provider would.
    Fail(Failure),
    /// The connection breaks off in the middle of the answer.
    Cut,
    /// The answer ends at the limit of output tokens.
    Truncate,
    /// It never answers.
    Hang,
}

impl Script {
    /// Reads a script: every mistake of form at once, then every mistake of meaning, or the script.
    ///
    /// # Errors
    /// The mistakes, in no particular order.
    pub fn read(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let file: ScriptFile = read_as(source, schema())
            .map_err(|found| found.into_iter().map(|mistake| quote_the_star(source, mistake)).collect::<Vec<_>>())?;
        let mut found = Vec::new();
        let replies = file.replies.into_iter().map(|reply| reply.settle(&mut found)).collect();
        if found.is_empty() { Ok(Self { replies }) } else { Err(found) }
    }

    /// The replies for tasks that are none of `names`: they would never be played.
    #[must_use]
    pub fn unknown_tasks(&self, names: &[&str]) -> Vec<Diagnostic> {
        let unknown =
            |reply: &&ScriptReply| reply.task.value != EVERY_TASK && !names.contains(&reply.task.value.as_str());
        let mistake = |reply: &ScriptReply| {
            let message = format!("the orchestra has no task `{}`", reply.task.value);
            let mistake = Diagnostic::error(message, reply.task.span.clone(), "never played");
            match near_miss(&reply.task.value, names.iter().copied()) {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None => mistake.help("`*` is every task"),
            }
        };
        self.replies.iter().filter(unknown).map(mistake).collect()
    }

    /// The first reply that is for this attempt at this task.
    #[must_use]
    pub fn find(&self, task: &str, attempt: u32) -> Option<&ScriptReply> {
        self.replies.iter().find(|reply| {
            (reply.task.value == EVERY_TASK || reply.task.value == task)
                && reply.attempt.is_none_or(|only| only == attempt)
        })
    }
}

/// A script as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a script")]
struct ScriptFile {
    /// What the player does, the most particular first: of those that match a call, the first one counts.
    replies: Vec<WrittenReply>,
}

/// What the player does for a task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a reply")]
struct WrittenReply {
    /// The task's name, or `*` for every task.
    task: Text,
    /// The attempt that it is for; every attempt if left out.
    #[schemars(range(min = 1, max = u32::MAX))]
    attempt: Option<u32>,
    /// How long the player waits first, in seconds.
    #[schemars(range(min = 0, max = 604_800))]
    delay_seconds: Option<f64>,
    /// Answers with this text.
    text: Option<Text>,
    /// Fails like this.
    fail: Option<Spanned<Fail>>,
    /// With `fail`: the provider's words.
    message: Option<Text>,
    /// With `fail`: how long the provider asks to wait, in seconds.
    #[schemars(range(min = 0, max = 604_800))]
    retry_after_seconds: Option<Spanned<f64>>,
    /// Breaks the connection off in the middle of the answer.
    cut: Option<Spanned<bool>>,
    /// Ends the answer at the limit of output tokens.
    truncate: Option<Spanned<bool>>,
    /// Never answers, so that the attempt runs into its own deadline.
    hang: Option<Spanned<bool>>,
}

/// The failures that a provider can cause, in the words of [`FailureKind`].
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Fail {
    Auth,
    Quota,
    RateLimited,
    Overloaded,
    Timeout,
    Connection,
    ContextTooLong,
    Refused,
    Truncated,
    Malformed,
    BadRequest,
}

impl WrittenReply {
    /// Names what does not go together in `found`, and gives what the rest means.
    fn settle(self, found: &mut Vec<Diagnostic>) -> ScriptReply {
        self.check_task(found);
        self.check_acts(found);
        self.check_details(found);
        ScriptReply {
            attempt: self.attempt,
            delay: self.delay_seconds.map(Duration::from_secs_f64).unwrap_or_default(),
            act: self.act(),
            task: self.task,
        }
    }

    fn check_task(&self, found: &mut Vec<Diagnostic>) {
        if self.task.value == EVERY_TASK {
            return;
        }
        if let Err(error) = Name::new(&self.task.value) {
            let message = format!("`task` cannot be {:?}", self.task.value);
            found.push(
                Diagnostic::error(message, self.task.span.clone(), error.to_string())
                    .help("write one task's name, or \"*\" for every task"),
            );
        }
    }

    fn check_acts(&self, found: &mut Vec<Diagnostic>) {
        let acts = self.acts();
        let Some((first, see)) = acts.first() else { return };
        for (key, span) in &acts[1..] {
            found.push(
                Diagnostic::error(format!("`{key}` and `{first}` exclude each other in a reply"), span.clone(), "")
                    .see(see.clone(), "already decided here")
                    .help("keep one of the two; what comes in a later attempt is a reply of its own, with `attempt`"),
            );
        }
    }

    /// What describes a failure says nothing where there is none.
    fn check_details(&self, found: &mut Vec<Diagnostic>) {
        if self.fail.is_some() {
            return;
        }
        let message = self.message.as_ref().map(|text| ("message", &text.span));
        let wait = self.retry_after_seconds.as_ref().map(|seconds| ("retry_after_seconds", &seconds.span));
        found.extend(message.into_iter().chain(wait).map(|(key, span)| {
            Diagnostic::error(format!("`{key}` has no effect without `fail`"), span.clone(), "")
                .help("say with `fail` how the call fails, or take it out")
        }));
    }

    /// The keys that say what the player does, with the places of their values, in the order of the file.
    fn acts(&self) -> Vec<(&'static str, Span)> {
        let on = |flag: &Option<Spanned<bool>>| flag.as_ref().filter(|flag| flag.value).map(|flag| flag.span.clone());
        let mut acts: Vec<_> = [
            ("text", self.text.as_ref().map(|text| text.span.clone())),
            ("fail", self.fail.as_ref().map(|fail| fail.span.clone())),
            ("cut", on(&self.cut)),
            ("truncate", on(&self.truncate)),
            ("hang", on(&self.hang)),
        ]
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect();
        acts.sort_by_key(|(_, span)| span.start);
        acts
    }

    fn act(&self) -> Act {
        let on = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        if let Some(fail) = &self.fail {
            let message = self.message.as_ref().map_or("the script of the rehearsal says so", |text| &text.value);
            let wait = self.retry_after_seconds.as_ref().map(|seconds| Duration::from_secs_f64(seconds.value));
            return Act::Fail(Failure {
                retry_after_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                ..Failure::new(fail.value.into(), message)
            });
        }
        match &self.text {
            Some(text) => Act::Text(text.value.clone()),
            None if on(&self.cut) => Act::Cut,
            None if on(&self.truncate) => Act::Truncate,
            None if on(&self.hang) => Act::Hang,
            None => Act::Usual,
        }
    }
}

impl From<Fail> for FailureKind {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Auth => Self::Auth,
            Fail::Quota => Self::Quota,
            Fail::RateLimited => Self::RateLimited,
            Fail::Overloaded => Self::Overloaded,
            Fail::Timeout => Self::Timeout,
            Fail::Connection => Self::Connection,
            Fail::ContextTooLong => Self::ContextTooLong,
            Fail::Refused => Self::Refused,
            Fail::Truncated => Self::Truncated,
            Fail::Malformed => Self::Malformed,
            Fail::BadRequest => Self::BadRequest,
        }
    }
}

/// To YAML a bare `*` is the beginning of an alias, and nobody who means every task thinks of those.
fn quote_the_star(source: &Source, mistake: Diagnostic) -> Diagnostic {
    match &mistake.at {
        Some((span, _)) if source.text.get(span.clone()) == Some(EVERY_TASK) => mistake.help("put it in quotes: \"*\""),
        _ => mistake,
    }
}

fn schema() -> &'static serde_json::Value {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    SCHEMA
        .get_or_init(|| SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ScriptFile>().to_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Script {
        Script::read(&Source::new("s.yaml", text)).unwrap()
    }

    /// The mistakes, each with the text that its caret points at.
    fn mistakes(text: &str) -> Vec<(String, String)> {
        let source = Source::new("s.yaml", text);
        let place =
            |d: &Diagnostic| d.at.as_ref().map_or(String::new(), |(span, _)| source.text[span.clone()].to_owned());
        Script::read(&source).unwrap_err().into_iter().map(|d| (d.message.clone(), place(&d))).collect()
    }

    #[test]
    fn every_behaviour_has_its_key() {
        let script = read(
            r#"
replies:
  - {task: research, text: "given text"}
  - {task: build, attempt: 1, fail: rate_limited, message: "slow down", retry_after_seconds: 2.5, delay_seconds: 1}
  - {task: build, attempt: 2, cut: true, hang: false}
  - {task: x, hang: true}
  - {task: y, truncate: true}
  - {task: "*", delay_seconds: 0.2}
"#,
        );
        let slow_down = Failure { retry_after_ms: Some(2500), ..Failure::new(FailureKind::RateLimited, "slow down") };
        let acts: Vec<_> =
            script.replies.into_iter().map(|r| (r.task.value, r.attempt, r.delay.as_millis(), r.act)).collect();
        let expected = [
            ("research", None, 0, Act::Text("given text".into())),
            ("build", Some(1), 1000, Act::Fail(slow_down)),
            ("build", Some(2), 0, Act::Cut),
            ("x", None, 0, Act::Hang),
            ("y", None, 0, Act::Truncate),
            ("*", None, 200, Act::Usual),
        ];
        assert_eq!(acts, expected.map(|(task, attempt, ms, act)| (task.to_owned(), attempt, ms, act)));
    }

    #[test]
    fn the_first_reply_that_matches_counts() {
        let script = read(
            "replies: [{task: a, attempt: 2, text: second}, {task: a, text: any}, {task: '*', attempt: 1, text: rest}, {task: a, text: never}]",
        );
        let text = |task, attempt| match script.find(task, attempt).map(|reply| &reply.act) {
            Some(Act::Text(text)) => text.as_str(),
            _ => "",
        };
        assert_eq!([text("a", 1), text("a", 2), text("a", 3)], ["any", "second", "any"]);
        assert_eq!([text("b", 1), text("b", 2)], ["rest", ""]);
    }

    #[test]
    fn the_words_of_failures_are_those_of_the_journal() {
        for word in [
            "auth",
            "quota",
            "rate_limited",
            "overloaded",
            "timeout",
            "connection",
            "context_too_long",
            "refused",
            "truncated",
            "malformed",
            "bad_request",
        ] {
            let script = read(&format!("replies: [{{task: a, fail: {word}}}]"));
            let Act::Fail(failure) = &script.replies[0].act else { panic!() };
            assert_eq!(serde_json::to_value(failure.kind).unwrap(), word);
            assert_eq!((failure.retry_after_ms, failure.message.is_empty()), (None, false));
        }
    }

    #[test]
    fn mistakes_of_form_are_named_at_their_places() {
        let found = mistakes(
            "
replies:
  - {task: a, fail: budget}
  - {task: a, fial: auth}
  - {text: x}
  - {task: a, attempt: 0}
  - {task: a, attempt: 4294967296}
  - {task: a, delay_seconds: -1}
  - {task: a, delay_seconds: 604801}
  - {task: a, cut: 1}
reply: []
",
        );
        let expected = [
            ("`fail` cannot be `budget`", "budget"),
            ("unknown key `fial` in a reply", "fial"),
            ("a reply has no `task`", "text"),
            ("`attempt` must be 1 or more", "0"),
            ("`attempt` must be 4294967295 or less", "4294967296"),
            ("`delay_seconds` must be 0 or more", "-1"),
            ("`delay_seconds` must be 604800 or less", "604801"),
            ("`cut` must be true or false", "1"),
            ("unknown key `reply` in a script", "reply"),
        ];
        assert_eq!(found, expected.map(|(message, at)| (message.to_owned(), at.to_owned())));
    }

    #[test]
    fn what_does_not_go_together_is_named_at_its_place() {
        let found = mistakes(
            "
replies:
  - {task: a, hang: true, text: x, cut: true}
  - {task: a, message: m, retry_after_seconds: 3}
  - {task: 'build*'}
",
        );
        let expected = [
            ("`text` and `hang` exclude each other in a reply", "x"),
            ("`cut` and `hang` exclude each other in a reply", "true"),
            ("`message` has no effect without `fail`", "m"),
            ("`retry_after_seconds` has no effect without `fail`", "3"),
            ("`task` cannot be \"build*\"", "'build*'"),
        ];
        assert_eq!(found, expected.map(|(message, at)| (message.to_owned(), at.to_owned())));
    }

    #[test]
    fn a_file_that_is_no_script_is_refused() {
        for text in ["", "[]", "replies:", "replies: x", "replies: [x]", "replies: [{task: a, delay_seconds: .nan}]"] {
            assert!(Script::read(&Source::new("s.yaml", text)).is_err(), "{text:?}");
        }
        assert_eq!(read("replies: []"), Script::default());
    }

    #[test]
    fn a_star_without_quotes_is_explained() {
        for text in
            ["replies: [{task: *}]", "replies:\n  - task: *\n    cut: true\n", "replies: [{task: *, cut: true}]"]
        {
            let found = Script::read(&Source::new("s.yaml", text)).unwrap_err();
            assert_eq!(found[0].help.as_deref(), Some("put it in quotes: \"*\""), "{found:?}");
        }
    }
}
