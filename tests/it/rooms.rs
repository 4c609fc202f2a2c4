//! The rooms of the code: a room imports only from those above it in the list in `lib.rs`, and the first three are
//! pure. Reads the sources as text; tests may reach wherever they like and are left out.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The rooms that know no runtime, no files, no environment and no clock.
const PURE: [&str; 3] = ["words", "plan", "run"];

#[test]
fn a_room_imports_only_from_those_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = rooms(&fs::read_to_string(src.join("lib.rs")).unwrap());
    assert!(order.len() >= 12, "{order:?}");
    let mut troubles = Vec::new();
    for room in &order {
        for file in sources(&src.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            troubles.extend(trouble(room, &order, &text).into_iter().map(|what| format!("{}: {what}", file.display())));
        }
    }
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
}

#[test]
fn a_broken_rule_is_found_and_named() {
    let order = rooms("//! | `plan` | x |\n//! | `store` | y |\n//! | `engine` | z |\n");
    let of_plan = |text| trouble("plan", &order, text);
    assert_eq!(of_plan("use crate::store::disk::Dir;"), ["imports `store`, which is below it in the list"]);
    assert_eq!(of_plan("fn f() -> crate::engine::End {}"), ["imports `engine`, which is below it in the list"]);
    assert_eq!(of_plan("use crate::{plan::x, nowhere::y};"), ["names its rooms in a group: one import a line"]);
    assert_eq!(of_plan("use std::time::{Duration, Instant};\n"), ["is pure and names `Instant`"]);
    assert_eq!(of_plan("fn f() { std::fs::read(\"x\"); }"), ["is pure and names `std::fs`"]);
    assert_eq!(of_plan("// crate::engine\n#[cfg(test)]\nmod tests { use crate::engine::X; }"), [""; 0]);
    assert_eq!(trouble("engine", &order, "use crate::plan::x; use std::fs;"), [""; 0]);
}

/// The rooms in the order of the table in the crate's docs.
fn rooms(lib: &str) -> Vec<String> {
    let row = Regex::new(r"(?m)^//! \| `(\w+)` \|").unwrap();
    row.captures_iter(lib).map(|found| found[1].to_owned()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_test = entry.file_stem().is_some_and(|stem| stem == "tests");
        if entry.is_dir() && !is_test {
            files.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(entry);
        }
    }
    files
}

/// What a file of a room breaks.
fn trouble(room: &str, order: &[String], text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let place = |room: &str| order.iter().position(|other| other == room);
    let import = Regex::new(r"\bcrate::(\w+|\{)").unwrap();
    let mut troubles = Vec::new();
    for found in import.captures_iter(&code) {
        match &found[1] {
            "{" => troubles.push("names its rooms in a group: one import a line".to_owned()),
            other if place(other) > place(room) => {
                troubles.push(format!("imports `{other}`, which is below it in the list"));
            }
            _ => {}
        }
    }
    if PURE.contains(&room) {
        let outside = Regex::new(r"\b(tokio|reqwest|std::fs|std::env|Instant|SystemTime)\b").unwrap();
        troubles.extend(outside.find_iter(&code).map(|found| format!("is pure and names `{}`", found.as_str())));
    }
    troubles
}
