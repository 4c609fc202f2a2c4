//! A crew of CrewAI: two files of YAML and a program that is read and never run.

use super::{Project, comments, has, imported, imported_with};

const AGENTS: &str = "
scout:
  role: >
    Scout for {topic}
  goal: >
    Find out what is new about {topic}
  backstory: >
    You have walked these hills for years: you know
    every path.
  llm: openai/gpt-4o-mini
  verbose: true
  max_iter: 7
  max_rpm: 10
  allow_delegation: true
chronicler:
  role: Chronicler
  goal: Write it down
  backstory: You keep the books.
  llm: azure/some-deployment
  api_key: sk-do-not-show-this
";

const TASKS: &str = "
look:
  description: >
    Look around for {topic}. Use {{ double }} braces as they are.
  expected_output: Five findings
  agent: scout
weigh:
  description: Weigh the findings about {topic}
  expected_output: A ranking
  agent: scout
  human_input: true
tell:
  description: |
    Tell it:
    - shortly
    - truly
  expected_output: A page
  agent: chronicler
  output_file: ./out/page.md
unused:
  description: Never done
  expected_output: Nothing
  agent: scout
";

const CODE: &str = "
import os
os.system('touch carried_out')

@CrewBase
class Hills():
    agents_config = 'config/agents.yaml'
    tasks_config = 'config/tasks.yaml'

    @agent
    def scout(self) -> Agent:
        return Agent(config=self.agents_config['scout'], tools=[SearchTool(), FileReadTool()], verbose=True)

    @agent
    def chronicler(self) -> Agent:
        return Agent(config=self.agents_config['chronicler'])

    @task
    def tell(self) -> Task:
        return Task(config=self.tasks_config['tell'], output_pydantic=Page)

    @task
    def look(self) -> Task:
        return Task(config=self.tasks_config['look'])

    # @task
    # def unused(self) -> Task:
    #     return Task(config=self.tasks_config['unused'])

    @task
    def weigh(self) -> Task:
        return Task(config=self.tasks_config['weigh'])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=[self.look(), self.weigh(), self.tell()],
                    process=Process.hierarchical, manager_llm='gpt-4o', verbose=True)
";

fn crew() -> Project {
    Project::new()
        .file("hills/src/hills/config/agents.yaml", AGENTS)
        .file("hills/src/hills/config/tasks.yaml", TASKS)
        .file("hills/src/hills/crew.py", CODE)
}

#[test]
fn a_crew_becomes_agents_and_tasks_in_its_order() {
    let project = crew();
    let text = imported_with(&project, "hills", &["crewai", "hills"], &["topic=hills"]);
    has(
        &text,
        &[
            "  - name: scout\n    role: \"Scout for {topic}\"\n",
            "    persona: \"You have walked these hills for years: you know every path.\"\n",
            "    model: openai/gpt-4o-mini\n    tools: [read_file]\n",
            "      Look around for {topic}. Use {{ '{{' }} double }} braces as they are.\n\n      Expected output: Five findings\n",
            "inputs:\n  topic: text\n",
            "    limits:\n      max_iterations: 7\n",
            "      Tell it:\n      - shortly\n      - truly\n\n      Expected output: A page\n    context: [look, weigh]\n",
            "    output:\n      file: out/page.md\n",
        ],
    );
    let order: Vec<usize> = ["name: look", "name: weigh", "name: tell"].map(|name| text.find(name).unwrap()).into();
    assert!(order.is_sorted(), "{text}");
    assert!(!text.contains("name: unused") && !text.contains("sk-do-not-show-this"), "{text}");
    has(
        &comments(&text),
        &[
            "Left out: `process: hierarchical`. There is no manager",
            "Left out: `manager_llm` of the crew.",
            "Left out: `max_rpm: 10`. Give the model an entry under `models`",
            "Left out: `allow_delegation: true`.",
            "Left out: the tools `SearchTool`.",
            "Left out: `llm: azure/some-deployment`. Name a model that orch knows",
            "Left out: `api_key`.",
            "Left out: `human_input: true`. Nobody is asked",
            "Left out: `output_pydantic` in crew.py. Describe its fields as a JSON Schema",
            "Left out: the task `unused`. tasks.yaml has it, and the crew does not use it.",
            "Left out: `verbose`. No output depends on it.",
        ],
    );
    assert!(!project.path("carried_out").exists(), "nothing of the program is run");
}

#[test]
fn without_a_program_the_order_is_that_of_the_file() {
    let project = Project::new().file("c/agents.yaml", "a: {role: A, goal: g, backstory: b}\n").file(
        "c/tasks.yaml",
        "One two:\n  {description: 'On {x} and {the-y}', expected_output: o, agent: a}\nb: {description: d, agent: a}\n",
    );
    let text = imported_with(&project, "other", &["crewai", "c", "--id", "other"], &["x=1", "the_y=2"]);
    has(
        &text,
        &[
            "  - name: One_two\n",
            "inputs:\n  x: text\n  the_y: text\n",
            "description: |\n      On {x} and {the_y}\n",
            "  - name: b\n",
        ],
    );
    has(&comments(&text), &["There is no crew.py"]);
}

#[test]
fn two_methods_may_make_their_tasks_of_the_same_texts() {
    let code = "
    @task
    def first(self):
        return Task(config=self.tasks_config['write'], agent=self.a())
    @task
    def second(self):
        return Task(config=self.tasks_config['write'], agent=self.b_method(), context=[self.first()])
    @agent
    def b_method(self):
        return Agent(config=self.agents_config['b'], llm='together_ai/llama-3.3-70b')
";
    let project = Project::new()
        .file("config/agents.yaml", "a: {role: A}\nb: {role: B}\n")
        .file("config/tasks.yaml", "write: {description: d}\n")
        .file("crew.py", code);
    let text = imported(&project, "it", &["crewai", ".", "--id", "it"]);
    has(
        &text,
        &[
            "  - name: first\n    agent: a\n",
            "  - name: second\n    agent: b\n    description: d\n    context: [first]\n",
        ],
    );
    has(
        &text,
        &[
            "  llama-3.3-70b:\n    provider: openai\n    base_url: \"https://api.together.xyz/v1\"\n    api_key_env: TOGETHER_API_KEY\n    model: llama-3.3-70b\n",
            "    model: llama-3.3-70b\n",
        ],
    );
}

#[test]
fn tasks_that_run_beside_others_wait_as_they_did() {
    let tasks = "
a: {description: d, agent: x, async_execution: true}
b: {description: d, agent: x, async_execution: true}
c: {description: d, agent: x}
d: {description: d, agent: x, context: [a]}
";
    let project = Project::new().file("config/agents.yaml", "x: {role: X}\n").file("config/tasks.yaml", tasks);
    let text = imported(&project, "it", &["crewai", ".", "--id", "it"]);
    has(&text, &["    strategy: parallel\n"]);
    project
        .args(["graph", "it"])
        .run()
        .exits(0)
        .prints("1     b")
        .prints("2     c     x      a, b")
        .prints("d     x      a");
}

#[test]
fn what_is_no_crew_is_refused_with_the_place() {
    let with = |agents: &str, tasks: &str| {
        Project::new()
            .file("c/config/agents.yaml", agents)
            .file("c/config/tasks.yaml", tasks)
            .args(["import", "crewai", "c"])
    };
    for (agents, tasks, said, place) in [
        ("a: [", "b: {}", "not valid YAML", "c/config/agents.yaml:1:"),
        ("a: {}", "- b\n", "a mapping from names to tasks is expected here", "c/config/tasks.yaml:1:1"),
        ("a: {}", "b: text\n", "a description of a task", "c/config/tasks.yaml:1:4"),
        ("a: {}", "b:\n  description: d\n  agent: b\n", "there is no agent `b`", "c/config/tasks.yaml:3:10"),
        ("ab: {}", "b:\n  description: d\n  agent: abc\n", "did you mean `ab`?", "c/config/tasks.yaml:3:10"),
        ("a: {}", "b: {agent: a, description: d, context: [c]}\n", "there is no task `c`", "c/config/tasks.yaml:1:41"),
        ("a: {}", "b: {agent: a}\n", "the task `b` has no `description`", "c/config/tasks.yaml:1:4"),
        ("a: {role: [x]}", "b: {agent: a, description: d}\n", "a text for `role`", "c/config/agents.yaml:1:11"),
        ("a: {}\na: {}", "b: {agent: a, description: d}\n", "`a` stands twice", "c/config/agents.yaml:2:1"),
        ("a: {}", "{}", "there is no task in it", "c/config/tasks.yaml"),
    ] {
        with(agents, tasks).run().exits(2).says(said).says(place).prints_exactly("").no_file("orchestras");
    }
    let project =
        Project::new().file("file", "x").file("empty/x", "x").file("one/agents.yaml", "").file("one/tasks.yaml", "");
    project.args(["import", "crewai", "none"]).run().exits(2).says("none cannot be read");
    project.args(["import", "crewai", "file"]).run().exits(2).says("file is not a folder");
    project.args(["import", "crewai", "empty"]).run().exits(2).says("empty holds no crew").says("config/agents.yaml");
    let two = project.file("two/agents.yaml", "").file("two/tasks.yaml", "");
    two.args(["import", "crewai", "."]).run().exits(2).says(". holds several crews").says("./one, ./two");
}

#[test]
fn nothing_is_written_over_unless_that_is_asked_for() {
    let project =
        crew().file("orchestras/hills_orchestra.yaml", "mine").file("orchestras/x.yaml", "metadata: {id: y}\n");
    let import = project.args(["import", "crewai", "hills"]);
    import
        .run()
        .exits(2)
        .says("there is already an orchestra `hills`")
        .file_is("orchestras/hills_orchestra.yaml", "mine");
    import.and(["--id", "y", "--force"]).run().exits(2).says("orchestras/x.yaml");
    let printed = import.and(["--print"]).run().exits(0).file_is("orchestras/hills_orchestra.yaml", "mine").stdout;
    import.and(["--force"]).run().exits(0).says("comments in it on what was left out");
    assert_eq!(project.read("orchestras/hills_orchestra.yaml").unwrap(), printed);
    import.and(["--id", "../up"]).run().exits(2).says("cannot be the id of an orchestra");
}
