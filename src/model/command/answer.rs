//! What the known programs print, read into a draft.
//!
//! `claude` prints one object, `{"type": "result", "subtype", "is_error", "result", "usage", …}`, with `--verbose` an
//! array that ends with it, and as `stream-json` lines that do: <https://docs.claude.com/en/docs/claude-code/headless>.
//! A refused key is told as `"subtype": "success", "is_error": true`, so the latter alone decides. `api_error_status` is
//! the HTTP status behind an error, where there is one, and `total_cost_usd` what the call cost.
//! `codex` prints a line an event: <https://github.com/openai/codex/blob/main/codex-rs/exec/src/exec_events.rs>.
//! `gemini` prints `{"response", "stats", "error"}`, an error on its other output, after the traces of its attempts:
//! <https://github.com/google-gemini/gemini-cli/blob/main/packages/core/src/output/json-formatter.ts>.

use serde_json::Value;

use crate::model::anthropic;
use crate::model::command::preset::Format;
use crate::model::reply_builder::{ReplyBuilder, Stop, tokens};
use crate::model::status::Report;
use crate::words::usage::{StopReason, Usage, nano_usd};

/// How often the error of a provider is looked for inside of the words of another.
const MAX_WRAPS: usize = 3;

/// How many JSON objects of an output are looked at.
const MAX_OBJECTS: usize = 64;

/// What a program has said.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub draft: ReplyBuilder,
    /// The failure that it reports.
    pub complaint: Option<CliError>,
}

/// A failure that a program reports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CliError {
    /// In its words, or in those of its provider where it only passes them on.
    pub said: String,
    /// The HTTP status that it names.
    pub status: Option<u16>,
}

impl CliError {
    /// Programs hand on the body of their provider's error as it came, and some wrap it once more.
    fn new(said: &str, status: Option<u16>) -> Self {
        let mut complaint = Self { said: said.to_owned(), status };
        for _ in 0..MAX_WRAPS {
            let inner = serde_json::from_str(&complaint.said).ok();
            let Some(report) = inner.as_ref().and_then(Report::find) else { break };
            complaint = Self { said: message(&report), status: report.status.or(complaint.status) };
        }
        complaint
    }

    fn of(report: &Report) -> Self {
        match Self::new(&report.message, report.status) {
            passed_on if passed_on.said != report.message => passed_on,
            own => Self { said: message(report), ..own },
        }
    }
}

/// Reads what a program has written.
///
/// # Errors
/// It is not what the program writes; the reason, to stand after "the answer".
pub(super) fn read(format: Format, stdout: &str) -> Result<Answer, &'static str> {
    match format {
        // The newline at the end is the program's, not the model's.
        Format::Text => Ok(whole(stdout.trim_end())),
        Format::Claude => claude(stdout),
        Format::Codex => codex(stdout),
        Format::Gemini => gemini(stdout),
    }
}

/// The failure that a program reports on its other output, in JSON.
pub(super) fn complaint(format: Format, stderr: &str) -> Option<CliError> {
    let reports = || objects_in(stderr).filter_map(|object| Report::find(&object)).last();
    (format == Format::Gemini).then(reports).flatten().map(|report| CliError::of(&report))
}

fn whole(text: &str) -> Answer {
    let stop = Some(Stop::Complete(StopReason::End));
    Answer { draft: ReplyBuilder { text: text.to_owned(), stop, ..ReplyBuilder::default() }, ..Answer::default() }
}

fn claude(stdout: &str) -> Result<Answer, &'static str> {
    let values = match serde_json::from_str(stdout) {
        Ok(Value::Array(values)) => values,
        Ok(value) => vec![value],
        Err(_) => lines(stdout).collect(),
    };
    let result = values.iter().rfind(|value| value["type"] == "result").ok_or("holds no result")?;
    let text = result["result"].as_str().unwrap_or_default();
    let mut answer = whole(text);
    answer.draft.usage = claude_usage(result);
    answer.draft.stop = Some(match result["stop_reason"].as_str() {
        Some("max_tokens") => Stop::Truncated("the limit of output tokens"),
        Some("refusal") => Stop::Refused,
        _ if result["subtype"] == "error_max_turns" => Stop::Truncated("the limit of turns"),
        _ => Stop::Complete(StopReason::End),
    });
    let subtype = result["subtype"].as_str().unwrap_or_default();
    let failed = result["is_error"] == true || subtype.starts_with("error");
    if failed && subtype != "error_max_turns" {
        let errors = result["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let said = [text].into_iter().chain(errors).filter(|said| !said.trim().is_empty());
        let said = said.collect::<Vec<_>>().join("; ");
        let status = result["api_error_status"].as_u64().and_then(|status| u16::try_from(status).ok());
        answer.complaint = Some(CliError::new(if said.is_empty() { subtype } else { &said }, status));
        answer.draft.text.clear();
    }
    Ok(answer)
}

/// The tokens, and the dollars that it reckons itself. Zeros are what is written when no answer came.
fn claude_usage(result: &Value) -> Option<Usage> {
    let usage = anthropic::counted(&result["usage"]);
    let usage = Usage { billed_nano_usd: result["total_cost_usd"].as_f64().and_then(nano_usd), ..usage };
    (usage.input_tokens + usage.output_tokens > 0).then_some(usage)
}

fn codex(stdout: &str) -> Result<Answer, &'static str> {
    let mut answer = Answer::default();
    let (mut error, mut failed, mut any) = (None, None, false);
    for event in lines(stdout) {
        any = true;
        let said = |value: &Value| value["message"].as_str().map(str::to_owned);
        match event["type"].as_str() {
            Some("item.completed") if event["item"]["type"] == "agent_message" => {
                // An agent speaks between its steps; its answer is what it says last.
                event["item"]["text"].as_str().unwrap_or_default().clone_into(&mut answer.draft.text);
            }
            Some("turn.completed") => {
                let number = |key: &str| tokens(&event["usage"][key]).unwrap_or(0);
                let (input, output) = (number("input_tokens"), number("output_tokens"));
                answer.draft.usage = counted(input, output, number("cached_input_tokens"));
                answer.draft.stop = Some(Stop::Complete(StopReason::End));
            }
            Some("turn.failed") => failed = Some(said(&event["error"]).unwrap_or_else(|| "the turn failed".to_owned())),
            // It also tells of those that it gets over by trying again.
            Some("error") => error = said(&event),
            _ => {}
        }
    }
    if !any {
        return Err("holds no event");
    }
    let said = failed.or(error.filter(|_| answer.draft.stop.is_none()));
    answer.complaint = said.map(|said| CliError::new(&said, None));
    Ok(answer)
}

fn gemini(stdout: &str) -> Result<Answer, &'static str> {
    let object = objects_in(stdout).next().ok_or("is no JSON object")?;
    let mut answer = whole(object["response"].as_str().unwrap_or_default());
    answer.complaint = Report::find(&object).map(|report| CliError::of(&report));
    let models = object["stats"]["models"].as_object();
    let sum = |keys: &[&str]| -> u64 {
        let each = models.into_iter().flat_map(|models| models.values());
        each.flat_map(|model| keys.iter().map(|key| tokens(&model["tokens"][*key]).unwrap_or(0))).sum()
    };
    answer.draft.usage = counted(sum(&["prompt"]), sum(&["candidates", "thoughts"]), sum(&["cached"]));
    Ok(answer)
}

fn counted(input_tokens: u64, output_tokens: u64, cached_tokens: u64) -> Option<Usage> {
    let usage = Usage { input_tokens, output_tokens, cached_tokens, ..Usage::default() };
    (input_tokens + output_tokens > 0).then_some(usage)
}

fn message(report: &Report) -> String {
    let codes = report.codes.join(" ");
    match (&*report.message, &*codes) {
        ("", "") => "an error without a message".to_owned(),
        ("", words) | (words, "") => words.to_owned(),
        (message, codes) => format!("{message} ({codes})"),
    }
}

/// The JSON of every line that has some; a program's own chatter is passed over.
fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object)
}

/// The JSON objects of a text, which may have chatter before, between and behind them. Each begins on a line of its own:
/// the braces of a stack trace stand at the ends of lines.
fn objects_in(text: &str) -> impl Iterator<Item = Value> {
    let starts = text.match_indices('{').map(|(at, _)| at).filter(|&at| {
        let before = text[..at].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    });
    let mut end = 0;
    let objects = starts.filter_map(move |at| {
        if at < end {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter();
        let object = values.next()?.ok()?;
        end = at + values.byte_offset();
        Some(object)
    });
    objects.take(MAX_OBJECTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::failure::FailureKind;

    #[expect(clippy::unnecessary_wraps, reason = "an answer has it or not")]
    fn usage(input_tokens: u64, output_tokens: u64, cached_tokens: u64) -> Option<Usage> {
        Some(Usage { input_tokens, output_tokens, cached_tokens, ..Usage::default() })
    }

    fn said(answer: Answer) -> Option<String> {
        answer.complaint.map(|complaint| complaint.said)
    }

    #[test]
    fn an_error_that_is_passed_on_is_told_in_the_words_of_its_provider() {
        let inner = r#"{"error":{"message":"prompt is too long: 9 > 8","type":"invalid_request_error"}}"#;
        let twice = serde_json::json!({"error": {"message": inner, "code": 400}}).to_string();
        for said in [inner, &twice] {
            let complaint = CliError::new(said, None);
            assert_eq!(complaint.said, "prompt is too long: 9 > 8 (invalid_request_error)");
        }
        assert_eq!(CliError::new(&twice, None).status, Some(400));
        let text = "{\"a\": 1} x\n at f {\n  {\"b\": {\n    \"c\": 2}} {\n{\"d\": 3}";
        let found: Vec<String> = objects_in(text).map(|object| object.to_string()).collect();
        assert_eq!(found, [r#"{"a":1}"#, r#"{"b":{"c":2}}"#, r#"{"d":3}"#]);
    }

    #[test]
    fn claude_says_its_result_in_three_forms() {
        let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"Hi.\n","total_cost_usd":0.0123,"usage":{"input_tokens":2,"cache_creation_input_tokens":30,"cache_read_input_tokens":400,"output_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}"#;
        let billed = Usage {
            cache_write_tokens: 30,
            cache_write_1h_tokens: 20,
            billed_nano_usd: Some(12_300_000),
            ..usage(432, 5, 400).unwrap()
        };
        let system = r#"{"type":"system","subtype":"init"}"#;
        for stdout in [result.to_owned(), format!("[{system},{result}]"), format!("{system}\n{result}\n")] {
            let answer = read(Format::Claude, &stdout).unwrap();
            assert_eq!((&*answer.draft.text, answer.draft.usage), ("Hi.\n", Some(billed)), "{stdout}");
            assert_eq!(answer.complaint, None);
        }
        for nothing in ["", "Hi.", system, "[]"] {
            assert!(read(Format::Claude, nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn an_error_of_claude_is_one_whatever_its_subtype() {
        let read = |stdout| read(Format::Claude, stdout).unwrap();
        let answer = read(r#"{"type":"result","subtype":"success","is_error":true,"result":"Invalid API key"}"#);
        assert_eq!(answer.draft.text, "");
        assert_eq!(said(answer).unwrap(), "Invalid API key");
        let answer =
            read(r#"{"type":"result","subtype":"error_during_execution","is_error":false,"errors":["a","b"]}"#);
        assert_eq!(said(answer).unwrap(), "a; b");
        let answer = read(r#"{"type":"result","subtype":"error_max_turns","is_error":true}"#);
        assert_eq!(answer.draft.settle("x", false).unwrap_err().kind, FailureKind::Truncated);
    }

    #[test]
    fn codex_answers_with_its_last_message_once_the_turn_is_complete() {
        let message =
            |text| format!(r#"{{"type":"item.completed","item":{{"id":"i","type":"agent_message","text":"{text}"}}}}"#);
        let retried = r#"{"type":"error","message":"Reconnecting... 1/5"}"#;
        let done =
            r#"{"type":"turn.completed","usage":{"input_tokens":40,"cached_input_tokens":30,"output_tokens":2}}"#;
        let (first, last) = (message("I look."), message("Done."));
        let answer = read(Format::Codex, &format!("chatter\n{first}\n{retried}\n{last}\n{done}\n")).unwrap();
        assert_eq!((&*answer.draft.text, answer.draft.usage, answer.complaint), ("Done.", usage(40, 2, 30), None));

        let cut = read(Format::Codex, &last).unwrap();
        assert_eq!(cut.draft.settle("x", false).unwrap_err().kind, FailureKind::Connection);
        let failed = r#"{"type":"turn.failed","error":{"message":"You've hit your usage limit."}}"#;
        assert_eq!(said(read(Format::Codex, failed).unwrap()).unwrap(), "You've hit your usage limit.");
        assert_eq!(said(read(Format::Codex, retried).unwrap()).unwrap(), "Reconnecting... 1/5");
        assert!(read(Format::Codex, "no event").is_err());
    }

    #[test]
    fn gemini_sums_its_models_and_reports_errors_on_either_output() {
        let stdout = r#"Loaded cached credentials.
            {"response": "Hi.", "stats": {"models": {
                "a": {"tokens": {"input": 1, "prompt": 11, "candidates": 2, "cached": 10, "thoughts": 3}},
                "b": {"tokens": {"prompt": 100, "candidates": 20, "cached": 0, "thoughts": 0}}}}}"#;
        let answer = read(Format::Gemini, stdout).unwrap();
        assert_eq!((&*answer.draft.text, answer.draft.usage), ("Hi.", usage(111, 25, 10)));
        let error =
            "chatter\n{\"error\": {\"type\": \"ApiError\", \"message\": \"Rate limit exceeded\", \"code\": 429}}\n";
        let expected = Some(CliError { said: "Rate limit exceeded (apierror)".to_owned(), status: Some(429) });
        assert_eq!(read(Format::Gemini, error).unwrap().complaint, expected);
        assert_eq!(complaint(Format::Gemini, error), expected);
        assert_eq!(complaint(Format::Codex, error), None);
        assert!(read(Format::Gemini, "Hi.").is_err());
    }
}
