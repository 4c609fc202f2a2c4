//! With what an attempt begins: the prompt or the command line, what was said before, and what the output will depend
//! on.

use std::sync::Arc;

use crate::attempt::{Attempt, CommandAttempt, LeftOut, RunHandle, Said, ToolLimit, ToolLimits};
use crate::engine::runner::{RunContext, RunError, Runner};
use crate::plan::digest;
use crate::plan::graph::TaskIx;
use crate::plan::inputs::with_usual;
use crate::plan::orchestra::{Agent, Grant, Orchestra, Program, Task, Work};
use crate::plan::prompt::{Deed, Inputs, Prompt};
use crate::plan::template::{RunValues, Template, TemplateError};
use crate::run::cache_key::{Ingredients, cache_key};
use crate::run::history::{History, Step, TaskState};
use crate::run::state::{Granted, Input, Preparation, State};
use crate::tools::{Effect, ToolSet};
use crate::words::conversation::ToolResult;
use crate::words::digest::sha256;
use crate::words::event::CacheKey;
use crate::words::failure::{Failure, FailureKind};

/// How often a model may be asked in one attempt where nothing says so.
const MAX_ROUNDS: u32 = 50;

/// An attempt that could begin.
pub(super) enum Prepared {
    /// A conversation with a model.
    Agent(Box<Attempt>),
    /// A program.
    Command(Box<CommandAttempt>),
}

impl Prepared {
    /// Makes the attempt.
    pub(super) async fn execute(self, handle: &RunHandle) -> Result<String, Failure> {
        match self {
            Self::Agent(attempt) => attempt.execute(handle).await,
            Self::Command(attempt) => attempt.execute().await,
        }
    }
}

impl Runner {
    /// Says with what an attempt at a task would begin.
    pub(super) fn prepare(&mut self, task: TaskIx) -> Result<(), RunError> {
        match self.omission(task)? {
            Ok(None) => {}
            Ok(Some(why)) => {
                self.state.tell(Input::Omitted(task, why));
                return Ok(());
            }
            Err(failure) => {
                self.state.tell(Input::Prepared(task, Preparation::Refused(failure)));
                return Ok(());
            }
        }
        let Some(history) = self.state.history() else { return Ok(()) };
        let needs = Needs::of(task, &self.context, &self.state, history)?;
        let preparation = match self.context.attempt(task, &self.state, history, &needs)? {
            Err(failure) => Preparation::Refused(failure),
            Ok((prepared, cache_key)) => {
                let cached = cache_key.as_ref().and_then(|key| self.context.cached(task, key, &self.state));
                cached.unwrap_or_else(|| self.ready(task, prepared, cache_key))
            }
        };
        self.state.tell(Input::Prepared(task, preparation));
        Ok(())
    }

    fn ready(&mut self, task: TaskIx, prepared: Prepared, cache_key: Option<Arc<CacheKey>>) -> Preparation {
        let (mut prompt_tokens, mut first_call) = (0, None);
        if let Prepared::Agent(attempt) = &prepared
            && let Some(tools) = attempt.tool_set.ready()
        {
            let chain =
                self.state.orchestra().tasks[task].agent().map_or(&[][..], |agent| &self.context.clients[agent]);
            let asks: Vec<_> = chain.iter().map(|client| attempt.ask(1, &tools, client)).collect();
            prompt_tokens = asks.first().map_or(0, |ask| ask.input_tokens);
            if attempt.begins_with_a_call() {
                first_call = Some(asks.iter().map(|ask| ask.need).collect());
            }
        }
        self.prepared.insert(task, prepared);
        Preparation::Ready { cache_key, prompt_tokens, first_call }
    }
}

/// What the tasks that a task needs have made.
struct Needs {
    /// The name and the text of each output.
    outputs: Vec<(String, Arc<str>)>,
    /// The name and the digest of each.
    digests: Vec<(String, String)>,
    /// The name of each that has failed, and why.
    failures: Vec<(String, String)>,
}

/// Why a task has failed, in words for one that goes on after it.
pub(super) fn why_failed(state: &TaskState) -> Option<String> {
    match state {
        TaskState::Failed(failure) => Some(failure.to_string()),
        TaskState::Skipped(because, _) => Some(format!("it was not run, because `{because}` failed")),
        _ => None,
    }
}

impl Needs {
    fn of(task: TaskIx, context: &RunContext, state: &State, history: &History) -> Result<Self, RunError> {
        let mut needs = Self { outputs: Vec::new(), digests: Vec::new(), failures: Vec::new() };
        for &needed in state.orchestra().plan.needs(task) {
            let name = state.orchestra().tasks[needed].name.to_string();
            if let Some(text) = context.output(needed, state)? {
                needs.outputs.push((name.clone(), text));
            }
            if let Some(output) = history.tasks[needed].output() {
                needs.digests.push((name.clone(), output.sha256.clone()));
            }
            if let Some(why) = why_failed(&history.tasks[needed].state) {
                // It is a part of the prompt as outputs are.
                needs.digests.push((format!("{name} (its failure)"), sha256(why.as_bytes())));
                needs.failures.push((name, why));
            }
        }
        Ok(needs)
    }
}

/// An attempt that can begin, and the key of its output where a later run may use it; or why it cannot.
type Prepares = Result<(Prepared, Option<Arc<CacheKey>>), Failure>;

/// What goes into an attempt, beside the task itself.
struct Given<'g> {
    task: TaskIx,
    definition: &'g Task,
    inputs: Inputs<'g>,
    digests: &'g [(&'g str, &'g str)],
    files: Vec<(String, String)>,
    /// Whether this is the first try, whose output a later run may use.
    is_kept: bool,
}

impl RunContext {
    fn attempt(&self, task: TaskIx, state: &State, history: &History, needs: &Needs) -> Result<Prepares, RunError> {
        let definition = &state.orchestra().tasks[task];
        let outputs: Vec<(&str, &str)> = needs.outputs.iter().map(|(name, text)| (name.as_str(), &**text)).collect();
        let digests: Vec<(&str, &str)> =
            needs.digests.iter().map(|(name, digest)| (name.as_str(), digest.as_str())).collect();
        let failures: Vec<(&str, &str)> =
            needs.failures.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        let (item, round) = definition.item_values();
        let round_before = definition.round_before();
        let start = &history.start;
        let project = self.programs.directory.to_string_lossy();
        let run = RunValues { id: start.run.as_str(), project: &project, is_rehearsal: start.rehearsal };
        let given = with_usual(&state.orchestra().inputs, &start.inputs);
        let inputs = Inputs {
            goal: &start.goal,
            given: &given,
            run,
            secret: &start.marker,
            outputs: &outputs,
            files: &[],
            failures: &failures,
            ctx: &history.ctx,
            item,
            round,
            round_before: round_before.as_deref(),
        };
        let files = match self.verifiers[task].of_inputs() {
            Ok(files) => files,
            Err(why) => return Ok(Err(unusable_file(&why))),
        };
        let is_kept = self.keeps(task) && history.tasks[task].tries == 0;
        let given = Given { task, definition, inputs, digests: &digests, files, is_kept };
        match &definition.work {
            Work::Agent { agent, description } => {
                let agent = (*agent, &state.orchestra().agents[*agent]);
                self.conversation_of(&given, agent, description, state, history)
            }
            Work::Command(program) => Ok(self.command_of(&given, program)),
        }
    }

    fn conversation_of(
        &self,
        given: &Given<'_>,
        (place, agent): (usize, &Agent),
        description: &Template,
        state: &State,
        history: &History,
    ) -> Result<Prepares, RunError> {
        let Given { task, definition, inputs, .. } = given;
        let output_spec = self.output_spec(definition);
        let tool_set = &self.tool_sets[place];
        let known = &history.tasks[*task];
        let deeds = self.deeds(&known.abandoned, tool_set)?;
        let texts = match self.texts_for(given, agent) {
            Ok(texts) => texts,
            Err(why) => return Ok(Err(unusable_file(&why))),
        };
        let inputs = &Inputs { files: &texts, ..inputs.clone() };
        let prompt = match Prompt::new(description, agent, inputs, output_spec.instructions().as_deref()) {
            Ok(prompt) => prompt
                .rejected(history.rejections_of(*task))
                .after(&deeds, definition.name.as_str(), inputs.secret)
                .redacted(tool_set.redactor()),
            Err(error) => return Ok(Err(template_failed("description", &error))),
        };
        let cache_key = given
            .is_kept
            .then(|| Self::key(given, &prompt.system, &prompt.description, &self.models_of(place), &agent.tools));
        let Some(client) = self.clients[place].first().cloned() else {
            return Ok(Err(Failure::new(FailureKind::Internal, "the agent has no model")));
        };
        let attempt = Attempt {
            task: definition.name.clone(),
            agent: agent.name.clone(),
            number: known.attempts + 1,
            prompt,
            conversation: self.conversation(&known.conversation)?,
            left_out: LeftOut { emptied: known.left_out[0], dropped: known.left_out[1] },
            compacts: true,
            rounds_before: known.rounds_before,
            limits_answers: state.counts_cost(),
            client,
            tool_set: tool_set.clone(),
            output_spec,
            verifier: self.verifiers[*task].clone(),
            marker: history.start.marker.clone(),
            tool_limits: tool_limits(state.orchestra(), *task, &known.abandoned),
            max_rounds: state.orchestra().max_iterations(*task).unwrap_or(MAX_ROUNDS) as usize,
            timeout: definition.timeout,
            granted: None,
            lid_usd: None,
        };
        Ok(Ok((Prepared::Agent(Box::new(attempt)), cache_key)))
    }

    /// The texts of the files that a task reads, for a model that cannot look at them. They are those that the key of its
    /// result is made of.
    fn texts_for(&self, given: &Given<'_>, agent: &Agent) -> Result<Vec<(String, String)>, String> {
        if agent.looks_at_files() {
            return Ok(Vec::new());
        }
        let verifier = &self.verifiers[given.task];
        let texts = verifier.texts_of_inputs()?;
        match verifier.of_inputs()? == given.files {
            true => Ok(texts),
            false => Err("a file was changed while it was read".to_owned()),
        }
    }

    fn command_of(&self, given: &Given<'_>, program: &Program) -> Prepares {
        let Given { task, definition, inputs, .. } = given;
        let values = inputs.values();
        let render =
            |what: &str, template: &Template| template.render(&values).map_err(|error| template_failed(what, &error));
        let argv: Vec<String> = program.argv.iter().map(|one| render("run", one)).collect::<Result<_, _>>()?;
        let stdin = program.stdin.as_ref().map(|stdin| render("stdin", stdin)).transpose()?;
        let cache_key = given
            .is_kept
            .then(|| Self::key(given, "", &digest::command(&argv, &program.env, stdin.as_deref()), &[], &[]));
        let checks = (self.output_spec(definition), self.verifiers[*task].clone());
        let name = definition.name.as_str();
        let attempt = self.programs.attempt(name, argv, stdin, &program.env, definition.timeout, checks);
        Ok((Prepared::Command(Box::new(attempt)), cache_key))
    }

    fn key(given: &Given<'_>, system: &str, description: &str, models: &[String], tools: &[Grant]) -> Arc<CacheKey> {
        Arc::new(cache_key(&Ingredients {
            system,
            description,
            goal: given.inputs.goal,
            outputs: given.digests,
            models,
            output: &digest::result(given.definition),
            tools: &tools.iter().map(digest::grant).collect::<Vec<_>>(),
            files: &given.files,
        }))
    }

    /// The same attempt with the model that was chosen for it.
    pub(super) fn with_model(
        &self,
        prepared: Prepared,
        task_agent: Option<usize>,
        candidate: usize,
        granted: Option<Granted>,
    ) -> Prepared {
        match prepared {
            Prepared::Agent(mut attempt) => {
                let chain = task_agent.map_or(&[][..], |agent| &self.clients[agent]);
                if let Some(client) = chain.get(candidate) {
                    attempt.client = client.clone();
                    let window = client.context_window;
                    attempt.compacts = !chain[candidate + 1..].iter().any(|next| next.context_window > window);
                }
                attempt.granted = granted;
                Prepared::Agent(attempt)
            }
            command @ Prepared::Command(_) => command,
        }
    }

    /// What tools did in conversations that led to nothing.
    fn deeds(&self, abandoned: &[Step], tool_set: &ToolSet) -> Result<Vec<Deed>, RunError> {
        let mut deeds = Vec::new();
        for step in abandoned {
            let acting = step.turn.calls.iter().filter(|call| tool_set.effect(&call.name) != Effect::None);
            for call in acting.filter(|call| step.begun.contains(&call.id)) {
                let answer = step.answers.iter().find(|answer| answer.id == call.id);
                let answer = answer.map(|answer| self.objects.get(&answer.output).map_err(RunError::Objects));
                deeds.push(Deed {
                    tool: call.name.clone(),
                    arguments: call.arguments.to_string(),
                    answer: answer.transpose()?,
                });
            }
        }
        Ok(deeds)
    }

    /// What was said in earlier attempts, with the texts of the tools' answers.
    fn conversation(&self, steps: &[Step]) -> Result<Vec<Said>, RunError> {
        steps.iter().map(|step| self.said(step)).collect()
    }

    fn said(&self, step: &Step) -> Result<Said, RunError> {
        let mut results = Vec::with_capacity(step.answers.len());
        for call in &step.turn.calls {
            if let Some(answer) = step.answers.iter().find(|answer| answer.id == call.id) {
                let text = self.objects.get(&answer.output).map_err(RunError::Objects)?;
                let (id, name) = (call.id.clone(), call.name.clone());
                results.push(ToolResult { id, name, text, is_error: answer.is_error });
            }
        }
        Ok(Said { turn: step.turn.clone(), begun: step.begun.clone(), results, correction: step.correction.clone() })
    }
}

/// How often tools may still be called for a task whose earlier conversations led to nothing.
fn tool_limits(orchestra: &Orchestra, task: TaskIx, abandoned: &[Step]) -> ToolLimits {
    let limits = orchestra.max_tool_calls(task).into_iter().map(|(tool, most)| ToolLimit { tool, most });
    let begun = |step: &Step| {
        let begun = step.turn.calls.iter().filter(|call| step.begun.contains(&call.id));
        begun.map(|call| call.name.clone()).collect::<Vec<_>>()
    };
    ToolLimits { limits: limits.collect(), before: abandoned.iter().flat_map(begun).collect() }
}

fn unusable_file(why: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("a file that the task reads cannot be used: {why}"))
}

fn template_failed(key: &str, error: &TemplateError) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("in `{key}`, {}: {}", error.hole, error.message))
}
