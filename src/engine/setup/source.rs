//! Who answers in a run: its models, or what takes their place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::cassette::{Cassette, CassetteError, Recorder};
use crate::model::rehearsal::Rehearsal;
use crate::model::settings::Settings;
use crate::os::clock;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::script::Script;
use crate::plan::spec::yaml;
use crate::store::disk;
use crate::store::project::Project;
use crate::words::diagnostic::{Report, Source};
use crate::words::event::RunStarted;

/// Who answers. Paths are taken from the project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The models that the orchestra names.
    Models {
        /// A new file that every reply is recorded in.
        record: Option<PathBuf>,
    },
    /// The offline player: nothing is called, and nothing of the project is read or written by tools.
    Rehearsal {
        /// The file that says which task is slow, fails, or answers what.
        script: Option<PathBuf>,
    },
    /// Recorded replies; a call that is not among them fails.
    Replay {
        /// The file that they were recorded in.
        cassette: PathBuf,
    },
}

/// Why nobody can answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Recorded replies cannot be read.
    #[error("{} cannot be replayed: {error}", .path.display())]
    Replay {
        /// Their file, as it was given.
        path: PathBuf,
        /// Why.
        error: CassetteError,
    },
    /// There is no place to record replies in.
    #[error("replies cannot be recorded in {}: {error}", .path.display())]
    Record {
        /// The file, as it was given.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The player's script cannot be read.
    #[error("the script {} cannot be read: {error}", .path.display())]
    Script {
        /// The file, as it was given.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The player's script has mistakes.
    #[error("the script {} has mistakes", .0.source.path)]
    Mistakes(Box<Report>),
}

/// A source whose file is open.
pub(in crate::engine) enum OpenSource {
    Models { recorder: Option<Arc<Recorder>> },
    Rehearsal(Rehearsal),
    Replay(Arc<Cassette>),
}

impl ModelSource {
    /// The source that a run began with. What it recorded is not gone on with.
    pub(in crate::engine) fn of(start: &RunStarted) -> Self {
        let overrides = &start.overrides;
        match &overrides.replay {
            _ if start.rehearsal => Self::Rehearsal { script: overrides.script.as_ref().map(PathBuf::from) },
            Some(cassette) => Self::Replay { cassette: cassette.into() },
            None => Self::Models { record: None },
        }
    }

    /// Whether a run may use earlier results. A rehearsal makes everything, for that is what it is for; and a recording
    /// has to hold every reply.
    pub(in crate::engine) fn may_use_cache(&self) -> bool {
        matches!(self, Self::Models { record: None })
    }

    /// Opens it, and returns it with the text that marks data in the run's prompts. All tasks that a script names must
    /// be among those of `whole`.
    pub(in crate::engine) fn open(
        &self,
        project: &Project,
        whole: Option<&Orchestra>,
        settings: &Settings,
    ) -> Result<(OpenSource, String), SourceError> {
        match self {
            // The prompts of a rehearsal reach nobody, and two rehearsals of the same file give the same outputs.
            Self::Rehearsal { script } => {
                let script = script.as_ref().map(|path| read_script(project, path, whole)).transpose()?;
                Ok((OpenSource::Rehearsal(Rehearsal::new(script)), "rehearsal".to_owned()))
            }
            Self::Replay { cassette: path } => {
                let cassette = Cassette::open(&project.root().join(path))
                    .map_err(|error| SourceError::Replay { path: path.clone(), error })?;
                let marker = cassette.marker().to_owned();
                Ok((OpenSource::Replay(Arc::new(cassette)), marker))
            }
            Self::Models { record } => {
                let marker = format!("{:016x}{:016x}", clock::random(), clock::random());
                let create = |path: &PathBuf| {
                    let default = settings.default_model().ok().map(|model| model.label());
                    let recorder = Recorder::create(&project.root().join(path), &marker, default);
                    recorder.map(Arc::new).map_err(|error| SourceError::Record { path: path.clone(), error })
                };
                let recorder = record.as_ref().map(create).transpose()?;
                Ok((OpenSource::Models { recorder }, marker))
            }
        }
    }
}

fn read_script(project: &Project, path: &Path, whole: Option<&Orchestra>) -> Result<Script, SourceError> {
    let text = disk::read_text(&project.root().join(path), yaml::MAX_BYTES)
        .map_err(|error| SourceError::Script { path: path.to_owned(), error })?;
    let source = Arc::new(Source::new(path.display().to_string(), text));
    let script = Script::read(&source).and_then(|script| {
        let names = whole.map(|whole| whole.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>());
        match names.map(|names| script.unknown_tasks(&names)).unwrap_or_default() {
            mistakes if mistakes.is_empty() => Ok(script),
            mistakes => Err(mistakes),
        }
    });
    script.map_err(|mistakes| SourceError::Mistakes(Box::new(Report::new(source, mistakes))))
}
