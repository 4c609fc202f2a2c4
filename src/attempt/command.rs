//! An attempt that runs a program instead of asking a model: its standard output is the output.
//!
//! Arguments arrive as they are given, never through a shell. The program sees a clean environment and the variables
//! that the task names, and its whole process tree is ended with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::os::process::{self, Exit, Stdin};
use crate::plan::output::{self, OutputSpec};
use crate::tools::{Verifier, VerifyError};
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;

/// How long the processes of a program that is ended have to end by themselves.
const GRACE: Duration = Duration::from_secs(2);

/// How much of an output is taken, in bytes. More is a failure: an output that was cut is none.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How much of what a program complains about is shown, in bytes.
const SHOWN_BYTES: usize = 2000;

/// What the programs of a run's tasks have in common.
#[derive(Clone)]
pub(crate) struct Programs {
    /// Where they run.
    pub directory: PathBuf,
    /// The variables that all of them see.
    pub environment: Vec<(String, String)>,
    /// The variables that a task may name.
    pub variables: BTreeMap<String, String>,
    /// What must not leave.
    pub redactor: Redactor,
    /// Whether none is started, since the run is a rehearsal.
    pub rehearses: bool,
}

impl Programs {
    /// An attempt at a task with this command line.
    #[must_use]
    pub(crate) fn attempt(
        &self,
        task: &str,
        argv: Vec<String>,
        stdin: Option<String>,
        env: &[String],
        timeout: Duration,
        (output_spec, verifier): (OutputSpec, Arc<Verifier>),
    ) -> CommandAttempt {
        let mut environment = self.environment.clone();
        environment.extend(env.iter().filter_map(|name| Some((name.clone(), self.variables.get(name)?.clone()))));
        let rehearsed = self.rehearses.then(|| format!("[rehearsal] the output of `{}` for {task}", argv.join(" ")));
        CommandAttempt {
            argv,
            stdin,
            directory: self.directory.clone(),
            environment,
            timeout,
            output_spec,
            verifier,
            redactor: self.redactor.clone(),
            rehearsed,
        }
    }
}

/// One run of a task's program.
pub(crate) struct CommandAttempt {
    /// The program and its arguments, filled in.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Option<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Every variable that it sees.
    pub environment: Vec<(String, String)>,
    /// How long it may take.
    pub timeout: Duration,
    /// What the output has to be.
    pub output_spec: OutputSpec,
    /// What has to hold when there is one.
    pub verifier: Arc<Verifier>,
    /// What must not leave.
    pub redactor: Redactor,
    /// What stands in for the program in a rehearsal, which starts none.
    pub rehearsed: Option<String>,
}

impl CommandAttempt {
    /// Runs the program.
    ///
    /// # Errors
    /// Why there is no output.
    pub(crate) async fn execute(self) -> Result<String, Failure> {
        if let Some(output) = self.rehearsed {
            return Ok(output);
        }
        let line = self.redactor.redact(&self.argv.join(" ")).into_owned();
        let command = process::Command {
            argv: self.argv,
            directory: self.directory,
            environment: self.environment,
            stdin: self.stdin.map_or(Stdin::Null, Stdin::Text),
            timeout: self.timeout,
            max_output_bytes: MAX_OUTPUT_BYTES,
            grace: GRACE,
        };
        let finished = process::run(command).await.map_err(|error| {
            let kind = match error {
                process::Error::TimedOut { .. } => FailureKind::CommandFailed,
                _ => FailureKind::Environment,
            };
            Failure::new(kind, self.redactor.redact(&error.to_string()).into_owned())
        })?;
        let clean = |bytes: &[u8]| self.redactor.redact_part(&String::from_utf8_lossy(bytes)).into_owned();
        if finished.exit != Exit::Code(0) {
            let said = [&finished.stderr, &finished.stdout].map(|bytes| clean(bytes)).join("\n");
            return Err(failed(format!("`{line}` failed ({})", finished.exit), &said));
        }
        if finished.stdout_cut {
            let mebibytes = MAX_OUTPUT_BYTES >> 20;
            return Err(failed(format!("`{line}` wrote more than {mebibytes} MiB, which is no output of a task"), ""));
        }
        let text = self.output_spec.check(&clean(&finished.stdout)).map(|accepted| accepted.text);
        let text = text.map_err(|rejection| {
            let why = output::correction(&rejection);
            Failure::new(
                FailureKind::InvalidOutput,
                format!("the output of `{line}` is not what the task asks for: {why}"),
            )
        })?;
        match self.verifier.check(&text).await {
            Ok(()) => Ok(text),
            Err(VerifyError::Missing { why, said }) => Err(failed(why, said.as_deref().unwrap_or_default())),
            Err(VerifyError::Failed(failure)) => Err(failure),
        }
    }
}

/// A failure with the end of what the program said.
fn failed(why: String, said: &str) -> Failure {
    let said = said.trim();
    let start = said.len().saturating_sub(SHOWN_BYTES);
    let start = (start..said.len()).find(|&start| said.is_char_boundary(start)).unwrap_or(said.len());
    let message = if said.is_empty() { why } else { format!("{why}: {}", &said[start..]) };
    Failure::new(FailureKind::CommandFailed, message)
}
