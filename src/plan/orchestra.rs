//! An orchestra that can run: valid by construction, with nothing left to look up but keys and defaults of the
//! environment.
//!
//! Made by `resolve` alone. Knows no places in a file and no YAML.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::plan::carried::Carried;
use crate::plan::condition::Condition;
use crate::plan::ctx::Setting;
use crate::plan::digest;
use crate::plan::graph::{Plan, TaskIx};
use crate::plan::growth::{Expand, ForEach, Grows, Item, Items, Member, Repeat};
use crate::plan::hooks::Hook;
use crate::plan::inputs::Input;
use crate::plan::notify::Notify;
use crate::plan::output::OutputSpec;
use crate::plan::retry::RetryPolicy;
use crate::plan::spec::located::Either;
use crate::plan::spec::{Join, Limits, OnError, Price, Priority, Provider, Strategy};
use crate::plan::template::{ItemValues, RoundValues, Template};
use crate::plan::tier::Tier;
use crate::plan::tuning::Tuning;
use crate::words::event::PlannedTask;
use crate::words::id::Name;
use crate::words::text::plural;

/// An orchestra, ready to run.
#[derive(Debug, Clone)]
pub struct Orchestra {
    /// Its id.
    pub id: Name,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The workspace's folder, relative to the project.
    pub workspace: String,
    /// The tier that it must stay in, if one is asked for.
    pub tier: Option<Tier>,
    /// How its tasks run.
    pub execution: Execution,
    /// The agents that its tasks use.
    pub agents: Vec<Agent>,
    /// Its tasks, in file order.
    pub tasks: Vec<Task>,
    /// The graph of its tasks.
    pub plan: Plan,
    /// What the whole run may use.
    pub limits: Limits,
    /// How its earlier results are used again; `None` for not at all.
    pub reuse: Option<Reuse>,
    /// The servers whose tools its agents may be given.
    pub mcp_servers: Vec<McpServer>,
    /// What a run is given by name.
    pub inputs: Vec<Input>,
    /// The tasks whose outputs are the result of a run; `None` for those that nothing follows.
    pub result: Option<Vec<Name>>,
    /// Who is told how a run has ended.
    pub notify: Vec<Notify>,
    /// Programs that run at the points of a run, in its order.
    pub hooks: Vec<Hook>,
}

/// How earlier results are used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reuse {
    /// How old a result may be; `None` is any age.
    pub ttl: Option<Duration>,
}

/// A server of the Model Context Protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServer {
    /// The name that the file gives it.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// The tools that may be used; `None` is all.
    pub tools: Option<Vec<String>>,
    /// The tools that may not be used.
    pub exclude: Vec<String>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// How a server of tools is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpTransport {
    /// A program, by its standard input and output.
    Stdio {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The variables that it is given besides the usual ones.
        env: Vec<String>,
    },
    /// An address.
    Http {
        /// The address.
        url: String,
        /// Headers, each with the variable that holds its value.
        header_env: BTreeMap<String, String>,
    },
}

/// A tool that an agent may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// One of orch's own.
    BuiltIn(&'static str),
    /// One of orch's own that works on files, for the files that these patterns mean. A pattern that names a guarded
    /// place letter for letter opens it too.
    Files {
        /// The tool.
        tool: &'static str,
        /// Patterns for paths relative to the project; at least one.
        paths: Vec<String>,
    },
    /// Commands that begin in one of these ways.
    RunCommand {
        /// The beginnings of command lines.
        allow: Vec<Vec<String>>,
        /// How long one may take.
        timeout: Duration,
    },
    /// One tool of a server, or all of them.
    Mcp {
        /// The server's name in the file.
        server: String,
        /// The tool; `None` is all.
        tool: Option<String>,
    },
}

/// What a task's output is to be.
#[derive(Debug, Clone)]
pub struct OutputRule {
    /// What the text has to be.
    pub spec: OutputSpec,
    /// A file in the project that gets it as well.
    pub file: Option<String>,
}

impl Default for OutputRule {
    fn default() -> Self {
        Self { spec: OutputSpec::free(), file: None }
    }
}

/// What must hold when a task is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A command succeeds.
    Run {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
    /// A file of the project is there.
    File(String),
}

/// How the tasks of an orchestra run.
#[derive(Debug, Clone)]
pub struct Execution {
    /// How they are put in order.
    pub strategy: Strategy,
    /// How many may run at once; `None` is no limit.
    pub max_parallel: Option<u32>,
    /// How long a provider that nobody reaches is waited for.
    pub outage: Duration,
    /// Whether `summary.json` is written.
    pub metrics: bool,
    /// Whether `trace.json` is written.
    pub trace: bool,
    /// The groups' names and tasks, for people; the plan holds their order.
    pub groups: Vec<Group>,
}

impl Execution {
    /// How long a provider that nobody reaches is waited for where nothing says so.
    pub(crate) const USUAL_OUTAGE: Duration = Duration::from_secs(60);
}

/// A group of tasks.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its tasks.
    pub tasks: Vec<TaskIx>,
    /// What they may use together.
    pub limits: Limits,
}

/// Who plays tasks.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The name that tasks use.
    pub name: Name,
    /// What it is, such as "Software Developer".
    pub title: Template,
    /// What it is to achieve in general.
    pub goal: Option<Template>,
    /// What kind of character it is.
    pub persona: Option<Template>,
    /// How it works.
    pub instructions: Option<Template>,
    /// Its models, of which the next one is used when one fails; none leaves the choice to the environment.
    pub models: Vec<ModelRef>,
    /// The tools that it may use.
    pub tools: Vec<Grant>,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
}

impl Agent {
    /// Whether it looks at files by itself: with a tool, or as a program that works in the project.
    #[must_use]
    pub fn looks_at_files(&self) -> bool {
        !self.tools.is_empty() || self.models.iter().any(|model| model.provider == Provider::Command)
    }
}

/// A model and where it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRef {
    /// The wire format.
    pub provider: Provider,
    /// The name that the server knows it by.
    pub model: String,
    /// The server's address, unless it is the provider's own or the environment's.
    pub base_url: Option<String>,
    /// The environment variable that holds the key, unless it is the provider's usual one.
    pub api_key_env: Option<String>,
    /// A command that prints the key.
    pub api_key_command: Option<Vec<String>>,
    /// What its requests carry besides.
    pub carried: Arc<Carried>,
    /// For an agent CLI: the program and its arguments.
    pub argv: Vec<String>,
    /// For an agent CLI: the variables that it is given besides the usual ones.
    pub env: Vec<String>,
    /// How many tokens a prompt and its answer may have together.
    pub context_window: Option<u64>,
    /// What it costs.
    pub price: Option<Price>,
    /// How freely it chooses its words, unless the agent says so.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens, unless the agent says so.
    pub max_tokens: Option<u32>,
    /// How else it is asked to answer.
    pub tuning: Arc<Tuning>,
    /// How long one call may take; `None` is as long as the attempt may.
    pub timeout: Option<Duration>,
    /// How fast it may be called.
    pub rate: RateLimit,
}

/// How fast a model may be called, as the file says. It changes nothing about an output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// How many calls may be under way at once.
    pub max_concurrent: Option<u32>,
    /// How many may begin in any minute.
    pub requests_per_minute: Option<u32>,
}

impl ModelRef {
    /// A model of a provider at its usual address.
    #[must_use]
    pub fn new(provider: Provider, model: impl Into<String>) -> Self {
        Self {
            provider,
            model: model.into(),
            base_url: None,
            api_key_env: None,
            api_key_command: None,
            carried: Arc::default(),
            argv: Vec::new(),
            env: Vec::new(),
            context_window: None,
            price: None,
            temperature: None,
            max_tokens: None,
            tuning: Arc::default(),
            timeout: None,
            rate: RateLimit::default(),
        }
    }

    /// `provider/model`, as a file and a journal write it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.provider.name(), self.model)
    }
}

impl Provider {
    /// All that have an address. A program has none.
    pub const ALL: [Self; 11] = [
        Self::Openai,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Zhipu,
        Self::Ollama,
        Self::Openrouter,
        Self::Deepseek,
        Self::Groq,
        Self::Mistral,
        Self::Xai,
    ];

    /// The name that a file uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Zhipu => "zhipu",
            Self::Ollama => "ollama",
            Self::Openrouter => "openrouter",
            Self::Deepseek => "deepseek",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::Xai => "xai",
            Self::Command => "command",
        }
    }

    /// What a file may call it besides: the vendor's name, or its models'.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Gemini => &["google"],
            Self::Zhipu => &["glm"],
            Self::Xai => &["grok"],
            _ => &[],
        }
    }

    /// The provider that a file calls `name`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name || provider.aliases().contains(&name))
    }
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub name: Name,
    /// How it is done.
    pub work: Work,
    /// How it becomes others, by which the run grows, where it stands for those: the first way is its own, and each of
    /// those others has the rest.
    pub grows: Vec<Grows>,
    /// Whether it is wanted, where that depends on something.
    pub when: Option<Condition>,
    /// How the tasks that it needs must have ended.
    pub join: Join,
    /// What it was made for, where it is a member of such a task: first what that was made for, where it is one itself.
    pub made_for: Vec<Item>,
    /// The group that it is in, as an index into [`Execution::groups`].
    pub group: Option<usize>,
    /// Which of several ready tasks starts first.
    pub priority: Priority,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// When a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// What its failure means for the others.
    pub on_error: OnError,
    /// Whether the file says if an earlier result may be used again.
    pub reuse: Option<bool>,
    /// What its output is to be.
    pub output: OutputRule,
    /// What a person is asked when it is made, before anything that needs it begins.
    pub approve: Option<Approve>,
    /// The shared values that it sets when it is done.
    pub sets: Vec<Setting>,
    /// What must hold when it is done.
    pub verify: Vec<Check>,
    /// What it may use, over all its attempts.
    pub limits: Limits,
    /// The files that it reads, as paths or glob patterns, if the file says.
    pub reads: Option<Vec<String>>,
    /// The files that it makes, if the file says.
    pub writes: Option<Vec<String>>,
}

/// The question whether what a task has made may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approve {
    /// What a person is to look at, in the author's words.
    pub question: Option<String>,
}

/// How a task is done.
#[derive(Debug, Clone)]
pub enum Work {
    /// An agent does it.
    Agent {
        /// The agent, as an index into [`Orchestra::agents`].
        agent: usize,
        /// What is to be done.
        description: Template,
    },
    /// A program does it, without a model.
    Command(Arc<Program>),
}

/// A program that does a task.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program and its arguments. Each is filled in by itself and never goes through a shell.
    pub argv: Vec<Template>,
    /// The variables that it is given besides the usual ones.
    pub env: Vec<String>,
    /// What it reads on its standard input; nothing if left out.
    pub stdin: Option<Template>,
}

impl Task {
    /// The list that it goes through, if it does.
    #[must_use]
    pub fn for_each(&self) -> Option<&ForEach> {
        match self.grows.first() {
            Some(Grows::ForEach(list)) => Some(list),
            _ => None,
        }
    }

    /// What it may plan, if it plans others.
    #[must_use]
    pub fn expand(&self) -> Option<&Expand> {
        match self.grows.first() {
            Some(Grows::Expand(plan)) => Some(plan),
            _ => None,
        }
    }

    /// How many of its members run side by side; `None` is no limit but the run's.
    #[must_use]
    pub(crate) fn max_members(&self) -> Option<u32> {
        match self.grows.first()? {
            Grows::ForEach(list) => list.max_parallel,
            Grows::Repeat(_) | Grows::Review(_) => None,
            Grows::Expand(plan) => plan.max_parallel,
        }
    }

    /// Its rounds, if it has some.
    #[must_use]
    pub fn repeat(&self) -> Option<&Repeat> {
        match self.grows.first() {
            Some(Grows::Repeat(rounds)) => Some(rounds),
            _ => None,
        }
    }

    /// A member of it that is like itself, but for what it becomes, and for what is asked or set once for all of them.
    #[must_use]
    pub(crate) fn member(&self, item: Item) -> Self {
        let made_for = self.made_for.iter().cloned().chain([item]).collect();
        let grows = self.grows.get(1..).unwrap_or_default().to_vec();
        // Whether what it needs has ended as it should was asked when it became others.
        let join = if self.join == Join::All { Join::All } else { Join::Settled };
        Self { grows, made_for, join, when: None, approve: None, sets: Vec::new(), ..self.clone() }
    }

    /// What it was made for, where it is a member.
    #[must_use]
    pub(crate) fn item(&self) -> Option<&Item> {
        self.made_for.last()
    }

    /// What a template knows of the item that it was made for, and of its round.
    #[must_use]
    pub(crate) fn item_values(&self) -> (Option<ItemValues<'_>>, Option<RoundValues<'_>>) {
        let from_within = || self.made_for.iter().rev();
        (from_within().find_map(Item::values), from_within().find_map(Item::round))
    }

    /// Of a round, the name of the round before it.
    #[must_use]
    pub(crate) fn round_before(&self) -> Option<String> {
        let item = self.item().filter(|item| item.is_round() && item.index > 1)?;
        let (of, _) = self.name.as_str().rsplit_once('.')?;
        Some(format!("{of}.{}", item.index - 1))
    }

    /// Its agent, if it has one.
    #[must_use]
    pub fn agent(&self) -> Option<usize> {
        match &self.work {
            Work::Agent { agent, .. } => Some(*agent),
            Work::Command(_) => None,
        }
    }

    /// The texts that are filled in before it is done.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (description, program) = match &self.work {
            Work::Agent { description, .. } => (Some(description), None),
            Work::Command(program) => (None, Some(program)),
        };
        let program = program.into_iter().flat_map(|program| program.argv.iter().chain(&program.stdin));
        description.into_iter().chain(program).chain(self.when.as_ref().map(Condition::template))
    }

    /// What an agent is to do.
    #[must_use]
    pub fn description(&self) -> Option<&Template> {
        match &self.work {
            Work::Agent { description, .. } => Some(description),
            Work::Command(_) => None,
        }
    }
}

/// The rules that the plan itself does not hold.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many tasks may run at once; `None` is no limit.
    pub max_parallel: Option<u32>,
    /// For each task, whether its failure stops the run: nothing new starts then.
    pub stops_on_failure: Vec<bool>,
}

impl Agent {
    /// Its texts that are filled in.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        [Some(&self.title), self.goal.as_ref(), self.persona.as_ref(), self.instructions.as_ref()].into_iter().flatten()
    }
}

impl Orchestra {
    /// The agent of a task, if it has one.
    #[must_use]
    pub fn agent_of(&self, task: TaskIx) -> Option<&Agent> {
        self.tasks[task].agent().map(|agent| &self.agents[agent])
    }

    /// Who does a task, for people: its agent, or `run` and its program; with how often, for one that stands for many.
    #[must_use]
    pub fn doer(&self, task: TaskIx) -> String {
        let task = &self.tasks[task];
        let doer = match &task.work {
            Work::Agent { agent, .. } => self.agents[*agent].name.to_string(),
            Work::Command(program) => {
                format!("run {}", program.argv.first().map_or("", |program| program.text()))
            }
        };
        task.grows.iter().rev().fold(doer, |doer, grows| match grows {
            Grows::ForEach(list) => match &list.items {
                Items::Literal(items) => format!("{doer} x {}", items.len()),
                Items::Output { task, .. } => format!("{doer} for each of {}", self.tasks[*task].name),
                Items::Input(name) => format!("{doer} for each of inputs.{name}"),
            },
            Grows::Repeat(rounds) => format!("{doer} in up to {}", plural(rounds.max.into(), "round", "rounds")),
            Grows::Expand(plan) => format!("{doer} plans for {}", self.roster(plan).join(", ")),
            Grows::Review(review) => format!("{doer}, reviewed by {}", self.agents[review.by].name),
        })
    }

    /// What a person is asked when a task is made. Of a task that plans others, it is the plan that is approved.
    #[must_use]
    pub(crate) fn asks(&self, task: TaskIx) -> Option<&Approve> {
        self.tasks[task].approve.as_ref().filter(|_| self.tasks[task].expand().is_none())
    }

    /// The names of those who may be given tasks by a plan.
    #[must_use]
    pub(crate) fn roster(&self, plan: &Expand) -> Vec<&str> {
        plan.agents.iter().map(|&agent| self.agents[agent].name.as_str()).collect()
    }

    /// How many tasks a task becomes at most, where that is known before the run; 1 for an ordinary one.
    #[must_use]
    pub fn most_members(&self, task: TaskIx) -> Option<usize> {
        self.tasks[task].grows.iter().map(Grows::most).try_fold(1usize, |all, most| Some(all.saturating_mul(most?)))
    }

    /// How often a model may be asked in one attempt at a task, if the file says so. Like all limits of a run, a group
    /// and a task, each of them holds.
    #[must_use]
    pub fn max_iterations(&self, task: TaskIx) -> Option<u32> {
        self.limits_of(task).filter_map(|limits| limits.max_iterations).min()
    }

    /// How often tools may be called for a task: each tool as the file names it, `*` for all together, with its number.
    #[must_use]
    pub fn max_tool_calls(&self, task: TaskIx) -> Vec<(String, u64)> {
        let limits = self.limits_of(task).filter_map(|limits| limits.max_tool_calls.as_ref());
        let of = |limit: &Either<u64, BTreeMap<String, u64>>| match limit {
            Either::Short(most) => vec![("*".to_owned(), *most)],
            Either::Full(tools) => tools.iter().map(|(tool, most)| (tool.clone(), *most)).collect(),
        };
        limits.flat_map(of).collect()
    }

    /// The limits of a run, of a group and of a task that hold for one task.
    fn limits_of(&self, task: TaskIx) -> impl Iterator<Item = &Limits> {
        let task = &self.tasks[task];
        let group = task.group.and_then(|group| self.execution.groups.get(group));
        [Some(&self.limits), group.map(|group| &group.limits), Some(&task.limits)].into_iter().flatten()
    }

    /// A task by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TaskIx> {
        self.tasks.iter().position(|task| task.name.as_str() == name)
    }

    /// What the scheduler needs to know besides the plan.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            max_parallel: self.execution.max_parallel,
            stops_on_failure: self.tasks.iter().map(|task| task.on_error == OnError::Stop).collect(),
        }
    }

    /// What a journal's start says of the tasks.
    #[must_use]
    pub fn planned(&self) -> Vec<PlannedTask> {
        let agents = self.agent_digests();
        let needs = |ix: TaskIx| self.plan.needs(ix).iter().map(|&n| self.tasks[n].name.clone()).collect();
        self.tasks.iter().enumerate().map(|(ix, task)| self.planned_task(task, needs(ix), &agents)).collect()
    }

    /// What a journal says of new members of a task.
    #[must_use]
    pub(crate) fn planned_members(&self, members: &[Member]) -> Vec<PlannedTask> {
        let agents = self.agent_digests();
        members.iter().map(|member| self.planned_task(&member.task, member.needs.clone(), &agents)).collect()
    }

    fn agent_digests(&self) -> Vec<String> {
        self.agents.iter().map(digest::agent).collect()
    }

    fn planned_task(&self, task: &Task, needs: Vec<Name>, agents: &[String]) -> PlannedTask {
        let digest = digest::task(task, agents, &needs, &self.tasks);
        PlannedTask {
            task: task.name.clone(),
            agent: task.agent().map(|agent| self.agents[agent].name.clone()),
            program: match &task.work {
                Work::Command(program) => program.argv.first().map(|program| program.text().to_owned()),
                Work::Agent { .. } => None,
            },
            for_each: !task.grows.is_empty(),
            rounds: task.grows.first().is_some_and(Grows::is_more_than_once),
            item: task.item().map(|item| item.value.clone()),
            joins: task.join != Join::All,
            needs,
            digest: digest.hex(8),
        }
    }

    /// The same orchestra with some of its tasks alone, and the edges among those.
    #[must_use]
    pub fn select(&self, keep: &[TaskIx]) -> Self {
        let mut tasks: Vec<Task> = keep.iter().map(|&ix| self.tasks[ix].clone()).collect();
        for grows in tasks.iter_mut().flat_map(|task| &mut task.grows) {
            if let Grows::ForEach(list) = grows
                && let Items::Output { task, .. } = &mut Arc::make_mut(list).items
            {
                *task = keep.iter().position(|kept| kept == task).unwrap_or_default();
            }
        }
        let groups = self
            .execution
            .groups
            .iter()
            .map(|group| {
                let tasks = group.tasks.iter().filter_map(|m| keep.iter().position(|k| k == m)).collect();
                Group { tasks, ..group.clone() }
            })
            .collect();
        let execution = Execution { groups, ..self.execution.clone() };
        Self { tasks, plan: self.plan.select(keep), execution, ..self.clone() }
    }
}
