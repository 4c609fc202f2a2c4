//! A project on disk: its orchestras, its playbooks, and the runs that `.orchestra` keeps.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::plan::resolve::LoadedPlaybook;
use crate::plan::spec::{playbook, yaml};
use crate::run::history::History;
use crate::store::disk::{self, Dir};
use crate::store::journal::{self, Contents, JournalError};
use crate::words::diagnostic::{Diagnostic, Report, Source, near_miss};
use crate::words::id::RunId;

/// The folder that orch keeps things in.
pub(crate) const STATE_DIR: &str = ".orchestra";
/// The folder of the orchestras.
pub(crate) const ORCHESTRAS_DIR: &str = "orchestras";

/// Held by whoever writes files of a project by a tool.
pub(crate) type WriteLock = Arc<Mutex<()>>;

/// A project: the folder that `orch` is called in. A clone is the same project: the tools of its runs wait for each other
/// when they write. A process that runs several orchestras in a folder makes one of these for them.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    writing: WriteLock,
}

/// Playbooks by the name of their agent, and what is to be said about their files.
pub(crate) type Playbooks = (BTreeMap<String, LoadedPlaybook>, Vec<Report>);

/// Why an orchestra's file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of that name.
    #[error("there is no orchestra `{name}`{}{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")), not_read(.unread))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The one that is probably meant.
        near: Option<String>,
        /// The files that cannot be read, one of which may be meant.
        unread: Vec<String>,
        /// Whether the project has no orchestras at all.
        is_empty: bool,
    },
    /// The folder of the orchestras is there and cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// It is there and cannot be read.
    #[error("{path} cannot be read: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is there and is not a text to read.
    #[error("{}", .0.diagnostics.first().map_or("", |d| d.message.as_str()))]
    Unreadable(Box<Report>),
}

/// A folder of the project that is there and cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be listed: {error}")]
pub struct ListError {
    /// The folder.
    pub path: String,
    /// Why not.
    pub error: io::Error,
}

impl From<ListError> for io::Error {
    fn from(error: ListError) -> Self {
        Self::new(error.error.kind(), error.to_string())
    }
}

fn not_read(files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!("; not read, since that failed: {}", files.join(", ")) }
}

impl Project {
    /// The project in a folder.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), writing: WriteLock::default() }
    }

    /// The folder of the project that `from` lies in: the nearest one that holds `orchestras/` or `.orchestra/`, as git
    /// finds its repository. The search ends at the user's home and where another file system begins, and passes over
    /// folders above `from` that belong to another user, since whatever runs there would be that user's choice. `from`
    /// and `home` are to be absolute and free of links.
    #[must_use]
    pub fn search(from: &Path, home: Option<&Path>) -> Option<PathBuf> {
        for folder in from.ancestors() {
            if folder != from && !is_of_same_place(from, folder) {
                return None;
            }
            let marked = [ORCHESTRAS_DIR, STATE_DIR].iter().any(|name| is_there(&folder.join(name)));
            if marked && (folder == from || is_own(folder)) {
                return Some(folder.to_owned());
            }
            if Some(folder) == home {
                return None;
            }
        }
        None
    }

    /// Its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held by whoever writes in its folder by a tool.
    #[must_use]
    pub fn write_lock(&self) -> WriteLock {
        self.writing.clone()
    }

    /// Finds an orchestra by path, by file name, or by the id inside.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn find(&self, name: &str) -> Result<Arc<Source>, FindError> {
        let looks_like_a_path = name.contains(['/', '\\']) || name.ends_with(".yaml") || name.ends_with(".yml");
        let named = self.root.join(name);
        if looks_like_a_path || named.is_file() {
            return read_source(&named, name);
        }
        for file in [format!("{name}_orchestra.yaml"), format!("{name}.yaml"), format!("{name}_orchestra.yml")] {
            let path = format!("{ORCHESTRAS_DIR}/{file}");
            if self.has(&path) {
                return read_source(&self.root.join(&path), &path);
            }
        }
        let (mut known, mut unread) = (Vec::new(), Vec::new());
        let orchestras = self.orchestras()?;
        let is_empty = orchestras.is_empty();
        for path in orchestras {
            let Ok(source) = read_source(&self.root.join(&path), &path) else {
                unread.push(path);
                continue;
            };
            match id_inside(&source) {
                Some(id) if id == name => return Ok(source),
                Some(id) => known.push(id),
                None => known.extend(stem(&source.path)),
            }
        }
        let near = near_miss(name, known.iter().map(String::as_str)).map(str::to_owned);
        Err(FindError::Unknown { name: name.to_owned(), near, unread, is_empty })
    }

    /// The paths of the project's orchestras, by file name.
    ///
    /// # Errors
    /// If their folder is there and cannot be listed.
    pub fn orchestras(&self) -> Result<Vec<String>, ListError> {
        let mut names = self.list(ORCHESTRAS_DIR)?;
        names.retain(|name| name.ends_with(".yaml") || name.ends_with(".yml"));
        Ok(names.iter().map(|name| format!("{ORCHESTRAS_DIR}/{name}")).collect())
    }

    /// The names in a folder of the project, sorted; none if the folder is not there. Names that are not UTF-8 are left
    /// out, since orch gives none and finds nothing by them.
    fn list(&self, folder: &str) -> Result<Vec<String>, ListError> {
        let path = self.root.join(folder);
        match Dir::open(&path).and_then(|dir| dir.names()) {
            Ok(names) => Ok(names),
            // A link that leads nowhere is something that is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_there(&path) => Ok(Vec::new()),
            Err(error) => Err(ListError { path: path.display().to_string(), error }),
        }
    }

    /// Whether anything stands under a path of the project, be it a file or not.
    fn has(&self, path: &str) -> bool {
        is_there(&self.root.join(path))
    }

    /// The project's playbooks for these agents, and what is to be said about their files.
    ///
    /// # Errors
    /// The mistakes in the playbooks that cannot be read, a report for each.
    pub fn playbooks<'n>(&self, agents: impl IntoIterator<Item = &'n str>) -> Result<Playbooks, Vec<Report>> {
        let (mut loaded, mut warnings, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
        for name in agents {
            let Some(path) = self.playbook_path(name) else { continue };
            match read_source(&self.root.join(&path), &path) {
                Err(FindError::Unreadable(report)) => errors.push(*report),
                Err(error) => {
                    let source = Arc::new(Source::new(path, ""));
                    errors.push(Report::new(source, vec![Diagnostic::error_in_file(error.to_string())]));
                }
                Ok(source) => match playbook::read(&source) {
                    Ok((playbook, of_file)) => {
                        if !of_file.is_empty() {
                            warnings.push(Report::new(source.clone(), of_file));
                        }
                        loaded.insert(name.to_owned(), LoadedPlaybook { source, playbook });
                    }
                    Err(mistakes) => errors.push(Report::new(source, mistakes)),
                },
            }
        }
        if errors.is_empty() { Ok((loaded, warnings)) } else { Err(errors) }
    }

    /// The names of the agents that have a playbook in this project.
    ///
    /// # Errors
    /// If their folder is there and cannot be listed.
    pub fn agents(&self) -> Result<Vec<String>, ListError> {
        let names = self.list("agents")?.into_iter();
        let mut names: Vec<String> = names
            .map(|name| name.strip_suffix(".yaml").map_or(name.clone(), str::to_owned))
            .filter(|name| self.playbook_path(name).is_some())
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn playbook_path(&self, agent: &str) -> Option<String> {
        // The name comes from a file, so it may be anything; only what can be a name can be a playbook's.
        crate::words::id::Name::new(agent).ok()?;
        [format!("agents/{agent}/playbook/{agent}_playbook.yaml"), format!("agents/{agent}.yaml")]
            .into_iter()
            .find(|path| self.has(path))
    }

    /// The ids of the runs, oldest first; none if there was no run yet.
    ///
    /// # Errors
    /// If their folder is there and cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunId>, ListError> {
        let names = self.list(&format!("{STATE_DIR}/runs"))?;
        if names.is_empty() {
            // A link that leads nowhere must not pass for a project without runs.
            self.list(STATE_DIR)?;
        }
        let mut runs: Vec<RunId> = names.into_iter().filter_map(|name| RunId::try_from(name).ok()).collect();
        runs.sort();
        Ok(runs)
    }

    /// The folder of a run.
    ///
    /// # Errors
    /// If there is none.
    pub fn run_dir(&self, run: &RunId) -> io::Result<Dir> {
        Dir::open(&self.run_path(run))
    }

    /// The path of a run's folder.
    #[must_use]
    pub fn run_path(&self, run: &RunId) -> PathBuf {
        self.root.join(STATE_DIR).join("runs").join(run.as_str())
    }

    /// A run's journal, and what it has come to.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn history(&self, run: &RunId) -> Result<(Contents, History), JournalError> {
        let folder = self.root.join(STATE_DIR).join("runs").join(run.as_str());
        let dir = self.run_dir(run).map_err(|error| JournalError::of(&folder, error))?;
        let contents = journal::read(&dir)?;
        let history = History::of(&contents.records).map_err(|illegal| JournalError::Damaged {
            line: usize::try_from(illegal.seq).unwrap_or(usize::MAX),
            why: illegal.to_string(),
        })?;
        Ok((contents, history))
    }
}

/// A text that the user named, with the bounds that hold for all files of the format; `shown` is what it is called.
///
/// # Errors
/// If it is not there, no regular file, too large, or no text.
pub(crate) fn read_source(path: &Path, shown: &str) -> Result<Arc<Source>, FindError> {
    let failed = |error| FindError::Io { path: shown.to_owned(), error };
    let file = disk::open_file(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let refuse = |diagnostic| {
        let source = Arc::new(Source::new(shown, ""));
        FindError::Unreadable(Box::new(Report::new(source, vec![diagnostic])))
    };
    if size > yaml::MAX_BYTES {
        return Err(refuse(yaml::too_large(size)));
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile is cut, and refused for what it then says.
    file.take(yaml::MAX_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    let text = decode(bytes).map_err(|diagnostic| refuse(*diagnostic))?;
    Ok(Arc::new(Source::new(shown, text)))
}

#[cfg(unix)]
fn is_of_same_place(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).map(|about| about.dev()).ok();
    device(one).is_some_and(|one| Some(one) == device(other))
}

#[cfg(unix)]
fn is_own(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).is_ok_and(|about| about.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_of_same_place(_: &Path, _: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn is_own(_: &Path) -> bool {
    true
}

fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// The id that an orchestra's text gives itself, without reading more of it than that needs.
fn id_inside(source: &Source) -> Option<String> {
    let tree = yaml::parse(source).ok()?;
    let id = |section: &str| match &tree.get(section)?.get("id")?.value {
        yaml::Value::Text(id) => Some(id.clone()),
        _ => None,
    };
    id("orchestra").or_else(|| id("metadata"))
}

/// The id that a file's name stands for: `sdlc` for `orchestras/sdlc_orchestra.yaml`.
#[must_use]
pub(crate) fn stem(path: &str) -> Option<String> {
    let stem = Path::new(path).file_stem()?.to_str()?;
    Some(stem.strip_suffix("_orchestra").unwrap_or(stem).to_owned())
}

/// Text from bytes: UTF-8, or UTF-16 with its mark.
fn decode(bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        // A byte that is left over is half a character.
        let pairs = bytes.len().is_multiple_of(2).then(|| bytes[2..].chunks_exact(2))?;
        char::decode_utf16(pairs.map(|pair| read([pair[0], pair[1]]))).collect::<Result<String, _>>().ok()
    };
    let bad = || Box::new(Diagnostic::error_in_file("the file is not text").help("save it as UTF-8"));
    match bytes.as_slice() {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes).ok_or_else(bad),
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes).ok_or_else(bad),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).map_err(|_| bad()),
        _ => String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|&&byte| byte == b'\n').count() + 1;
            Box::new(Diagnostic::error_in_file(format!("line {line} is not UTF-8")).help("save the file as UTF-8"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orchestra_is_found_by_path_by_name_and_by_id() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path());
        std::fs::create_dir(folder.path().join("orchestras")).unwrap();
        std::fs::write(folder.path().join("orchestras/one_orchestra.yaml"), "orchestra: {id: other}\n").unwrap();
        std::fs::write(folder.path().join("two.yaml"), "x: y\n").unwrap();
        for name in ["one", "other", "orchestras/one_orchestra.yaml", "two.yaml"] {
            assert!(project.find(name).is_ok(), "{name}");
        }
        assert_eq!(
            project.find("othr").unwrap_err().to_string(),
            "there is no orchestra `othr`; did you mean `other`?"
        );
        assert!(project.find("three.yaml").is_err());
    }

    #[test]
    fn texts_come_in_several_encodings() {
        assert_eq!(decode(b"\xEF\xBB\xBFa".to_vec()).unwrap(), "a");
        assert_eq!(decode(b"\xFF\xFEa\0\xE9\0".to_vec()).unwrap(), "aé");
        assert!(decode(b"\xFF\xFEa\0\xE9".to_vec()).is_err());
        assert_eq!(decode(b"a\nb\xFF".to_vec()).unwrap_err().message, "line 2 is not UTF-8");
    }
}
