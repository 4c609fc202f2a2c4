//! An agent's own command line program as a model: the prompt goes in, an answer comes out.
//!
//! The programs that print JSON are known by name, see `command/preset.rs`; of any other the output is the answer. They bring
//! their own tools, so none are offered. The model's name, the temperature and the longest answer are the program's own
//! business: they are said in `argv`, where it can be told at all.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::time::{Duration, Instant};

use crate::model::call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
use crate::model::command::answer::{Answer, CliError};
use crate::model::command::arguments::Arguments;
use crate::model::command::home::Home;
use crate::model::command::preset::{Format, Preset};
use crate::model::redaction::{MESSAGE_BYTES, excerpt, redact_failure, redact_stop, tidy};
use crate::model::reply_builder::count;
use crate::model::reset::reset_ms;
use crate::model::status::by_status;
use crate::net::http::Deadlines;
use crate::os::process::{self, Command, Exit, Finished, RUN_VARIABLE, Stdin, clean_environment};
use crate::words::conversation::AssistantMessage;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;
use crate::words::usage::Usage;

mod answer;
mod arguments;
mod home;
mod preset;
mod render;
mod scratch;
mod version;
mod words;

pub use home::remove_leftovers;
pub use version::version;

/// How many bytes of an output are kept. An agent that writes more has lost its way.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How long a program and its tools have to end before they are killed.
const GRACE: Duration = Duration::from_secs(2);

/// The part of a call's time that is kept for ending the program, so that what it said last is still told.
const LAST_PART: u32 = 5;

/// How many of the last lines of a complaint are shown.
const LAST_LINES: usize = 5;

/// Whether a program that is known by name is given this variable without being asked.
#[must_use]
pub fn is_given(program: &str, variable: &str) -> bool {
    Preset::of(program).needs(variable)
}

/// Whether a program is known by name, so that it is known what it does with its flags.
#[must_use]
pub fn is_known(program: &str) -> bool {
    Preset::of(program) != Preset::Unknown
}

/// Whether a program can be told what a call of it may cost, and stops there.
#[must_use]
pub fn has_lid(program: &str) -> bool {
    Preset::of(program) == Preset::Claude
}

/// How the names begin of the variables of its vendor that a program that is known by name is given without being asked.
#[must_use]
pub fn vendor_variables(program: &str) -> &'static [&'static str] {
    Preset::of(program).vendor_variables()
}

/// An agent's program, and how it is called.
pub struct CommandModel {
    preset: Preset,
    format: Format,
    argv: Vec<String>,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    passed: Vec<String>,
    deadline: Option<Duration>,
    redactor: Redactor,
}

impl Model for CommandModel {
    /// Runs the program with the conversation as its prompt. When the reply is there the program has ended, and whatever
    /// it has started too; so it has when the pending reply is dropped.
    fn call<'a>(&'a self, request: &'a ModelRequest, deadlines: &'a Deadlines, cue: &'a Cue<'a>) -> PendingReply<'a> {
        Box::pin(self.ask(request, deadlines.total, cue.lid_usd))
    }

    fn bills_itself(&self) -> bool {
        true
    }

    fn is_program(&self) -> bool {
        true
    }
}

impl CommandModel {
    /// A program with its arguments, run in `directory`. `{prompt}` in an argument stands for the prompt and
    /// `{prompt_file}` for the path of a file that holds it; without either the prompt is what the program reads.
    ///
    /// Of `environment` it sees what holds no key, the run's id, and what the vendor of a known program needs; see
    /// [`Self::passing`] for more. No call takes longer than `deadline`.
    ///
    /// # Errors
    /// There is no program in `argv`.
    pub fn new(
        argv: Vec<String>,
        directory: PathBuf,
        environment: Vec<(String, String)>,
        deadline: Option<Duration>,
        redactor: Redactor,
    ) -> Result<Self, String> {
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err("the command of a model is empty: its first element is the program to run".to_owned());
        }
        let preset = Preset::of(&argv[0]);
        let (argv, format) = preset.complete(argv);
        Ok(Self { preset, format, argv, directory, environment, passed: Vec::new(), deadline, redactor })
    }

    /// Lets the program see these variables too, by their names.
    #[must_use]
    pub fn passing(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.passed.extend(names);
        self
    }

    async fn ask(&self, request: &ModelRequest, timeout: Duration, lid_usd: Option<f64>) -> Result<Reply, CallFailure> {
        let started = Instant::now();
        let unsent = |failure| self.fail(failure, None, false, String::new());
        let prompt = render::prompt(request).map_err(unsent)?;
        let mut environment = self.visible();
        let argv = self.preset.under_lid(self.argv.clone(), lid_usd);
        let arguments = Arguments::new(&argv, &prompt, &environment).map_err(unsent)?;
        let home = Home::prepare(self.preset, &environment).map_err(|error| {
            let why = format!("cannot copy the settings of {}: {error}", self.shown());
            unsent(Failure::new(FailureKind::Internal, why))
        })?;
        environment.extend(home.as_ref().map(Home::variable));
        let ending = (GRACE + GRACE / 2).min(timeout / LAST_PART);
        let command = Command {
            stdin: if arguments.hold_prompt { Stdin::Null } else { Stdin::Text(prompt) },
            argv: arguments.argv,
            directory: self.directory.clone(),
            environment,
            timeout: self.deadline.unwrap_or(timeout).min(timeout.saturating_sub(ending)),
            max_output_bytes: MAX_OUTPUT_BYTES,
            grace: ending * 2 / 3,
        };
        match process::run(command).await {
            Ok(finished) => self.read(&finished, request, started),
            Err(trouble) => Err(self.stopped(&trouble)),
        }
    }

    /// What the program sees. What stands later wins.
    fn visible(&self) -> Vec<(String, String)> {
        let is_passed = |name: &String| name == RUN_VARIABLE || self.preset.needs(name) || self.passed.contains(name);
        let given = self.environment.iter().filter(|(name, _)| is_passed(name)).cloned();
        let defaults = self.preset.defaults().iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        clean_environment(self.environment.iter().cloned()).into_iter().chain(defaults).chain(given).collect()
    }

    fn read(&self, finished: &Finished, request: &ModelRequest, started: Instant) -> Result<Reply, CallFailure> {
        let stdout = String::from_utf8_lossy(&finished.stdout);
        let read = answer::read(self.format, &stdout);
        let (mut answer, unreadable) = match read {
            Ok(answer) => (answer, None),
            Err(why) => (Answer::default(), Some(why)),
        };
        let written = self.redactor.redact_secrets(&answer.draft.text).into_owned();
        answer.draft.drop_thoughts();
        let text = self.redactor.redact_secrets(&answer.draft.text).into_owned();
        let failed = |failure: Failure| {
            let unsettled = answer.draft.usage.is_none() && !is_refusal(failure.kind);
            self.fail(failure, answer.draft.usage, unsettled, text.clone())
        };
        if finished.exit != Exit::Code(0) || answer.complaint.is_some() {
            return Err(failed(self.failure(finished, answer.complaint.as_ref(), &stdout)));
        }
        if finished.stdout_cut {
            let why = format!("{} wrote more than {} MiB", self.shown(), MAX_OUTPUT_BYTES >> 20);
            return Err(failed(Failure::new(FailureKind::Malformed, why)));
        }
        if let Some(why) = unreadable {
            let excerpt = excerpt(&finished.stdout, &self.redactor);
            let failure = match &*excerpt {
                "" => self.empty(finished),
                _ => {
                    let why = format!("the answer of {} {why}: {excerpt}", self.shown());
                    Failure::new(FailureKind::Malformed, why)
                }
            };
            return Err(failed(failure));
        }
        let is_empty = answer.draft.text.trim().is_empty();
        let stop = answer.draft.settle(&self.shown(), false).map_err(|failure| {
            failed(if is_empty && failure.kind == FailureKind::Malformed { self.empty(finished) } else { failure })
        })?;
        let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Reply {
            usage: count(answer.draft.usage, request, &written),
            turn: AssistantMessage { text, ..AssistantMessage::default() },
            stop: redact_stop(stop, &self.redactor),
            first_byte_ms: latency_ms,
            latency_ms,
            pace: None,
        })
    }

    /// The failure of a program that ended well and has answered nothing: what it says elsewhere is why.
    fn empty(&self, finished: &Finished) -> Failure {
        if last_lines(&String::from_utf8_lossy(&finished.stderr)).is_empty() {
            return Failure::new(FailureKind::Malformed, format!("empty answer from {}", self.shown()));
        }
        self.failure(finished, None, "")
    }

    /// The failure of a program that ended with one, or that reports one.
    fn failure(&self, finished: &Finished, complaint: Option<&CliError>, stdout: &str) -> Failure {
        let stderr = String::from_utf8_lossy(&finished.stderr);
        let elsewhere = if complaint.is_none() { answer::complaint(self.format, &stderr) } else { None };
        let reported = complaint.or(elsewhere.as_ref());
        let said = reported.map_or_else(
            || match last_lines(&stderr) {
                nothing if nothing.is_empty() && self.format == Format::Text => last_lines(stdout),
                lines => lines,
            },
            |complaint| complaint.said.clone(),
        );
        let status = reported.and_then(|complaint| complaint.status);
        let how = match finished.exit {
            Exit::Code(0) if reported.is_none() => "gave an empty answer".to_owned(),
            Exit::Code(0) => "reports an error".to_owned(),
            exit => exit.to_string(),
        };
        let kind = words::kind(&said).or_else(|| status.and_then(by_status)).unwrap_or(match finished.exit {
            // What a shell says for a program that it cannot find or run.
            Exit::Code(126 | 127) => FailureKind::BadRequest,
            _ => FailureKind::Malformed,
        });
        let colon = if said.trim().is_empty() { "" } else { ": " };
        let is_limit = matches!(kind, FailureKind::Quota | FailureKind::RateLimited);
        let retry_after_ms = is_limit.then(|| reset_ms(&said, SystemTime::now())).flatten();
        let message = format!("{} {how}{colon}{said}", self.shown());
        Failure { status, retry_after_ms, ..Failure::new(kind, message) }
    }

    /// The failure for a program that did not come to its end.
    fn stopped(&self, trouble: &process::Error) -> CallFailure {
        let kind = match trouble {
            process::Error::NotFound { .. }
            | process::Error::NotExecutable { .. }
            | process::Error::NoDirectory { .. } => FailureKind::BadRequest,
            process::Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong => FailureKind::BadRequest,
                _ => FailureKind::Internal,
            },
            process::Error::TimedOut { stdout, .. } => {
                let text = String::from_utf8_lossy(stdout);
                let partial = if self.format == Format::Text { &*text } else { "" };
                let failure = Failure::new(FailureKind::Timeout, self.overtime(trouble));
                return self.fail(failure, None, true, self.redactor.redact_secrets(partial).into_owned());
            }
        };
        let message = format!("{trouble} (the command is {})", self.shown());
        self.fail(Failure::new(kind, message), None, false, String::new())
    }

    /// What is said of a program that took too long, with its last complaint: some try a wrong key again for minutes.
    fn overtime(&self, trouble: &process::Error) -> String {
        let process::Error::TimedOut { stdout, stderr, .. } = trouble else { return trouble.to_string() };
        let reported = answer::read(self.format, &String::from_utf8_lossy(stdout)).ok();
        let reported = reported.and_then(|answer| answer.complaint).map(|complaint| complaint.said);
        match reported.unwrap_or_else(|| last_lines(&String::from_utf8_lossy(stderr))) {
            nothing if nothing.is_empty() => trouble.to_string(),
            said => format!("{trouble}; its last words: {said}"),
        }
    }

    fn fail(&self, failure: Failure, usage: Option<Usage>, unsettled: bool, partial: String) -> CallFailure {
        CallFailure {
            failure: redact_failure(failure, &self.redactor),
            usage,
            unsettled,
            pace: None,
            again: false,
            partial,
        }
    }

    /// The command line as a person may see it.
    fn shown(&self) -> String {
        format!("`{}`", tidy(&self.argv.join(" "), MESSAGE_BYTES / 10, &self.redactor))
    }
}

/// Whether a failure says that nothing was done, so that nothing is to be paid.
fn is_refusal(kind: FailureKind) -> bool {
    use FailureKind::{Auth, BadRequest, ContextTooLong, Overloaded, Quota, RateLimited};
    matches!(kind, Auth | BadRequest | ContextTooLong | Overloaded | Quota | RateLimited)
}

/// The last lines of a text that say something. Where in a script an error came about, and its braces, do not.
fn last_lines(text: &str) -> String {
    let text = crate::words::text::clean(text);
    let is_frame = |line: &str| line.starts_with("at ") && line.contains(".js:");
    let says = |line: &&str| line.contains(char::is_alphanumeric) && !is_frame(line);
    let mut lines: Vec<_> = text.lines().rev().map(str::trim).filter(says).take(LAST_LINES).collect();
    lines.reverse();
    lines.join("\n")
}
