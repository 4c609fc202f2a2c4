//! Which model of a task's chain is asked, and what follows when it fails.
//!
//! Decides nothing itself: it tells the ladder how the models stand.

use std::sync::Arc;

use crate::attempt::{Attempt, ModelClient};
use crate::engine::runner::Runner;
use crate::os::clock;
use crate::plan::graph::TaskIx;
use crate::run::fallback::{self, Next, Rung, Rungs, Try};
use crate::words::failure::Failure;

impl Runner<'_> {
    /// The first model of a task's chain that can be used now for a prompt of about so many tokens.
    pub(super) fn first_model(&self, task: TaskIx, prompt_tokens: u64) -> usize {
        let rungs = self.rungs(task);
        let policy = &self.orchestra.tasks[task].retry;
        fallback::first(&Rungs { models: &rungs, policy, prompt_tokens })
    }

    /// The first model that can be used now for the prompt of an attempt; `None` where there is no choice.
    pub(super) fn model_that_fits(&mut self, task: TaskIx, attempt: &Attempt) -> Option<usize> {
        if self.stage.clients[self.orchestra.tasks[task].agent].len() < 2 {
            return None;
        }
        let tools = attempt.tool_set.ready().unwrap_or_default();
        let prompt_tokens = attempt.ask(1, &tools).input_tokens;
        self.prompt_tokens.insert(task, prompt_tokens);
        Some(self.first_model(task, prompt_tokens))
    }

    fn rungs(&self, task: TaskIx) -> Vec<Rung> {
        let now = self.now();
        let chain = &self.stage.clients[self.orchestra.tasks[task].agent];
        chain.iter().map(|client| self.gate.rung(client.number, client.context_window, now)).collect()
    }

    pub(super) fn client(&self, task: TaskIx, model: usize) -> &Arc<ModelClient> {
        let chain = &self.stage.clients[self.orchestra.tasks[task].agent];
        &chain[model.min(chain.len().saturating_sub(1))]
    }

    /// What follows a try on a model that failed, and on which one.
    pub(super) fn climb(&mut self, task: TaskIx, model: usize, failure: &Failure) -> Next {
        self.failed.entry(task).or_default().push((model, failure.clone()));
        let rungs = self.rungs(task);
        let tries: Vec<Try<'_>> =
            self.failed[&task].iter().map(|(model, failure)| Try { model: *model, failure }).collect();
        let policy = &self.orchestra.tasks[task].retry;
        let prompt_tokens = self.prompt_tokens.get(&task).copied().unwrap_or(0);
        let next = fallback::next(&Rungs { models: &rungs, policy, prompt_tokens }, &tries, clock::random_fraction());
        let to = if let Next::Fall { to, .. } = next { to } else { model };
        self.next_model.insert(task, to);
        next
    }

    /// A prompt that is too long is mostly what other tasks and tools have written; a person needs to know which.
    pub(super) fn name_largest_inputs(&self, task: TaskIx, failure: Failure) -> Failure {
        let Some(history) = &self.history else { return failure };
        let needs = self.orchestra.plan.needs(task).iter();
        let mut inputs: Vec<(u64, String)> = needs
            .filter_map(|&needed| {
                let name = self.orchestra.tasks[needed].name.as_str();
                Some((history.task(name)?.output()?.bytes, format!("the output of {name}")))
            })
            .collect();
        let said = history.task(self.orchestra.tasks[task].name.as_str()).map(|task| task.conversation.as_slice());
        let answers = said.unwrap_or_default().iter().flat_map(|exchange| &exchange.answers);
        inputs.push((answers.map(|answer| answer.output.bytes).sum(), "what tools have answered".to_owned()));
        inputs.push((history.start.goal.len() as u64, "the goal".to_owned()));
        inputs.retain(|(bytes, _)| *bytes > 0);
        inputs.sort_unstable_by(|a, b| b.cmp(a));
        let largest: Vec<String> =
            inputs.iter().take(3).map(|(bytes, what)| format!("{what} ({bytes} bytes)")).collect();
        let are = match largest.len() {
            0 => return failure,
            1 => "input is",
            _ => "inputs are",
        };
        let message = failure.message.trim_end_matches('.');
        let message = format!("{message}; its largest {are} {}", largest.join(", "));
        Failure { message, ..failure }
    }
}
