//! An orchestra that can run: valid by construction, with nothing left to look up but keys and defaults of the
//! environment.
//!
//! Made by `resolve` alone. Knows no places in a file and no YAML.

use std::time::Duration;

use crate::digest::Parts;
use crate::event::PlannedTask;
use crate::graph::{Plan, TaskIx};
use crate::id::Name;
use crate::retry::RetryPolicy;
use crate::schedule::Rules;
use crate::spec::{OnError, Price, Priority, Provider, Strategy, Tier};
use crate::template::Template;
use serde::Serialize;

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
}

/// How the tasks of an orchestra run.
#[derive(Debug, Clone)]
pub struct Execution {
    /// How they are put in order.
    pub strategy: Strategy,
    /// How many may run at once; `None` is no limit.
    pub max_parallel: Option<u32>,
    /// Whether `summary.json` is written.
    pub metrics: bool,
    /// Whether `trace.json` is written.
    pub trace: bool,
    /// The groups' names and tasks, for people; the plan holds their order.
    pub groups: Vec<(String, Vec<TaskIx>)>,
}

/// Who plays tasks.
#[derive(Debug, Clone, Serialize)]
pub struct Agent {
    /// The name that tasks use.
    pub name: Name,
    /// What it is, such as "Software Developer".
    pub title: String,
    /// What it is to achieve in general.
    pub goal: Option<String>,
    /// What kind of character it is.
    pub persona: Option<String>,
    /// How it works.
    pub instructions: Option<String>,
    /// Its model; `None` leaves the choice to the environment.
    pub model: Option<ModelRef>,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
}

/// A model and where it is served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelRef {
    /// The wire format.
    #[serde(serialize_with = "provider_name")]
    pub provider: Provider,
    /// The name that the server knows it by.
    pub model: String,
    /// The server's address, unless it is the provider's own or the environment's.
    pub base_url: Option<String>,
    /// The environment variable that holds the key, unless it is the provider's usual one.
    pub api_key_env: Option<String>,
    /// What it costs.
    #[serde(skip)]
    pub price: Option<Price>,
    /// How freely it chooses its words, unless the agent says so.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens, unless the agent says so.
    pub max_tokens: Option<u32>,
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
            price: None,
            temperature: None,
            max_tokens: None,
        }
    }

    /// `provider/model`, as a file and a journal write it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.provider.name(), self.model)
    }
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Openai, Self::Responses, Self::Anthropic, Self::Gemini, Self::Zhipu, Self::Ollama];

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
        }
    }

    /// The provider that a file calls `name`, which may be the vendor's name or its models'.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "google" => Some(Self::Gemini),
            "glm" => Some(Self::Zhipu),
            _ => Self::ALL.into_iter().find(|provider| provider.name() == name),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn provider_name<S: serde::Serializer>(provider: &Provider, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(provider.name())
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub name: Name,
    /// Its agent, as an index into [`Orchestra::agents`].
    pub agent: usize,
    /// What is to be done.
    pub description: Template,
    /// Which of several ready tasks starts first.
    pub priority: Priority,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// When a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// What its failure means for the others.
    pub on_error: OnError,
}

impl Orchestra {
    /// The agent of a task.
    #[must_use]
    pub fn agent_of(&self, task: TaskIx) -> &Agent {
        &self.agents[self.tasks[task].agent]
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
        let of_agent = |agent: &Agent| {
            let mut digest = Parts::default();
            digest.add(&serde_json::to_string(agent).unwrap_or_default());
            digest
        };
        let agents: Vec<Parts> = self.agents.iter().map(of_agent).collect();
        (0..self.tasks.len()).map(|ix| self.planned_task(ix, &agents)).collect()
    }

    fn planned_task(&self, ix: TaskIx, agents: &[Parts]) -> PlannedTask {
        let task = &self.tasks[ix];
        let needs: Vec<Name> = self.plan.needs(ix).iter().map(|&n| self.tasks[n].name.clone()).collect();
        // Timeouts, retries and priorities decide whether and when there is a result, and not which.
        let mut digest = agents[task.agent].clone();
        digest.add(task.description.text());
        needs.iter().for_each(|name| digest.add(name.as_str()));
        PlannedTask {
            task: task.name.clone(),
            agent: self.agents[task.agent].name.clone(),
            needs,
            digest: digest.hex(8),
        }
    }

    /// The same orchestra with some of its tasks alone, and the edges among those.
    #[must_use]
    pub fn select(&self, keep: &[TaskIx]) -> Self {
        let tasks = keep.iter().map(|&ix| self.tasks[ix].clone()).collect();
        let groups = self
            .execution
            .groups
            .iter()
            .map(|(name, members)| {
                let members = members.iter().filter_map(|m| keep.iter().position(|k| k == m)).collect();
                (name.clone(), members)
            })
            .collect();
        let execution = Execution { groups, ..self.execution.clone() };
        Self { tasks, plan: self.plan.select(keep), execution, ..self.clone() }
    }
}
