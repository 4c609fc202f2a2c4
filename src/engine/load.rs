//! Finds, reads and resolves an orchestra. Writes nothing and calls nothing.

use std::sync::Arc;

use crate::plan::orchestra::Orchestra;
use crate::plan::resolve::{ResolveContext, agents_named, is_in_project, prompts_named, resolve, schemas_named};
use crate::plan::spec::{self, Reading, yaml};
use crate::store::disk::Dir;
use crate::store::project::{self, FindError, Project};
use crate::words::diagnostic::{Report, Source};
use crate::words::event::Overrides;

/// The longest text in a file of its own, in bytes.
const MAX_PROMPT_BYTES: u64 = 1024 * 1024;

/// An orchestra whose file has no mistakes.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its file.
    pub source: Arc<Source>,
    /// What the file says, with the overrides in force.
    pub orchestra: Orchestra,
    /// The overrides that it was loaded with; a run keeps them for its resumption.
    pub overrides: Overrides,
    /// Warnings about its files.
    pub warnings: Vec<Report>,
}

/// Why an orchestra cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file, or it cannot be read.
    #[error(transparent)]
    Find(FindError),
    /// Its files have mistakes.
    #[error("{}", first_message(.0))]
    Mistakes(Vec<Report>),
}

fn first_message(reports: &[Report]) -> &str {
    let first = reports.iter().flat_map(|report| &report.diagnostics).next();
    first.map_or("the file has mistakes", |diagnostic| &diagnostic.message)
}

impl From<FindError> for LoadError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Unreadable(report) => Self::Mistakes(vec![*report]),
            error => Self::Find(error),
        }
    }
}

/// Loads the orchestra that `name` stands for: its id, the name of its file, or a path.
///
/// # Errors
/// If there is none, or with all mistakes in its files at once.
pub fn load(project: &Project, name: &str, overrides: &Overrides) -> Result<Loaded, LoadError> {
    let source = project.find(name)?;
    let (orchestra, warnings) = check(project, &source, overrides).map_err(LoadError::Mistakes)?;
    Ok(Loaded { source, orchestra, overrides: overrides.clone(), warnings })
}

/// Reads and resolves a text, and returns the orchestra with the warnings about its files.
///
/// # Errors
/// Every mistake in its files, a report for each file.
pub fn check(
    project: &Project,
    source: &Arc<Source>,
    overrides: &Overrides,
) -> Result<(Orchestra, Vec<Report>), Vec<Report>> {
    let report = |mistakes| vec![Report::new(source.clone(), mistakes)];
    let Reading { file, omissions, mistakes: of_form, warnings: slips } = spec::read(source);
    let Some(file) = file else { return Err(report(of_form.into_iter().chain(slips).collect())) };
    let (playbooks, warnings, broken) = match project.playbooks(agents_named(&file)) {
        Ok((playbooks, warnings)) => (playbooks, warnings, Vec::new()),
        Err(broken) => (std::collections::BTreeMap::new(), Vec::new(), broken),
    };
    let schemas = schemas_named(&file).into_iter().map(|path| (path.to_owned(), read_schema(project, path))).collect();
    let prompts = prompts_named(&file).into_iter().filter(|path| is_in_project(path));
    let prompts = prompts.map(|path| (path.to_owned(), read_prompt(project, path))).collect();
    let fallback_id = project::stem(&source.path).unwrap_or_default();
    let context = ResolveContext {
        source,
        fallback_id: &fallback_id,
        playbooks: &playbooks,
        schemas: &schemas,
        prompts: &prompts,
        overrides,
        omissions,
    };
    match resolve(&file, &context) {
        Ok((orchestra, of_file)) if broken.is_empty() && of_form.is_empty() => {
            let of_file: Vec<_> = of_file.into_iter().chain(slips).collect();
            let of_file = (!of_file.is_empty()).then(|| Report::new(source.clone(), of_file));
            Ok((orchestra, of_file.into_iter().chain(warnings).collect()))
        }
        Ok(_) if of_form.is_empty() => Err(broken),
        Ok(_) => Err(broken.into_iter().chain(report(of_form.into_iter().chain(slips).collect())).collect()),
        Err(of_meaning) => {
            let mistakes = of_form.into_iter().chain(of_meaning).chain(slips).collect();
            Err(broken.into_iter().chain(report(mistakes)).collect())
        }
    }
}

/// Reads a text of the project. No link is followed: it may lead to a file that no model may see.
fn read_prompt(project: &Project, path: &str) -> Result<Arc<Source>, String> {
    let folder = Dir::open(project.root()).map_err(|error| error.to_string())?;
    let bytes = folder.read_at_most(path, MAX_PROMPT_BYTES).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes.ok_or("it is not there")?).map_err(|_| "it is not UTF-8")?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Arc::new(Source::new(path, text.strip_prefix('\u{feff}').unwrap_or(&text))))
}

/// Reads a JSON Schema of the project, written as JSON.
fn read_schema(project: &Project, path: &str) -> Result<serde_json::Value, String> {
    let folder = Dir::open(project.root()).map_err(|error| error.to_string())?;
    let bytes =
        folder.read_linked(path, yaml::MAX_BYTES).map_err(|error| error.to_string())?.ok_or("it is not there")?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}
