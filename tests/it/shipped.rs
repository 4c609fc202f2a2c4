//! What is shipped works as it stands: the orchestras, the examples, the schema, and what the README tells to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{Project, RUN, orchestra, output};

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=";

#[test]
fn every_orchestra_is_valid_and_can_be_dry_run_and_rehearsed() {
    let files = shipped();
    for name in ["orchestras/sdlc_orchestra.yaml", "examples/models.yaml"] {
        assert!(files.iter().any(|file| file == name), "{name} is not among {files:?}");
    }
    for id in ["sdlc", "content_creation", "data_analysis"] {
        assert!(files.contains(&format!("examples/minimal/{id}.yaml")), "{id} is not among {files:?}");
    }
    for file in files {
        let project = project(Path::new(&file).parent().unwrap());
        let before = sorted(&project);
        project.args(["validate", &file]).run().exits(0).prints(&format!("ok: {file} ("));
        let run = project.args(["run", &file, "--goal", "Build a simple login feature"]);
        run.and(["--dry-run"]).run().exits(0);
        assert!(sorted(&project) == before, "{file}: a dry run writes nothing");
        run.and(["--rehearse"]).run().exits(0);
        for output in promised(&project) {
            let text = project.read(&output).unwrap_or_else(|| panic!("{file} does not leave {output}"));
            assert!(!text.is_empty(), "{file}: {output} is empty");
        }
    }
}

#[test]
fn every_orchestra_names_the_schema_for_editors() {
    for file in shipped() {
        let text = fs::read_to_string(repository().join(&file)).unwrap();
        let schema = text.lines().next().and_then(|line| line.strip_prefix(SCHEMA_LINE));
        let schema = schema.unwrap_or_else(|| panic!("{file} does not begin with `{SCHEMA_LINE}...`"));
        let path = repository().join(&file).parent().unwrap().join(schema);
        assert!(path.is_file(), "{file} names {schema}, which is not there");
    }
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_program() {
    let printed = Project::new().args(["schema"]).run().exits(0).stdout;
    let kept = fs::read_to_string(repository().join("docs/orchestra.schema.json")).unwrap_or_default();
    assert!(
        kept == printed,
        "docs/orchestra.schema.json is out of date: `cargo run -- schema > docs/orchestra.schema.json` makes it anew"
    );
}

#[test]
fn the_yaml_in_the_documents_is_valid() {
    let pages = below(Path::new("docs")).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let pages = pages.map(|path| path.to_str().unwrap().replace('\\', "/"));
    for document in pages.chain(["README.md".to_owned()]) {
        let document = document.as_str();
        let blocks = fenced(document).into_iter().filter(|(language, _)| language == "yaml");
        let mut checked = 0;
        for (_, text) in blocks {
            if text.lines().all(|line| line.starts_with('#')) {
                let schema = text.lines().find_map(|line| line.strip_prefix(SCHEMA_LINE)).unwrap();
                assert!(repository().join(schema).is_file(), "{document} names {schema}, which is not there");
                continue;
            }
            // What the offline player is told is no orchestra; it is tried on one that has its tasks.
            if text.starts_with("replies:") {
                let tasks = ["name: research, description: x", "name: build, description: x"];
                let project = Project::new().file("x.yaml", orchestra("retry_strategy: none", &tasks));
                let run = project.file("script.yaml", &text).args(RUN).and(["--rehearse", "--script", "script.yaml"]);
                run.run().exits(1).file_is(&output("research"), "the whole answer").says("slow down");
                continue;
            }
            // Agents alone are shown without tasks.
            let task = if text.contains("tasks:") { "" } else { "\ntasks: [{name: any, run: [git, status]}]\n" };
            let texts = ["prompts/house-style.md", "prompts/review.md"];
            let project = texts.iter().fold(Project::new(), |project, path| project.file(path, "About '{goal}'.\n"));
            let project = project.file("hello.yaml", text + task);
            project.args(["validate", "hello.yaml"]).run().exits(0);
            project.args(["run", "hello.yaml", "--goal", "beekeeping", "--rehearse"]).run().exits(0);
            checked += 1;
        }
        let pages =
            ["file-format", "inputs", "limits", "order", "results", "templates"].map(|page| format!("docs/{page}.md"));
        let has_orchestras = document == "README.md" || pages.iter().any(|page| page == document);
        assert!(checked > 0 || !has_orchestras, "{document} has no orchestra");
    }
}

#[test]
fn the_commands_in_the_readme_are_there() {
    let commands = commands();
    for command in ["run", "resume", "validate", "completions"] {
        assert!(commands.contains(command), "{command} is not among {commands:?}");
    }
    let mut named = BTreeSet::new();
    for (language, text) in fenced("README.md") {
        if language != "yaml" {
            named.extend(text.lines().filter_map(command));
        }
    }
    let readme = read("README.md");
    named.extend(readme.split('`').skip(1).step_by(2).filter_map(command));
    assert!(named.len() > 5, "only {named:?}");
    let unknown: Vec<_> = named.difference(&commands).collect();
    assert!(unknown.is_empty(), "the README names commands that orch has not: {unknown:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        assert!(named.contains(command), "the README does not name `orch {command}`");
    }
}

/// The command of a line such as `$ orch run x` or `cargo run -- run x`.
fn command(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ");
    let arguments = match line.strip_prefix("orch ") {
        Some(arguments) => arguments,
        None => line.strip_prefix("cargo run ")?.split_once("-- ")?.1,
    };
    let word = arguments.split_whitespace().next()?;
    // `orch --help` has no command, and `orch ...` means any.
    word.starts_with(|c: char| c.is_ascii_lowercase()).then(|| word.to_owned())
}

/// The commands that the program itself names.
fn commands() -> BTreeSet<String> {
    let help = Project::new().args(["--help"]).run().exits(0).stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    listed.filter_map(|line| Some(line.strip_prefix("  ")?.split_whitespace().next()?.to_owned())).collect()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap().replace('\r', "")
}

/// The orchestras of the repository, by their paths there. Playbooks of agents are none.
fn shipped() -> Vec<String> {
    let files = ["orchestras", "examples"].iter().flat_map(|folder| below(Path::new(folder)));
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    let orchestras = yaml.filter(|path| !path.components().any(|part| part.as_os_str() == "agents"));
    let mut names: Vec<String> = orchestras.map(|path| path.to_str().unwrap().replace('\\', "/")).collect();
    names.sort();
    names
}

/// The files below a folder of the repository, by their paths there.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(folder)).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() { below(&path) } else { vec![path] }
        })
        .collect()
}

/// Every file of a project, in one order.
fn sorted(project: &Project) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = project.files();
    files.sort();
    files
}

/// A project with a copy of a folder of the repository.
fn project(folder: &Path) -> Project {
    below(folder).iter().fold(Project::new(), |project, path| {
        project.file(path.to_str().unwrap(), fs::read(repository().join(path)).unwrap())
    })
}

/// The files that a finished run leaves in its workspace, as its journal says.
fn promised(project: &Project) -> Vec<String> {
    let start = project.journal().remove(0);
    let workspace = start["workspace"].as_str().unwrap().trim_start_matches("./").to_owned();
    let omitted = project.journalled("task_omitted");
    let tasks = start["tasks"].as_array().unwrap();
    let tasks = tasks.iter().filter(|task| !omitted.iter().any(|name| task["task"] == name.as_str()));
    let outputs = tasks.map(|task| format!("task_outputs/{}_output.txt", task["task"].as_str().unwrap()));
    let all = outputs.chain(["final_results/orchestra_output.txt".to_owned()]);
    all.map(|output| format!("{workspace}/{output}")).collect()
}

/// The fenced blocks of a document, each with its language.
fn fenced(document: &str) -> Vec<(String, String)> {
    let (mut blocks, mut open): (Vec<(String, String)>, bool) = (Vec::new(), false);
    for line in read(document).lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                blocks.push((language.to_owned(), String::new()));
            }
            None if open => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}
