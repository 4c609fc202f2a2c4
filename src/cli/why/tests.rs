//! What changed is named, and what a journal cannot tell is not made up.

use std::sync::Arc;

use super::*;
use crate::run::cache_key::{Ingredients, cache_key};
use crate::run_builder::{RunBuilder, name};
use crate::store::journal::Journal;
use crate::store::project::Project;
use crate::store::seal::Sealer;
use crate::words::digest::MacKey;
use crate::words::event::{CacheKey, Event, Output, RunStarted, RunStatus, TaskEvent};

struct Place {
    folder: tempfile::TempDir,
    project: Project,
}

fn output() -> Output {
    Output { sha256: "0".repeat(64), bytes: 1, text: Some("x".into()) }
}

fn made_of(goal: &str, research: &str) -> Arc<CacheKey> {
    let outputs = [("research", research)];
    Arc::new(cache_key(&Ingredients {
        system: "s",
        description: "d",
        goal,
        outputs: &outputs,
        models: &[],
        output: "",
        tools: &[],
        files: &[],
    }))
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { project: Project::at(folder.path()), folder }
    }

    fn story(number: u16, change: impl FnOnce(&mut RunStarted)) -> RunBuilder {
        RunBuilder::with(&[("a", "x"), ("b", "x")], |start| {
            start.run = RunId::at("20261120_093000", number);
            change(start);
        })
    }

    fn write(&self, story: RunBuilder) {
        self.write_as(b"k", story);
    }

    /// Writes it as the user with this key.
    fn write_as(&self, key: &[u8], story: RunBuilder) {
        let sealer = Sealer::new(MacKey::new(key), story.history.start.run.clone());
        let all_done = story.history.tasks.iter().all(|task| task.output().is_some());
        let story = story.finished(if all_done { RunStatus::Succeeded } else { RunStatus::Partial });
        let path = self.folder.path().join(".orchestra/runs").join(story.history.start.run.as_str());
        let dir = crate::store::disk::Dir::create(&path).unwrap();
        let journal = Journal::create(dir.try_clone().unwrap(), Vec::new()).unwrap();
        journal.sealed(&dir, Some(sealer)).unwrap().append(&story.records).unwrap();
    }

    /// A run that makes `a` anew.
    fn makes(&self, number: u16, of: Option<Arc<CacheKey>>, change: impl FnOnce(&mut RunStarted)) {
        self.write(Self::making(number, of, change));
    }

    fn making(number: u16, of: Option<Arc<CacheKey>>, change: impl FnOnce(&mut RunStarted)) -> RunBuilder {
        let begins = Event::Task {
            task: name("a"),
            event: TaskEvent::AttemptStarted { attempt: 1, model: Some("m".into()), candidate: 0, cache_key: of },
        };
        Self::story(number, change).then(begins).succeeds("a", 1)
    }

    fn explain(&self, task: &str) -> How {
        let (seen, records) = look_closely(&self.project, choose(&self.project, None).unwrap());
        let history = seen.history.unwrap();
        let task = history.task(task).unwrap();
        match adopted(&records, task) {
            Some((from, reused, at_ms)) => taken(from, reused, at_ms),
            None if task.attempts == 0 => How::NotBegun { because: not_begun(task) },
            None => {
                let own_runs = Provenance::with_key(MacKey::new(b"k"));
                let earlier = earlier_successes(&self.project, &own_runs, &history, task);
                How::Anew { reason: reason(&history, &records, task, earlier.unwrap()) }
            }
        }
    }

    fn page(&self, task: &str) -> String {
        page(&choose(&self.project, None).unwrap(), task, &self.explain(task))
    }
}

#[test]
fn what_changed_since_the_last_success_is_named() {
    let place = Place::new();
    place.makes(1, Some(made_of("old", "1")), |_| {});
    assert_eq!(place.explain("a"), How::Anew { reason: Reason::NoEarlierSuccess });
    place.makes(2, Some(made_of("goal", "1")), |_| {});
    assert!(place.page("a").contains("was not reused in run_20261120_093000_0002: the goal changed\n"));
    // Another orchestra, a rehearsal, and a run without a success are nothing to compare with.
    place.makes(3, Some(made_of("x", "y")), |start| start.orchestra = name("other"));
    place.makes(4, Some(made_of("x", "y")), |start| start.rehearsal = true);
    place.write(Place::story(5, |_| {}).attempt("a", 1, "m"));
    place.makes(6, Some(made_of("new", "2")), |_| {});
    let page = place.page("a");
    assert!(page.contains(": the goal changed and the output of research changed\n"), "{page}");
    assert!(page.ends_with("compared with: run_20261120_093000_0002\n"), "{page}");
    // An older result that depends on the same says more than a later one that does not.
    place.makes(7, Some(made_of("old", "1")), |_| {});
    let same = Reason::Same { compared_with: RunId::at("20261120_093000", 1) };
    assert_eq!(place.explain("a"), How::Anew { reason: same });
    assert!(place.page("a").contains("could not be used"));
}

#[test]
fn a_result_that_was_made_elsewhere_is_named_and_not_compared_with() {
    let place = Place::new();
    place.write_as(b"other", Place::making(1, Some(made_of("goal", "1")), |_| {}));
    place.makes(2, Some(made_of("goal", "1")), |_| {});
    let elsewhere = Reason::MadeElsewhere { compared_with: RunId::at("20261120_093000", 1) };
    assert_eq!(place.explain("a"), How::Anew { reason: elsewhere });
    assert!(place.page("a").contains("was made elsewhere"));
    place.makes(3, Some(made_of("new", "1")), |_| {});
    assert!(place.page("a").contains(": the goal changed\n"));
    place.write_as(b"other", Place::making(4, Some(made_of("newer", "1")), |_| {}));
    place.makes(5, Some(made_of("new", "2")), |_| {});
    assert!(place.page("a").ends_with("compared with: run_20261120_093000_0003\n"), "{}", place.page("a"));
}

#[test]
fn what_the_start_says_comes_first() {
    let place = Place::new();
    place.makes(1, Some(made_of("goal", "1")), |_| {});
    place.makes(2, Some(made_of("goal", "1")), |start| start.overrides.fresh = true);
    assert!(place.page("a").ends_with(": --fresh was given\n"));
    place.makes(3, Some(made_of("goal", "1")), |start| start.overrides.fresh_tasks = vec![name("a")]);
    assert!(place.page("a").ends_with(": --fresh was given for it\n"));
    place.makes(4, None, |_| {});
    assert!(place.page("a").contains("Reuse is off for it"));
    assert_eq!(place.explain("b"), How::NotBegun { because: "it has not begun".into() });
}

#[test]
fn a_result_that_was_used_again_tells_what_it_saved() {
    let place = Place::new();
    let from = RunId::at("20261119_093000", 1);
    let reused = CacheHit {
        made_at_ms: 1_795_167_000_000 - 7_500_000,
        usage: Usage { input_tokens: 1000, output_tokens: 200, ..Usage::default() },
        cost_usd: Some(0.005),
        cache_key: made_of("goal", "1"),
    };
    let adopted = |task: &str, reused| Event::Task {
        task: name(task),
        event: TaskEvent::Reused { run: from.clone(), output: output(), cache: reused },
    };
    place.write(Place::story(1, |_| {}).then(adopted("a", Some(reused))).then(adopted("b", None)));
    let page = place.page("a");
    for part in ["was reused in", "made by: run_20261119_093000_0001, 2 h 05 min before", "1,200 tokens, $0.0050"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(place.page("b").contains("was taken over from run_20261119_093000_0001"));
    let json = serde_json::to_value(place.explain("a")).unwrap();
    assert_eq!((&json["how"], &json["age_ms"]), (&serde_json::json!("reused"), &serde_json::json!(7_500_000)));
    // What was reused is as good to compare with as what was made.
    place.makes(2, Some(made_of("other", "1")), |_| {});
    let json = serde_json::to_value(place.explain("a")).unwrap();
    assert_eq!(json["changes"], serde_json::json!(["the goal changed"]), "{json}");
    assert_eq!(json["reason"], "changed");
}
