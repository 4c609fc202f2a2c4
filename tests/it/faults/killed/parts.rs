//! The same kills while an answer goes on that was cut off: no part is paid for twice, and none is lost.

use serde_json::json;

use super::sweep;
use crate::project::{Project, RESULT, RUN};
use crate::server::{Act, Seen, Server};

const TEXT: &str = "orchestra: {id: x, reuse: false}\n\
                    models: {it: {provider: openai, model: m, max_tokens: 3, on_truncated: continue}}\n\
                    agents: [{name: writer, model: it}]\n\
                    tasks: [{name: a, agent: writer, description: do a}]\n";

/// Counts on from the last part that it is shown, up to three.
fn counts(seen: &Seen) -> Act {
    let messages = seen.body["messages"].as_array().unwrap();
    let parts = messages.iter().filter(|message| message["role"] == "assistant").count();
    let text = ["One,", "One, two,", "One, two, three."][parts.min(2)];
    let reason = if parts < 2 { "length" } else { "stop" };
    let message = json!({"role": "assistant", "content": text});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 3});
    Act::json(json!({"choices": [{"message": message, "finish_reason": reason}], "usage": usage}).to_string())
}

#[test]
fn a_kill_at_any_step_leaves_the_parts_that_there_are() {
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let server = Server::start();
        server.directs(counts);
        let project = Project::new().file("x.yaml", TEXT).server(&server).args(RUN);
        let killed = project.disk(&at).run();
        if killed.code().is_none() {
            super::go_on(&project, &at);
        }
        assert_eq!(project.read(RESULT).as_deref(), Some("One, two, three."), "{at}");
        // The call that was under way may be made again, and no other.
        assert!((3..=4).contains(&server.seen().len()), "{at}: {} calls", server.seen().len());
        killed.code().is_none()
    });
    assert!(last > 20, "only {last} steps reach the disk");
}
