//! The digests of what an orchestra is made of: journals and stored results keep them, and a later version of orch
//! compares them with its own.
//!
//! Each names its fields itself, so a type or a field in Rust can be renamed without making earlier results stale. A
//! change here makes every earlier task "changed" and every stored result a miss; the golden test has to say so.
//! What decides only whether and when there is a result does not count: timeouts, retries, priorities, limits, prices.

use serde_json::Value;

use crate::plan::condition::Condition;
use crate::plan::ctx::Setting;
use crate::plan::growth::{Expand, ForEach, Grows, Items, Repeat, Review};
use crate::plan::orchestra::{Agent, Check, Grant, ModelRef, OutputRule, Task, Work};
use crate::plan::spec::{Collect, Join, OutputFormat};
use crate::plan::template::Template;
use crate::words::digest::Parts;
use crate::words::id::Name;

/// Bytes of a digest that is a part of another one.
const NESTED_BYTES: usize = 16;

/// A task: who does what, for which list, and what its output has to be. The values that its templates are filled with
/// do not count. `agents` are the digests of the agents, `needs` are the names of the tasks that it waits for, and
/// `tasks` are those that it may name by their place.
#[must_use]
pub(crate) fn task(task: &Task, agents: &[String], needs: &[Name], tasks: &[Task]) -> Parts {
    let mut digest = Parts::default();
    match &task.work {
        Work::Agent { agent, description } => {
            digest.field("agent", &agents[*agent]);
            digest.field("description", description.text());
        }
        Work::Command(program) => {
            let argv: Vec<&str> = program.argv.iter().map(Template::text).collect();
            digest.field("run", &command(&argv, &program.env, program.stdin.as_ref().map(Template::text)));
        }
    }
    digest.list("needs", &needs.iter().map(Name::as_str).collect::<Vec<_>>());
    digest.optional("when", task.when.as_ref().map(Condition::text));
    digest.optional(
        "join",
        match task.join {
            Join::All => None,
            Join::Any => Some("any"),
            Join::Settled => Some("settled"),
            Join::Failed => Some("failed"),
        },
    );
    digest.field("result", &result(task));
    if !task.sets.is_empty() {
        let set = |it: &Setting| format!("{} = {}", it.key, it.path.join("."));
        digest.list("sets", &task.sets.iter().map(set).collect::<Vec<_>>());
    }
    if let Some(reads) = &task.reads {
        digest.list("reads", reads);
    }
    for grows in &task.grows {
        match grows {
            Grows::ForEach(list) => digest.field("for_each", &for_each(list, tasks)),
            Grows::Repeat(rounds) => digest.field("repeat", &repeat(rounds)),
            Grows::Expand(plan) => digest.field("expand", &expand(plan, agents)),
            Grows::Review(how) => digest.field("review", &review(how, agents)),
        }
    }
    task.made_for.iter().for_each(|item| digest.field("item", &item.value.to_string()));
    digest
}

/// A program with its arguments, the names of the variables that it is given, and what it reads.
#[must_use]
pub(crate) fn command(argv: &[impl AsRef<str>], env: &[String], stdin: Option<&str>) -> String {
    let mut digest = Parts::default();
    digest.list("argv", argv);
    digest.list("env", env);
    digest.optional("stdin", stdin);
    digest.hex(NESTED_BYTES)
}

/// The list that a task stands for, and how the outputs are put together. How many run side by side does not count.
fn for_each(list: &ForEach, tasks: &[Task]) -> String {
    let mut digest = Parts::default();
    match &list.items {
        Items::Literal(items) => digest.list("literal", &items.iter().map(Value::to_string).collect::<Vec<_>>()),
        Items::Output { task, path } => {
            digest.field("output", tasks[*task].name.as_str());
            digest.list("path", path);
        }
        Items::Input(name) => digest.field("input", name),
    }
    digest.field("collect", collect(list.collect));
    digest.hex(NESTED_BYTES)
}

/// The rounds of a task.
fn repeat(rounds: &Repeat) -> String {
    let mut digest = Parts::default();
    digest.optional("until", rounds.until.as_ref().map(Condition::text));
    digest.field("max", &rounds.max.to_string());
    if rounds.accepts {
        digest.field("on_max", "accept");
    }
    digest.hex(NESTED_BYTES)
}

/// What a task may plan, and how the outputs are put together.
fn expand(plan: &Expand, agents: &[String]) -> String {
    let mut digest = Parts::default();
    digest.list("agents", &plan.agents.iter().map(|&agent| agents[agent].as_str()).collect::<Vec<_>>());
    digest.field("max_tasks", &plan.max_tasks.to_string());
    digest.field("collect", collect(plan.collect));
    digest.hex(NESTED_BYTES)
}

/// Who reviews a task, and what has to come of it.
fn review(how: &Review, agents: &[String]) -> String {
    let mut digest = Parts::default();
    digest.field("by", &agents[how.by]);
    digest.optional("advise", how.advise.map(|agent| &agents[agent]));
    digest.field("max", &how.max.to_string());
    digest.optional("criteria", how.criteria.as_ref().map(Template::text));
    if how.accepts {
        digest.field("on_max", "accept");
    }
    digest.hex(NESTED_BYTES)
}

fn collect(how: Collect) -> &'static str {
    match how {
        Collect::Json => "json",
        Collect::Text => "text",
    }
}

/// What a task has to give: its output, its checks and the files that it writes.
#[must_use]
pub(crate) fn result(task: &Task) -> String {
    let mut digest = Parts::default();
    digest.field("output", &output(&task.output));
    digest.list("verify", &task.verify.iter().map(check).collect::<Vec<_>>());
    if let Some(writes) = &task.writes {
        digest.list("writes", writes);
    }
    digest.hex(NESTED_BYTES)
}

/// An agent, with its models and tools.
#[must_use]
pub(crate) fn agent(agent: &Agent) -> String {
    let mut digest = Parts::default();
    digest.field("name", agent.name.as_str());
    digest.field("title", agent.title.text());
    digest.optional("goal", agent.goal.as_ref().map(Template::text));
    digest.optional("persona", agent.persona.as_ref().map(Template::text));
    digest.optional("instructions", agent.instructions.as_ref().map(Template::text));
    digest.list("models", &agent.models.iter().map(model).collect::<Vec<_>>());
    digest.list("tools", &agent.tools.iter().map(grant).collect::<Vec<_>>());
    digest.optional("temperature", agent.temperature.map(|temperature| temperature.to_string()));
    digest.optional("max_tokens", agent.max_tokens.map(|tokens| tokens.to_string()));
    digest.hex(NESTED_BYTES)
}

/// A model as a file writes it, with where its key comes from.
#[must_use]
pub(crate) fn model(model: &ModelRef) -> String {
    let mut digest = Parts::default();
    digest.field("provider", model.provider.name());
    digest.field("model", &model.model);
    digest.optional("base_url", model.base_url.as_ref());
    digest.optional("api_key_env", model.api_key_env.as_ref());
    if let Some(command) = &model.api_key_command {
        digest.list("api_key_command", command);
    }
    digest.optional("carried", model.carried.digest());
    digest.list("argv", &model.argv);
    digest.list("env", &model.env);
    digest.optional("temperature", model.temperature.map(|temperature| temperature.to_string()));
    digest.optional("max_tokens", model.max_tokens.map(|tokens| tokens.to_string()));
    digest.optional("tuning", model.tuning.digest());
    digest.hex(NESTED_BYTES)
}

/// A model as a stored result knows it: what decides the answer, and nothing of keys. `model` is what the file says of
/// it, if it does; `label` tells a rehearsal from a run.
#[must_use]
pub(crate) fn answering_model(
    label: &str,
    model: Option<&ModelRef>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
) -> String {
    let mut digest = Parts::default();
    digest.field("label", label);
    digest.optional("base_url", model.and_then(|model| model.base_url.as_ref()));
    digest.optional("carried", model.and_then(|model| model.carried.digest()));
    digest.list("argv", model.map(|model| model.argv.as_slice()).unwrap_or_default());
    digest.optional("temperature", temperature.map(|temperature| temperature.to_string()));
    digest.optional("max_tokens", max_tokens.map(|tokens| tokens.to_string()));
    digest.optional("tuning", model.and_then(|model| model.tuning.digest()));
    digest.hex(NESTED_BYTES)
}

/// A tool that an agent may use. The timeout of commands does not count.
#[must_use]
pub(crate) fn grant(grant: &Grant) -> String {
    let mut digest = Parts::default();
    match grant {
        Grant::BuiltIn(name) => digest.field("built_in", name),
        Grant::Files { tool, paths } => {
            digest.field("built_in", tool);
            digest.list("paths", paths);
        }
        Grant::RunCommand { allow, timeout: _ } => {
            digest.field("run_command", &allow.len().to_string());
            allow.iter().for_each(|prefix| digest.list("allow", prefix));
        }
        Grant::Mcp { server, tool } => {
            digest.field("mcp", server);
            digest.optional("tool", tool.as_ref());
        }
    }
    digest.hex(NESTED_BYTES)
}

/// A check of what a task has made. Its timeout does not count.
#[must_use]
pub(crate) fn check(check: &Check) -> String {
    let mut digest = Parts::default();
    match check {
        Check::Run { argv, timeout: _ } => digest.list("run", argv),
        Check::File(path) => digest.field("file", path),
    }
    digest.hex(NESTED_BYTES)
}

/// What an output has to be.
#[must_use]
pub(crate) fn output(output: &OutputRule) -> String {
    let mut digest = Parts::default();
    let format = match output.spec.format() {
        OutputFormat::Text => "text",
        OutputFormat::Markdown => "markdown",
        OutputFormat::Json => "json",
        OutputFormat::File => "file",
        OutputFormat::Plan => "plan",
    };
    digest.field("format", format);
    // The schema of a plan is orch's own, and changes together with its wording.
    let schema = output.spec.schema().filter(|_| output.spec.format() != OutputFormat::Plan);
    digest.optional("schema", schema.map(ToString::to_string));
    if let Some(roster) = output.spec.roster() {
        digest.list("roster", &roster.agents.iter().map(|(name, _)| name).collect::<Vec<_>>());
        digest.field("max_tasks", &roster.max_tasks.to_string());
    }
    digest.optional("file", output.file.as_ref());
    digest.hex(NESTED_BYTES)
}

#[cfg(test)]
mod tests;
