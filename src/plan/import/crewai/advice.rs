//! What to do here in place of keys and tools of CrewAI that orch does not have.

/// Keys that change what is shown or how fast it goes, and no result.
pub(super) const WITHOUT_EFFECT: [&str; 6] =
    ["verbose", "cache", "output_log_file", "share_crew", "respect_context_window", "name"];

/// What to do in place of keys of an agent.
pub(super) const OF_AGENT: [(&str, &str); 9] = [
    ("allow_delegation", "An agent here hands no work to others: make it a task of its own."),
    ("memory", "Agents here remember nothing between runs: say what they need to know in `instructions`."),
    ("max_rpm", "Give the model an entry under `models` with `requests_per_minute`."),
    (
        "allow_code_execution",
        "Grant the commands that it may run: `{name: run_command, allow: [[python, script.py]]}`.",
    ),
    ("code_execution_mode", "Commands that `run_command` allows run in the project's folder."),
    ("knowledge_sources", "Let it read the files: grant `read_file`, or put what it needs into `instructions`."),
    ("system_template", "orch has a prompt of its own: put what matters into `instructions`."),
    ("reasoning", "Give the model an entry under `models` with `reasoning`, such as `reasoning: high`."),
    ("multimodal", "Tasks here take text."),
];

/// What to do in place of keys of a task.
pub(super) const OF_TASK: [(&str, &str); 7] = [
    ("human_input", "Nobody is asked during a run: look at the output before you use it."),
    ("output_json", "Describe its fields as a JSON Schema: `output: {schema: {...}}`."),
    ("output_pydantic", "Describe its fields as a JSON Schema: `output: {schema: {...}}`."),
    ("guardrail", "Check the output by a program: `verify: [{run: [...]}]`."),
    ("guardrails", "Check the output by a program: `verify: [{run: [...]}]`."),
    ("callback", "Add a task with `run` that does it."),
    ("tools", "Tools are granted to agents here: put them into the agent's `tools`."),
];

/// What to do in place of arguments of the crew.
pub(super) const OF_CREW: [(&str, &str); 8] = [
    ("manager_llm", "There is no manager; the tasks run in their order."),
    ("manager_agent", "There is no manager; the tasks run in their order."),
    ("memory", "Runs remember nothing of each other, but results whose inputs are the same are used again."),
    ("planning", "Put a task that plans in front: its output goes to those that name it in `context`."),
    ("max_rpm", "Give the models entries under `models` with `requests_per_minute`."),
    ("knowledge_sources", "Let the agents read the files: grant `read_file`."),
    ("step_callback", "`orch run --json` reports each step."),
    ("task_callback", "`orch run --json` reports each task."),
];

/// Tools of CrewAI that orch has as well.
pub(super) const TOOLS: [(&str, &str); 4] = [
    ("FileReadTool", "read_file"),
    ("DirectoryReadTool", "list_files"),
    ("DirectorySearchTool", "search_files"),
    ("FileWriterTool", "write_file"),
];

/// What to do about a tool that is not known.
pub(super) const OTHER_TOOL: &str =
    "Grant a built-in tool that does the same, or one of an MCP server under `mcp_servers` as `server/tool`.";

/// What to do in place of a key.
pub(super) fn advice<'a>(table: &[(&str, &'a str)], key: &str) -> &'a str {
    table.iter().find(|(known, _)| *known == key).map_or("orch has nothing of this kind.", |(_, advice)| advice)
}
