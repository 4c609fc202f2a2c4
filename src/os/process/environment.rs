//! What a program sees of our environment, and where it is found.

use std::env;
use std::path::{Path, PathBuf};

use super::Error;

/// The variables that every program may see. None of them holds a key.
const CLEAN: [&str; 8] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR", "TZ", "USER", "SHELL"];

/// Those without which hardly any program runs on Windows.
const CLEAN_ON_WINDOWS: [&str; 13] = [
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "USERNAME",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "PROGRAMFILES",
];

/// Where programs are looked for when there is no `PATH`.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The part of an environment that any program may see, sorted by name: where things are and how the user likes them,
/// and no keys.
#[must_use]
pub fn clean_environment(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let given = variables.filter(|(name, _)| is_clean(name)).map(|(name, value)| match is_path(&name) {
        true => (name, absolute_folders(&value)),
        false => (name, value),
    });
    let mut given: Vec<_> = given.collect();
    given.sort();
    given
}

/// A `PATH` without its relative folders: they would be folders of the project, where a model may have written a
/// program.
fn absolute_folders(path: &str) -> String {
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    env::join_paths(folders).ok().and_then(|path| path.into_string().ok()).unwrap_or_default()
}

/// A `PATH` without its relative folders and without those that lie in `project`, be it by a link; and the absolute
/// ones that were taken out.
#[must_use]
pub fn without_project(path: &str, project: &Path) -> (String, Vec<PathBuf>) {
    let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let (project, real_project) = (std::path::absolute(project).unwrap_or_else(|_| project.to_owned()), real(project));
    let lies_in_project = |folder: &PathBuf| folder.starts_with(&project) || real(folder).starts_with(&real_project);
    let folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    let (inside, outside): (Vec<PathBuf>, Vec<PathBuf>) = folders.partition(lies_in_project);
    (env::join_paths(outside).ok().and_then(|path| path.into_string().ok()).unwrap_or_default(), inside)
}

/// Whether a variable of this name is part of [`clean_environment`].
#[must_use]
pub fn is_clean(name: &str) -> bool {
    let on_windows = || CLEAN_ON_WINDOWS.iter().chain(&CLEAN).any(|clean| clean.eq_ignore_ascii_case(name));
    CLEAN.contains(&name) || name.starts_with("LC_") || cfg!(windows) && on_windows()
}

/// The file of a program: on the `PATH` of `environment`, or, if its name has a slash, relative to `directory`.
///
/// # Errors
/// `NotFound`, or `NotExecutable` when there are only files that cannot be run.
pub fn find_program(program: &str, directory: &Path, environment: &[(String, String)]) -> Result<PathBuf, Error> {
    let path = environment.iter().rev().find(|(name, _)| is_path(name)).map_or(USUAL_PATH, |(_, value)| value);
    let candidates: Vec<PathBuf> = if program.contains(std::path::is_separator) {
        vec![directory.join(program)]
    } else {
        // An empty entry is the current folder by tradition, which has surprised enough people.
        let folders = env::split_paths(path).filter(|folder| !folder.as_os_str().is_empty());
        folders.map(|folder| directory.join(folder).join(program)).collect()
    };
    let files = candidates.into_iter().flat_map(spellings).filter(|file| !program.is_empty() && file.is_file());
    let mut found = false;
    for file in files {
        if is_executable(&file) {
            return Ok(file);
        }
        found = true;
    }
    let program = program.to_owned();
    Err(if found { Error::NotExecutable { program } } else { Error::NotFound { program } })
}

/// Whether a variable of this name says where programs are.
#[must_use]
pub fn is_path(name: &str) -> bool {
    if cfg!(windows) { name.eq_ignore_ascii_case("PATH") } else { name == "PATH" }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(file, Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}

/// The files that a name may mean: on Windows the ending of a program is left out when it is named.
fn spellings(file: PathBuf) -> Vec<PathBuf> {
    if cfg!(windows) && file.extension().is_none() {
        return ["exe", "cmd", "bat"].iter().map(|ending| file.with_extension(ending)).collect();
    }
    vec![file]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_clean() {
        for name in ["PATH", "HOME", "LC_ALL", "TZ"] {
            assert!(is_clean(name), "{name}");
        }
        for name in ["OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "GITHUB_TOKEN", "XLC_ALL", "HTTPS_PROXY"]
        {
            assert!(!is_clean(name), "{name}");
        }
        let environment = clean_environment(env::vars());
        assert!(environment.iter().any(|(name, _)| is_path(name)));
        assert!(!environment.iter().any(|(name, _)| name.starts_with("CARGO")));
    }

    #[cfg(unix)]
    #[test]
    fn the_environment_holds_no_keys_and_no_folders_of_the_project() {
        let own = [("PATH", "bin:/usr/bin:./node_modules/.bin:"), ("OPENAI_API_KEY", "sk-1"), ("LC_ALL", "C")];
        let given = clean_environment(own.into_iter().map(|(name, value)| (name.into(), value.into())));
        let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(given, [("LC_ALL", "C"), ("PATH", "/usr/bin")]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_of_the_project_are_taken_out_of_a_path_however_it_names_them() {
        let around = tempfile::tempdir().unwrap();
        let at = |path: &str| around.path().join(path);
        std::fs::create_dir_all(at("project/bin")).unwrap();
        std::fs::create_dir_all(at("project-2/bin")).unwrap();
        std::os::unix::fs::symlink(at("project"), at("link")).unwrap();
        let named = ["project/bin", "project-2/bin", "link/bin", "project/gone", "project-2/../project/bin", "project"];
        let named = named.map(|path| at(path).display().to_string()).join(":");
        for project in ["project", "link"] {
            let (path, inside) = without_project(&format!("/usr/bin:bin:{named}::/bin"), &at(project));
            assert_eq!(path, format!("/usr/bin:{}:/bin", at("project-2/bin").display()), "{project}");
            assert_eq!(inside.len(), 5);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_found_on_the_path_of_its_own_environment() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let environment = [("PATH".to_owned(), format!(":{}:bin", at("first").display()))];
        let find = |program| find_program(program, folder.path(), &environment);
        std::fs::create_dir_all(at("first")).unwrap();
        std::fs::create_dir_all(at("bin")).unwrap();
        assert!(matches!(find("tool"), Err(Error::NotFound { program }) if program == "tool"));
        // A folder of that name is no program, and a file is one only where it can be run.
        std::fs::create_dir(at("bin/tool.d")).unwrap();
        assert!(matches!(find("tool.d"), Err(Error::NotFound { .. })));
        std::fs::write(at("first/tool"), "").unwrap();
        assert!(matches!(find("tool"), Err(Error::NotExecutable { .. })));
        std::fs::write(at("bin/tool"), "").unwrap();
        std::fs::set_permissions(at("bin/tool"), PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(find("tool").unwrap(), at("bin/tool"));
        assert_eq!(find("./bin/tool").unwrap(), at("./bin/tool"));
        assert!(matches!(find(""), Err(Error::NotFound { .. })));
    }
}
