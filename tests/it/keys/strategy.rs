//! `strategy`, `task_groups`, `max_parallel_tasks`, `priority`: which task runs when, by the order in which a real
//! server was asked.

use crate::commands::validate::{GOAL, messages, validate};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

#[test]
fn a_sequence_passes_each_output_on_and_the_last_one_is_the_result() {
    let server = Server::start();
    for (task, text) in [("do a", "Alpha"), ("do b", "Beta"), ("do c", "Gamma")] {
        server.plays(task, text);
    }
    let tasks = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];
    Project::new()
        .file("x.yaml", orchestra("strategy: sequential", &tasks))
        .server(&server)
        .args(RUN)
        .run()
        .exits(0)
        .prints_exactly("Gamma")
        .says("SUCCEEDED")
        .file_is(&output("a"), "Alpha")
        .file_is(&output("b"), "Beta")
        .file_is(RESULT, "Gamma");
    assert_eq!(server.tasks(), ["do a", "do b", "do c"]);
    let last = server.request("do c");
    assert!(last.prompt().contains("output of task b>>\nBeta\n<<end"), "{}", last.prompt());
    assert!(!last.prompt().contains("Alpha"), "only the task before is passed on");
}

#[test]
fn parallel_tasks_run_side_by_side_up_to_the_limit() {
    let server = Server::start();
    server.when("Your task: do", vec![Act::Hold; 5]);
    let tasks = ["a", "b", "c", "d", "e"].map(|name| format!("name: {name}, description: do {name}"));
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    let running = Project::new()
        .file("x.yaml", orchestra("strategy: parallel, max_parallel_tasks: 3", &tasks))
        .server(&server)
        .args(RUN)
        .spawn();
    server.wait_for(3);
    server.release();
    running.wait().exits(0);
    assert_eq!((server.seen().len(), server.most_in_flight()), (5, 3));
}

#[test]
fn a_ready_task_does_not_wait_for_the_layer_before_it() {
    let server = Server::start();
    server.when("Your task: do slow", [Act::Hold]);
    let tasks = [
        "name: slow, description: do slow",
        "name: quick, description: do quick",
        "name: next, description: do next, context: [quick]",
        "name: last, description: do last, context: [next]",
    ];
    let project = Project::new().file("x.yaml", orchestra("strategy: parallel", &tasks)).server(&server).args(RUN);
    let running = project.spawn();
    running.wait_until(|| project.journalled("task_succeeded") == ["quick", "next", "last"]);
    server.release();
    let ended = running.wait().exits(0);
    assert!(ended.stdout.contains("# slow\n\n") && ended.stdout.contains("# last\n\n"), "{}", ended.stdout);
}

#[test]
fn a_group_is_a_barrier() {
    let server = Server::start();
    let yaml = "
orchestra:
  id: x
  execution:
    strategy: mixed
    max_parallel_tasks: 0
    task_groups:
      - {name: research, tasks: [a, b, c], execution_strategy: parallel}
      - {name: deliver, tasks: [d, e], execution_strategy: sequential}
tasks:
  - {agent: developer, name: d, description: do d}
  - {agent: developer, name: e, description: do e}
  - {agent: developer, name: a, description: do a}
  - {agent: developer, name: b, description: do b}
  - {agent: developer, name: c, description: do c}
";
    server.when("Your task: do a", [Act::Hold]);
    let project = Project::new().file("x.yaml", yaml).server(&server).args(RUN);
    let running = project.spawn();
    running.wait_until(|| project.journalled("task_succeeded").len() == 2);
    let mut first = project.journalled("attempt_started");
    first.sort();
    assert_eq!(first, ["a", "b", "c"], "nothing of the next group starts before the last of this one has ended");
    server.release();
    running.wait().exits(0);
    assert_eq!(server.tasks()[3..], ["do d", "do e"]);
}

#[test]
fn among_ready_tasks_the_most_urgent_is_first_and_then_the_order_of_the_file() {
    let server = Server::start();
    let tasks = [
        "name: a, description: do a, priority: low",
        "name: b, description: do b",
        "name: c, description: do c, priority: high, context: [e]",
        "name: d, description: do d",
        "name: e, description: do e, priority: critical",
    ];
    let project = Project::new().server(&server).args(RUN);
    let yaml = orchestra("strategy: parallel, max_parallel_tasks: 1", &tasks);
    project.file("x.yaml", yaml).run().exits(0);
    assert_eq!(server.tasks(), ["do e", "do c", "do b", "do d", "do a"]);
}

#[test]
fn a_task_behind_a_group_that_gets_nothing_of_it_is_warned_of() {
    let text = |context: &str| {
        format!(
            "execution:\n  strategy: mixed\n  task_groups:\n    \
             - {{name: research, tasks: [a, b], execution_strategy: parallel}}\n    \
             - {{name: decide, tasks: [c, d]}}\ntasks:\n  \
             - {{name: a, agent: writer, description: x}}\n  - {{name: b, agent: writer, description: x}}\n  \
             - {{name: c, agent: writer, description: x{context}}}\n  \
             - {{name: d, agent: writer, description: x}}\n"
        )
    };
    let ended = validate(text("")).run().exits(0);
    let told = ended.stderr.matches("gets no output of the group `research` before it").count();
    assert_eq!(told, 1, "the one behind it in the group gets what it made: {}", ended.stderr);
    ended.says("x.yaml:9:12").says("give it `context: [a, b]`, or `context: []` if it is to begin from nothing");
    for context in [", context: []", ", context: [b]"] {
        validate(text(context)).run().exits(0).does_not_say("gets no output");
    }
}

#[test]
fn groups_need_the_mixed_strategy() {
    let groups = |strategy: &str| {
        let execution = format!("execution: {{strategy: {strategy}, task_groups: [{{tasks: [a]}}]}}\n");
        messages(execution + "tasks:\n  - {name: a, agent: writer, description: x}\n")
    };
    assert_eq!(groups("parallel"), ["`task_groups` has no effect with `strategy: parallel`"]);
    let later = "execution: {strategy: mixed, task_groups: [{tasks: [a]}, {tasks: [b]}]}\ntasks:\n  \
                 - {name: a, agent: writer, description: x, context: [b]}\n  - {name: b, agent: writer, description: x}\n";
    assert_eq!(messages(later), ["tasks wait for each other: a -> b -> a"]);
}

#[test]
fn a_tier_is_asked_for_in_the_file_or_on_the_command_line() {
    let parallel = "execution: {strategy: parallel}\ntasks:\n  - {name: a, agent: writer, description: x}\n";
    let project = validate(parallel);
    let refused = "the tier `genies` runs one task after another, and this orchestra is parallel";
    project.run().exits(0);
    project.and(["--tier", "genies"]).run().exits(2).says(refused);
    project.and(["--tier", "protocols"]).run().exits(0);
    project.args(["run", "x.yaml", "--tier", "genies", "--rehearse"]).and(GOAL).run().exits(2).says(refused);
    let sequential = parallel.replace("parallel", "sequential");
    validate(sequential).and(["--tier", "oracles"]).run().exits(0);
}
