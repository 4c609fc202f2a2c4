//! The same kills over conversations: tools, chains of models, answers that are asked for once more, limits.
//!
//! What was paid for is counted by the server and what was done by the tools themselves, each in a file of its own. A
//! turn that is in the journal is never bought again, and a tool that may be used once is used once at most: where
//! nobody knows how far it came, the model is told so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{go_on, leaves_no_stray, sweep};
use crate::keys::tools::calls;
use crate::project::{Ended, Project, RESULT, RUN, output};
use crate::server::{Act, Server};

const TEXT: &str = r#"
orchestra:
  id: x
  reuse: false
  execution: {STRATEGY, retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}
limits: {max_api_calls: 500, token_budget: 50000000}
mcp_servers: {counter: {argv: [sh, counter.sh]}}
agents:
  - name: worker
    tools: [read_file, write_file, edit_file, ctx_set, {name: run_command, allow: [[sh, once.sh]]}, "counter/*"]
  - {name: writer, instructions: Be brief.}
  - {name: picky, model: [openai/third, openai/fourth]}
  - {name: chained, model: [openai/first, openai/second], tools: [{name: run_command, allow: [[sh, once.sh]]}]}
tasks:
  - {name: alpha, agent: worker, description: do alpha}
  - {name: beta, agent: chained, description: do beta}
  - name: gamma
    agent: writer
    description: do gamma
    output: {schema: {type: object, required: [n], properties: {n: {type: integer}}}}
  - name: delta
    agent: writer
    description: do delta
    context: [alpha]
    output: {format: file, file: out/delta.txt}
    verify: [{run: [grep, -q, good, out/delta.txt]}]
  - {name: epsilon, agent: picky, description: do epsilon}
  - {name: omega, agent: writer, description: do omega, context: [beta, gamma, delta, epsilon]}
"#;

/// Notes each use.
const ONCE: &str = "echo $1 >> used.txt\n";

/// An MCP server with one tool, which notes each use.
const COUNTER: &str = r#"
while read -r line; do
  id=$(echo "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"counter","version":"1"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"count","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*) echo alpha-6 >> used.txt; result='{"content":[{"type":"text","text":"counted"}]}' ;;
    *) continue ;;
  esac
  echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$result}"
done
"#;

/// A turn of a conversation: what stands in its request and in no earlier one, and how often it is refused before it
/// is answered.
struct AssistantMessage {
    task: &'static str,
    mark: &'static str,
    refusals: usize,
}

/// In the order in which they are looked for: what stands in a request stays in those after it.
const TURNS: [AssistantMessage; 9] = [
    AssistantMessage { task: "alpha", mark: "\"alpha-6\"", refusals: 0 },
    AssistantMessage { task: "alpha", mark: "\"alpha-1\"", refusals: 0 },
    AssistantMessage { task: "alpha", mark: "do alpha", refusals: 0 },
    AssistantMessage { task: "beta", mark: "\"beta-1\"", refusals: 1 },
    AssistantMessage { task: "beta", mark: "do beta", refusals: 2 },
    AssistantMessage { task: "gamma", mark: "gamma-bad", refusals: 0 },
    AssistantMessage { task: "gamma", mark: "do gamma", refusals: 0 },
    AssistantMessage { task: "delta", mark: "do delta", refusals: 0 },
    AssistantMessage { task: "epsilon", mark: "do epsilon", refusals: 1 },
];

/// The tools that may be used once.
const ONCE_ONLY: [&str; 4] = ["alpha-3", "alpha-4", "alpha-6", "beta-1"];

/// What the last turn of each task says.
const ANSWERS: [(&str, &str); 6] = [
    ("alpha", "alpha is done"),
    ("beta", "beta is done"),
    ("gamma", "{\"n\": 3}"),
    ("delta", "a good one"),
    ("epsilon", "epsilon is done"),
    ("omega", "omega is done"),
];

fn answer(mark: &str) -> Act {
    match mark {
        "do alpha" => calls(&[
            ("alpha-1", "read_file", json!({"path": "notes.txt"})),
            ("alpha-2", "write_file", json!({"path": "out/deep/made.txt", "content": "made"})),
            ("alpha-3", "run_command", json!({"argv": ["sh", "once.sh", "alpha-3"]})),
            ("alpha-4", "edit_file", json!({"path": "notes.txt", "old": "before", "new": "after"})),
            ("alpha-5", "ctx_set", json!({"key": "plan.files", "value": ["made.txt"]})),
        ]),
        "\"alpha-1\"" => calls(&[
            ("alpha-6", "counter__count", json!({})),
            ("alpha-7", "read_file", json!({"path": "out/deep/made.txt"})),
        ]),
        "do beta" => calls(&[("beta-1", "run_command", json!({"argv": ["sh", "once.sh", "beta-1"]}))]),
        "do gamma" => Act::Text("{\"n\": \"gamma-bad\"}".to_owned()),
        mark => {
            let turn = TURNS.iter().find(|turn| turn.mark == mark).map_or("omega", |turn| turn.task);
            Act::Text(ANSWERS.iter().find(|(task, _)| *task == turn).unwrap().1.to_owned())
        }
    }
}

fn refusal(mark: &str) -> Act {
    let status = |code| Act::error(code, &json!({"error": {"message": "not now"}}));
    match mark {
        "\"beta-1\"" => status(429),
        "do beta" => status(503),
        _ => Act::json(
            json!({
                "object": "chat.completion",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": null}, "finish_reason": "content_filter"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 0},
            })
            .to_string(),
        ),
    }
}

/// A fresh project with a server of its own, which answers by how far a conversation has come.
fn project(strategy: &str) -> (Project, Server) {
    let server = Server::start();
    for turn in &TURNS {
        let refusals = std::iter::repeat_with(|| refusal(turn.mark)).take(turn.refusals);
        server.when(turn.mark, refusals.chain(std::iter::repeat_with(|| answer(turn.mark)).take(8)));
    }
    server.when("do omega", std::iter::repeat_with(|| answer("do omega")).take(8));
    let project = Project::new()
        .file("x.yaml", TEXT.replace("STRATEGY", strategy))
        .file("once.sh", ONCE)
        .file("counter.sh", COUNTER)
        .file("notes.txt", "state: before\n")
        .server(&server)
        .args(RUN);
    (project, server)
}

const SEQUENTIAL: &str = "strategy: sequential";
const PARALLEL: &str = "strategy: parallel, max_parallel_tasks: 3";

/// The turn that a request asks for, by its place in [`TURNS`]; none is the only turn of `omega`.
fn turn_of(body: &Value) -> Option<usize> {
    let body = body.to_string();
    TURNS.iter().position(|turn| body.contains(turn.mark))
}

/// What stood in the journal when a process was gone.
struct Left {
    /// The turns that were kept, by their places in [`TURNS`].
    kept: Vec<usize>,
}

fn left(project: &Project, server: &Server, at: &str) -> Left {
    let journal = project.journal();
    let count = |kind: &str| journal.iter().filter(|event| event["type"] == kind).count();
    // Nothing is asked for before the journal says so.
    let (seen, started) = (server.seen().len(), count("call_started"));
    assert!(seen <= started, "{at}: {seen} calls, and {started} in the journal");
    let mut kept = Vec::new();
    for (task, _) in ANSWERS {
        let is_of = |event: &&Value| event["task"] == *task;
        let turns = journal.iter().filter(is_of).filter(|event| event["type"] == "call_finished");
        let turns = turns.filter(|event| event.get("turn").is_some()).count();
        let done = journal.iter().filter(is_of).any(|event| event["type"] == "task_succeeded");
        // The last turn of a conversation stands first in the list.
        let mut of_task: Vec<usize> = (0..TURNS.len()).filter(|&ix| TURNS[ix].task == task).collect();
        of_task.reverse();
        kept.extend(of_task.into_iter().take(if done { usize::MAX } else { turns }));
    }
    Left { kept }
}

/// A turn that was kept is not bought again, and one that was not is bought once more by each process at most.
fn is_paid_once(server: &Server, crashes: &[Left], at: &str) {
    let mut bought: BTreeMap<usize, usize> = BTreeMap::new();
    server.seen().iter().filter_map(|seen| turn_of(&seen.body)).for_each(|ix| *bought.entry(ix).or_default() += 1);
    for (ix, turn) in TURNS.iter().enumerate() {
        let before = crashes.iter().take_while(|left| !left.kept.contains(&ix)).count();
        let bought = bought.get(&ix).copied().unwrap_or_default();
        let most = turn.refusals + 1 + before;
        assert!((1..=most).contains(&bought), "{at}: {} was asked for {bought} times, at most {most}", turn.mark);
    }
}

/// How the calls of tools ended, by their ids: each has one end.
fn tools(project: &Project, at: &str) -> BTreeMap<String, Value> {
    let mut ends = BTreeMap::new();
    for event in project.journal().into_iter().filter(|event| event["type"] == "tool_finished") {
        let id = event["id"].as_str().unwrap().to_owned();
        assert!(ends.insert(id.clone(), event).is_none(), "{at}: {id} has ended twice");
    }
    assert_eq!(ends.len(), 8, "{at}: {:?}", ends.keys());
    ends
}

/// What may be used once was used once, or the model was told that nobody knows. Gives the tools that failed for
/// another reason, as the model was told too.
fn is_used_once(project: &Project, at: &str) -> Vec<String> {
    let used = project.read("used.txt").unwrap_or_default();
    let journal = project.journal();
    let mut failed = Vec::new();
    for (id, end) in tools(project, at) {
        let said = end["output"]["text"].as_str().unwrap();
        let lost = said.contains("does not do it twice");
        if end["is_error"] == true && !lost {
            failed.push(id);
            continue;
        }
        if !ONCE_ONLY.contains(&&*id) {
            assert!(!lost, "{at}: {id}");
            continue;
        }
        let started = journal.iter().filter(|event| event["type"] == "tool_started" && event["id"] == *id).count();
        let times = match &*id {
            "alpha-4" => project.read("notes.txt").unwrap().matches("after").count(),
            id => used.lines().filter(|line| *line == id).count(),
        };
        assert_eq!(started, 1, "{at}: {id} was begun {started} times");
        assert!(times == 1 || lost && times == 0, "{at}: {id} was used {times} times; lost: {lost}");
    }
    failed
}

/// Everything is as if nothing had happened, except for what these tools were to do.
fn is_whole(project: &Project, failed: &[String], at: &str) {
    for (task, answer) in ANSWERS {
        let written = project.read(&output(task)).unwrap_or_default();
        assert_eq!(written.split_whitespace().collect::<String>(), answer.replace(' ', ""), "{at}: output of {task}");
    }
    for (path, text) in [(RESULT, "omega is done"), ("out/delta.txt", "a good one\n")] {
        assert_eq!(project.read(path).as_deref(), Some(text), "{at}: {path}");
    }
    // Whole, or not there.
    match project.read("out/deep/made.txt") {
        Some(made) => assert_eq!(made, "made", "{at}"),
        None => assert!(failed.iter().any(|id| id == "alpha-2"), "{at}: made.txt is missing"),
    }
    let ctx = project.read("orchestra_workspaces/x/intermediate/ctx.json").unwrap_or_default();
    assert!(ctx.contains("plan.files"), "{at}: {ctx}");
    assert_eq!(project.journal().last().unwrap()["status"], "succeeded", "{at}");
    leaves_no_stray(project, at);
}

/// Every call counts that was begun, whatever became of it.
fn is_counted(ended: &Ended, server: &Server, at: &str) {
    let started = ended.project.journal().iter().filter(|event| event["type"] == "call_started").count();
    let shown = ended.stderr.lines().find_map(|line| line.strip_prefix("API calls:"));
    let shown: usize = shown.unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(shown, started, "{at}: {}", ended.stderr);
    assert!(server.seen().len() <= started, "{at}");
}

fn is_as_if_nothing_had_happened(ended: &Ended, server: &Server, crashes: &[Left], at: &str) {
    assert_eq!(is_used_once(&ended.project, at), [""; 0], "{at}");
    is_whole(&ended.project, &[], at);
    is_paid_once(server, crashes, at);
    is_counted(ended, server, at);
}

#[test]
fn a_run_without_a_crash_uses_every_kind_of_step() {
    for strategy in [SEQUENTIAL, PARALLEL] {
        let (project, server) = project(strategy);
        let ended = project.run().exits(0).says("openai/second");
        is_as_if_nothing_had_happened(&ended, &server, &[], strategy);
        let asked = server.seen().len();
        assert_eq!(asked, 14, "six answers, four turns before one, and four refusals");
        assert_eq!(project.journalled("answer_rejected"), ["gamma"]);
        assert_eq!(project.read("used.txt").unwrap().lines().count(), 3);
    }
}

#[test]
fn a_run_with_tools_that_is_killed_anywhere_does_nothing_twice() {
    for (strategy, step) in [(SEQUENTIAL, 3), (PARALLEL, 13)] {
        let last = sweep(step, |number| {
            let at = format!("{strategy}, kill:{number}");
            let (project, server) = project(strategy);
            let killed = project.disk(format!("kill:{number}")).run();
            if killed.code().is_some() {
                is_as_if_nothing_had_happened(&killed.exits(0), &server, &[], &at);
                return false;
            }
            let left = left(&project, &server, &at);
            is_as_if_nothing_had_happened(&go_on(&project, &at), &server, &[left], &at);
            true
        });
        assert!(last > 100, "only {last} steps reach the disk");
    }
}

#[test]
fn a_resume_with_tools_that_is_killed_anywhere_does_nothing_twice() {
    for (first, step) in [(45, 11), (75, 13), (110, 17)] {
        let last = sweep(step, |number| {
            let at = format!("kill:{first}, then kill:{number}");
            let (project, server) = project(SEQUENTIAL);
            project.disk(format!("kill:{first}")).run().dies();
            let before = left(&project, &server, &at);
            let killed = project.args(["resume"]).disk(format!("kill:{number}")).run();
            if killed.code().is_some() {
                is_as_if_nothing_had_happened(&killed.exits(0), &server, &[before], &at);
                return false;
            }
            let crashes = [before, left(&project, &server, &at)];
            is_as_if_nothing_had_happened(&go_on(&project, &at), &server, &crashes, &at);
            true
        });
        assert!(last > 10, "only {last} steps of the resume reach the disk");
    }
}

#[test]
fn a_disk_that_fails_under_tools_loses_nothing_and_the_model_is_told() {
    let last = sweep(5, |number| {
        let at = [format!("fail:{number}:28"), format!("fail:{number}:5"), format!("fail-from:{number}:28")];
        let at = &at[usize::try_from(number % 3).unwrap()];
        let (project, server) = project(SEQUENTIAL);
        let first = project.disk(at).run();
        assert!(!first.stderr.contains("panicked"), "{at}: {}", first.stderr);
        let crashes = if first.code() == Some(0) { vec![] } else { vec![left(&project, &server, at)] };
        let ended = match first.code() {
            Some(0) => first,
            Some(1 | 2) => {
                // The run stops, or the task whose file cannot be written fails without another call.
                let says = ["error: ", "not possible on this machine"];
                assert!(says.iter().any(|says| first.stderr.contains(says)), "{at}: {}", first.stderr);
                go_on(&project, at)
            }
            code => panic!("{at}: {code:?} {}", first.stderr),
        };
        // A file that cannot be written is the model's to know of. This one asks no further.
        let failed = is_used_once(&project, at);
        assert!(failed.iter().all(|id| ["alpha-2", "alpha-4", "alpha-7"].contains(&&**id)), "{at}: {failed:?}");
        is_whole(&project, &failed, at);
        is_counted(&ended, &server, at);
        is_paid_once(&server, &crashes, at);
        !crashes.is_empty() || !failed.is_empty()
    });
    assert!(last > 100, "only {last} steps reach the disk");
}
