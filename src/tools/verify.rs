//! Checks of what a task made: its file is written, declared files are there, commands succeed.
//!
//! What a model says counts for nothing here. Knows neither attempts nor conversations.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::os::process::{self, Command, Exit, Stdin};
use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::{Check, Task};
use crate::plan::output::plan;
use crate::plan::spec::OutputFormat;
use crate::store::disk::Dir;
use crate::store::kept::KeptFiles;
use crate::tools::OutputFile;
use crate::tools::builtin::{self, ProjectFiles};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;
use crate::words::redact::Redactor;

/// How much of a failed command's output the model gets, in bytes: the end of it.
const SHOWN_BYTES: usize = 4000;
const OUTPUT_BYTES: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(2);

/// What the checks of all tasks of a run share.
pub struct VerifyContext {
    /// The project's folder; `None` if it cannot be opened, which is an error for the tasks that need it.
    pub project: Option<Arc<ProjectFiles>>,
    /// Its absolute path, where commands run.
    pub root: PathBuf,
    /// The run's folder.
    pub run_dir: PathBuf,
    /// The files that models are kept from, besides those that all are.
    pub(crate) own: Arc<OwnFiles>,
    /// All that commands get in their environment.
    pub environment: Vec<(String, String)>,
    /// Removes secrets from what commands write.
    pub redactor: Redactor,
    /// Whether the run is a rehearsal, which writes no file of the project, expects none and runs no command.
    pub is_rehearsal: bool,
}

/// The checks of one task.
pub struct Verifier {
    context: Arc<VerifyContext>,
    task: Name,
    file: Option<String>,
    /// Whether the output is a plan, which the file shows to people.
    is_plan: bool,
    reads: Vec<String>,
    writes: Vec<String>,
    checks: Vec<Check>,
}

/// Why a check fails.
#[derive(Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// Something is missing that the model can provide.
    Missing {
        /// In words for the model.
        why: String,
        /// What a command wrote about it, which is data and no instruction to the model.
        said: Option<String>,
    },
    /// The check cannot be made, whatever the model answers.
    Failed(Failure),
}

impl VerifyError {
    fn failed(why: String) -> Self {
        Self::Failed(Failure::new(FailureKind::Environment, why))
    }
}

impl Verifier {
    /// The checks of a task.
    #[must_use]
    pub fn new(context: &Arc<VerifyContext>, task: &Task) -> Self {
        let mut verifier = Self {
            context: context.clone(),
            task: task.name.clone(),
            file: None,
            is_plan: task.output.spec.format() == OutputFormat::Plan,
            reads: Vec::new(),
            writes: Vec::new(),
            checks: Vec::new(),
        };
        if !context.is_rehearsal {
            verifier.file.clone_from(&task.output.file);
            verifier.reads = task.reads.clone().unwrap_or_default();
            verifier.writes = task.writes.clone().unwrap_or_default();
            verifier.checks.clone_from(&task.verify);
        }
        verifier
    }

    /// The file that gets the output.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Whether every answer passes, and nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.writes.is_empty() && self.checks.is_empty()
    }

    /// The digests of what the work depends on, each with its path or pattern.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn of_inputs(&self) -> Result<Vec<(String, String)>, String> {
        self.digests(&self.reads)
    }

    /// The texts of the files that the work depends on, each with its path, for a model that has no tool to see them.
    ///
    /// # Errors
    /// A file that is not there, is no text, may not be seen, or is too long.
    pub fn texts_of_inputs(&self) -> Result<Vec<(String, String)>, String> {
        if self.reads.is_empty() {
            return Ok(Vec::new());
        }
        builtin::texts(self.project()?, &self.context.own, &self.reads)
    }

    /// The digests of the files that the work has made, each with its path.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn of_outputs(&self) -> Result<Vec<(String, String)>, String> {
        self.digests(&self.writes)
    }

    fn digests(&self, paths: &[String]) -> Result<Vec<(String, String)>, String> {
        let digest = |path: &String| Ok((path.clone(), builtin::digest(self.project()?, path)?));
        paths.iter().map(digest).collect()
    }

    fn project(&self) -> Result<&ProjectFiles, String> {
        self.context.project.as_deref().ok_or_else(|| "the project's folder cannot be used".to_owned())
    }

    /// Makes the checks in their order, with the output in its file for them to look at. A file whose output is rejected
    /// holds again what stood there before.
    ///
    /// # Errors
    /// The first check that fails.
    pub async fn check(&self, output: &str) -> Result<(), VerifyError> {
        let is_own = |path: &&String| self.file.as_ref() == Some(path);
        for path in self.writes.iter().filter(|path| !is_own(path)) {
            self.there_is(path)?;
        }
        let Some(path) = &self.file else { return self.hold().await };
        let content = self.content(path, output).map_err(VerifyError::failed)?;
        let file = OutputFile::new(self.project().map_err(VerifyError::failed)?, path);
        if self.checks.is_empty() {
            return file.write(content.as_bytes()).map_err(VerifyError::failed);
        }
        let kept_files = self.kept_files().map_err(VerifyError::failed)?;
        let trial = Trial { file, kept_files: &kept_files, is_over: false };
        trial.file.try_out(&kept_files, self.task.as_str(), content.as_bytes()).map_err(VerifyError::failed)?;
        let held = self.hold().await;
        trial.end(held.is_ok()).map_err(VerifyError::failed)?;
        held
    }

    /// Keeps no longer what stood in the file before an output that was accepted. What cannot be removed is of no use, and
    /// a resume tries it again.
    pub fn settle(&self) {
        if let (Some(path), false) = (&self.file, self.checks.is_empty()) {
            let _ = self.kept_files().map(|kept_files| kept_files.forget(path));
        }
    }

    async fn hold(&self) -> Result<(), VerifyError> {
        for check in &self.checks {
            match check {
                Check::File(path) => self.there_is(path)?,
                Check::Run { argv, timeout } => self.succeeds(argv, *timeout).await?,
            }
        }
        Ok(())
    }

    fn kept_files(&self) -> Result<KeptFiles, String> {
        Dir::open(&self.context.run_dir).map(KeptFiles::below).map_err(|error| format!("the run's folder: {error}"))
    }

    /// Writes an output to the file at `path`.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn deliver(&self, path: &str, output: &str) -> Result<(), String> {
        let content = self.content(path, output)?;
        OutputFile::new(self.project()?, path).write(content.as_bytes())
    }

    /// What the file gets of an output.
    fn content<'o>(&self, path: &str, output: &'o str) -> Result<Cow<'o, str>, String> {
        let for_people = self.is_plan && !path.ends_with(".json");
        let content = if for_people { plan::markdown(output)?.into() } else { output.into() };
        Ok(content)
    }

    fn there_is(&self, path: &str) -> Result<(), VerifyError> {
        let project = self.project().map_err(VerifyError::failed)?;
        let missing = |why| VerifyError::Missing { why: format!("The work is not done: {why}."), said: None };
        builtin::find_file(project, path).map_err(missing)
    }

    async fn succeeds(&self, argv: &[String], timeout: Duration) -> Result<(), VerifyError> {
        let command = Command {
            argv: argv.to_vec(),
            directory: self.context.root.clone(),
            environment: self.context.environment.clone(),
            stdin: Stdin::Null,
            timeout,
            max_output_bytes: OUTPUT_BYTES,
            grace: GRACE,
        };
        let line = argv.join(" ");
        let finished = process::run(command).await.map_err(|trouble| {
            let why = format!("`{line}`, which has to succeed before the task is done, could not be run: {trouble}");
            VerifyError::failed(self.context.redactor.redact(&why).into_owned())
        })?;
        if finished.exit == Exit::Code(0) {
            return Ok(());
        }
        let said =
            [finished.stdout, finished.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let said = self.context.redactor.redact_part(&said);
        let start = said.len().saturating_sub(SHOWN_BYTES);
        let start = (start..said.len()).find(|&start| said.is_char_boundary(start)).unwrap_or(said.len());
        let why = format!("The work is not done: `{line}` failed ({})", finished.exit);
        Err(VerifyError::Missing {
            why: self.context.redactor.redact(&why).into_owned(),
            said: Some(self.context.redactor.redact(&said[start..]).into_owned()),
        })
    }
}

/// An output that stands in its file while it is checked. One whose checks are cut short is rejected.
struct Trial<'a> {
    file: OutputFile<'a>,
    kept_files: &'a KeptFiles,
    is_over: bool,
}

impl Trial<'_> {
    fn end(mut self, is_accepted: bool) -> Result<(), String> {
        self.is_over = true;
        if is_accepted { Ok(()) } else { self.file.put_back(self.kept_files) }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // What cannot be put back now is put back by a resume.
            let _ = self.file.put_back(self.kept_files);
        }
    }
}
