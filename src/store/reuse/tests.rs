//! What is whole and still there is found; everything else is a miss and never an error.

use super::*;
use crate::run_builder::{RunBuilder, name};
use crate::store::disk::Dir;
use crate::store::journal::Journal;
use crate::words::event::{Event, INLINE_BYTES, RunStatus, TaskEvent};

const NOW_MS: u64 = 1_795_200_000_000;
const FILE: &str = ".orchestra/reuse.jsonl";

struct Place {
    folder: tempfile::TempDir,
    project: Project,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".orchestra")).unwrap();
        Self { project: Project::at(folder.path()), folder }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// A run whose task `a` has made a text, and the entry for it.
    fn made(&self, number: u16, key: &str, text: &str) -> Entry {
        let run = RunId::at("20261120_093000", number);
        let output = Objects::below(Dir::open(&self.at(".orchestra")).unwrap()).put(text.to_owned()).unwrap();
        let success =
            Event::Task { task: name("a"), event: TaskEvent::Succeeded { attempt: 1, output: output.clone() } };
        let story = RunBuilder::of(&[("a", "x"), ("b", "x")]).attempt("a", 1, "m").then(success);
        let story = story.finished(RunStatus::Partial);
        let dir = Dir::create(&self.at(&format!(".orchestra/runs/{run}"))).unwrap();
        Journal::create(dir, Vec::new()).unwrap().append(&story.records).unwrap();
        Entry { sha256: output.sha256, made_at_ms: NOW_MS - 1000 * u64::from(number), ..entry(key, run) }
    }

    fn store(&self) -> Store {
        Store::open(&self.project, &RunId::at("20261121_000000", 0), MacKey::new(b"k")).unwrap()
    }

    fn keep(&self, entries: &[Entry]) {
        self.store().keep(entries.to_vec()).unwrap();
    }

    fn find(&self, key: &str) -> Option<String> {
        let found = self.store().find(key, NOW_MS, None, |_| true)?;
        let objects = Objects::below(Dir::open(&self.at(".orchestra")).unwrap());
        Some(objects.get(&found.output).unwrap().to_string())
    }
}

fn entry(key: &str, run: RunId) -> Entry {
    let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
    Entry {
        key: key.to_owned(),
        run,
        task: name("a"),
        sha256: "0".repeat(64),
        made_at_ms: 0,
        usage,
        cost_usd: Some(0.5),
        reads: Vec::new(),
        files: Vec::new(),
        mac: String::new(),
    }
}

#[test]
fn the_newest_result_of_a_key_is_found() {
    let place = Place::new();
    assert_eq!(place.find("k"), None);
    assert!(!place.at(FILE).exists(), "looking writes nothing");
    place.keep(&[place.made(1, "k", "old"), place.made(2, "other", "o")]);
    place.keep(&[place.made(3, "k", "new")]);
    assert_eq!(place.find("k").as_deref(), Some("new"));
    let found = place.store().find("other", NOW_MS, None, |_| true).unwrap();
    assert_eq!((found.run, found.made_at_ms), (RunId::at("20261120_093000", 2), NOW_MS - 2000));
    assert_eq!((found.usage.input_tokens, found.cost_usd), (10, Some(0.5)));
    assert_eq!(place.find("none"), None);
}

#[test]
fn what_another_user_made_or_somebody_changed_is_not_found() {
    let place = Place::new();
    let entry = place.made(1, "k", "text");
    place.keep(std::slice::from_ref(&entry));
    let this_run = RunId::at("20261121_000000", 0);
    let mut other = Store::open(&place.project, &this_run, MacKey::new(b"other")).unwrap();
    assert_eq!(other.find("k", NOW_MS, None, |_| true), None);
    // Whole, and without a digest or with that of another entry.
    let kept = index::all(&Dir::open(&place.at(".orchestra")).unwrap()).unwrap().remove(0);
    let forged = Entry { key: "forged".into(), ..kept };
    index::append(&Dir::open(&place.at(".orchestra")).unwrap(), &[forged, Entry { key: "plain".into(), ..entry }])
        .unwrap();
    assert_eq!(["k", "forged", "plain"].map(|key| place.find(key).is_some()), [true, false, false]);
}

#[test]
fn a_long_output_is_found_as_long_as_it_is_whole() {
    let place = Place::new();
    let long = "x".repeat(INLINE_BYTES + 1);
    let entry = place.made(1, "k", &long);
    place.keep(std::slice::from_ref(&entry));
    assert_eq!(place.find("k"), Some(long));
    std::fs::write(place.at(&format!(".orchestra/objects/{}/{}", &entry.sha256[..2], entry.sha256)), "y").unwrap();
    assert_eq!(place.find("k"), None);
}

#[test]
fn what_a_run_no_longer_says_is_not_found() {
    let place = Place::new();
    let (first, second) = (place.made(1, "k", "first"), place.made(2, "k", "second"));
    place.keep(&[first.clone(), second.clone()]);
    // The wrong digest, and a task that has made nothing, give way to what is right.
    place.keep(&[Entry { sha256: "1".repeat(64), ..second.clone() }, Entry { task: name("b"), ..second.clone() }]);
    assert_eq!(place.find("k").as_deref(), Some("second"));
    let journal = place.at(&format!(".orchestra/runs/{}/journal.jsonl", second.run));
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replace("\"second\"", "\"SECOND\"")).unwrap();
    assert_eq!(place.find("k").as_deref(), Some("first"), "a text is not what its digest says");
    std::fs::remove_dir_all(place.at(&format!(".orchestra/runs/{}", first.run))).unwrap();
    assert_eq!(place.find("k"), None);
}

#[test]
fn a_run_is_not_given_what_it_made_itself() {
    let place = Place::new();
    let entry = place.made(1, "k", "text");
    place.keep(std::slice::from_ref(&entry));
    let mut own = Store::open(&place.project, &entry.run, MacKey::new(b"k")).unwrap();
    assert_eq!(own.find("k", NOW_MS, None, |_| true), None);
}

#[test]
fn age_counts_and_a_clock_that_moves_does_no_harm() {
    let place = Place::new();
    let made = place.made(5, "k", "text");
    place.keep(&[made.clone(), Entry { key: "future".into(), made_at_ms: NOW_MS * 2, ..made }]);
    let mut store = place.store();
    let mut found = |key, ttl_ms| store.find(key, NOW_MS, Some(Duration::from_millis(ttl_ms)), |_| true).is_some();
    assert_eq!([4999, 5000, 5001].map(|ttl| found("k", ttl)), [false, true, true]);
    assert!(found("future", 0));
}

#[test]
fn a_result_holds_as_long_as_tools_say_the_same() {
    let place = Place::new();
    let read = |path: &str| Read {
        tool: "read_file".into(),
        arguments: serde_json::json!({ "path": path }),
        sha256: "2".repeat(64),
    };
    let old = place.made(1, "k", "old");
    let new = Entry { reads: vec![read("same"), read("changed")], ..place.made(2, "k", "new") };
    place.keep(&[Entry { reads: vec![read("same")], ..old }, new]);
    let mut store = place.store();
    let same = |entry: &Entry| entry.reads.iter().all(|read| read.arguments["path"] != "changed");
    let found = store.find("k", NOW_MS, None, same).unwrap();
    assert_eq!(found.output.text.as_deref(), Some("old"));
    assert_eq!(store.find("k", NOW_MS, None, |_| false), None);
}

#[test]
fn damage_anywhere_is_a_miss_and_spoils_no_other_line() {
    let place = Place::new();
    place.keep(&[place.made(1, "a", "one"), place.made(2, "b", "two"), place.made(3, "c", "three")]);
    let whole = std::fs::read(place.at(FILE)).unwrap();
    let line_of = |at: usize| whole[..at].iter().filter(|&&byte| byte == b'\n').count();
    let found = || ["a", "b", "c"].map(|key| place.find(key).is_some());
    assert_eq!(found(), [true; 3]);
    for at in (1..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(place.at(FILE), &damaged).unwrap();
        // The first line is empty. A line's end that is damaged joins two lines.
        let spoiled = |line| line_of(at) == line || (whole[at] == b'\n' && line_of(at) + 1 == line);
        assert_eq!(found(), [1, 2, 3].map(|line| !spoiled(line)), "byte {at}");
    }
    let next = place.made(4, "d", "four");
    for end in (0..whole.len()).step_by(11) {
        std::fs::write(place.at(FILE), &whole[..end]).unwrap();
        let expected = ["a", "b", "c"].map(|key| {
            whole[..end].split_inclusive(|&byte| byte == b'\n').any(|line| {
                line.ends_with(b"\n") && String::from_utf8_lossy(line).contains(&format!("\"key\":\"{key}\""))
            })
        });
        assert_eq!(found(), expected, "cut at {end}");
        // Who comes next writes behind the torn line and not into it.
        place.keep(std::slice::from_ref(&next));
        assert_eq!(place.find("d").as_deref(), Some("four"), "cut at {end}");
    }
}

#[test]
fn two_runs_that_keep_the_same_key_leave_one_whole_entry() {
    let place = Place::new();
    let entries: Vec<Entry> = (0..8).map(|n| place.made(n, "k", &format!("text {n}"))).collect();
    std::thread::scope(|scope| {
        for entry in &entries {
            scope.spawn(|| (0..20).for_each(|_| place.keep(std::slice::from_ref(entry))));
        }
    });
    assert!(place.find("k").unwrap().starts_with("text "));
}

#[test]
fn an_index_that_cannot_be_read_is_an_empty_one() {
    let place = Place::new();
    std::fs::create_dir(place.at(FILE)).unwrap();
    let mut store = place.store();
    assert!(store.trouble().unwrap().contains(FILE));
    assert_eq!(store.find("k", NOW_MS, None, |_| true), None);
    assert!(store.keep(vec![entry("k", RunId::at("x", 1))]).is_err());
    std::fs::remove_dir(place.at(FILE)).unwrap();
    std::fs::write(place.at(FILE), b"\xff\x00rubbish\n{}\n\n{\"entry\":{\"key\":\"k\"").unwrap();
    assert!(place.store().trouble().is_none());
    assert_eq!(place.find("k"), None);
}

#[test]
fn a_wasteful_index_is_written_anew_with_the_newest_of_each_key() {
    let place = Place::new();
    let (old, new) = (place.made(1, "k", "old"), place.made(2, "k", "new"));
    let many = vec![old; 6000];
    place.keep(&[many.clone(), vec![new, place.made(3, "other", "o")]].concat());
    let before = std::fs::metadata(place.at(FILE)).unwrap().len();
    assert!(before > 1024 * 1024);
    assert_eq!(place.find("k").as_deref(), Some("new"));
    assert_eq!(place.find("other").as_deref(), Some("o"));
    assert_eq!(std::fs::read_to_string(place.at(FILE)).unwrap().lines().count(), 2);
    // While another process writes it anew, the file stays as it is and is read all the same.
    place.keep(&many);
    let lock = std::fs::File::options().append(true).open(place.at(".orchestra/reuse.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(place.find("other").as_deref(), Some("o"));
    assert!(std::fs::metadata(place.at(FILE)).unwrap().len() > before / 2);
}

#[test]
fn what_a_run_made_is_forgotten_with_it() {
    let place = Place::new();
    assert_eq!(forget(&place.project, &[], false).unwrap(), 0);
    let (one, two) = (place.made(1, "a", "one"), place.made(2, "b", "two"));
    let gone = RunId::at("20261119_000000", 1);
    place.keep(&[one.clone(), two.clone(), one.clone(), entry("c", gone)]);
    assert_eq!(forget(&place.project, std::slice::from_ref(&one.run), true).unwrap(), 3);
    assert!(place.find("a").is_some());
    assert_eq!(forget(&place.project, std::slice::from_ref(&one.run), false).unwrap(), 3);
    assert_eq!(["a", "b"].map(|key| place.find(key).is_some()), [false, true]);
    assert_eq!(forget_all(&place.project, false).unwrap(), 1);
    assert_eq!(place.find("b"), None);
}

/// `cargo test --release -- --ignored --nocapture the_time` prints the time.
#[test]
#[ignore = "a measurement"]
fn the_time_to_open_ten_thousand_entries() {
    let place = Place::new();
    let run = RunId::at("20261120_093000", 1);
    let entries: Vec<Entry> = (0..10_000).map(|n| entry(&sha256(&u32::to_le_bytes(n))[..32], run.clone())).collect();
    place.keep(&entries);
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let started = std::time::Instant::now();
            let store = place.store();
            assert!(store.trouble().is_none());
            started.elapsed()
        })
        .collect();
    times.sort();
    println!("median {:?}, slowest {:?}", times[10], times[19]);
    assert!(cfg!(debug_assertions) || times[10] < Duration::from_millis(30));
}
