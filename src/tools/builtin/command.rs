//! `run_command`: a program run without a shell, if the orchestra's file allows it.
//!
//! Knows which programs may be run, and with what around them. Running them, and ending all that they started, is the
//! runner's.

use std::fmt::Write;
use std::future::Future;
use std::path::{PathBuf, is_separator};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::path::{ProjectPath, quoted};
use super::place::{self, Missing};
use super::{ProjectFiles, ToolContext, arguments};
use crate::plan::orchestra::Grant;
use crate::plan::programs;
use crate::tools::{CallContext, Effect, Outcome, Tool, ToolFuture};
use crate::words::conversation;
use crate::words::text;

/// The most of a command's output that the model is given, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// The most that the runner keeps of each of the two outputs, in bytes: of a longer one the model should see the end
/// too.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// What keeps Git from starting a pager, an editor, a hook, a monitor or a program to ask for a password because the
/// settings of the repository say so. Settings in variables count more than those in files, and less than those that an
/// author gives by `-c`. The last one leaves out repositories without a working tree, which could be made of plain files.
const GIT: [(&str, &str); 13] = [
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", ":"),
    ("GIT_SEQUENCE_EDITOR", ":"),
    ("GIT_ASKPASS", ""),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_SSH_COMMAND", "ssh"),
    ("GIT_CONFIG_COUNT", "3"),
    ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
    ("GIT_CONFIG_VALUE_0", "false"),
    ("GIT_CONFIG_KEY_1", "core.hooksPath"),
    ("GIT_CONFIG_VALUE_1", "/dev/null"),
    ("GIT_CONFIG_KEY_2", "safe.bareRepository"),
    ("GIT_CONFIG_VALUE_2", "explicit"),
];

/// A program to run, to its end or to the timeout, with nothing to read on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// After which it is ended, with all that it started.
    pub timeout: Duration,
    /// How much of each output is kept, in bytes.
    pub max_output_bytes: usize,
}

/// A program that has ended by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote on standard output.
    pub stdout: Vec<u8>,
    /// What it wrote on standard error.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than is kept of either.
    pub is_cut: bool,
}

/// Runs programs. The error says why one was not started, or was ended.
pub(crate) type Runner =
    Arc<dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Result<Ran, String>> + Send>> + Send + Sync>;

/// The tool that all of these grants together allow: every command of theirs, with the shortest timeout.
pub(super) fn granted(grants: &[&Grant], context: &ToolContext) -> Arc<dyn Tool> {
    let (mut allow, mut timeout) = (Vec::new(), Duration::MAX);
    for grant in grants {
        if let Grant::RunCommand { allow: more, timeout: other } = grant {
            // A prefix of nothing would allow everything, which no author of a list means.
            allow.extend(more.iter().filter(|prefix| !prefix.is_empty()).cloned());
            timeout = timeout.min(*other);
        }
    }
    Arc::new(RunCommand {
        definition: definition(&allow, timeout),
        allow,
        timeout,
        project: context.project.clone(),
        root: context.root.clone(),
        environment: context.environment.clone(),
        runner: context.runner.clone(),
    })
}

/// The tool as one agent has it.
struct RunCommand {
    definition: conversation::Tool,
    /// How a command must begin, element by element: `["cargo", "test"]` allows `cargo test --lib`. None is empty.
    allow: Vec<Vec<String>>,
    /// After which a command is ended.
    timeout: Duration,
    project: Arc<ProjectFiles>,
    /// The project's absolute path.
    root: PathBuf,
    environment: Vec<(String, String)>,
    runner: Runner,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    argv: Vec<String>,
    directory: Option<String>,
}

impl Tool for RunCommand {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    fn effect(&self) -> Effect {
        Effect::Once
    }

    fn call<'a>(&'a self, arguments: &'a Value, _: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        Box::pin(async { Ok(self.run(arguments).await.into()) })
    }
}

fn definition(allow: &[Vec<String>], timeout: Duration) -> conversation::Tool {
    conversation::Tool {
        name: "run_command".to_owned(),
        description: format!(
            "Runs a program in the project, without a shell, and gives its exit code and output. Allowed are commands \
             that begin with: {}. A command is ended after {}.",
            listed(allow),
            text::duration(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX))
        ),
        parameters: json!({
            "type": "object",
            "properties": {
                "argv": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "description": "The program and its arguments, one element each, such as [\"cargo\", \"test\"]",
                },
                "directory": {"type": "string", "description": "The folder to run it in, relative to the project"},
            },
            "required": ["argv"],
            "additionalProperties": false,
        }),
    }
}

/// The beginnings of commands, for a model.
fn listed(allow: &[Vec<String>]) -> String {
    let prefixes: Vec<String> = allow.iter().map(|prefix| json!(prefix).to_string()).collect();
    if prefixes.is_empty() { "none".to_owned() } else { prefixes.join(", ") }
}

impl RunCommand {
    /// Runs a command. That it fails is no failure of the call: the result has the exit code.
    async fn run(&self, arguments: &Value) -> Result<String, String> {
        let Arguments { mut argv, directory } = arguments::read(arguments, || self.definition.clone())?;
        self.check(&argv)?;
        let folder = ProjectPath::of_folder(directory.as_deref().unwrap_or("."))?;
        place::folder(&self.project, folder.parts(), Missing::Refuse)?;
        // What is allowed by its path is the program at that path from the project on, wherever it runs.
        if argv[0].contains(is_separator) {
            let program = self.root.join(&argv[0]).into_os_string().into_string();
            argv[0] = program.map_err(|path| format!("{path:?} is not UTF-8, so no program in it can be run"))?;
        }
        let environment = self.environment_of(&argv[0]);
        let invocation = Invocation {
            argv,
            directory: self.root.join(folder.parts().iter().collect::<PathBuf>()),
            environment,
            timeout: self.timeout,
            max_output_bytes: MAX_KEPT_BYTES,
        };
        (self.runner)(invocation).await.and_then(|ran| report(&ran))
    }

    /// The environment of a program: of Git, one in which the settings of a repository start no other program.
    fn environment_of(&self, program: &str) -> Vec<(String, String)> {
        let more: &[(&str, &str)] = if programs::is_git(program) { &GIT } else { &[] };
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.environment.iter().cloned().chain(more).collect()
    }

    fn check(&self, argv: &[String]) -> Result<(), String> {
        if argv.is_empty() {
            return Err("`argv` is empty: its first element is the program".to_owned());
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err("`argv` contains a NUL character, which no program can be given".to_owned());
        }
        let mut refusal = None;
        for prefix in self.allow.iter().filter(|prefix| argv.starts_with(prefix)) {
            match programs::refused(argv, &|place| place < prefix.len()) {
                None => return Ok(()),
                found => refusal = refusal.or(found),
            }
        }
        let Some(refusal) = refusal else {
            return Err(format!(
                "{} is not allowed; allowed are commands that begin with: {}",
                quoted(&argv.join(" ")),
                listed(&self.allow)
            ));
        };
        Err(format!(
            "{} is not run: {} {}. Only the author of the orchestra can allow it, by an entry of `allow` that names it \
             letter for letter; go on without it",
            quoted(&argv.join(" ")),
            quoted(&refusal.argument),
            refusal.why
        ))
    }
}

/// The exit code and both outputs.
fn report(ran: &Ran) -> Result<String, String> {
    let (out, err) = (readable(&ran.stdout), readable(&ran.stderr));
    let half = MAX_OUTPUT_BYTES / 2;
    let mut text = match ran.code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    for (name, output, other) in [("output", &out, &err), ("error", &err, &out)] {
        if !output.is_empty() {
            let most = half.max(MAX_OUTPUT_BYTES.saturating_sub(other.len()));
            let _ = write!(text, "\n--- standard {name} ---\n{}", middle_cut(output, most).trim_end_matches('\n'));
        }
    }
    if ran.is_cut {
        text += "\n[the output went on for longer than was kept; its end is not shown]";
    }
    if ran.code.is_some() { Ok(text) } else { Err(text) }
}

/// Colours mean nothing to a model, and bytes that are no text cannot be sent to one.
fn readable(output: &[u8]) -> String {
    text::clean(&String::from_utf8_lossy(output)).into_owned()
}

/// A text of at most about `most` bytes: its beginning and its end, where errors stand.
fn middle_cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(most / 2);
    let tail = text.ceil_char_boundary(text.len() - most / 2);
    format!("{}\n[{} bytes left out]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::tools::builtin::tests::Project;

    /// A project whose agent may run what begins with `allow`, and what was run in it. Every program says `ran`.
    fn recorded(allow: &[&[&str]], ran: Ran) -> (Project, Arc<Mutex<Vec<Invocation>>>) {
        let record = Arc::<Mutex<Vec<Invocation>>>::default();
        let runs = record.clone();
        let runner: Runner = Arc::new(move |invocation| {
            runs.lock().unwrap().push(invocation);
            let ran = ran.clone();
            Box::pin(async { Ok(ran) })
        });
        let allow = allow.iter().map(|prefix| prefix.iter().map(|&part| part.to_owned()).collect()).collect();
        let grant = Grant::RunCommand { allow, timeout: Duration::from_secs(90) };
        (Project::with(&[grant], runner), record)
    }

    async fn run(project: &Project, argv: &[&str]) -> Outcome {
        project.call("run_command", json!({ "argv": argv })).await
    }

    #[tokio::test]
    async fn only_what_begins_as_allowed_is_run() {
        let (project, record) = recorded(&[&["cargo", "test"], &["./check.sh"], &[]], succeeded());
        for argv in [
            &["cargo", "build"][..],
            &["cargo"],
            &["cargo", "test2"],
            &["cargo test"],
            &["/usr/bin/cargo", "test"],
            &["check.sh"],
            &["sub/../check.sh"],
            &["sh", "-c", "cargo test"],
            &["cargo", "test", "\0"],
            &[],
        ] {
            assert!(run(&project, argv).await.is_error, "{argv:?}");
        }
        assert!(record.lock().unwrap().is_empty());
        let refusal = run(&project, &["rm", "-rf"]).await.text;
        assert!(refusal.contains(r#""rm -rf" is not allowed"#), "{refusal}");
        assert!(refusal.contains(r#"begin with: ["cargo","test"], ["./check.sh"]"#), "{refusal}");

        for argv in [&["cargo", "test"][..], &["cargo", "test", "--lib", "; rm -rf /"], &["./check.sh", "-v"]] {
            assert_eq!(run(&project, argv).await, Outcome { text: "exit code 0".to_owned(), is_error: false });
        }
    }

    fn succeeded() -> Ran {
        Ran { code: Some(0), ..Ran::default() }
    }

    #[tokio::test]
    async fn a_command_runs_in_the_project_or_a_folder_of_it() {
        let (project, record) = recorded(&[&["./check.sh"]], succeeded());
        project.file("sub/x", "");
        let call = async |directory| {
            project.call("run_command", json!({"argv": ["./check.sh"], "directory": directory})).await
        };
        assert!(!call("sub").await.is_error);
        for (directory, rule) in [
            ("..", "leads out"),
            ("/", "relative"),
            ("none", "no folder none"),
            ("sub/x", "not a folder"),
            (".git", "Git"),
        ] {
            let refusal = call(directory).await;
            assert!(refusal.is_error && refusal.text.contains(rule), "{directory}: {}", refusal.text);
        }
        let ran = record.lock().unwrap();
        let [invocation] = ran.as_slice() else { panic!("{ran:?}") };
        assert_eq!(invocation.directory, project.root().join("sub"));
        assert_eq!(PathBuf::from(&invocation.argv[0]), project.root().join("./check.sh"), "not the one in `sub`");
        assert_eq!(invocation.timeout, Duration::from_secs(90));
    }

    #[test]
    fn the_exit_code_and_both_outputs_are_told() {
        let ran = Ran {
            code: Some(3),
            stdout: b"\x1b[32mok\x1b[0m\n".to_vec(),
            stderr: b"bad \xff\n".to_vec(),
            is_cut: false,
        };
        let text = "exit code 3\n--- standard output ---\nok\n--- standard error ---\nbad \u{fffd}";
        assert_eq!(report(&ran), Ok(text.to_owned()));
        let cut = report(&Ran { is_cut: true, ..ran }).unwrap();
        assert!(cut.ends_with("[the output went on for longer than was kept; its end is not shown]"), "{cut}");
        assert_eq!(report(&Ran::default()), Err("ended by a signal".to_owned()));
    }

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_told() {
        let long = format!("first\n{}\nlast\n", "é".repeat(1 << 20)).into_bytes();
        let alone = report(&Ran { code: Some(0), stdout: long.clone(), ..Ran::default() }).unwrap();
        assert!(alone.contains("first\n") && alone.ends_with("last"), "{} bytes", alone.len());
        assert!((60_000..67_000).contains(&alone.len()), "{} bytes", alone.len());
        let both = report(&Ran { code: Some(0), stdout: long.clone(), stderr: long, is_cut: false }).unwrap();
        assert_eq!((both.matches("first\n").count(), both.matches("bytes left out]").count()), (2, 2));
        assert!((60_000..67_000).contains(&both.len()), "{} bytes", both.len());
    }
}
