//! A project of SuperOptiX: its orchestras, with the playbooks of their agents.

use super::{Project, comments, has, imported};

const ORCHESTRA: &str = "
metadata: {name: Shop, id: shop, version: \"1.0.0\", owner: me}
orchestra:
  id: shop
  autoApprove: true
  execution:
    strategy: mixed
    max_parallel_tasks: 2
    state_file: state.json
    task_groups:
      - {name: first, tasks: [ask, look], execution_strategy: parallel}
      - {name: last, tasks: [sell]}
agents: [clerk, researcher, ghost]
tasks:
  - {name: ask, agent: clerk, description: \"Ask about '{goal}'\", priority: high}
  - {name: look, agent: researcher, description: Look around}
  - name: sell
    agent: ghost
    description: >
      Sell it
    approve: true
    context: [ask, look]
replicas: 3
";

const CLERK: &str = "
apiVersion: agent/v1
kind: AgentSpec
metadata: {name: Clerk, id: clerk}
spec:
  language_model: {location: local, provider: ollama, model: llama3.2:1b, api_base: 'http://localhost:11434', temperature: 0.2}
  persona: {name: Cleo, role: Shop Clerk, goal: Help people, traits: [kind]}
  tasks:
    - {name: greet, instruction: \"Greet with {{ braces }}.\"}
    - {name: pack, instruction: Pack it.}
  agentflow: [{name: x, type: Generate}]
  evaluation: {metrics: [y]}
";

fn shop() -> Project {
    Project::new()
        .file("up/shop/orchestras/shop_orchestra.yaml", ORCHESTRA)
        .file("up/shop/agents/clerk/playbook/clerk_playbook.yaml", CLERK)
}

#[test]
fn an_orchestra_comes_with_the_playbooks_of_its_agents() {
    for path in ["up", "up/shop", "up/shop/orchestras/shop_orchestra.yaml"] {
        let text = imported(&shop(), "shop", &["superoptix", path]);
        has(
            &text,
            &[
                "    max_parallel_tasks: 2\n",
                "      - name: first\n        tasks: [ask, look]\n        execution_strategy: parallel\n",
                "models:\n  clerk:\n    provider: ollama\n    model: \"llama3.2:1b\"\n    base_url: \"http://localhost:11434\"\n    temperature: 0.2\n",
                "  - name: clerk\n    role: \"Shop Clerk\"\n    goal: \"Help people\"\n    persona: \"You go by the name Cleo. You are kind.\"\n    model: clerk\n",
                "  - researcher\n",
                "  - name: ghost\n",
                "    description: \"Ask about '{goal}'\"\n    priority: high\n",
                "    context: [ask, look]\n",
            ],
        );
        has(
            &comments(&text),
            &[
                "Left out: `owner: me`. Here, unknown key `owner` in `metadata`",
                "Left out: `autoApprove: true`. Here, `autoApprove` in `orchestra` is not supported yet",
                "Left out: `state_file: state.json`.",
                "Left out: `replicas: 3`.",
                "Left out: `agentflow`, `evaluation` of its playbook.",
                "Left out: its playbook. There is none in this project",
            ],
        );
    }
}

#[test]
fn another_id_is_taken_wherever_the_orchestra_names_its_own() {
    let project = shop().file("orchestras/shop_orchestra.yaml", "tasks: [{name: a, run: [git, status]}]\n");
    let text = imported(&project, "market", &["superoptix", "up", "--id", "market"]);
    has(&text, &["  id: market\n  version", "orchestra:\n  id: market\n"]);
    project.args(["import", "superoptix", "up"]).run().exits(2).says("there is already an orchestra `shop`");
}

#[test]
fn playbooks_without_an_orchestra_become_one() {
    let project = Project::new().file("shop/agents/clerk/playbook/clerk_playbook.yaml", CLERK);
    let text = imported(&project, "shop", &["superoptix", "shop"]);
    has(
        &text,
        &["  - name: greet\n    agent: clerk\n", "      Greet with {{ '{{' }} braces }}.\n", "  - name: pack\n"],
    );
}

#[test]
fn several_orchestras_become_several_files() {
    let project = shop().file("up/shop/orchestras/second.yaml", "tasks: [{name: a, agent: clerk, description: d}]\n");
    project
        .args(["import", "superoptix", "up", "--print"])
        .run()
        .exits(2)
        .says("up/shop/orchestras/second.yaml, up/shop");
    let paths = "orchestras/second_orchestra.yaml\norchestras/shop_orchestra.yaml\n";
    project.args(["import", "superoptix", "up"]).run().exits(0).prints_exactly(paths);
    project.args(["validate"]).run().exits(0);
}

#[test]
fn what_is_no_project_is_refused_with_the_place() {
    let project = Project::new().file("p/orchestras/x.yaml", "a: b\n").file("none/x", "");
    project.args(["import", "superoptix", "p"]).run().exits(2).says("it has no `tasks`").says("p/orchestras/x.yaml");
    project.args(["import", "superoptix", "none"]).run().exits(2).says("none holds neither orchestras nor playbooks");
    project.args(["import", "superoptix", "nowhere"]).run().exits(2).says("nowhere cannot be read");
    let broken = Project::new().file("p/orchestras/x.yaml", "tasks:\n- {name: a\n").args(["import", "superoptix", "p"]);
    broken.run().exits(2).says("p/orchestras/x.yaml:").says("not valid YAML");
    let playbook = shop().file("up/shop/agents/clerk/playbook/clerk_playbook.yaml", "tasks: [{nme: one}]\n");
    playbook.args(["import", "superoptix", "up"]).run().exits(2).says("clerk_playbook.yaml:1:").no_file("orchestras");
}
