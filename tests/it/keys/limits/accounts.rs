//! Limits, against a server that counts for itself: whatever the graph, the answers, the failures and the kills, the
//! server never sees more than a limit allows, and what orch says it spent is what the server says.
//!
//! Each case is drawn from a seed, which is in the message of a failure. How the calls of a case interleave is left to
//! the machine; that every limit holds is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use self::case::{Case, Dice, Limit, MAX_TOKENS, Mood, PRICES};
use serde_json::{Value, json};

use crate::project::{Ended, Project, RUN, output};
use crate::server::{Act, Seen, Server};

mod case;

/// How often a task's calls fail, at most: fewer than its attempts, so that every task can be done.
const FAILURES: u32 = 2;

const CASES: u64 = 36;

/// What the server would put on the bill for one call.
#[derive(Clone, Copy, Debug)]
struct Charge {
    task: usize,
    tokens: u64,
    cost_usd: f64,
    /// Whether the client was told.
    told: bool,
    /// The longest answer that was asked for.
    max_tokens: Option<u64>,
}

/// What the server remembers of a case.
#[derive(Default)]
struct Books {
    charges: Vec<Charge>,
    failures: BTreeMap<usize, u32>,
    refusals: BTreeSet<usize>,
}

/// What a call is answered with.
enum Answer {
    Text(String),
    Tool,
    Refusal,
}

/// Chooses what the server does with a call, and writes down what that would cost.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn direct(case: &Case, books: &Mutex<Books>, seen: &Seen) -> Act {
    let body = seen.body.to_string();
    let task = (0..case.needs.len()).find(|ix| body.contains(&format!("Your task: perform t{ix}!"))).unwrap();
    let mut books = books.lock().unwrap();
    let count = books.charges.iter().filter(|charge| charge.task == task).count() as u64;
    let mut dice = Dice(case.seed.wrapping_mul(1000) + task as u64 * 100 + count);
    let first = seen.body["model"] == "first";
    // Always below what orch must reckon with.
    let (input, output) = (1 + dice.roll(body.len() as u64 / 10), 1 + dice.roll(MAX_TOKENS));
    let is_late = books.failures.get(&task).copied().unwrap_or_default() >= FAILURES;
    let fails = !is_late && dice.one_in(3);
    let refuses = !books.refusals.contains(&task);
    let status = |code: u16, wait_ms: u64| Act::Status {
        code,
        headers: vec![("retry-after-ms", wait_ms.to_string())],
        body: json!({"error": {"message": "not now"}}).to_string(),
    };
    let answer = |answer: Answer| Act::json(whole(seen, &answer, input, output).to_string());
    // What is done, whether it is paid for, and whether the client learns the price.
    let (act, paid, told) = match (case.mood, dice.roll(4)) {
        (Mood::Dead(code), _) if first => (status(code, if code == 429 { 86_400_000 } else { 0 }), false, true),
        (Mood::Rough, 0) if fails && first => (status(503, 0), false, true),
        (Mood::Rough, 1 | 2) if fails && first => {
            let after = usize::try_from(dice.roll(450)).unwrap();
            (Act::Cut { after }, true, false)
        }
        (Mood::Rough | Mood::Picky, 3) if fails => (status(429, dice.roll(15)), false, true),
        (Mood::Rough, _) if fails => (status(429, 0), false, true),
        (Mood::Picky, 0) if fails && refuses => (answer(Answer::Refusal), true, true),
        (Mood::Picky, 1) if fails && refuses => (status(400, 0), false, true),
        (Mood::Picky, _) if fails => (Act::json("{\"what\": "), true, false),
        _ if count < 4 && dice.one_in(4) => (answer(Answer::Tool), true, true),
        _ => (answer(Answer::Text(format!("answer of t{task}"))), true, true),
    };
    if fails && case.mood != Mood::Calm {
        *books.failures.entry(task).or_default() += 1;
    }
    if fails && case.mood == Mood::Picky {
        books.refusals.insert(task);
    }
    let (_, input_price, output_price) = PRICES[usize::from(!first)];
    let tokens = if paid { input + output } else { 0 };
    let cost_usd = if paid { (input as f64 * input_price + output as f64 * output_price) / 1e6 } else { 0.0 };
    let max_tokens = ["max_tokens", "max_completion_tokens"].iter().find_map(|key| seen.body[key].as_u64());
    books.charges.push(Charge { task, tokens, cost_usd, told, max_tokens });
    Act::Late { pause: Duration::from_millis(dice.roll(12)), act: Box::new(act) }
}

/// An answer as one document, in the words of the vendor that was asked.
fn whole(seen: &Seen, answer: &Answer, input: u64, output: u64) -> Value {
    if seen.path.ends_with("/messages") {
        let (block, stop) = match answer {
            Answer::Text(text) => (json!({"type": "text", "text": text}), "end_turn"),
            Answer::Refusal => (json!({"type": "text", "text": "no"}), "refusal"),
            Answer::Tool => {
                (json!({"type": "tool_use", "id": "c", "name": "read_file", "input": {"path": "in.txt"}}), "tool_use")
            }
        };
        let usage = json!({"input_tokens": input, "output_tokens": output});
        return json!({"type": "message", "role": "assistant", "content": [block], "stop_reason": stop, "usage": usage});
    }
    let arguments = json!({"path": "in.txt"}).to_string();
    let (message, finish) = match answer {
        Answer::Text(text) => (json!({"role": "assistant", "content": text}), "stop"),
        Answer::Refusal => (json!({"role": "assistant", "content": "no"}), "content_filter"),
        Answer::Tool => {
            let call =
                json!({"id": "c", "type": "function", "function": {"name": "read_file", "arguments": arguments}});
            (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
        }
    };
    json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    })
}

/// What one limit is charged with.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    calls: u64,
    tokens: u64,
    usd: f64,
}

impl Account {
    fn add(&mut self, calls: u64, (tokens, usd): (u64, f64)) {
        self.calls += calls;
        self.tokens += tokens;
        self.usd += usd;
    }

    #[expect(clippy::cast_precision_loss, reason = "cents")]
    fn is_within(&self, limit: &Limit) -> bool {
        limit.calls.is_none_or(|max| self.calls <= max)
            && limit.tokens.is_none_or(|max| self.tokens <= max)
            && limit.cents.is_none_or(|max| self.usd <= max as f64 / 100.0 + 1e-6)
    }
}

/// Folds the journal: what is spent, and what is reserved on top, must at every event be within every limit. Gives
/// what is charged in the end, by the places in `limits`.
fn fold(case: &Case, journal: &[Value], holds: bool) -> Vec<Account> {
    let seed = case.seed;
    let mut spent = vec![Account::default(); case.limits.len()];
    let mut open: BTreeMap<String, (usize, (u64, f64))> = BTreeMap::new();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    for event in journal {
        let task = event["task"].as_str().and_then(|name| name[1..].parse::<usize>().ok());
        let key = format!("{} {} {}", event["task"], event["attempt"], event["call"]);
        let used = || {
            let usage = &event["usage"];
            let tokens = number(&usage["input_tokens"]) + number(&usage["output_tokens"]);
            (tokens, event["cost_usd"].as_f64().unwrap_or_default())
        };
        match (event["type"].as_str().unwrap(), task) {
            ("call_started", Some(task)) => {
                let reserved = &event["reserved"];
                assert!(reserved.is_object(), "seed {seed}: nothing is reserved: {event}");
                let amount = (number(&reserved["tokens"]), reserved["cost_usd"].as_f64().unwrap());
                assert!(open.insert(key.clone(), (task, amount)).is_none(), "seed {seed}: {key} is begun twice");
                case.scopes(task).into_iter().for_each(|scope| spent[scope].add(1, (0, 0.0)));
            }
            ("call_finished" | "call_failed", Some(task)) => {
                let (_, reserved) = open.remove(&key).unwrap_or_else(|| panic!("seed {seed}: {key} never began"));
                let used = if event["unsettled"] == true { reserved } else { used() };
                assert!(used.0 <= reserved.0, "seed {seed}: {key} took more than was reserved");
                case.scopes(task).into_iter().for_each(|scope| spent[scope].add(0, used));
            }
            ("run_resumed", _) => {
                for (task, reserved) in std::mem::take(&mut open).into_values() {
                    case.scopes(task).into_iter().for_each(|scope| spent[scope].add(0, reserved));
                }
            }
            _ => {}
        }
        let mut charged = spent.clone();
        for (task, reserved) in open.values() {
            case.scopes(*task).into_iter().for_each(|scope| charged[scope].add(0, *reserved));
        }
        for (account, limit) in charged.iter().zip(&case.limits).filter(|_| holds) {
            assert!(account.is_within(limit), "seed {seed}: {account:?} is above {limit:?} at {event}");
        }
    }
    for (task, reserved) in open.into_values() {
        case.scopes(task).into_iter().for_each(|scope| spent[scope].add(0, reserved));
    }
    spent
}

/// What the server has counted, by the places in `limits`.
fn counted(case: &Case, charges: &[Charge]) -> Vec<Account> {
    let mut counted = vec![Account::default(); case.limits.len()];
    for charge in charges {
        case.scopes(charge.task).into_iter().for_each(|scope| counted[scope].add(1, (charge.tokens, charge.cost_usd)));
    }
    counted
}

/// What came of a case.
#[derive(Default)]
struct Outcome {
    limited: bool,
    killed: bool,
    exact: bool,
}

fn play(seed: u64) -> Outcome {
    let case = Arc::new(Case::draw(seed));
    let (server, books) = (Server::start(), Arc::new(Mutex::new(Books::default())));
    let (director, written) = (Arc::clone(&case), Arc::clone(&books));
    server.directs(move |seen| direct(&director, &written, seen));
    let project = Project::new().file("x.yaml", case.text(1)).file("in.txt", "what stands in it").server(&server);

    let mut outcome = Outcome::default();
    let mut kills = case.kills.clone();
    loop {
        let next = if project.journal().is_empty() { project.args(RUN) } else { project.args(["resume"]) };
        let next = kills.pop().map_or(next.clone(), |step| next.disk(format!("kill:{step}")));
        let ended = next.run();
        no_limit_is_passed(&case, &ended, &server, &books);
        match ended.code() {
            None => outcome.killed = true,
            Some(0) => break,
            Some(3) => {
                let journal = project.journal();
                assert_eq!(journal.last().unwrap()["status"], "limited", "seed {seed}");
                assert!(journal.iter().any(|event| event["type"] == "limit_reached"), "seed {seed}");
                outcome.limited = true;
                project.file("x.yaml", case.text(10_000)).args(["resume"]).run().exits(0);
                break;
            }
            code => panic!("seed {seed}: {code:?}\n{}\n{}", ended.stderr, case.text(1)),
        }
    }
    is_accounted_for(&case, &project, &server, &books, &mut outcome);
    outcome
}

fn no_limit_is_passed(case: &Case, ended: &Ended, server: &Server, books: &Mutex<Books>) {
    let seed = case.seed;
    server.settled();
    let charges = books.lock().unwrap().charges.clone();
    fold(case, &ended.project.journal(), true);
    for (account, limit) in counted(case, &charges).iter().zip(&case.limits) {
        assert!(account.is_within(limit), "seed {seed}: the server counts {account:?}, and {limit:?} is allowed");
    }
    let bounded = charges.iter().all(|charge| charge.max_tokens == Some(MAX_TOKENS));
    assert!(bounded, "seed {seed}: an answer could be longer than was reserved");
}

fn is_accounted_for(case: &Case, project: &Project, server: &Server, books: &Mutex<Books>, outcome: &mut Outcome) {
    let seed = case.seed;
    for task in 0..case.needs.len() {
        assert_eq!(project.read(&output(&format!("t{task}"))), Some(format!("answer of t{task}")), "seed {seed}");
    }
    let charges = books.lock().unwrap().charges.clone();
    assert_eq!(server.settled().len(), charges.len(), "seed {seed}");
    outcome.exact = !outcome.killed && charges.iter().all(|charge| charge.told);
    let (ours, theirs) = (fold(case, &project.journal(), false), counted(case, &charges));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let told = format!("seed {seed}: ours {ours:?}, the server's {theirs:?}");
        assert!(ours.calls >= theirs.calls && (outcome.killed || ours.calls == theirs.calls), "{told}");
        assert!(ours.tokens >= theirs.tokens && (!outcome.exact || ours.tokens == theirs.tokens), "{told}");
        let difference = ours.usd - theirs.usd;
        assert!(difference > -1e-9 && (!outcome.exact || difference < 1e-9), "{told}");
    }
    let shown = project.args(["show", "--json"]).run().exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let path = project.journal_path().replace("journal.jsonl", "summary.json");
    let kept: Value = serde_json::from_str(&project.read(&path).unwrap()).unwrap();
    assert_eq!(shown["totals"], kept["totals"], "seed {seed}");
    let totals = &shown["totals"];
    assert_eq!(totals["calls"], ours[0].calls, "seed {seed}");
    if outcome.exact {
        let tokens = ["input_tokens", "output_tokens"].map(|key| totals[key].as_u64().unwrap());
        assert_eq!(tokens[0] + tokens[1], theirs[0].tokens, "seed {seed}");
        let difference = totals["cost_usd"].as_f64().unwrap_or_default() - theirs[0].usd;
        assert!(difference.abs() < 1e-9, "seed {seed}: {difference}");
    }
}

#[test]
fn no_limit_is_passed_and_every_call_is_accounted_for() {
    let next = AtomicU64::new(0);
    let (limited, killed, exact) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let seed @ ..CASES = next.fetch_add(1, Ordering::SeqCst) {
                    let outcome = play(seed);
                    limited.fetch_add(u64::from(outcome.limited), Ordering::SeqCst);
                    killed.fetch_add(u64::from(outcome.killed), Ordering::SeqCst);
                    exact.fetch_add(u64::from(outcome.exact), Ordering::SeqCst);
                }
            });
        }
    });
    let came = [limited, killed, exact].map(AtomicU64::into_inner);
    assert!(came.iter().all(|&count| count >= CASES / 8), "limited, killed, exact: {came:?}");
}
