//! From a name on the command line to an orchestra that can run.

use std::sync::Arc;

use crate::cli::complaint::CliError;
use crate::plan::orchestra::Orchestra;
use crate::plan::resolve::{Surroundings, agents_named, resolve, schemas_named};
use crate::plan::spec::{self, Reading, yaml};
use crate::store::disk::Dir;
use crate::store::project::{self, FindError, ORCHESTRAS_DIR, Project};
use crate::words::diagnostic::{Report, Source};
use crate::words::event::Overrides;

/// An orchestra, and what is to be said about its files.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) source: Arc<Source>,
    pub(super) orchestra: Orchestra,
    pub(super) warnings: Vec<Report>,
}

/// Finds, reads and resolves an orchestra.
pub(super) fn load(project: &Project, name: &str, overrides: &Overrides) -> Result<Loaded, CliError> {
    let source = project.find(name).map_err(|error| cannot_find(project, error))?;
    check(project, &source, overrides)
        .map(|(orchestra, warnings)| Loaded { source, orchestra, warnings })
        .map_err(CliError::mistakes)
}

/// Reads and resolves a text: an orchestra with the warnings about its playbooks, or every mistake in its files.
pub(super) fn check(
    project: &Project,
    source: &Arc<Source>,
    overrides: &Overrides,
) -> Result<(Orchestra, Vec<Report>), Vec<Report>> {
    let report = |mistakes| vec![Report::new(source.clone(), mistakes)];
    let Reading { file, gaps, mistakes: of_form } = spec::read(source);
    let Some(file) = file else { return Err(report(of_form)) };
    let (playbooks, warnings, broken) = match project.playbooks(agents_named(&file)) {
        Ok((playbooks, warnings)) => (playbooks, warnings, Vec::new()),
        Err(broken) => (std::collections::BTreeMap::new(), Vec::new(), broken),
    };
    let schemas = schemas_named(&file).into_iter().map(|path| (path.to_owned(), read_schema(project, path))).collect();
    let fallback_id = project::stem(&source.path).unwrap_or_default();
    let around =
        Surroundings { source, fallback_id: &fallback_id, playbooks: &playbooks, schemas: &schemas, overrides, gaps };
    match resolve(&file, &around) {
        Ok(orchestra) if broken.is_empty() && of_form.is_empty() => Ok((orchestra, warnings)),
        Ok(_) if of_form.is_empty() => Err(broken),
        Ok(_) => Err(broken.into_iter().chain(report(of_form)).collect()),
        Err(of_meaning) => {
            let mistakes = of_form.into_iter().chain(of_meaning).collect();
            Err(broken.into_iter().chain(report(mistakes)).collect())
        }
    }
}

/// Reads a JSON Schema of the project, written as JSON.
fn read_schema(project: &Project, path: &str) -> Result<serde_json::Value, String> {
    let folder = Dir::open(project.root()).map_err(|error| error.to_string())?;
    let bytes =
        folder.read_linked(path, yaml::MAX_BYTES).map_err(|error| error.to_string())?.ok_or("it is not there")?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn cannot_find(project: &Project, error: FindError) -> CliError {
    match error {
        FindError::Unreadable(report) => CliError::mistakes(vec![*report]),
        FindError::List(error) => error.into(),
        FindError::Io { .. } => CliError::usage(error.to_string()),
        FindError::Unknown { .. } => {
            let help = if project.orchestras().is_ok_and(|known| known.is_empty()) {
                format!("there is no `{ORCHESTRAS_DIR}/` here: `orch create ID` makes one, -C names another folder")
            } else {
                "`orch list` names those of this project".to_owned()
            };
            CliError::usage(error.to_string()).help(help)
        }
    }
}
