//! Only what is finished goes, and only what nobody needs any more.

use std::path::PathBuf;

use super::objects::{Swept, sweep};
use super::{Args, clean_runs, clean_workspace, remove_made};
use crate::run_builder::RunBuilder;
use crate::store::disk::Dir;
use crate::store::journal::{FILE, Journal};
use crate::store::lock::{Claim, Lock, this_process};
use crate::store::objects::Objects;
use crate::store::project::Project;
use crate::store::reuse::{self, Entry, Store};
use crate::words::digest::MacKey;
use crate::words::event::{Event, INLINE_BYTES, Output, RunEvent, RunStatus, TaskEvent};
use crate::words::id::{Name, RunId};
use crate::words::usage::Usage;

struct Place {
    folder: tempfile::TempDir,
    project: Project,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path());
        Self { folder, project }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, text: &str) -> Output {
        let state = Dir::create(&self.at(".orchestra")).unwrap();
        Objects::below(state).put(text.repeat(INLINE_BYTES + 1)).unwrap()
    }

    /// A run with one task that has made `output`.
    fn run(&self, number: u16, output: &Output, end: Option<RunStatus>) -> RunId {
        let run = RunId::at("20261120_093000", number);
        let task = Name::new("a").unwrap();
        let story = RunBuilder::of(&[("a", "x")])
            .attempt("a", 1, "m")
            .then(Event::Task { task, event: TaskEvent::Succeeded { attempt: 1, output: output.clone() } });
        let story = match end {
            Some(status) => story.then(Event::Run(RunEvent::Finished { status })),
            None => story,
        };
        let dir = Dir::create(&self.at(&format!(".orchestra/runs/{run}"))).unwrap();
        Journal::create(dir.try_clone().unwrap(), Vec::new()).unwrap().append(&story.records).unwrap();
        run
    }

    fn has(&self, output: &Output) -> bool {
        self.at(&format!(".orchestra/objects/{}/{}", &output.sha256[..2], output.sha256)).exists()
    }

    fn runs(&self) -> usize {
        self.project.runs().unwrap().len()
    }
}

fn args(runs: &[&RunId]) -> Args {
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    Args { all: runs.is_empty(), runs, keep: None, workspace: None, reuse: false, dry_run: false, force: false }
}

#[test]
fn an_object_goes_with_the_last_run_that_names_it() {
    let place = Place::new();
    let (shared, own) = (place.put("s"), place.put("o"));
    let first = place.run(1, &own, Some(RunStatus::Succeeded));
    let second = place.run(2, &shared, Some(RunStatus::Succeeded));
    let third = place.run(3, &shared, Some(RunStatus::Succeeded));
    clean_runs(&Args { dry_run: true, ..args(&[&first, &second]) }, &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&own)), (3, true));
    clean_runs(&args(&[&first, &second]), &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&own), place.has(&shared)), (1, false, true));
    clean_runs(&args(&[&third]), &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&shared)), (0, false));
}

#[test]
fn a_run_that_can_be_gone_on_with_stays_unless_forced() {
    let place = Place::new();
    let output = place.put("x");
    let killed = place.run(1, &output, None);
    place.run(2, &output, Some(RunStatus::Interrupted));
    place.run(3, &output, Some(RunStatus::Succeeded));
    assert!(clean_runs(&args(&[&killed]), &place.project).is_err());
    clean_runs(&args(&[]), &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&output)), (2, true));
    clean_runs(&Args { force: true, keep: Some(1), all: false, ..args(&[]) }, &place.project).unwrap();
    assert_eq!((place.runs(), place.project.runs().unwrap().contains(&killed)), (1, false));
}

#[test]
fn a_held_run_stays_whatever_is_asked_and_so_do_all_objects() {
    let place = Place::new();
    let (output, loose) = (place.put("x"), place.put("y"));
    let run = place.run(1, &output, None);
    let claim = Claim { holder: this_process(), run: run.clone() };
    let lock = Lock::take(&place.project.run_dir(&run).unwrap(), crate::store::lock::RUN, &claim).unwrap();
    let force = |runs: &[&RunId]| Args { force: true, ..args(runs) };
    assert!(clean_runs(&force(&[&run]), &place.project).is_err());
    clean_runs(&force(&[]), &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&loose)), (1, true));
    drop(lock);
    assert!(matches!(sweep(&place.project, &[], false), Ok(Swept::Done { objects: 1, .. })));
    assert_eq!((place.has(&output), place.has(&loose)), (true, false));
}

#[test]
fn what_a_damaged_journal_may_name_stays() {
    let place = Place::new();
    let (output, loose) = (place.put("x"), place.put("y"));
    let run = place.run(1, &output, Some(RunStatus::Succeeded));
    std::fs::write(place.at(&format!(".orchestra/runs/{run}/{FILE}")), "rubbish\nrubbish\n").unwrap();
    clean_runs(&args(&[]), &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&loose)), (1, true));
    clean_runs(&Args { force: true, ..args(&[&run]) }, &place.project).unwrap();
    assert_eq!((place.runs(), place.has(&output), place.has(&loose)), (0, false, false));
}

#[test]
fn what_a_tool_said_in_an_unfinished_run_stays() {
    let place = Place::new();
    let said = place.put("x");
    let finished = Event::Task {
        task: Name::new("a").unwrap(),
        event: TaskEvent::ToolFinished {
            attempt: 1,
            id: "1".into(),
            tool: "read_file".into(),
            output: said.clone(),
            is_error: false,
            latency_ms: 1,
        },
    };
    let story = RunBuilder::of(&[("a", "x")]).attempt("a", 1, "m").call("a", 1, "m").uses_tool("a", 1, "1");
    let story = story.then(finished);
    let dir = Dir::create(&place.at(".orchestra/runs/run_20261120_093000_0001")).unwrap();
    Journal::create(dir, Vec::new()).unwrap().append(&story.records).unwrap();
    assert!(matches!(sweep(&place.project, &[], false), Ok(Swept::Done { objects: 0, .. })));
    assert!(place.has(&said));
}

#[test]
fn what_a_removed_run_made_is_not_used_again() {
    let place = Place::new();
    let output = place.put("x");
    let runs = [1, 2].map(|number| place.run(number, &output, Some(RunStatus::Succeeded)));
    let store = || Store::open(&place.project, &RunId::at("20261121_000000", 0), MacKey::new(b"k")).unwrap();
    let entry = |run: &RunId| Entry {
        key: run.to_string(),
        run: run.clone(),
        task: Name::new("a").unwrap(),
        sha256: output.sha256.clone(),
        made_at_ms: 0,
        usage: Usage::default(),
        cost_usd: None,
        reads: Vec::new(),
        files: Vec::new(),
        mac: String::new(),
    };
    store().keep(runs.iter().map(entry).collect()).unwrap();
    let found = || runs.each_ref().map(|run| store().find(run.as_str(), 0, None, |_| true).is_some());
    clean_runs(&Args { dry_run: true, ..args(&[&runs[0]]) }, &place.project).unwrap();
    assert_eq!((found(), reuse::forget(&place.project, &[], true).unwrap()), ([true, true], 0));
    clean_runs(&args(&[&runs[0]]), &place.project).unwrap();
    // The entry itself is gone, and not only what it names.
    assert_eq!((found(), reuse::forget(&place.project, &[], true).unwrap()), ([false, true], 0));
}

fn write_orchestra(place: &Place, workspace: &str) {
    std::fs::create_dir_all(place.at("orchestras")).unwrap();
    let text = format!(
        "orchestra: {{id: o, workspace: {{path: '{workspace}'}}}}\n\
         tasks:\n  - {{name: a, agent: writer, description: x}}\n"
    );
    std::fs::write(place.at("orchestras/o_orchestra.yaml"), text).unwrap();
}

#[test]
fn a_workspace_loses_what_orch_made_and_nothing_else() {
    let place = Place::new();
    write_orchestra(&place, "./work");
    for dir in ["work/task_outputs", "work/final_results"] {
        std::fs::create_dir_all(place.at(dir)).unwrap();
    }
    std::fs::write(place.at("work/task_outputs/a_output.txt"), "x").unwrap();
    std::fs::write(place.at("work/mine.txt"), "x").unwrap();
    let clean = |args: &Args| clean_workspace(args, &place.project, "o");
    clean(&Args { dry_run: true, ..args(&[]) }).unwrap();
    assert!(place.at("work/task_outputs/a_output.txt").exists());

    let dir = Dir::open(&place.at("work")).unwrap();
    let claim = Claim { holder: this_process(), run: RunId::at("20261120_093000", 1) };
    let lock = Lock::take(&dir, crate::store::lock::WORKSPACE, &claim).unwrap();
    assert!(clean(&args(&[])).is_err());
    drop(lock);

    clean(&args(&[])).unwrap();
    assert_eq!(dir.names().unwrap(), ["mine.txt"]);
    std::fs::remove_file(place.at("work/mine.txt")).unwrap();
    clean(&args(&[])).unwrap();
    assert!(!place.at("work").exists());
    clean(&args(&[])).unwrap();
}

#[cfg(unix)]
#[test]
fn a_workspace_that_leads_out_of_the_project_stays() {
    let (place, elsewhere) = (Place::new(), tempfile::tempdir().unwrap());
    std::fs::create_dir(elsewhere.path().join("task_outputs")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), place.at("link")).unwrap();
    for path in ["link".to_owned(), "../".to_owned(), elsewhere.path().display().to_string()] {
        write_orchestra(&place, &path);
        assert!(clean_workspace(&args(&[]), &place.project, "o").is_err(), "{path}");
    }
    // A link in the place of one of orch's own folders is removed, and what it leads to stays.
    std::fs::create_dir(place.at("work")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("task_outputs"), place.at("work/task_outputs")).unwrap();
    remove_made(&Dir::open(&place.at("work")).unwrap()).unwrap();
    assert!(elsewhere.path().join("task_outputs").exists() && !place.at("work").exists());
}
