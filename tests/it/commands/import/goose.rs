//! A recipe of goose with a sub-recipe.

use super::{Project, comments, has, imported_with};

const RECIPE: &str = r#"
version: 1.0.0
title: Garden plan
description: Plans a garden
instructions: You plan gardens of {{ size }} square metres.
prompt: |
  Plan for {{ region }}{% if size %} and {{ size }}{% endif %}. See {{ recipe_dir }}/notes.md
parameters:
  - {key: region, input_type: string, requirement: required, description: Where the garden is.}
  - {key: size, input_type: select, requirement: optional, default: "10", options: [10, 20], description: How large}
activities: [a]
extensions:
  - {type: builtin, name: developer, timeout: 300, bundled: true}
  - {type: stdio, name: soil map, cmd: uvx, args: [soil-map@latest], env_keys: [SOIL_KEY], envs: {SOIL_URL: "http://u:p@x"}, timeout: 60, available_tools: [ask]}
  - {type: streamable_http, name: rain, uri: "https://rain.example/mcp", headers: {X-Key: sk-1}}
  - {type: platform, name: todo}
settings: {goose_provider: anthropic, goose_model: claude-sonnet-4-5, temperature: 0.3, max_turns: 20}
response:
  json_schema:
    type: object
    properties: {beds: {type: array, items: {type: string}}}
    required: [beds]
retry:
  max_retries: 3
  timeout_seconds: 30
  checks:
    - {type: shell, command: test -f plan.md}
    - {type: shell, command: "grep -q beds plan.md && echo \"ok\""}
  on_failure: rm plan.md
sub_recipes:
  - {name: weather, path: ./sub/weather.yaml, values: {where: "{{ region }}"}}
  - {name: far, path: ../far.yaml}
"#;

const WEATHER: &str = r"
title: Weather
description: Says the weather
prompt: The weather in {{ where }} in {{ month }}
parameters:
  - {key: where, input_type: string, requirement: required, description: x}
  - {key: month, input_type: string, requirement: required, description: x}
";

fn recipe() -> Project {
    Project::new().file("garden/recipe.yaml", RECIPE).file("garden/sub/weather.yaml", WEATHER).file("far.yaml", WEATHER)
}

#[test]
fn a_recipe_becomes_an_agent_with_a_task_behind_its_sub_recipes() {
    let inputs = ["region=north", "month=May"];
    let text = imported_with(&recipe(), "garden", &["goose", "garden/recipe.yaml"], &inputs);
    has(
        &text,
        &[
            "  name: \"Garden plan\"\n  id: garden\n  version: \"1.0.0\"\n  description: \"Plans a garden\"\n",
            "  soil_map:\n    argv: [uvx, \"soil-map@latest\"]\n",
            "    env: [SOIL_KEY, SOIL_URL]\n    timeout_seconds: 60\n    tools: [ask]\n",
            "    header_env:\n      X-Key: RAIN_X_KEY\n",
            "    model: anthropic/claude-sonnet-4-5\n    temperature: 0.3\n",
            "    tools: [read_file, list_files, search_files, write_file, edit_file, \"soil_map/*\", \"rain/*\"]\n",
            "    description: \"The weather in {{ inputs.region }} in {{ inputs.month }}\"\n",
            "inputs:\n  region:\n    description: \"Where the garden is.\"\n  size:\n    choices: [\"10\", \"20\"]\n    default: \"10\"\n    description: \"How large\"\n  month:\n    description: x\n",
            "    instructions: \"You plan gardens of {{ inputs.size }} square metres.\"\n",
            "Plan for {{ inputs.region }}{% if inputs.size %} and {{ inputs.size }}{% endif %}. See ./notes.md",
            "    context: [weather]\n    output:\n      schema:\n        type: object\n",
            "    verify:\n      - run: [test, \"-f\", plan.md]\n        timeout_seconds: 30\n",
            "      - run: [sh, \"-c\", \"grep -q beds plan.md && echo \\\"ok\\\"\"]\n",
            "    limits:\n      max_iterations: 20\n",
        ],
    );
    has(
        &comments(&text),
        &[
            "Left out: the sub-recipe `far`. ../far.yaml cannot be read: it does not lie in the recipe's folder.",
            "The original has values for `SOIL_URL`; set them in the environment.",
            "There, the recipe chose `month` as it went; here, they are inputs of the run.",
            "Left out: the commands of the extension `developer`.",
            "Left out: the extension `todo` (platform).",
            "Left out: `max_retries: 3`.",
            "Left out: `on_failure`.",
            "Left out: `recipe_dir`.",
            "Left out: `activities`.",
        ],
    );
    for secret in ["sk-1", "u:p@x"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn parameters_become_inputs_of_their_types() {
    let text = "
title: T
instructions: Be {brief}.
prompt: 'On {{ topic | trim }}: {{ n }} {{ yes }} {{ file }} {{ unused_default }}'
parameters:
  - {key: topic, requirement: user_prompt}
  - {key: n, input_type: number, requirement: optional, default: '3', description: How many}
  - {key: yes, input_type: boolean, requirement: optional, default: 'true'}
  - {key: file, input_type: file, requirement: required, description: The code}
  - {key: unused_default, input_type: number, requirement: optional, default: many}
";
    let project = Project::new().file("a.yaml", text).file("code.rs", "x");
    let text = imported_with(&project, "a", &["goose", "a.yaml"], &["topic=bees", "file=code.rs"]);
    has(
        &text,
        &[
            "  topic: text\n  \"n\":\n    type: number\n    default: 3\n    description: \"How many\"\n",
            "  \"yes\":\n    type: boolean\n    default: true\n",
            "  file:\n    type: file\n    description: \"The code; the path of a file, which the agent reads\"\n",
            "  unused_default:\n    type: number\n    required: false\n",
            "    instructions: \"Be {brief}.\"\n",
            "      On {{ inputs.topic | trim }}: {{ inputs.n }} {{ inputs.yes }} {{ inputs.file }}",
        ],
    );
}

#[test]
fn a_recipe_of_the_desktop_or_in_json_is_a_recipe_and_what_cannot_be_filled_in_is_text() {
    let text =
        "{\"title\": \"T\", \"prompt\": \"On {{ topic }} by {{ nobody }}\", \"parameters\": [{\"key\": \"topic\"}]}";
    for (file, inner) in [("a.json", text.to_owned()), ("b.json", format!("{{\"name\": \"n\", \"recipe\": {text}}}"))] {
        let id = &file[..1];
        let text = imported_with(&Project::new().file(file, inner), id, &["goose", file], &["topic=x"]);
        has(&text, &["    description: \"On {topic} by {{ '{{' }} nobody }}\"\n"]);
        has(&comments(&text), &["Left out: a part of its template. It names something that orch has not"]);
    }
}

#[test]
fn what_is_no_recipe_is_refused_with_the_place() {
    for (text, said) in [
        ("title: [", "x.yaml:1:"),
        ("prompt: p\n", "this is not a recipe of goose: it has no `title`"),
        ("title: t\n", "neither a `prompt` nor `instructions`"),
        ("title: t\nprompt: [p]\n", "x.yaml:2:9"),
        ("title: t\nprompt: p\nextensions: x\n", "x.yaml:3:13"),
        ("title: t\nprompt: p\nextensions: [{type: stdio, name: n}]\n", "x.yaml:3:14"),
        ("title: t\nprompt: p\nretry: {checks: [{type: shell}]}\n", "x.yaml:3:18"),
        ("title: t\nprompt: p\nsub_recipes: [{name: n, path: s.yaml}]\n", "s.yaml: this is not a recipe"),
        ("title: t\nprompt: p\nresponse: {json_schema: {type: nonsense}}\n", "what came of it has mistakes"),
    ] {
        let project = Project::new().file("x.yaml", text).file("s.yaml", "a: b\n");
        let ended = project.args(["import", "goose", "x.yaml"]).run().exits(2).prints_exactly("").no_file("orchestras");
        match said.split_once(": ") {
            Some((place, why)) if place.ends_with("s.yaml") => ended.says(place).says(why),
            _ => ended.says(said),
        };
    }
    Project::new().args(["import", "goose", "none.yaml"]).run().exits(2).says("none.yaml cannot be read");
    Project::new().file("d/x", "").args(["import", "goose", "d"]).run().exits(2).says("d cannot be read");
}

#[cfg(unix)]
#[test]
fn a_sub_recipe_cannot_lead_elsewhere() {
    let project = Project::new()
        .file("secret/secret.yaml", "a: sk-secret\n")
        .file("r/x.yaml", "title: t\nprompt: p\nsub_recipes: [{name: n, path: link.yaml}]\n");
    std::os::unix::fs::symlink(project.path("secret/secret.yaml"), project.path("r/link.yaml")).unwrap();
    let ended = project.args(["import", "goose", "r/x.yaml", "--print"]).run().exits(0);
    has(&comments(&ended.stdout), &["link.yaml cannot be read: it is a link that leads out of the folder"]);
}
