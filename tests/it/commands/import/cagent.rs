//! A file of agents of cagent.

use super::{Project, comments, has, imported};

const KITCHEN: &str = r#"
#!/usr/bin/env cagent run
version: "2"
metadata: {author: someone, description: A small kitchen}
models:
  big: {provider: anthropic, model: claude-sonnet-4-0, max_tokens: 64000, thinking_budget: 1024}
  local: {provider: dmr, model: ai/qwen3}
  other: {provider: amazon-bedrock, model: x}
agents:
  root:
    model: big
    description: Head of the kitchen
    instruction: |
      Plan the meal, ask your cooks, and serve.
        - keep {{ braces }} as they are
    sub_agents: [cook, baker]
    max_iterations: 12
    toolsets:
      - type: think
      - type: mcp
        ref: docker:duckduckgo
        tools: [search]
      - type: mcp
        remote: {url: "https://example.com/mcp", transport_type: streamable, headers: {Authorization: "Bearer sk-secret-1"}}
  cook:
    model: openai/gpt-4o, local
    description: Cooks what is warm
    instruction: Cook.
    sub_agents: [baker, root]
    toolsets:
      - type: filesystem
      - type: shell
      - type: mcp
        command: npx
        args: [-y, "@vendor/recipes-mcp@latest"]
        env: {RECIPES_KEY: sk-secret-2}
  baker:
    model: other
    description: Bakes
    instruction: Bake.
    welcome_message: hi
    toolsets:
      - type: mcp
        command: npx
        args: [-y, "@vendor/recipes-mcp@latest"]
        env: {RECIPES_KEY: sk-secret-2}
  guest: {model: auto, description: Eats, instruction: Eat.}
"#;

#[test]
fn sub_agents_become_tasks_in_front_of_the_agent_that_has_them() {
    let project = Project::new().file("kitchen.yaml", KITCHEN);
    let text = imported(&project, "kitchen", &["cagent", "kitchen.yaml"]);
    has(
        &text,
        &[
            "  description: \"A small kitchen\"\n",
            "  big:\n    provider: anthropic\n    model: claude-sonnet-4-0\n    max_tokens: 64000\n",
            "  local:\n    provider: openai\n    base_url: \"http://localhost:12434/engines/v1\"\n    model: ai/qwen3\n",
            "    argv: [docker, mcp, gateway, run, \"--servers=duckduckgo\"]\n",
            "      Authorization: EXAMPLE_COM_AUTHORIZATION\n",
            "  recipes-mcp:\n    argv: [npx, \"-y\", \"@vendor/recipes-mcp@latest\"]\n",
            "    env: [RECIPES_KEY]\n",
            "      Plan the meal, ask your cooks, and serve.\n        - keep {{ '{{' }} braces }} as they are\n",
            "    tools: [duckduckgo/search, \"example.com/*\"]\n",
            "    model: [openai/gpt-4o, local]\n",
            "    tools: [read_file, list_files, search_files, write_file, edit_file, \"recipes-mcp/*\"]\n",
            "    context: [cook, baker]\n    limits:\n      max_iterations: 12\n",
        ],
    );
    has(
        &comments(&text),
        &[
            "Left out: `author: someone`.",
            "Left out: the model `other` of the provider `amazon-bedrock`. Name a model that orch knows",
            "Left out: a task for `guest`. Nothing that begins with `root` comes to it",
            "Left out: `welcome_message`. A run is no chat.",
            "Left out: `thinking_budget: 1024`. How much a model thinks is said in words here",
            "Left out: the toolset `think`.",
            "Left out: the toolset `shell`. Name the commands that it may run",
            "Left out: the sub-agent `root`. It waits for this one",
            "The original has values for `RECIPES_KEY`; set them in the environment.",
        ],
    );
    assert!(!text.contains("sk-secret") && text.matches("  recipes-mcp:").count() == 1, "{text}");
    let graph = project.args(["graph", "kitchen"]).run().exits(0);
    graph.prints("1     baker  baker").prints("cook   cook   baker").prints("root   root   cook, baker");
}

#[test]
fn one_agent_alone_does_what_it_is_asked() {
    let project = Project::new()
        .file("a.yaml", "agents:\n  helper: {model: auto, instruction: Help., sub_agents: [acme/other]}\n");
    let text = imported(&project, "a", &["cagent", "a.yaml"]);
    has(&text, &["    strategy: sequential\n", "  - name: helper\n    agent: helper\n    description: \"{goal}\"\n"]);
    has(&comments(&text), &["Left out: the sub-agent `acme/other`. It is kept in a registry"]);
}

#[test]
fn models_come_with_the_addresses_of_their_providers() {
    let text = "
providers:
  gateway: {api_type: openai_responses, base_url: 'https://gateway.example/v1', token_key: GATEWAY_KEY}
models:
  mine: {provider: gateway, model: gpt-x, max_tokens: 100, top_p: 0.9, thinking_budget: minimal}
  own: {provider: acme, model: acme-1, base_url: 'https://acme.example/v1', token_key: ACME_KEY}
agents:
  root: {model: mine, instruction: Do., sub_agents: [a, b]}
  a: {model: xai/grok-3, instruction: Do.}
  b: {model: own, instruction: Do.}
";
    let text = imported(&Project::new().file("a.yaml", text), "a", &["cagent", "a.yaml"]);
    has(
        &text,
        &[
            "  mine:\n    provider: responses\n    base_url: \"https://gateway.example/v1\"\n    api_key_env: GATEWAY_KEY\n    model: gpt-x\n    max_tokens: 100\n    top_p: 0.9\n    reasoning: none\n",
            "  own:\n    provider: openai\n    model: acme-1\n    base_url: \"https://acme.example/v1\"\n    api_key_env: ACME_KEY\n",
            "    model: xai/grok-3\n",
        ],
    );
    assert!(!text.contains("# Left out: "), "{text}");
}

#[test]
fn what_is_no_such_file_is_refused_with_the_place() {
    for (text, said) in [
        ("agents: {", "x.yaml:1:"),
        ("tasks: []\n", "this is not a file of cagent: it has no `agents`"),
        ("agents: {}\n", "there is no agent in it"),
        ("agents: [a]\n", "x.yaml:1:9"),
        ("agents:\n  root: hello\n", "x.yaml:2:9"),
        ("agents:\n  root: {sub_agents: [coook]}\n  cook: {}\n", "did you mean `cook`?"),
        ("agents:\n  root: {toolsets: [{tools: [a]}]}\n", "a toolset with its `type`"),
        ("agents:\n  root: {toolsets: [{type: mcp}]}\n", "x.yaml:2:21"),
        ("agents:\n  root: {toolsets: shell}\n", "a list of toolsets is expected here"),
    ] {
        let project = Project::new().file("x.yaml", text).args(["import", "cagent", "x.yaml"]);
        project.run().exits(2).says(said).prints_exactly("").no_file("orchestras");
    }
}
