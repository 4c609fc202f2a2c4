//! Where the files of another tool lie: in the folder that the user names, or further down where that tool puts them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::cli::CliError;
use crate::cli::import::{Shown, unreadable};
use crate::plan::import::crewai::Crew;
use crate::plan::import::goose::{self, SubRecipes};
use crate::plan::import::superoptix::{self, Playbooks};
use crate::plan::spec::yaml;
use crate::store::disk::Dir;
use crate::store::project::{Project, read_source};
use crate::words::diagnostic::Source;

/// The files of a crew: in the folder itself, or in `src/<name>/` of a project that CrewAI has made.
pub(super) fn crew(folder: &Shown<'_>) -> Result<Crew, CliError> {
    folder.check()?;
    let mut places = vec![folder.path.to_owned()];
    for parent in [folder.path.join("src"), folder.path.to_owned()] {
        let names = Dir::open(&parent).and_then(|dir| dir.names()).unwrap_or_default();
        places.extend(names.into_iter().map(|name| parent.join(name)));
    }
    let pair = |place: &PathBuf| {
        [place.join("config"), place.clone()].into_iter().find(|dir| {
            [".yaml", ".yml"]
                .iter()
                .any(|end| ["agents", "tasks"].iter().all(|n| dir.join(format!("{n}{end}")).exists()))
        })
    };
    let mut found: Vec<(PathBuf, PathBuf)> =
        places.into_iter().filter_map(|place| Some((pair(&place)?, place))).collect();
    found.dedup_by(|a, b| a.0 == b.0);
    let (config, place) = match found.as_slice() {
        [] => {
            return Err(CliError::usage(format!("{} holds no crew", folder.typed.display()))
                .help("a crew has config/agents.yaml and config/tasks.yaml; name the folder that holds config/"));
        }
        [(config, place), ..] if found.len() == 1 || place == folder.path => (config.clone(), place.clone()),
        several => {
            let names: Vec<String> = several.iter().map(|(_, place)| folder.name(place)).collect();
            return Err(CliError::usage(format!("{} holds several crews", folder.typed.display()))
                .help(format!("name one of {}", names.join(", "))));
        }
    };
    let file = |name: &str| {
        let yaml = config.join(format!("{name}.yaml"));
        if yaml.exists() { yaml } else { config.join(format!("{name}.yml")) }
    };
    let code = [place.join("crew.py"), config.join("../crew.py")].into_iter().find(|path| path.exists());
    Ok(Crew {
        agents: folder.read(&file("agents"))?,
        tasks: folder.read(&file("tasks"))?,
        code: code.map(|path| folder.read(&path)).transpose()?,
    })
}

/// A file that is named by itself.
pub(super) fn file(file: &Shown<'_>) -> Result<Arc<Source>, CliError> {
    read_source(file.path, &file.typed.display().to_string()).map_err(unreadable)
}

/// What a project of SuperOptiX has.
pub(super) struct Found {
    /// Its orchestras, or the one that was named.
    pub orchestras: Vec<Arc<Source>>,
    /// The playbooks of their agents; all of the project, where there is no orchestra.
    pub playbooks: Playbooks,
}

/// The orchestras and playbooks of a project: of the folder itself, or of the one folder in it that has some.
pub(super) fn orchestras(named: &Shown<'_>) -> Result<Found, CliError> {
    let is_file = named.path.metadata().is_ok_and(|about| about.is_file());
    if !is_file {
        named.check()?;
    }
    let folder = match is_file {
        // `orchestras/x.yaml` belongs to the folder above.
        true => named.path.parent().and_then(Path::parent).unwrap_or(named.path).to_owned(),
        false => project_below(named)?,
    };
    let project = Project::at(&folder);
    let orchestras = match is_file {
        true => vec![file(named)?],
        false => {
            let found = project.orchestras()?;
            found.iter().map(|path| named.read(&folder.join(path))).collect::<Result<_, _>>()?
        }
    };
    let mut names: Vec<String> = orchestras.iter().flat_map(|source| superoptix::agents(source)).collect();
    if orchestras.is_empty() {
        names = project.agents()?;
    }
    let (playbooks, _) = project.playbooks(names.iter().map(String::as_str)).map_err(CliError::mistakes)?;
    if orchestras.is_empty() && playbooks.is_empty() {
        return Err(CliError::usage(format!("{} holds neither orchestras nor playbooks", named.typed.display()))
            .help("name the folder that holds orchestras/ or agents/"));
    }
    Ok(Found { orchestras, playbooks })
}

fn project_below(named: &Shown<'_>) -> Result<PathBuf, CliError> {
    let is_one = |folder: &Path| ["orchestras", "agents"].iter().any(|name| folder.join(name).is_dir());
    if is_one(named.path) {
        return Ok(named.path.to_owned());
    }
    let names = Dir::open(named.path).and_then(|dir| dir.names()).unwrap_or_default();
    let below: Vec<PathBuf> = names.iter().map(|name| named.path.join(name)).filter(|folder| is_one(folder)).collect();
    match below.as_slice() {
        [] => Ok(named.path.to_owned()),
        [only] => Ok(only.clone()),
        several => {
            let names: Vec<String> = several.iter().map(|folder| named.name(folder)).collect();
            Err(CliError::usage(format!("{} holds several projects", named.typed.display()))
                .help(format!("name one of {}", names.join(", "))))
        }
    }
}

/// A recipe and the sub-recipes that it names, if they lie in its folder or below.
pub(super) fn recipes(recipe: &Shown<'_>) -> Result<(Arc<Source>, SubRecipes), CliError> {
    let main = file(recipe)?;
    let folder = recipe.path.parent().unwrap_or(Path::new("."));
    let shown = recipe.typed.parent().unwrap_or(Path::new(""));
    let others = goose::sub_recipes(&main).into_iter().map(|path| {
        let name = path.trim_start_matches("{{ recipe_dir }}/").trim_start_matches("./");
        let found = read_below(folder, name, &shown.join(name).display().to_string());
        (path, found)
    });
    Ok((main, others.collect()))
}

/// A text in a folder that a file of that folder names, so that it cannot lead elsewhere.
fn read_below(folder: &Path, name: &str, shown: &str) -> Result<Arc<Source>, String> {
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err("it does not lie in the recipe's folder".to_owned());
    }
    let dir = Dir::open(folder).map_err(|error| error.to_string())?;
    let bytes = dir.read_linked(name, yaml::MAX_BYTES).map_err(|error| error.to_string())?.ok_or("it is not there")?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    Ok(Arc::new(Source::new(shown, text)))
}

impl Shown<'_> {
    /// Refuses what is no folder.
    fn check(&self) -> Result<(), CliError> {
        let typed = self.typed.display();
        match self.path.metadata() {
            Err(error) => Err(CliError::usage(format!("{typed} cannot be read: {error}"))),
            Ok(about) if !about.is_dir() => Err(CliError::usage(format!("{typed} is not a folder"))),
            Ok(_) => Ok(()),
        }
    }

    /// A path below it as the user would call it.
    fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(self.path).map_or_else(|_| path.to_owned(), |below| self.typed.join(below));
        below.display().to_string()
    }

    fn read(&self, path: &Path) -> Result<Arc<Source>, CliError> {
        read_source(path, &self.name(path)).map_err(unreadable)
    }
}
