//! The tasks, each with what the settings say where it says nothing itself.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::plan::graph::{Plan, TaskIx};
use crate::plan::growth::Grows;
use crate::plan::orchestra::{Approve, Task};
use crate::plan::resolve::ctx::KeysKnown;
use crate::plan::resolve::expand::Cast;
use crate::plan::resolve::prose::Said;
use crate::plan::resolve::{Resolver, grants};
use crate::plan::retry::{Growth, RetryPolicy};
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, Join, OnError, Retry, RetryStrategy, RetryTable, Strategy};
use crate::plan::template::{Known, RoundsKnown, Template};
use crate::words::id::Name;

/// How long one attempt may take where nothing says so.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

impl<'r> Resolver<'r> {
    pub(super) fn tasks(
        &mut self,
        settings: Option<&spec::Execution>,
        strategy: Strategy,
        names: &HashMap<&'r str, TaskIx>,
        cast: &Cast,
        plan: Option<&Plan>,
    ) -> Option<Vec<Task>> {
        let default_retry = settings.and_then(|s| s.retry_strategy.as_ref());
        let default_on_error = settings.and_then(|s| s.on_error).unwrap_or(match strategy {
            Strategy::Sequential => OnError::Stop,
            Strategy::Parallel | Strategy::Mixed => OnError::Continue,
        });
        let seconds = |seconds: Option<f64>| seconds.map(Duration::from_secs_f64);
        let command_line = self.context.overrides.timeout_seconds.map(Duration::from_secs);
        let default_timeout =
            command_line.or_else(|| seconds(settings.and_then(|s| s.task_timeout_seconds))).unwrap_or(DEFAULT_TIMEOUT);
        let mut tasks = Vec::with_capacity(self.file.tasks.value.len());
        let file = self.file;
        for (ix, (task, agent)) in file.tasks.value.iter().zip(&cast.agent_of).enumerate() {
            let task = &task.value;
            let work = self.work(task, *agent);
            let list = self.for_each(ix, task, names, plan).map(Grows::ForEach);
            let rounds = self.repeat(ix, task, names, plan);
            let review = self.review(task, cast.reviewers[ix]);
            self.check_join(ix, task, plan);
            let items = (self.items_later(task), RoundsKnown::None);
            let when = task.when.as_ref().and_then(|when| self.condition(ix, ("when", when), names, plan, items));
            let output = grants::output(task, self.context, &self.inputs, &mut self.diagnostics);
            let (expands, output) = self.expand(task, &cast.rosters[ix], &cast.agents, output);
            let sets = self.sets(ix, task);
            let verify = grants::checks(task, &mut self.diagnostics);
            let reads = task.reads.as_ref().map(|reads| grants::reads(reads, &mut self.diagnostics));
            let writes = task.writes.as_ref().map(|writes| grants::writes(writes, &mut self.diagnostics));
            let name = names.contains_key(task.name.value.as_str()).then(|| Name::new(&task.name.value).ok()).flatten();
            let (Some(name), Some(work)) = (name, work) else { continue };
            tasks.push(Task {
                name,
                work,
                grows: [list, rounds, expands, review].into_iter().flatten().collect(),
                when,
                join: match (&task.join, &task.on_failure) {
                    (None, Some(_)) => Join::Failed,
                    (join, _) => join.as_ref().map(|join| join.value).unwrap_or_default(),
                },
                made_for: Vec::new(),
                group: None,
                priority: task.priority.unwrap_or_default(),
                timeout: command_line.or_else(|| seconds(task.timeout_seconds)).unwrap_or(default_timeout),
                retry: retry(task.retry_strategy.as_ref().or(default_retry)),
                on_error: task.on_error.unwrap_or(default_on_error),
                reuse: task.reuse.as_ref().map(|reuse| reuse.value),
                output,
                sets,
                approve: approve(task),
                verify,
                limits: task.limits.as_ref().map(|limits| limits.value.clone()).unwrap_or_default(),
                reads,
                writes,
            });
        }
        grants::check_shared_files(&self.file.tasks.value, &mut self.diagnostics);
        (tasks.len() == self.file.tasks.value.len()).then_some(tasks)
    }

    /// Without a plan it cannot be told which outputs a task without `context` gets, so it may name any.
    pub(super) fn check_templates(
        &mut self,
        plan: Option<&Plan>,
        contexts: &[Option<Vec<TaskIx>>],
        names: &HashMap<&'r str, TaskIx>,
    ) {
        let tasks = &self.file.tasks.value;
        let mut all: Option<BTreeSet<&str>> = None;
        for (ix, task) in tasks.iter().enumerate() {
            let texts: Vec<Said<'_>> = self.templates(&task.value).filter(|said| said.text().contains('{')).collect();
            if texts.is_empty() {
                continue;
            }
            let all = all.get_or_insert_with(|| names.keys().copied().collect());
            let needs = plan.map(|plan| plan.needs(ix)).or(contexts[ix].as_deref());
            let outputs: Vec<&str> = match needs {
                Some(needs) if !self.context.omissions.settings => {
                    needs.iter().map(|&n| tasks[n].value.name.value.as_str()).collect()
                }
                _ => all.iter().copied().collect(),
            };
            let (items, rounds) = self.made_for(&task.value);
            for said in texts {
                let schema = |task: &str| self.schema_of(*names.get(task)?);
                let inputs = self.inputs.as_slice();
                let template = Template::with_inputs(said.text(), inputs);
                let keys = if template.names_ctx() { self.keys_known(ix, plan) } else { KeysKnown::default() };
                let ctx = keys.known();
                let known = Known { outputs: &outputs, tasks: all, schema: &schema, items, rounds, inputs, ctx };
                let found = said.check(&template, &known, self.context.source);
                self.diagnostics.extend(found);
            }
        }
    }
}

fn approve(task: &spec::Task) -> Option<Approve> {
    match task.approve.as_ref()? {
        Either::Short(wanted) => wanted.value.then(Approve::default),
        Either::Full(table) => {
            let question = table.value.question.as_ref().map(|question| question.value.trim().to_owned());
            Some(Approve { question: question.filter(|question| !question.is_empty()) })
        }
    }
}

fn retry(said: Option<&Retry>) -> RetryPolicy {
    let named = |strategy: RetryStrategy| match strategy {
        RetryStrategy::ExponentialBackoff => RetryPolicy::exponential(),
        RetryStrategy::Fixed => RetryPolicy::fixed(),
        RetryStrategy::None => RetryPolicy::none(),
    };
    match said {
        None => RetryPolicy::exponential(),
        Some(Either::Short(strategy)) => named(strategy.value),
        Some(Either::Full(RetryTable { strategy, max_attempts, initial_seconds, max_seconds })) => {
            let base = named(strategy.unwrap_or(RetryStrategy::ExponentialBackoff));
            let initial = initial_seconds.map_or(base.initial, Duration::from_secs_f64);
            RetryPolicy {
                max_attempts: match strategy {
                    Some(RetryStrategy::None) => 1,
                    _ => max_attempts.unwrap_or(base.max_attempts),
                },
                initial,
                max: max_seconds.map_or(base.max.max(initial), Duration::from_secs_f64),
                growth: if base.growth == Growth::Fixed { Growth::Fixed } else { Growth::Exponential },
            }
        }
    }
}
