//! A folder of its own for the settings of a program, for one call.
//!
//! Programs that share one folder damage each other's state when they run at the same time
//! (<https://github.com/anthropics/claude-code/issues/28988>). So each call has a copy of the small files in it: keys,
//! settings, the user's instructions. A login that the program has renewed is written back, since the old one is spent.
//!
//! Where they are: <https://docs.claude.com/en/docs/claude-code/settings>,
//! <https://github.com/openai/codex/blob/main/docs/config.md>,
//! <https://geminicli.com/docs/reference/configuration/>.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::model::command::preset::Preset;
use crate::model::command::scratch;
use crate::store::disk;

/// A larger file is no setting: it is a history or a cache.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where a program keeps its settings.
struct Layout {
    /// The variable that names the folder.
    variable: &'static str,
    /// The folder that it is without that, below the user's own.
    usual: &'static str,
    /// The folder inside of it that holds the files.
    inside: &'static str,
    /// A file that stands beside the usual folder, but inside of one that the variable names.
    beside: Option<&'static str>,
    /// The file with the login.
    login: &'static str,
    /// The variables that hold a key in its place.
    keys: &'static [&'static str],
}

impl Layout {
    fn of(preset: Preset) -> Option<Self> {
        Some(match preset {
            Preset::Claude => Self {
                variable: "CLAUDE_CONFIG_DIR",
                usual: ".claude",
                inside: "",
                beside: Some(".claude.json"),
                login: ".credentials.json",
                keys: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"],
            },
            Preset::Codex => Self {
                variable: "CODEX_HOME",
                usual: ".codex",
                inside: "",
                beside: None,
                login: "auth.json",
                // `OPENAI_API_KEY` is none: it is for other programs, and the login of this one may be in a keychain.
                keys: &["CODEX_API_KEY"],
            },
            Preset::Gemini => Self {
                variable: "GEMINI_CLI_HOME",
                usual: "",
                inside: ".gemini",
                beside: None,
                login: "oauth_creds.json",
                keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            },
            Preset::Unknown => return None,
        })
    }

    /// The folder with the user's files.
    fn source(&self, environment: &[(String, String)]) -> Option<PathBuf> {
        let named = value(environment, self.variable).map(PathBuf::from);
        let usual = || user(environment).map(|user| user.join(self.usual));
        named.or_else(usual).map(|folder| folder.join(self.inside))
    }
}

/// A variable that is set to something.
fn value<'e>(environment: &'e [(String, String)], wanted: &str) -> Option<&'e str> {
    let found = environment.iter().rfind(|(name, value)| name == wanted && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

/// The user's own folder.
fn user(environment: &[(String, String)]) -> Option<PathBuf> {
    value(environment, "HOME").or_else(|| value(environment, "USERPROFILE")).map(PathBuf::from)
}

/// A folder with a copy of a program's settings. It goes with this value.
pub(super) struct Home {
    folder: TempDir,
    variable: &'static str,
    login: Option<Login>,
}

/// A file with a login, and its copy.
struct Login {
    original: PathBuf,
    copy: PathBuf,
    before: Vec<u8>,
}

impl Home {
    /// A folder for one call, or `None` where the program is to use its usual one: it is none that we know, or its login
    /// is neither in a file nor in a variable, but in a keychain under the name of that folder.
    pub(super) fn prepare(preset: Preset, environment: &[(String, String)]) -> io::Result<Option<Self>> {
        let Some(layout) = Layout::of(preset) else { return Ok(None) };
        let source = layout.source(environment);
        let original = source.as_ref().map(|source| source.join(layout.login)).filter(|login| login.is_file());
        if original.is_none() && !layout.keys.iter().any(|key| value(environment, key).is_some()) {
            return Ok(None);
        }
        let folder = scratch::folder(environment)?;
        let inside = folder.path().join(layout.inside);
        fs::create_dir_all(&inside)?;
        if let Some(source) = &source {
            copy_settings(source, &inside)?;
        }
        let named = value(environment, layout.variable);
        if let (None, Some(user), Some(beside)) = (named, user(environment), layout.beside) {
            copy_small(&user.join(beside), &inside.join(beside))?;
        }
        let copy = inside.join(layout.login);
        let login = original.map(|original| {
            Ok::<_, io::Error>(Login { before: disk::read_file(&original, MAX_FILE_BYTES)?, original, copy })
        });
        Ok(Some(Self { folder, variable: layout.variable, login: login.transpose()? }))
    }

    /// The variable that sends the program here.
    pub(super) fn variable(&self) -> (String, String) {
        (self.variable.to_owned(), self.folder.path().to_string_lossy().into_owned())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Nobody can be told here, and a login that is not renewed is asked for by the program itself.
        let _ = self.login.as_ref().map(Login::write_back);
    }
}

impl Login {
    /// Writes a renewed login back, unless somebody else has renewed it as well, or the program was ended while it
    /// wrote.
    fn write_back(&self) -> io::Result<()> {
        let after = disk::read_file(&self.copy, MAX_FILE_BYTES)?;
        let whole = serde_json::from_slice::<Value>(&after).is_ok_and(|login| login.is_object());
        if after == self.before || !whole || disk::read_file(&self.original, MAX_FILE_BYTES)? != self.before {
            return Ok(());
        }
        // Where the file is a link, it is the file behind it that is replaced.
        let original = fs::canonicalize(&self.original)?;
        let mut file = NamedTempFile::new_in(original.parent().unwrap_or_else(|| Path::new(".")))?;
        file.write_all(&after)?;
        file.as_file().sync_all()?;
        file.persist(original).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Removes what a killed process of the run has left in the system's folder for temporary files. A login that a program
/// had renewed there is written back first. To be called when nothing of the run is running any more.
pub fn remove_leftovers(run: &str, environment: &[(String, String)]) {
    for folder in scratch::leftovers(run) {
        for layout in [Preset::Claude, Preset::Codex, Preset::Gemini].into_iter().filter_map(Layout::of) {
            let _ = rescue_login(&layout, &folder, environment);
        }
        let _ = fs::remove_dir_all(folder);
    }
}

/// Writes a login back whose copy is newer. What it was before is not known any more, but a copy is only written to when
/// it is made, with what it is made from, and when it is renewed.
fn rescue_login(layout: &Layout, folder: &Path, environment: &[(String, String)]) -> io::Result<()> {
    let copy = folder.join(layout.inside).join(layout.login);
    let Some(source) = layout.source(environment) else { return Ok(()) };
    let original = source.join(layout.login);
    if fs::symlink_metadata(&copy)?.is_file()
        && fs::metadata(&copy)?.modified()? > fs::metadata(&original)?.modified()?
    {
        let before = disk::read_file(&original, MAX_FILE_BYTES)?;
        return Login { original, copy, before }.write_back();
    }
    Ok(())
}

/// Copies the settings that stand in a folder itself. There need not be such a folder.
fn copy_settings(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(files) = fs::read_dir(from) else { return Ok(()) };
    for file in files {
        let path = file?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let name = path.file_name().unwrap_or_default();
        if matches!(ending, Some("json" | "toml" | "md")) || name == ".env" {
            copy_small(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Copies a file that is there, and is small enough.
fn copy_small(from: &Path, to: &Path) -> io::Result<()> {
    match fs::metadata(from) {
        Ok(file) if file.is_file() && file.len() < MAX_FILE_BYTES => fs::copy(from, to).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn prepare(preset: Preset, environment: &[(&str, &str)]) -> Option<Home> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Home::prepare(preset, &environment.iter().map(owned).collect::<Vec<_>>()).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_small_settings_are_copied_to_where_the_program_is_sent() {
        let user = tempfile::tempdir().unwrap();
        let large = "x".repeat(1024 * 1024);
        write(
            user.path(),
            &[
                (".claude/.credentials.json", "{}"),
                (".claude/settings.json", "{}"),
                (".claude/large.json", &large),
                (".claude/history.jsonl", ""),
                (".claude/projects/p.json", "{}"),
                (".claude.json", "{}"),
                (".codex/auth.json", "{}"),
                (".codex/config.toml", ""),
                (".gemini/oauth_creds.json", "{}"),
                (".gemini/.env", ""),
            ],
        );
        let path = user.path().to_str().unwrap();
        let copied = |preset, inside| {
            let home = prepare(preset, &[("HOME", path)]).unwrap();
            let (variable, folder) = home.variable();
            (variable, names(&Path::new(&folder).join(inside)).join(" "))
        };
        let expected = |variable: &str, files: &str| (variable.to_owned(), files.to_owned());
        let claude = expected("CLAUDE_CONFIG_DIR", ".claude.json .credentials.json settings.json");
        assert_eq!(copied(Preset::Claude, ""), claude);
        assert_eq!(copied(Preset::Codex, ""), expected("CODEX_HOME", "auth.json config.toml"));
        assert_eq!(copied(Preset::Gemini, ".gemini"), expected("GEMINI_CLI_HOME", ".env oauth_creds.json"));
        assert!(prepare(Preset::Unknown, &[("HOME", path)]).is_none());
    }

    #[test]
    fn a_folder_that_the_user_names_is_the_one_that_is_copied_and_a_key_needs_none() {
        let other = tempfile::tempdir().unwrap();
        write(other.path(), &[("auth.json", "{}")]);
        let home = prepare(Preset::Codex, &[("HOME", "/nowhere"), ("CODEX_HOME", other.path().to_str().unwrap())]);
        let folder = home.unwrap().variable().1;
        assert_ne!(Path::new(&folder), other.path());
        assert!(!Path::new(&folder).exists(), "it goes with the value");
        assert!(prepare(Preset::Codex, &[("HOME", "/nowhere")]).is_none(), "the login is in a keychain, if anywhere");
        assert!(prepare(Preset::Codex, &[("HOME", "/nowhere"), ("OPENAI_API_KEY", "k")]).is_none(), "it is not for it");
        assert!(prepare(Preset::Codex, &[("HOME", "/nowhere"), ("CODEX_API_KEY", "k")]).is_some());
    }

    #[test]
    fn what_a_killed_run_has_left_is_removed_and_a_renewed_login_is_kept() {
        let user = tempfile::tempdir().unwrap();
        let path = user.path().to_str().unwrap();
        let folder = user.path().file_name().unwrap().to_str().unwrap();
        let runs = ["one", "two"].map(|run| format!("run_{run}_{folder}"));
        let login = user.path().join(".gemini/oauth_creds.json");
        write(user.path(), &[(".gemini/oauth_creds.json", r#"{"t": 1}"#)]);
        for (copy, kept) in [(r#"{"t": 2}"#, r#"{"t": 2}"#), (r#"{"t": 3"#, r#"{"t": 2}"#)] {
            let begin = |run: &str| {
                let environment = [("HOME", path), (crate::os::process::RUN_VARIABLE, run)];
                let home = prepare(Preset::Gemini, &environment).unwrap();
                let file = scratch::file(&environment.map(|(name, value)| (name.to_owned(), value.to_owned())));
                (PathBuf::from(home.variable().1), home, file.unwrap())
            };
            let (at, home, file) = begin(&runs[0]);
            let (other_at, _home, _file) = begin(&runs[1]);
            write(&at, &[(".gemini/oauth_creds.json", copy)]);
            // As a killed process leaves them.
            std::mem::forget(home);
            let file = file.keep().unwrap().1;
            remove_leftovers(&runs[0], &[("HOME".to_owned(), path.to_owned())]);
            assert!(!at.exists() && !file.exists());
            assert!(other_at.join(".gemini/oauth_creds.json").exists(), "a run that lives keeps its own");
            assert_eq!(fs::read_to_string(&login).unwrap(), kept);
        }
    }

    #[test]
    fn a_renewed_login_is_kept_unless_it_is_torn_or_somebody_was_faster() {
        let user = tempfile::tempdir().unwrap();
        let path = user.path().to_str().unwrap();
        let login = user.path().join(".codex/auth.json");
        for (mine, theirs, kept) in [
            (r#"{"t": 2}"#, None, r#"{"t": 2}"#),
            (r#"{"t": 2"#, None, r#"{"t": 1}"#),
            (r#"{"t": 2}"#, Some(r#"{"t": 3}"#), r#"{"t": 3}"#),
        ] {
            write(user.path(), &[(".codex/auth.json", r#"{"t": 1}"#)]);
            let home = prepare(Preset::Codex, &[("HOME", path)]).unwrap();
            write(Path::new(&home.variable().1), &[("auth.json", mine)]);
            if let Some(theirs) = theirs {
                fs::write(&login, theirs).unwrap();
            }
            drop(home);
            assert_eq!(fs::read_to_string(&login).unwrap(), kept, "{mine}");
        }
    }
}
