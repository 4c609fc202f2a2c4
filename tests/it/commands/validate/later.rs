//! What the format will have and this version does not perform is refused by name, never read and ignored.

use super::{messages, validate};

const TASK: &str = "tasks:\n  - {name: a, agent: writer, description: x}\n";

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    for (text, what) in [
        (format!("hooks: {{before-plan: [./x.sh]}}\n{TASK}"), "`before-plan` in `hooks`"),
        (format!("orchestration_type: kubernetes\n{TASK}"), "`orchestration_type` in an orchestra file"),
        (format!("orchestra: {{autoApprove: true}}\n{TASK}"), "`autoApprove` in `orchestra`"),
        (format!("execution: {{strategy: hierarchical}}\n{TASK}"), "`hierarchical` for `strategy`"),
        (format!("agents: [{{name: writer, memory: [knowledge]}}]\n{TASK}"), "`memory` in an agent"),
    ] {
        assert_eq!(messages(&text), [format!("{what} is not supported yet")], "{text}");
        validate(&text).run().exits(2).says("not supported yet");
    }
}

#[test]
fn keys_of_later_tasks_are_refused_by_name() {
    for (key, value) in [("tools", "[read_file]"), ("agents", "[writer, editor]"), ("phase", "plan")] {
        let text = format!("tasks:\n  - {{name: a, agent: writer, description: x, {key}: {value}}}\n");
        assert_eq!(messages(text), [format!("`{key}` in a task is not supported yet")]);
    }
}

#[test]
fn what_is_true_from_the_start_is_accepted() {
    validate(format!("orchestra: {{reuse: false}}\n{TASK}")).run().exits(0);
    validate("tasks:\n  - {name: a, agent: writer, description: x, reuse: false}\n").run().exits(0);
    validate(format!("agents: [{{name: writer, model: [openai/a]}}]\n{TASK}")).run().exits(0);
}
