//! Limits over agents' programs, of which nobody knows before a call what that will take.

use serde_json::{Value, json};

use crate::keys::limits::status;
use crate::project::{Ended, Project, RUN};

/// A program that takes so many tokens, and so many dollars where it says so, and notes its arguments.
fn project(name: &str, tokens: u64, usd: Option<f64>, limits: &str, tasks: usize) -> Project {
    let mut result = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "Done.",
        "usage": {"input_tokens": tokens - 1, "output_tokens": 1},
    });
    if let Some(usd) = usd {
        result["total_cost_usd"] = json!(usd);
    }
    let script = format!("#!/bin/sh\ncat > /dev/null\necho \"$@\" >> calls.txt\nprintf '%s' '{result}'\n");
    let tasks: String = (0..tasks).map(|n| format!("  - {{name: t{n}, agent: a, description: do {n}}}\n")).collect();
    let text = format!(
        "execution: {{strategy: parallel, max_parallel_tasks: 0}}\nlimits: {limits}\n\
         models: {{m: {{provider: command, argv: [bin/{name}]}}}}\nagents: [{{name: a, model: m}}]\ntasks:\n{tasks}"
    );
    let project = Project::new().file("x.yaml", text).file(&format!("bin/{name}"), script).args(RUN);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path(&format!("bin/{name}")), mode).unwrap();
    project
}

/// How many calls were under way at once at most, and how many there were.
fn calls(ended: &Ended) -> (usize, usize) {
    let (mut open, mut most, mut all) = (0usize, 0, 0);
    for event in ended.project.journal() {
        match event["type"].as_str() {
            Some("call_started") => (open, all) = (open + 1, all + 1),
            Some("call_finished" | "call_failed") => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    (most, all)
}

fn spent(ended: &Ended, of: impl Fn(&Value) -> f64) -> f64 {
    ended.project.journal().iter().filter(|event| event["type"] == "call_finished").map(of).sum()
}

fn tokens(event: &Value) -> f64 {
    ["input_tokens", "output_tokens"].iter().filter_map(|key| event["usage"][key].as_f64()).sum()
}

#[test]
fn no_more_programs_run_at_once_than_a_limit_of_tokens_bears() {
    let ended = project("claude", 3000, None, "{token_budget: 10000}", 8).run().exits(3).says("token_budget");
    assert_eq!((calls(&ended).1, spent(&ended, tokens)), (3, 9000.0));
    let wide = project("claude", 3000, None, "{token_budget: 100000}", 8).run().exits(0);
    let (most, all) = calls(&wide);
    assert!((2..=7).contains(&most) && all == 8, "the first runs alone, then others side by side: {most}");
    let first = wide.project.journal().into_iter().filter(|event| event["type"].as_str().unwrap().starts_with("call_"));
    let first: Vec<Value> = first.take(2).map(|event| event["type"].clone()).collect();
    assert_eq!(first, ["call_started", "call_finished"]);
}

#[test]
fn a_run_that_has_passed_its_limit_has_not_succeeded() {
    let ended = project("claude", 30_000, None, "{token_budget: 10000}", 1).run().exits(3);
    let ended = ended.says("the run's token_budget of 10000 was passed: 30000 spent");
    assert_eq!(status(&ended), json!("limited"));
    assert_eq!(ended.project.journalled("task_succeeded"), ["t0"]);
    ended.project.args(["resume"]).run().exits(3);
    let text = ended.project.read("x.yaml").unwrap().replace("10000", "40000");
    ended.project.file("x.yaml", text).args(["resume"]).run().exits(0);
    assert_eq!(calls(&ended).1, 1);
}

#[test]
fn claude_is_told_what_it_may_spend_and_starts_no_agents() {
    let ended = project("claude", 3000, Some(0.25), "{cost_limit_usd: 1}", 5).run().exits(3).says("cost_limit_usd");
    let cost = spent(&ended, |event| event["cost_usd"].as_f64().unwrap());
    assert!((0.5..=1.0).contains(&cost), "{cost}");
    let said = ended.project.read("calls.txt").unwrap();
    assert!(said.lines().next().unwrap().contains("--max-budget-usd=1.0000"), "{said}");
    assert!(said.lines().skip(1).all(|line| line.contains("--max-budget-usd=0.")), "{said}");
    assert!(said.lines().all(|line| line.contains("--disallowedTools=Task,Agent")), "{said}");
    let free = project("claude", 3000, Some(0.25), "{max_api_calls: 9}", 1).run().exits(0);
    assert!(!free.project.read("calls.txt").unwrap().contains("--max-budget-usd"));
}

#[test]
fn a_program_that_does_not_say_what_it_cost_has_cost_what_it_might() {
    let ended = project("claude", 3000, None, "{cost_limit_usd: 1}", 2).run().exits(3).says("cost_limit_usd");
    assert_eq!(calls(&ended).1, 1);
}
