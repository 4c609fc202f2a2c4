//! `limits`: calls, tokens and dollars of a run, a group, a task.

use serde_json::{Value, json};

use crate::commands::validate::{messages, validate};
use crate::keys::tools::calls;
use crate::project::{Ended, Project, RUN, orchestra, output};
use crate::server::{Act, Server};

#[cfg(debug_assertions)]
mod accounts;
#[cfg(unix)]
mod programs;

const THREE: [&str; 3] = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];

fn project(server: &Server, extra: &str, execution: &str, tasks: &[&str]) -> Project {
    let text = orchestra(execution, tasks);
    Project::new().file("x.yaml", format!("{text}{extra}")).server(server).args(RUN)
}

pub(super) fn status(ended: &Ended) -> Value {
    ended.project.journal().last().unwrap()["status"].clone()
}

#[test]
fn a_limit_of_calls_holds_and_a_higher_one_lets_the_run_go_on() {
    let server = Server::start();
    let limited = project(&server, "limits: {max_api_calls: 2}\n", "strategy: sequential", &THREE)
        .run()
        .exits(3)
        .says("max_api_calls")
        .file_has(&output("a"), "do a")
        .no_file(&output("c"));
    assert_eq!((server.seen().len(), status(&limited)), (2, json!("limited")));
    limited.project.args(["resume"]).run().exits(3);
    assert_eq!(server.seen().len(), 2, "a resume does not reset what is spent");
    let text = limited.project.read("x.yaml").unwrap().replace("max_api_calls: 2", "max_api_calls: 3");
    limited.project.file("x.yaml", text).args(["resume"]).run().exits(0).file_has(&output("c"), "echo: ");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn retries_and_parallel_tasks_count_against_one_limit() {
    let server = Server::start();
    let busy = || Act::error(503, &json!({"error": {"message": "too busy"}}));
    server.when("do a", [busy(), busy(), busy(), busy()]);
    let quick = "strategy: parallel, max_parallel_tasks: 0, retry_strategy: {strategy: fixed, max_attempts: 9, initial_seconds: 0}";
    project(&server, "limits: {max_api_calls: 4}\n", quick, &THREE).run().exits(3);
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn tokens_are_reserved_before_a_call_and_settled_by_what_it_used() {
    let server = Server::start();
    // Each call may use 300 and a prompt, and uses 15: three of them fit one after another, though not at once.
    let agents = "limits: {token_budget: 700}\nmodels: {m: {provider: openai, model: m, max_tokens: 300}}\nagents: [{name: developer, model: m, instructions: Be brief.}]\n";
    let ended = project(&server, agents, "strategy: parallel, max_parallel_tasks: 0", &THREE).run().exits(0);
    assert_eq!((server.seen().len(), status(&ended)), (3, json!("succeeded")));
    assert_eq!(server.most_in_flight(), 1);
    let too_small = agents.replace("700", "200");
    let other = Server::start();
    project(&other, &too_small, "strategy: parallel", &THREE).run().exits(3).says("token_budget");
    assert!(other.seen().is_empty());
}

#[test]
fn dollars_need_a_price() {
    let server = Server::start();
    let unpriced = "limits: {cost_limit_usd: 1}\nmodels: {m: {provider: openai, model: m}}\nagents: [{name: developer, model: m}]\n";
    project(&server, unpriced, "strategy: parallel", &THREE).run().exits(2).says("the price of openai/m is not known");
    let priced = unpriced.replace("model: m}}", "model: m, price: {input: 1000, output: 100000}, max_tokens: 10}}");
    let limited = project(&server, &priced, "strategy: sequential", &THREE).run().exits(3).says("cost_limit_usd");
    assert!(limited.project.journal().iter().all(|event| event["type"] != "task_failed"));
}

#[test]
fn a_refusal_names_the_limit_and_its_owner_and_says_how_to_raise_it() {
    let groups = "task_groups: [{name: talk, tasks: [a, b], execution_strategy: sequential, limits: {max_api_calls: 1}}, \
                  {name: rest, tasks: [c], execution_strategy: parallel}]";
    let tasks = [THREE[0], THREE[1], "name: c, description: do c, limits: {token_budget: 20}"];
    for (execution, tasks, says) in [
        (
            format!("strategy: mixed, {groups}"),
            THREE,
            [
                "the group `talk`'s max_api_calls of 1 is reached: 1 made so far",
                "raise it under the group `talk`'s `limits`, then `orch resume`",
            ],
        ),
        (
            "strategy: sequential".to_owned(),
            tasks,
            [
                "the task `c`'s token_budget of 20 is too small: 0 spent, ",
                "raise it under the task `c`'s `limits`, then `orch resume`",
            ],
        ),
    ] {
        let server = Server::start();
        let ended = project(&server, "", &execution, &tasks).run().exits(3).says(says[0]).says(says[1]);
        let reached: Vec<Value> =
            ended.project.journal().into_iter().filter(|event| event["type"] == "limit_reached").collect();
        assert!(reached[0]["message"].as_str().unwrap().starts_with(says[0]), "{reached:?}");
        // What was said is enough to go on.
        let text = ended.project.read("x.yaml").unwrap().replace("max_api_calls: 1", "max_api_calls: 2");
        let raised = text.replace("token_budget: 20", "token_budget: 20000");
        ended.project.file("x.yaml", raised).args(["resume"]).run().exits(0);
        assert_eq!(server.seen().len(), 3);
    }
}

#[test]
fn rounds_are_bounded_by_the_smallest_limit_of_run_group_and_task() {
    for [run, group, task] in [[9, 2, 4], [2, 9, 9], [9, 9, 2]] {
        let server = Server::start();
        server.when("do a", (0..9).map(|_| calls(&[("1", "read_file", json!({"path": "x.yaml"}))])));
        let limits = |most: u32| format!("limits: {{max_iterations: {most}}}");
        let agents = "\nagents: [{name: developer, tools: [read_file]}]\n";
        let groups = format!("strategy: mixed, task_groups: [{{name: all, tasks: [a], {}}}]", limits(group));
        let tasks = format!("{}, {}", THREE[0], limits(task));
        project(&server, &(limits(run) + agents), &groups, &[&tasks]).run().exits(3).says("max_iterations");
        assert_eq!(server.seen().len(), 2, "{run}, {group}, {task}");
    }
}

#[test]
fn an_answer_that_broke_off_counts_as_much_as_was_reserved_for_it() {
    // Anthropic says at once what a prompt costs and that one token is written; how many were is not known.
    let server = Server::start();
    server.when("do a", [Act::Cut { after: 420 }]);
    let model =
        "models: {m: {provider: anthropic, model: m, max_tokens: 4000}}\nagents: [{name: developer, model: m}]\n";
    let settings = format!("limits: {{token_budget: 6000}}\n{model}");
    let once = "strategy: sequential, retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}";
    let ended =
        project(&server, &settings, once, &THREE[..1]).run().exits(3).says("token_budget of 6000 is reached: 4");
    let failed = ended.project.journal().into_iter().find(|event| event["type"] == "call_failed").unwrap();
    assert_eq!((&failed["unsettled"], &failed["usage"]["output_tokens"]), (&json!(true), &json!(1)));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_limit_of_calls_of_tools_is_told_once_and_then_it_holds() {
    let read = |id: &str| calls(&[(id, "read_file", json!({"path": "x.yaml"}))]);
    let listed = calls(&[("l", "list_files", json!({})), ("r3", "read_file", json!({"path": "x.yaml"}))]);
    let agents = "agents: [{name: reader, model: openai/m, tools: [read_file, list_files]}]\n";
    let text = |limit: &str| {
        format!(
            "{agents}execution: {{retry_strategy: none}}\ntasks: [{{name: a, agent: reader, description: do a, limits: {{max_tool_calls: {limit}}}}}]\n"
        )
    };
    let project = |server: &Server, limit: &str| Project::new().file("x.yaml", text(limit)).server(server).args(RUN);

    let server = Server::start();
    server.when("do a", [read("r1"), read("r2"), listed, Act::Text("done".to_owned())]);
    project(&server, "{read_file: 2}").run().exits(0).file_is(&output("a"), "done");
    let messages = server.seen().last().unwrap().body["messages"].as_array().unwrap().clone();
    let told = messages.iter().filter(|message| message["role"] == "tool");
    assert_eq!(
        told.map(|it| it["content"].as_str().unwrap().contains("This call was not made")).collect::<Vec<_>>(),
        [false, false, false, true]
    );

    let server = Server::start();
    server.when("do a", [read("r1"), read("r2"), read("r3"), read("r4"), Act::Text("done".to_owned())]);
    let limited = project(&server, "1").run().exits(3).says("raise `max_tool_calls`");
    assert_eq!((server.seen().len(), status(&limited)), (3, json!("limited")));
    let more = limited.project.file("x.yaml", text("5")).args(["resume"]);
    more.run().exits(0).file_is(&output("a"), "done");
}

#[test]
fn limits_that_could_hold_nothing_are_refused() {
    let file = |limits: &str, more: &str| {
        format!("{more}tasks: [{{name: a, agent: writer, description: x, limits: {limits}}}]\n")
    };
    assert_eq!(
        messages(file("{max_tool_calls: {read_fil: 2}}", "")),
        ["`max_tool_calls` names `read_fil`, and there is no such tool"]
    );
    assert_eq!(
        messages(file("{max_tool_calls: {web/search: 2}}", "")),
        ["`max_tool_calls` names `web/search`, and there is no such tool"]
    );
    let servers = "mcp_servers: {web: {argv: [x]}}\n";
    validate(file("{max_tool_calls: {web/search: 2, \"*\": 9, web/*: 3}}", servers)).run().exits(0);
    let group = "execution: {strategy: mixed, task_groups: [{tasks: [a], limits: {token_budget: 5}}]}\n\
                 tasks: [{name: a, run: [echo, x]}]\n";
    assert_eq!(messages(group), ["every task of this group is done by a program, and limits are for agents"]);
}
