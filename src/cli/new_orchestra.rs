//! A new file of an orchestra, for the commands that write one: never over another one that the user has not given up.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::cli::error::CliError;
use crate::plan::orchestra::Orchestra;
use crate::store::disk::Dir;
use crate::store::project::{FindError, ORCHESTRAS_DIR, Project};
use crate::words::diagnostic::Source;
use crate::words::id::Name;

/// An orchestra that is not there yet.
#[derive(Debug)]
pub(super) struct NewOrchestra {
    /// Its id.
    pub id: Name,
    /// Its file, as the project sees it.
    pub path: String,
}

impl NewOrchestra {
    /// The orchestra of an id.
    ///
    /// # Errors
    /// If that cannot be an id.
    pub(super) fn new(id: &str) -> Result<Self, CliError> {
        let id = Name::new(id)
            .with_context(|| format!("{id:?} cannot be the id of an orchestra"))
            .map_err(CliError::misuse)?;
        let path = format!("{ORCHESTRAS_DIR}/{id}_orchestra.yaml");
        Ok(Self { id, path })
    }

    /// Refuses an id that is taken, whoever has it; with `replace` its own file may be there.
    ///
    /// # Errors
    /// If it is taken.
    pub(super) fn check_free(&self, project: &Project, replace: bool) -> Result<(), CliError> {
        let taken = |by: &str, help: &str| {
            CliError::usage(format!("there is already an orchestra `{}`: {by}", self.id)).help(help.to_owned())
        };
        let help = "nothing was written; edit that file, remove it, or choose another id";
        if std::fs::symlink_metadata(project.root().join(&self.path)).is_ok() {
            return if replace { Ok(()) } else { Err(taken(&self.path, help)) };
        }
        match project.find(self.id.as_str()) {
            Err(FindError::Unknown { .. }) => Ok(()),
            Ok(source) => Err(taken(&source.path, help)),
            Err(FindError::Io { path, .. }) => Err(taken(&path, help)),
            Err(FindError::List(error)) => Err(error.into()),
            Err(FindError::Unreadable(report)) => Err(taken(&report.source.path, help)),
        }
    }

    /// A text as its file.
    pub(super) fn source(&self, text: String) -> Arc<Source> {
        Arc::new(Source::new(self.path.clone(), text))
    }

    /// Makes the workspace, then the file; with `replace` in place of the one that is there.
    ///
    /// # Errors
    /// If something of it cannot be made.
    pub(super) fn write(
        &self,
        project: &Project,
        text: &str,
        orchestra: &Orchestra,
        replace: bool,
    ) -> Result<(), CliError> {
        let cannot = |what: &str, error: std::io::Error| {
            CliError::failure(format!("{what} cannot be made: {error}"))
                .help("check who may write to the project's folder")
        };
        let root = Dir::open(project.root()).map_err(|error| cannot(&project.root().display().to_string(), error))?;
        let workspace = orchestra.workspace.trim_start_matches("./");
        root.make_child(workspace).map_err(|error| cannot(&orchestra.workspace, error))?;
        let folder = root.make_child(ORCHESTRAS_DIR).map_err(|error| cannot(ORCHESTRAS_DIR, error))?;
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        match replace {
            true => folder.write(name, text.as_bytes(), true),
            false => write_new(&project.root().join(&self.path), text),
        }
        .map_err(|error| cannot(&self.path, error))
    }
}

/// Writes a file that is not there. Another one of that name, which came in the meantime, stays as it is.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half an orchestra is none.
        let _ = std::fs::remove_file(path);
    }
    written
}
