//! What has to hold before a task is done, whatever the model says: its file is written, files are there, commands
//! succeed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::os::process::{self, Command, Exit, Stdin};
use crate::plan::orchestra::Check;
use crate::plan::output::plan;
use crate::store::disk::Dir;
use crate::tools::builtin;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;

/// How much of what a command says is told to the model, in bytes.
const SHOWN_BYTES: usize = 4000;
const OUTPUT_BYTES: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(2);

/// orch's own folder, where no tool writes; a file's author may have the plan put there.
const OWN_FOLDER: &str = ".orchestra/";

/// What a task has to give as verifier.
pub struct Verifier {
    /// The project.
    pub project: Option<Dir>,
    /// The project's folder.
    pub root: PathBuf,
    /// The file that gets the output.
    pub file: Option<String>,
    /// Whether the output is a plan, which that file shows to people.
    pub is_plan: bool,
    /// The files that the work depends on, as paths or glob patterns.
    pub inputs: Vec<String>,
    /// The files that the work makes.
    pub outputs: Vec<String>,
    /// What has to hold then.
    pub checks: Vec<Check>,
    /// The variable that tells a run's processes from others.
    pub environment: Vec<(String, String)>,
    /// What must not leave.
    pub redactor: Redactor,
}

/// Why there is no verifier.
#[derive(Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// Something is missing that the model can see to.
    Missing {
        /// In words for the model.
        why: String,
        /// What a command says to it, which is nobody's word to the model.
        said: Option<String>,
    },
    /// It cannot be looked for, and nobody's answer changes that.
    Failed(Failure),
}

impl VerifyError {
    fn failed(why: String) -> Self {
        Self::Failed(Failure::new(FailureKind::Environment, why))
    }
}

impl Verifier {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.outputs.is_empty() && self.checks.is_empty()
    }

    /// The digests of what the work depends on, each with its path or pattern.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn of_inputs(&self) -> Result<Vec<(String, String)>, String> {
        self.digests(&self.inputs)
    }

    /// The digests of the files that the work has made, each with its path.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn of_outputs(&self) -> Result<Vec<(String, String)>, String> {
        self.digests(&self.outputs)
    }

    fn digests(&self, paths: &[String]) -> Result<Vec<(String, String)>, String> {
        let digest = |path: &String| Ok((path.clone(), builtin::digest(self.project()?, path)?));
        paths.iter().map(digest).collect()
    }

    fn project(&self) -> Result<&Dir, String> {
        self.project.as_ref().ok_or_else(|| "the project's folder cannot be used".to_owned())
    }

    /// Looks for it.
    ///
    /// # Errors
    /// What is missing, or stands in the way.
    pub async fn check(&self, output: &str) -> Result<(), VerifyError> {
        if let Some(path) = &self.file {
            self.deliver(path, output).map_err(VerifyError::failed)?;
        }
        for path in &self.outputs {
            self.there_is(path)?;
        }
        for check in &self.checks {
            match check {
                Check::File(path) => self.there_is(path)?,
                Check::Run { argv, timeout } => self.succeeds(argv, *timeout).await?,
            }
        }
        Ok(())
    }

    /// Puts an output into its file.
    ///
    /// # Errors
    /// Why it cannot be put there.
    pub fn deliver(&self, path: &str, output: &str) -> Result<(), String> {
        let for_people = self.is_plan && !path.ends_with(".json");
        let content = if for_people { plan::markdown(output)? } else { output.to_owned() };
        let project = self.project()?;
        let written = match path.strip_prefix(OWN_FOLDER) {
            Some(name) => own_file(project, name, &content).map_err(|error| error.to_string()),
            None => builtin::write_file(project, path, &content),
        };
        written.map_err(|why| format!("{path} could not be written: {why}"))
    }

    fn there_is(&self, path: &str) -> Result<(), VerifyError> {
        if builtin::is_there(self.project().map_err(VerifyError::failed)?, path) {
            return Ok(());
        }
        Err(VerifyError::Missing { why: format!("The work is not done: there is no file {path}."), said: None })
    }

    async fn succeeds(&self, argv: &[String], timeout: Duration) -> Result<(), VerifyError> {
        let mut environment = process::clean_environment();
        environment.extend(self.environment.iter().cloned());
        let command = Command {
            argv: argv.to_vec(),
            directory: self.root.clone(),
            environment,
            stdin: Stdin::Null,
            timeout,
            max_output_bytes: OUTPUT_BYTES,
            grace: GRACE,
        };
        let line = argv.join(" ");
        let finished = process::run(command).await.map_err(|trouble| {
            let why = format!("`{line}`, which has to succeed before the task is done, could not be run: {trouble}");
            VerifyError::failed(self.redactor.redact(&why).into_owned())
        })?;
        if finished.exit == Exit::Code(0) {
            return Ok(());
        }
        let said =
            [finished.stdout, finished.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let said = self.redactor.redact_part(&said);
        let start = said.len().saturating_sub(SHOWN_BYTES);
        let start = (start..said.len()).find(|&start| said.is_char_boundary(start)).unwrap_or(said.len());
        let why = format!("The work is not done: `{line}` failed ({})", finished.exit);
        Err(VerifyError::Missing {
            why: self.redactor.redact(&why).into_owned(),
            said: Some(self.redactor.redact(&said[start..]).into_owned()),
        })
    }
}

fn own_file(project: &Dir, name: &str, content: &str) -> io::Result<()> {
    project.make_child(OWN_FOLDER.trim_end_matches('/'))?.write(name, content.as_bytes(), false)
}
