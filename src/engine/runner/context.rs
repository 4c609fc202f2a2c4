//! The places that a run writes to, and the order in which it does: the journal, then the workspace, then the views.
//!
//! Decides nothing.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::attempt::{ModelClient, Programs};
use crate::engine::notes::Notice;
use crate::observe::Observers;
use crate::os::clock::Clock;
use crate::plan::ctx;
use crate::plan::digest;
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::{Agent, ModelRef, Orchestra, Task};
use crate::plan::output::OutputSpec;
use crate::plan::spec::Provider;
use crate::run::history::{History, IllegalEvent, TaskState, ToolRead};
use crate::run::state::{Made, ModelFacts, Preparation, State};
use crate::store::disk::Dir;
use crate::store::journal::Journal;
use crate::store::objects::Objects;
use crate::store::reuse::{Entry, Read, Store};
use crate::store::workspace::{self, Comparison, Workspace};
use crate::tools::{Ctx, ToolSet, Verifier, VerifyContext};
use crate::words::digest::sha256;
use crate::words::event::{CacheHit, CacheKey, Event, Output, PlannedTask, Record, RunEvent, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;

/// What a run needs.
pub(crate) struct RunContext {
    /// What is performed.
    pub orchestra: Arc<Orchestra>,
    /// For each agent of the orchestra, who answers for it: the next one when one fails.
    pub clients: Vec<Vec<Arc<ModelClient>>>,
    /// For each agent, what it may use.
    pub tool_sets: Vec<Arc<ToolSet>>,
    /// What the checks of all tasks share.
    pub verify: Arc<VerifyContext>,
    /// For each task, what has to hold when it is done.
    pub verifiers: Vec<Arc<Verifier>>,
    /// What the programs of tasks have in common.
    pub programs: Programs,
    /// The values that the tasks share.
    pub ctx: Ctx,
    /// Earlier results that may be used again; `None` where the run makes everything anew.
    pub reuse: Option<Reusing>,
    /// Where events go.
    pub journal: Journal,
    /// Where long outputs go.
    pub objects: Objects,
    /// Where a person reads.
    pub workspace: Workspace,
    /// Who watches.
    pub observers: Observers,
    /// What went wrong and does not stop the run.
    pub notices: Vec<Notice>,
    /// The folder of the run, where people leave their answers.
    pub folder: Dir,
    /// Whether what waits for a person is approved without one.
    pub approves: bool,
    /// The time of this process.
    pub clock: Clock,
}

/// Earlier results, and which tasks may have them.
pub(crate) struct Reusing {
    /// The results of earlier runs.
    pub store: Store,
    /// How old a result may be.
    pub ttl: Option<Duration>,
    /// For each task, whether it is to be made anew.
    pub fresh: Vec<bool>,
    /// For each task, whether a later run may have its result.
    pub keeps: Vec<bool>,
}

/// Whether the result of a task may be used again. An agent that changes something does so in every run, unless the file says
/// that it need not, or declares what it reads and makes.
pub(crate) fn keeps(task: &Task, orchestra: &Orchestra, tool_sets: &[Arc<ToolSet>]) -> bool {
    let acts = task.agent().is_none_or(|agent| {
        let programs = orchestra.agents[agent].models.iter().any(|model| model.provider == Provider::Command);
        programs || !tool_sets[agent].is_pure()
    });
    let declared = task.reads.is_some() && task.writes.is_some();
    task.reuse.unwrap_or(orchestra.reuse.is_some() && (declared || !acts))
}

/// Why a run stopped without an end of its own. What is in the journal is safe, and a resume goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal could not be written.
    #[error("the journal could not be written: {0}")]
    Journal(io::Error),
    /// An answer of a person could not be read.
    #[error(
        "the answer to `{task}` could not be read: {error}; remove it from the folder `answers` of the run, and answer again"
    )]
    Answer {
        /// The task that waits.
        task: String,
        /// Why.
        error: io::Error,
    },
    /// The workspace could not be written.
    #[error("{task}'s output could not be written to the workspace: {error}")]
    Workspace {
        /// Whose output it is.
        task: String,
        /// Why.
        error: io::Error,
    },
    /// An output that the journal names could not be read or kept.
    #[error("an output could not be kept: {0}")]
    Objects(io::Error),
    /// An event contradicts the run: the journal was changed, or orch has a fault.
    #[error("{0}")]
    Illegal(IllegalEvent),
}

impl RunContext {
    /// What the state has to know of the models of each agent.
    pub(super) fn chains(&self) -> Vec<Vec<ModelFacts>> {
        let facts = |client: &Arc<ModelClient>| ModelFacts {
            label: client.label.clone(),
            number: client.number,
            limit_key: client.limit_key,
            rate: client.rate,
            context_window: client.context_window,
            is_program: client.model.is_program(),
        };
        self.clients.iter().map(|chain| chain.iter().map(facts).collect()).collect()
    }

    /// Gives new members of a task what it has itself.
    pub(super) fn grow(&mut self, state: &State, parent: &Name, members: &[PlannedTask]) {
        let Some(history) = state.history() else { return };
        let Some(parent) = history.place(parent.as_str()) else { return };
        for member in members.iter().filter_map(|member| history.place(member.task.as_str())) {
            let verifier = Arc::new(Verifier::new(&self.verify, &state.orchestra().tasks[member]));
            put(&mut self.verifiers, member, verifier);
            if let Some(reuse) = &mut self.reuse {
                // One that was planned may have another agent than the task that it was planned for.
                let keeps = keeps(&state.orchestra().tasks[member], state.orchestra(), &self.tool_sets);
                let fresh = reuse.fresh[parent];
                put(&mut reuse.fresh, member, fresh);
                put(&mut reuse.keeps, member, keeps);
            }
        }
    }

    /// What the output of a task has to be. A rehearsal's made-up text is held to nothing.
    pub(super) fn output_spec(&self, task: &Task) -> OutputSpec {
        if self.verify.is_rehearsal { OutputSpec::free() } else { task.output.spec.clone().setting(&task.sets) }
    }

    /// What a task has made with its output.
    pub(super) fn made(&self, task: &Task, output: Output) -> Result<Result<Made, Failure>, RunError> {
        if task.sets.is_empty() {
            return Ok(Ok(Made { output, sets: Vec::new() }));
        }
        let text = self.objects.get(&output).map_err(RunError::Objects)?;
        let sets = ctx::settings(&task.sets, &text, self.verify.is_rehearsal);
        Ok(match sets {
            Ok(sets) => Ok(Made { output, sets }),
            Err(why) => Err(Failure::new(FailureKind::InvalidOutput, why)),
        })
    }

    /// Makes records durable, then shows them. `state` is the run with all of them applied.
    ///
    /// The end of a run is written when the workspace shows all of it: a run that has an end needs nothing more.
    pub(super) fn write(&mut self, batch: &[Record], state: &State) -> Result<(), RunError> {
        let Some(history) = state.history() else { return Ok(()) };
        let (batch, end) = match batch.split_last() {
            Some((end, before)) if matches!(end.event, Event::Run(RunEvent::Finished { .. })) => (before, Some(end)),
            _ => (batch, None),
        };
        if !batch.is_empty() {
            self.journal.append(batch).map_err(RunError::Journal)?;
            self.keep(batch, history);
        }
        for record in batch {
            self.show(&record.event, history)?;
            self.observers.see(record, history);
        }
        if let Some(end) = end {
            self.show_result(state)?;
            self.journal.append(std::slice::from_ref(end)).map_err(RunError::Journal)?;
            self.observers.see(end, history);
        }
        self.observers.batch_seen();
        Ok(())
    }

    /// Whether a later run may have this task's result.
    pub(super) fn keeps(&self, task: TaskIx) -> bool {
        self.reuse.as_ref().is_some_and(|reusing| reusing.keeps[task])
    }

    /// An earlier result that takes the place of an attempt, if there is one whose inputs are the same.
    pub(super) fn cached(&mut self, task: TaskIx, key: &Arc<CacheKey>, state: &State) -> Option<Preparation> {
        let released = state.history().map_or(&[][..], |history| &history.released);
        let reusing = self.reuse.as_mut()?;
        let tool_set = state.orchestra().tasks[task].agent().map(|agent| &self.tool_sets[agent]);
        let still_reads = |read: &Read| {
            let answer = tool_set.and_then(|tools| tools.ask_again(&read.tool, &read.arguments));
            answer.is_some_and(|answer| sha256(answer.as_bytes()) == read.sha256)
        };
        let verifier = &self.verifiers[task];
        let holds = |entry: &Entry| {
            let files = verifier.of_outputs().is_ok_and(|files| files == entry.files);
            files && entry.reads.iter().all(still_reads)
        };
        let found = match reusing.store.find_own(&key.key, released, &holds) {
            Some(own) => own,
            None if reusing.fresh[task] || !reusing.keeps[task] => return None,
            None => reusing.store.find(&key.key, self.clock.wall_ms(), reusing.ttl, holds)?,
        };
        let hit = CacheHit {
            made_at_ms: found.made_at_ms,
            usage: found.usage,
            cost_usd: found.cost_usd,
            cache_key: key.clone(),
        };
        let made = self.made(&state.orchestra().tasks[task], found.output).ok()?.ok()?;
        Some(Preparation::Cached { run: found.run, made, hit })
    }

    /// Keeps new successes for later runs, once they are in the journal. Losing one of them costs a later run a call
    /// and this one nothing, so a failure is only noted, once.
    fn keep(&mut self, batch: &[Record], history: &History) {
        let Some(reusing) = &mut self.reuse else { return };
        let entry = |record: &Record| {
            let name = record.event.task()?;
            let task = history.place(name.as_str()).filter(|&ix| reusing.keeps[ix])?;
            let known = &history.tasks[task];
            let verifier = &self.verifiers[task];
            let (run, task) = (history.start.run.clone(), name.clone());
            Some(match &record.event {
                Event::Task { event: TaskEvent::Succeeded { output, .. }, .. } => Entry {
                    mac: String::new(),
                    key: known.cache_key.as_ref()?.key.clone(),
                    run,
                    task,
                    sha256: output.sha256.clone(),
                    made_at_ms: record.at_ms,
                    usage: known.usage,
                    cost_usd: known.cost_usd,
                    reads: known.reads.iter().map(read).collect(),
                    files: verifier.of_outputs().ok()?,
                },
                _ => return None,
            })
        };
        let entries: Vec<Entry> = batch.iter().filter_map(entry).collect();
        if !entries.is_empty()
            && let Err(error) = reusing.store.keep(entries)
            && !self.notices.iter().any(|notice| matches!(notice, Notice::ResultsNotKept(_)))
        {
            self.notices.push(Notice::ResultsNotKept(error));
        }
    }

    /// The output of a task, if it has one.
    pub(super) fn output(&self, task: TaskIx, state: &State) -> Result<Option<Arc<str>>, RunError> {
        let output = state.history().and_then(|history| history.tasks[task].output());
        output.map(|output| self.objects.get(output)).transpose().map_err(RunError::Objects)
    }

    /// Takes note of a value that the tasks share.
    pub(super) fn set_ctx(&self, key: &str, value: &serde_json::Value) {
        let mut values = self.ctx.lock().unwrap_or_else(PoisonError::into_inner);
        if value.is_null() {
            values.remove(key)
        } else {
            values.insert(key.to_owned(), value.clone())
        };
    }

    /// The models of an agent as a cache_key knows them: those of the file, whichever of them can be used here, or else
    /// the one that the environment gives.
    pub(super) fn models_of(&self, agent: usize) -> Vec<String> {
        let Agent { models, temperature, max_tokens, .. } = &self.orchestra.agents[agent];
        if models.is_empty() {
            let of_client = |client: &Arc<ModelClient>| {
                digest::answering_model(&client.label, None, client.temperature, client.max_tokens)
            };
            return self.clients[agent].iter().map(of_client).collect();
        }
        let of_model = |model: &ModelRef| {
            let (temperature, max_tokens) = (temperature.or(model.temperature), max_tokens.or(model.max_tokens));
            digest::answering_model(&model.label(), Some(model), temperature, max_tokens)
        };
        models.iter().map(of_model).collect()
    }

    /// Brings the workspace in line with an event.
    fn show(&self, event: &Event, history: &History) -> Result<(), RunError> {
        let (task, text) = match event {
            Event::Task {
                task,
                event:
                    TaskEvent::Succeeded { output, .. }
                    | TaskEvent::Reused { output, .. }
                    | TaskEvent::ApprovalRequested { output, .. },
            } => (task, self.objects.get(output).map_err(RunError::Objects)?),
            Event::Task { task, event: TaskEvent::CtxSet { .. } } => {
                let text = {
                    let values = self.ctx.lock().unwrap_or_else(PoisonError::into_inner);
                    serde_json::to_string_pretty(&*values).unwrap_or_default()
                };
                let written = self.workspace.write_ctx(&text);
                return written.map_err(|error| RunError::Workspace { task: task.to_string(), error });
            }
            Event::Task { task, event: TaskEvent::Failed { failure } } => {
                let attempts = history.task(task.as_str()).map_or(0, |task| task.attempts);
                (task, workspace::error_text(task, failure, attempts).into())
            }
            _ => return Ok(()),
        };
        match event {
            Event::Task { event: TaskEvent::Reused { cache: Some(_), .. }, .. } => {
                self.deliver(task, &text, history)?;
            }
            Event::Task { event: TaskEvent::Succeeded { .. } | TaskEvent::ApprovalRequested { .. }, .. } => {
                history.place(task.as_str()).iter().for_each(|&ix| self.verifiers[ix].settle());
            }
            _ => {}
        }
        let failed = |error| RunError::Workspace { task: task.to_string(), error };
        // What has waited for a person is there.
        if self.workspace.compare(task.as_str(), &text).map_err(failed)? == Comparison::Same {
            return Ok(());
        }
        self.workspace.write_output(task.as_str(), &text).map_err(failed)
    }

    /// Puts an output that was not made anew into the task's own file. A new one is there before the task succeeds.
    fn deliver(&self, task: &Name, text: &str, history: &History) -> Result<(), RunError> {
        let Some(verifier) = history.place(task.as_str()).map(|ix| &self.verifiers[ix]) else { return Ok(()) };
        let Some(path) = verifier.file() else { return Ok(()) };
        let written = verifier.deliver(path, text);
        written.map_err(|why| RunError::Workspace { task: task.to_string(), error: io::Error::other(why) })
    }

    /// The result is the output of the tasks that the file names, or of those that nothing follows, those that were left
    /// out aside; of several, each under its name. Where one of them has failed there is none.
    fn show_result(&mut self, state: &State) -> Result<(), RunError> {
        let mut outputs = Vec::new();
        let history = state.history();
        let is_wanted =
            |task: TaskIx| history.is_none_or(|history| !matches!(history.tasks[task].state, TaskState::Omitted(_)));
        let orchestra = state.orchestra();
        let tasks = match &orchestra.result {
            // With `--only` some of them may be no tasks of the run.
            Some(named) => {
                named.iter().filter_map(|name| orchestra.find(name.as_str())).filter(|&it| is_wanted(it)).collect()
            }
            None => orchestra.plan.last_among(is_wanted),
        };
        for task in tasks {
            outputs.push(self.output(task, state)?.map(|text| (&state.orchestra().tasks[task].name, text)));
        }
        let written = match outputs.into_iter().collect::<Option<Vec<_>>>().as_deref() {
            None | Some([]) => self.workspace.clear_result(),
            Some([(_, text)]) => self.workspace.write_result(text),
            Some(several) => {
                let under_its_name = |(name, text): &(_, Arc<str>)| format!("# {name}\n\n{}\n\n", text.trim_end());
                self.workspace.write_result(&several.iter().map(under_its_name).collect::<String>())
            }
        };
        self.notices.extend(self.workspace.drop_aside().err().map(Notice::AsideLeft));
        written.map_err(|error| RunError::Workspace { task: "the run".to_owned(), error })
    }
}

fn read(read: &ToolRead) -> Read {
    Read { tool: read.tool.clone(), arguments: read.arguments.clone(), sha256: read.sha256.clone() }
}

/// Puts a value at a place that is there, or is the next one.
fn put<T>(values: &mut Vec<T>, place: usize, value: T) {
    match values.get_mut(place) {
        Some(slot) => *slot = value,
        None => values.push(value),
    }
}
