//! `mcp_servers`: the tools of strangers, as a model is offered them.

use serde_json::{Value, json};

use crate::keys::tools::calls;
use crate::mcp::program;
use crate::project::{Project, RUN};
use crate::server::{Act, Server};

#[test]
fn a_malformed_tool_is_warned_of_and_the_good_ones_are_offered_as_the_vendor_takes_them() {
    let server = Server::start();
    server.when("\"call-1\"", [Act::Text("It is good.".into())]);
    server.when("do a", [calls(&[("call-1", "local__good", json!({}))])]);
    let text = format!(
        "orchestra: {{id: x}}\nmcp_servers: {{local: {{argv: {}}}}}\n\
         agents: [{{name: developer, tools: [local/good, local/odd, local/lacking]}}]\n\
         tasks: [{{name: a, agent: developer, description: do a}}]\n",
        json!([program(), "serve", "stdio", "--raw"])
    );
    Project::new()
        .file("x.yaml", text)
        .server(&server)
        .args(RUN)
        .run()
        .exits(0)
        .says("warning: the tool `lacking` of the MCP server `local` is left out: it has no `inputSchema`")
        .says("warning: the tool `wrong` of the MCP server `local` is left out")
        .does_not_say("\u{1b}[2J");
    let [first, second] = &server.seen()[..] else { panic!("{:?}", server.seen()) };
    let tools = first.body["tools"].as_array().unwrap();
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(names, ["local__good", "local__odd"]);
    for tool in tools {
        assert_eq!(tool["function"]["parameters"], json!({"type": "object", "properties": {}}));
    }
    let told = second.body.to_string();
    assert!(
        told.contains("good news") && told.contains("degrees") && told.contains("unknown kind `hologram`"),
        "{told}"
    );
}
