//! What holds for all tools: who may call which, what wrong arguments lead to, and that no path leads out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::os::process::clean_environment;
use crate::plan::tools;
use crate::tools::mcp::Servers;
use crate::tools::{CallContext, Effect, Outcome, SetValue, ToolFuture, ToolSet};
use crate::words::conversation;
use crate::words::redact::Redactor;

/// The grants of all tools that work on files.
const FILES: [Grant; 5] = [
    Grant::BuiltIn("read_file"),
    Grant::BuiltIn("list_files"),
    Grant::BuiltIn("search_files"),
    Grant::BuiltIn("write_file"),
    Grant::BuiltIn("edit_file"),
];

/// Shared values that take effect at once, as a run's do when they are durable.
struct Values(Ctx);

impl SetValue for Values {
    fn set<'a>(&'a self, key: &'a str, value: &'a Value) -> ToolFuture<'a, ()> {
        self.0.lock().unwrap().insert(key.to_owned(), value.clone());
        Box::pin(async { Ok(()) })
    }
}

/// A folder whose writers wait for nobody else.
fn opened(root: &Path) -> ProjectFiles {
    ProjectFiles::new(Dir::open(root).unwrap(), Arc::default())
}

/// A project in a folder of its own, with another folder beside it, and an agent's tools in it.
pub(super) struct Project {
    around: tempfile::TempDir,
    ctx: Ctx,
    seen: Arc<FilesSeen>,
    tools: ToolSet,
}

impl Project {
    /// One whose agent may do everything with files.
    pub(super) fn new() -> Self {
        Self::with(&FILES, real_runner())
    }

    /// One whose agent has these grants.
    pub(super) fn granted(grants: &[Grant]) -> Self {
        Self::with(grants, real_runner())
    }

    /// The same in a run with these files.
    pub(super) fn of_run(grants: &[Grant], own: &Arc<OwnFiles>) -> Self {
        Self::made(grants, real_runner(), own)
    }

    pub(super) fn with(granted: &[Grant], runner: Runner) -> Self {
        Self::made(granted, runner, &Arc::default())
    }

    fn made(granted: &[Grant], runner: Runner, own: &Arc<OwnFiles>) -> Self {
        let around = tempfile::tempdir().unwrap();
        for folder in ["project", "outside"] {
            std::fs::create_dir(around.path().join(folder)).unwrap();
        }
        std::fs::write(around.path().join("outside/secret"), "secret").unwrap();
        let root = around.path().join("project");
        let project = Arc::new(opened(&root));
        let ctx = Ctx::default();
        let tools = super::granted(
            granted,
            &ToolContext {
                project,
                own: own.clone(),
                root,
                environment: clean_environment(std::env::vars()),
                runner,
                ctx: ctx.clone(),
            },
        );
        let tools = ToolSet::new(tools, Servers::new(Vec::new()), Vec::new(), Redactor::default());
        Self { around, ctx, seen: Arc::default(), tools }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.around.path().join("project")
    }

    pub(super) fn file(&self, path: &str, content: &str) {
        self.bytes(path, content.as_bytes());
    }

    pub(super) fn bytes(&self, path: &str, content: &[u8]) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(super) fn content(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(super) fn offered(&self) -> Arc<[conversation::Tool]> {
        self.tools.ready().unwrap()
    }

    pub(super) async fn call(&self, name: &str, arguments: Value) -> Outcome {
        let values = Values(self.ctx.clone());
        self.tools.call(name, &arguments, &CallContext { values: &values, seen: &self.seen }).await.unwrap()
    }

    pub(super) async fn ok(&self, name: &str, arguments: Value) -> String {
        let outcome = self.call(name, arguments).await;
        assert!(!outcome.is_error, "{}", outcome.text);
        outcome.text
    }

    pub(super) async fn refused(&self, name: &str, arguments: Value) -> String {
        let outcome = self.call(name, arguments).await;
        assert!(outcome.is_error, "{}", outcome.text);
        outcome.text
    }

    /// All that lies around the project, with its content.
    #[cfg(unix)]
    fn surroundings(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = tree(self.around.path());
        found.retain(|(path, _)| !path.starts_with(self.root()));
        found
    }
}

/// Every name below a folder, sorted, with the content of files. Follows no links.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        let content = if kind.is_file() { std::fs::read(entry.path()).unwrap() } else { Vec::new() };
        found.push((entry.path(), content));
        if kind.is_dir() {
            found.extend(tree(&entry.path()));
        }
    }
    found.sort();
    found
}

fn real_runner() -> Runner {
    Arc::new(|invocation: Invocation| {
        Box::pin(async move {
            let mut command = tokio::process::Command::new(&invocation.argv[0]);
            command.args(&invocation.argv[1..]).current_dir(invocation.directory);
            command.env_clear().envs(invocation.environment).kill_on_drop(true);
            let ran = tokio::time::timeout(invocation.timeout, command.output()).await;
            let ran = ran.map_err(|_| format!("ended after {:?}", invocation.timeout))?;
            let ran = ran.map_err(|error| format!("{} cannot be started: {error}", invocation.argv[0]))?;
            Ok(Ran { code: ran.status.code(), stdout: ran.stdout, stderr: ran.stderr, is_cut: false })
        })
    })
}

fn commands(allow: &[&[&str]], timeout: Duration) -> Grant {
    let allow = allow.iter().map(|prefix| prefix.iter().map(|&part| part.to_owned()).collect()).collect();
    Grant::RunCommand { allow, timeout }
}

#[tokio::test]
async fn an_agent_has_the_tools_it_was_granted_and_no_other() {
    let grants = ["write_file", "read_file", "write_file"].map(Grant::BuiltIn);
    let project = Project::with(&grants, real_runner());
    let names: Vec<String> = project.offered().iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(names, ["read_file", "write_file"], "once each, always in the same order");
    for name in ["edit_file", "run_command", "ctx_get", "Read_File", "", "\u{1b}[2J"] {
        let refusal = project.refused(name, json!({"path": "x"})).await;
        assert_eq!(refusal, format!("there is no tool {name:?}; the tools are: read_file, write_file"));
    }
    let none = Project::with(&[], real_runner());
    assert_eq!(none.refused("read_file", json!({})).await, r#"there is no tool "read_file"; the tools are: none"#);
}

#[test]
fn grants_of_commands_are_one_tool() {
    let minute = Duration::from_secs(60);
    let grants = [commands(&[&["make"]], minute), commands(&[&["cargo", "test"]], minute / 2)];
    let project = Project::with(&grants, real_runner());
    let [tool] = &*project.offered() else { panic!() };
    assert!(tool.description.contains(r#"["make"], ["cargo","test"]"#), "{}", tool.description);
    assert!(tool.description.contains("after 30.0 s"), "{}", tool.description);
}

/// One grant of every tool that an author may name.
fn all_grants(allow: &[&[&str]]) -> Vec<Grant> {
    let grant = |tool: tools::BuiltInTool| match tool.settings {
        tools::GrantSettings::None | tools::GrantSettings::Files => Grant::BuiltIn(tool.name),
        tools::GrantSettings::Commands => commands(allow, Duration::from_secs(1)),
    };
    tools::BUILT_IN.map(grant).into()
}

#[test]
fn every_name_that_an_author_may_write_has_a_tool_and_an_effect() {
    use Effect::{None, Once, Repeatable};
    assert_eq!(TOOLS.map(|row| row.name), tools::names());
    let project = Project::with(&all_grants(&[]), real_runner());
    let offered = project.offered();
    let names: Vec<&str> = offered.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, tools::names(), "a tool is called what the author called it");
    for tool in offered.iter() {
        jsonschema::meta::validate(&tool.parameters).unwrap_or_else(|error| panic!("{}: {error}", tool.name));
        assert_eq!(tool.parameters["additionalProperties"], false, "{}", tool.name);
    }
    let effects = tools::names().map(|name| project.tools.effect(name));
    assert_eq!(effects, [None, None, None, Repeatable, Once, Once, None, Repeatable]);
}

#[tokio::test]
async fn only_what_changes_nothing_is_asked_again() {
    let project = Project::with(&all_grants(&[&["x"]]), real_runner());
    project.file("a", "secret");
    for (tool, arguments) in calls("a") {
        let again = project.tools.ask_again(tool, &arguments);
        assert_eq!(again.is_some(), project.tools.effect(tool) == Effect::None, "{tool}");
    }
    assert_eq!(project.content("a"), "secret");
    assert_eq!(project.tools.ask_again("ctx_set", &json!({"key": "k", "value": 1})), None);
    project.ok("ctx_set", json!({"key": "k", "value": {"a": [1]}})).await;
    let got = project.ok("ctx_get", json!({"key": "k"})).await;
    assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), json!({"a": [1]}));
    assert_eq!(project.tools.ask_again("ctx_get", &json!({"key": "k"})), Some(got));
}

#[test]
fn a_tool_that_writes_a_file_says_which() {
    let written = calls("a").map(|(tool, arguments)| written_file(tool, &arguments).map(str::to_owned));
    assert_eq!(written, [None, None, None, Some("a".to_owned()), Some("a".to_owned())]);
}

#[tokio::test]
async fn wrong_arguments_are_told_with_what_is_expected() {
    let project = Project::with(&all_grants(&[&["x"]]), real_runner());
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for tool in project.offered().iter() {
        for wrong in [json!("{\"path\": "), json!(["a", "b"]), json!(7), json!(null), deep.clone(), json!({"pth": "a"})]
        {
            let refusal = project.refused(&tool.name, wrong.clone()).await;
            assert!(refusal.contains(&format!("{} takes an object with `", tool.name)), "{wrong}: {refusal}");
            assert!(refusal.len() < 600, "{refusal}");
        }
    }
    for (name, wrong, said) in [
        ("read_file", json!({}), "missing field `path`. read_file takes an object with `limit` (integer, optional), "),
        ("read_file", json!({"path": 3}), "invalid type: integer `3`, expected a string"),
        ("read_file", json!({"path": "a", "offset": 0}), "expected a nonzero usize"),
        ("read_file", json!({"path": "a", "limit": -1}), "integer `-1`"),
        ("write_file", json!({"path": "a", "content": "b", "mode": 1}), "unknown field `mode`"),
        ("write_file", json!({"path": "a", "content": {}}), "expected a string"),
        ("edit_file", json!({"path": "a", "old": "b", "new": "c", "all": "yes"}), "expected a boolean"),
        ("run_command", json!({"argv": "cargo test"}), "`argv` (array of strings)"),
        ("ctx_get", json!({"key": 1}), "expected a string"),
        ("ctx_set", json!({"key": "k"}), "missing field `value`"),
        ("ctx_set", json!({"key": "a b", "value": 1}), "`key` must be words"),
    ] {
        let refusal = project.refused(name, wrong.clone()).await;
        assert!(refusal.contains(said), "{wrong}: {refusal}");
    }
    assert!(tree(&project.root()).is_empty());
}

/// A call of every tool that takes a path.
fn calls(path: &str) -> [(&'static str, Value); 5] {
    [
        ("read_file", json!({ "path": path })),
        ("list_files", json!({ "path": path })),
        ("search_files", json!({"path": path, "pattern": ""})),
        ("write_file", json!({"path": path, "content": "mine"})),
        ("edit_file", json!({"path": path, "old": "secret", "new": "mine"})),
    ]
}

#[tokio::test]
async fn no_path_leads_out_or_into_the_folders_of_others() {
    let project = Project::new();
    project.file(".git/hooks/pre-commit", "secret");
    let absolute = project.around.path().join("outside/secret");
    let long = "x".repeat(300);
    let before = tree(project.around.path());
    for (path, rule) in [
        ("../outside/secret", "leads out of the project"),
        ("a/../../outside/secret", "leads out of the project"),
        (absolute.to_str().unwrap(), "is refused: "),
        (".git/hooks/pre-commit", "belongs to Git"),
        ("a\0b", "nobody sees"),
        ("a\nb", "nobody sees"),
        ("CON", "device on Windows"),
        (&long, "at most 255 bytes"),
    ] {
        for (tool, arguments) in calls(path) {
            let refusal = project.refused(tool, arguments).await;
            assert!(refusal.contains(rule) && !refusal.contains("mine"), "{tool} {path:?}: {refusal}");
        }
    }
    project.refused("write_file", json!({"path": ".orchestra/runs/x/journal.jsonl", "content": ""})).await;
    project.refused("edit_file", json!({"path": "none", "old": "a", "new": "b"})).await;
    assert_eq!(tree(project.around.path()), before);
}

#[cfg(unix)]
#[tokio::test]
async fn no_link_is_followed() {
    use std::os::unix::fs::symlink;
    let project = Project::new();
    project.file("real/secret", "secret");
    for (link, to) in [
        ("out", "../outside"),
        ("out_file", "../outside/secret"),
        ("dangling", "../outside/new"),
        ("in", "real"),
        ("in_file", "real/secret"),
        ("loop", "loop"),
    ] {
        symlink(to, project.root().join(link)).unwrap();
    }
    let before = tree(project.around.path());
    let paths =
        ["out", "out/secret", "out/new/deep", "out_file", "dangling", "dangling/x", "in/secret", "in_file", "loop"];
    for path in paths {
        for (tool, arguments) in calls(path) {
            let refusal = project.refused(tool, arguments).await;
            assert!(refusal.contains("is a link, and tools follow none"), "{tool} {path}: {refusal}");
        }
    }
    assert_eq!(tree(project.around.path()), before);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_plain_file_of_the_project_alone_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    let root = project.root();
    std::fs::hard_link(project.around.path().join("outside/secret"), root.join("hard")).unwrap();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    project.file("read_only", "secret");
    std::fs::set_permissions(root.join("read_only"), std::fs::Permissions::from_mode(0o444)).unwrap();
    project.file("folder/x", "secret");
    for (path, tools, rule) in [
        ("hard", &["write_file", "edit_file"][..], "has 2 names (hard links)"),
        ("pipe", &["read_file", "search_files", "write_file", "edit_file"], "pipe"),
        ("socket", &["read_file", "write_file", "edit_file"], "a pipe, a socket or a device"),
        ("read_only", &["write_file", "edit_file"], "is read-only"),
        ("folder", &["read_file", "write_file", "edit_file"], "is a folder, not a file"),
        ("folder/x/y", &["read_file", "list_files", "write_file", "edit_file"], "folder/x is a file, not a folder"),
    ] {
        for (tool, arguments) in calls(path).into_iter().filter(|(tool, _)| tools.contains(tool)) {
            let refusal = project.refused(tool, arguments).await;
            assert!(refusal.contains(rule), "{tool} {path}: {refusal}");
        }
    }
    assert_eq!(std::fs::read(project.around.path().join("outside/secret")).unwrap(), b"secret");
}

/// A folder is swapped for a link and back while a model writes into it: wherever the link leads, nothing gets there.
#[cfg(target_os = "linux")]
#[test]
fn a_swapped_folder_leads_nowhere() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};
    let project = Project::new();
    let root = project.root();
    let dir = opened(&root);
    for folder in ["open/sub", "kept/sub"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    for to in ["kept", "../outside"] {
        std::os::unix::fs::symlink(to, root.join("link")).unwrap();
        let (done, swaps) = (AtomicBool::new(false), || {
            renameat_with(CWD, root.join("open"), CWD, root.join("link"), RenameFlags::EXCHANGE).unwrap();
        });
        let written = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    swaps();
                    swaps();
                }
            });
            let write = |_: &usize| write_file(&dir, "open/sub/new/x", b"x").is_ok();
            let written = (0..300).filter(write).count();
            done.store(true, Ordering::Relaxed);
            written
        });
        assert_eq!(tree(&root.join("kept")).len(), 1, "only the empty folder, after {written} writes");
        assert_eq!(tree(&project.around.path().join("outside")).len(), 1, "only the secret, after {written} writes");
        std::fs::remove_file(root.join("link")).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_is_run_and_its_exit_code_told() {
    let grant = commands(&[&["sh", "-c"], &["no-such-program"]], Duration::from_secs(5));
    let project = Project::with(&[grant], real_runner());
    let run = async |script: &str| project.call("run_command", json!({"argv": ["sh", "-c", script]})).await;
    let ran = run("pwd; echo \"$ORCH_TEST_DISK$CARGO_MANIFEST_DIR\" >&2; exit 3").await;
    let root = project.root().canonicalize().unwrap();
    let expected = format!("exit code 3\n--- standard output ---\n{}\n--- standard error ---\n", root.display());
    assert_eq!(ran, Outcome { text: expected, is_error: false }, "that a command fails is no failure of the call");
    assert_eq!(run("kill -9 $$").await, Outcome { text: "ended by a signal".to_owned(), is_error: true });
    let refusal = project.refused("run_command", json!({"argv": ["no-such-program"]})).await;
    assert!(refusal.contains("no-such-program cannot be started"), "{refusal}");
}

/// A piece of a path: what leads out, what is special, and anything.
#[cfg(unix)]
fn part() -> impl Strategy<Value = String> {
    let special =
        ["..", ".", "", "out", "dangling", "absolute", "inner", "~", "C:", ".git", ".GIT", "a", "b", "\\", "x\0"];
    prop_oneof![3 => proptest::sample::select(special.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

#[cfg(unix)]
proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn whatever_path_is_written_nothing_changes_outside(
        parts in proptest::collection::vec(part(), 0..6),
        slash in prop_oneof![4 => Just("/"), 1 => Just("\\")],
        start in prop_oneof![4 => Just(""), 1 => Just("/"), 1 => Just("//")],
    ) {
        let project = Project::new();
        project.file(".git/config", "kept");
        project.file("inner/x", "");
        let outside = project.around.path().join("outside");
        for (link, to) in [("out", Path::new("../outside")), ("dangling", Path::new("../new")), ("absolute", &outside)] {
            std::os::unix::fs::symlink(to, project.root().join(link)).unwrap();
            std::os::unix::fs::symlink(to, project.root().join("inner").join(link)).unwrap();
        }
        let (before, git) = (project.surroundings(), tree(&project.root().join(".git")));
        let path = format!("{start}{}", parts.join(slash));
        let dir = opened(&project.root());
        let told = write_file(&dir, &path, b"mine");
        prop_assert_eq!(project.surroundings(), before);
        prop_assert_eq!(tree(&project.root().join(".git")), git);
        let written = tree(&project.root()).iter().filter(|(_, content)| content == b"mine").count();
        prop_assert_eq!(written, usize::from(told.is_ok()), "{:?}", told);
    }
}
