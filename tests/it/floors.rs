//! The floors of the code: a module imports only what stands below it, and the modules of one floor form no circles.
//!
//! Reads the sources as text. Tests may reach wherever they like and are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Every module of the crate's root, by floor, lowest first. A new module gets its place here.
const FLOORS: [&[&str]; 5] = [
    // Words: plain data.
    &["id", "conversation", "event"],
    // The pure core: no clock, no files, no environment, no runtime.
    &[
        "diagnostic",
        "digest",
        "spec",
        "resolve",
        "orchestra",
        "graph",
        "schedule",
        "prompt",
        "template",
        "retry",
        "answer",
        "fingerprint",
        "budget",
        "limiter",
        "ladder",
        "prices",
        "history",
        "summary",
        "printable",
        "redact",
        "roles",
        "fingerprint",
    ],
    // Adapters: one outside thing each.
    &[
        "settings",
        "clock",
        "disk",
        "lock",
        "http",
        "sse",
        "provider",
        "tool",
        "mcp",
        "workspace",
        "journal",
        "objects",
        "reuse",
        "process",
        "project",
    ],
    // Acting and observing.
    &["agent", "observe"],
    // Composition.
    &["runner", "cli", "main"],
];

/// The highest floor that is pure.
const PURE: usize = 1;

/// What a pure module does not name.
const OUTSIDE: [&str; 6] = ["tokio", "std::fs", "std::env", "std::time::Instant", "std::time::SystemTime", "reqwest"];

#[test]
fn imports_go_down_and_form_no_circles() {
    let files = sources();
    assert!(files.len() > 50, "only {} files are found", files.len());
    let troubles = troubles(&files);
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn a_broken_rule_is_found_and_named() {
    let tree = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        troubles(&files)
    };
    let up = tree(&[("graph.rs", "use crate::{\n    id::Name,\n    disk::{Dir, File},\n};\n")]);
    assert_eq!(up, ["src/graph.rs: `graph` (floor 1) imports `disk` (floor 2), which stands above it"]);
    let inline = tree(&[("spec/later.rs", "fn f() -> crate::runner::End { crate::spec::g(crate::id::x()) }")]);
    assert_eq!(inline, ["src/spec/later.rs: `spec` (floor 1) imports `runner` (floor 4), which stands above it"]);
    let circle = tree(&[
        ("disk.rs", "use crate::lock::Lock;"),
        ("journal.rs", "use crate::disk;"),
        ("lock.rs", "use crate::journal::{self as j, Record};"),
    ]);
    assert_eq!(circle, ["modules of floor 2 form a circle: disk -> lock -> journal -> disk"]);
    let unknown = tree(&[("homeless/mod.rs", "")]);
    assert_eq!(unknown, ["src/homeless/mod.rs: `homeless` has no floor: give it one in FLOORS in tests/it/floors.rs"]);
    let impure = tree(&[("retry.rs", "use std::time::{Duration, Instant};\nfn f() { std::fs::read(\"x\"); }")]);
    let words =
        ["std::fs", "std::time::Instant"].map(|word| format!("src/retry.rs: `retry` is pure and names `{word}`"));
    assert_eq!(impure, words);
    let tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::cli::x;\n}\n";
    assert!(tree(&[("graph.rs", tests), ("graph/tests.rs", "use crate::cli;")]).is_empty());
}

/// The files of `src/` by their paths there.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    let tests = test_modules(&files);
    files.retain(|(path, _)| path != "lib.rs" && !tests.contains(module(path)));
    files
}

/// The modules that the crate's root has for tests alone.
fn test_modules(files: &[(String, String)]) -> BTreeSet<String> {
    let (_, root) = files.iter().find(|(path, _)| path == "lib.rs").unwrap();
    let behind = root.split("#[cfg(test)]\n").skip(1);
    behind.filter_map(|text| Some(text.strip_prefix("mod ")?.split_once(';')?.0.to_owned())).collect()
}

/// Every break of the rules.
fn troubles(files: &[(String, String)]) -> Vec<String> {
    let mut troubles = Vec::new();
    let mut beside: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("/tests.rs")) {
        let module = module(path);
        let Some(floor) = floor(module) else {
            troubles.push(format!("src/{path}: `{module}` has no floor: give it one in FLOORS in tests/it/floors.rs"));
            continue;
        };
        let paths = paths(&code(text));
        for import in imports(&paths, module) {
            match self::floor(&import) {
                None => troubles.push(format!("src/{path}: `{import}` is no module of the crate's root")),
                Some(other) if other > floor => troubles.push(format!(
                    "src/{path}: `{module}` (floor {floor}) imports `{import}` (floor {other}), which stands above it"
                )),
                Some(other) if other == floor => {
                    beside.entry(module).or_default().insert(import);
                }
                Some(_) => {}
            }
        }
        let named = |outside: &&str| {
            paths
                .iter()
                .any(|path| path.strip_prefix(outside).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
        };
        if floor <= PURE {
            let named = OUTSIDE.into_iter().filter(named);
            troubles.extend(named.map(|outside| format!("src/{path}: `{module}` is pure and names `{outside}`")));
        }
    }
    troubles.extend(circle(&beside));
    troubles
}

/// The root's module that a file belongs to.
fn module(path: &str) -> &str {
    path.split_once('/').map_or_else(|| path.trim_end_matches(".rs"), |(folder, _)| folder)
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// A file without comments of whole lines and without its tests, which stand at its end.
fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The root's modules that are imported, other than the file's own.
fn imports(paths: &[String], own: &str) -> BTreeSet<String> {
    // The program knows the library by its name.
    let root = if own == "main" { "orch::" } else { "crate::" };
    let imports = paths.iter().filter_map(|path| path.strip_prefix(root)?.split("::").next());
    imports.filter(|&import| import != own).map(str::to_owned).collect()
}

/// Every path in a piece of code, groups taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(start) = rest.find(is_word) {
        rest = path(&rest[start..], "", &mut found);
    }
    found
}

/// Reads a path or a group behind `prefix`, and gives what follows.
fn path<'c>(code: &'c str, prefix: &str, found: &mut Vec<String>) -> &'c str {
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = path(rest.trim_start(), prefix, found);
            // A name of its own, as in `a as b`, says nothing about where it leads.
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            match rest[end..].strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.get(end + 1..).unwrap_or_default(),
            }
        }
    }
    let (word, rest) = code.split_at(code.find(|c| !is_word(c)).unwrap_or(code.len()));
    let whole = if prefix.is_empty() { word.to_owned() } else { format!("{prefix}::{word}") };
    match rest.strip_prefix("::") {
        Some(next) if next.starts_with(|c| is_word(c) || c == '{') => path(next, &whole, found),
        _ => {
            if !word.is_empty() {
                found.push(whole);
            }
            rest
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A circle among modules of one floor, if there is one.
fn circle(imports: &BTreeMap<&str, BTreeSet<String>>) -> Option<String> {
    fn walk(
        at: &str,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
        imports: &BTreeMap<&str, BTreeSet<String>>,
    ) -> bool {
        if let Some(first) = way.iter().position(|module| module == at) {
            way.drain(..first);
            way.push(at.to_owned());
            return true;
        }
        if !done.insert(at.to_owned()) {
            return false;
        }
        way.push(at.to_owned());
        if imports.get(at).into_iter().flatten().any(|next| walk(next, way, done, imports)) {
            return true;
        }
        way.pop();
        false
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|start| {
        let mut way = Vec::new();
        let found = walk(start, &mut way, &mut done, imports);
        found.then(|| format!("modules of floor {} form a circle: {}", floor(start).unwrap(), way.join(" -> ")))
    })
}
