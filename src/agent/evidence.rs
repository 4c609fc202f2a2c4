//! What has to hold before a task is done, whatever the model says: its file is written, files are there, commands
//! succeed.

use std::path::PathBuf;
use std::time::Duration;

use crate::disk::Dir;
use crate::orchestra::Check;
use crate::process::{self, Command, Exit, Stdin};
use crate::redact::Redactor;
use crate::tool;

/// How much of what a command says is told to the model, in bytes.
const SHOWN_BYTES: usize = 4000;
const OUTPUT_BYTES: usize = 64 * 1024;
const GRACE: Duration = Duration::from_secs(2);

/// What a task has to give as evidence.
pub struct Evidence {
    /// The project.
    pub project: Option<Dir>,
    /// The project's folder.
    pub root: PathBuf,
    /// The file that gets the output.
    pub file: Option<String>,
    /// What has to hold then.
    pub checks: Vec<Check>,
    /// The variable that tells a run's processes from others.
    pub environment: Vec<(String, String)>,
    /// What must not leave.
    pub redactor: Redactor,
}

/// What is missing.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// In words for the model.
    pub why: String,
    /// What a command says to it, which is nobody's word to the model.
    pub said: Option<String>,
}

impl From<String> for Missing {
    fn from(why: String) -> Self {
        Self { why, said: None }
    }
}

impl Evidence {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.checks.is_empty()
    }

    /// Looks for it.
    ///
    /// # Errors
    /// What is missing.
    pub async fn check(&self, output: &str) -> Result<(), Missing> {
        if let Some(path) = &self.file {
            self.deliver(path, output)?;
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
        let Some(project) = &self.project else { return Err("the project's folder cannot be used".to_owned()) };
        tool::write_file(project, path, output).map_err(|why| format!("{path} could not be written: {why}"))
    }

    fn there_is(&self, path: &str) -> Result<(), String> {
        let there = self.project.as_ref().is_some_and(|project| tool::is_there(project, path));
        if there { Ok(()) } else { Err(format!("The work is not done: there is no file {path}.")) }
    }

    async fn succeeds(&self, argv: &[String], timeout: Duration) -> Result<(), Missing> {
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
            self.redactor.redact(&format!("The work is not done: `{line}` could not be run: {trouble}")).into_owned()
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
        Err(Missing {
            why: self.redactor.redact(&why).into_owned(),
            said: Some(self.redactor.redact(&said[start..]).into_owned()),
        })
    }
}
