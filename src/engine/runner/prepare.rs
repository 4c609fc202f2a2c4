//! What an attempt begins with: the prompt, what was said before, and what the output will depend on.

use std::sync::Arc;

use crate::attempt::{Attempt, Said};
use crate::engine::runner::stage::RunError;
use crate::engine::runner::{Runner, Stage};
use crate::plan::graph::TaskIx;
use crate::plan::prompt::{Inputs, Prompt};
use crate::run::cache_key::{Ingredients, cache_key};
use crate::run::history::{Exchange, History};
use crate::words::conversation::ToolResult;
use crate::words::event::CacheKey;
use crate::words::failure::{Failure, FailureKind};

/// How often a model may be asked in one attempt where nothing says so.
const MAX_ROUNDS: u32 = 50;

/// An attempt that could begin.
pub(super) struct Prepared {
    pub(super) attempt: Attempt,
    /// What the output will depend on, where a later run may have it and this is the first try.
    pub(super) cache_key: Option<Arc<CacheKey>>,
}

impl Runner<'_> {
    /// Prepares an attempt on one model of the task's chain.
    pub(super) fn prepare(
        &self,
        task: TaskIx,
        number: u32,
        model: usize,
    ) -> Result<Result<Prepared, Failure>, RunError> {
        let Some(history) = &self.history else { return Ok(Err(Failure::new(FailureKind::Internal, "no history"))) };
        let definition = &self.orchestra.tasks[task];
        let agent = self.orchestra.agent_of(task);
        let mut outputs: Vec<(&str, Arc<str>)> = Vec::new();
        let mut digests: Vec<(&str, &str)> = Vec::new();
        for &needed in self.orchestra.plan.needs(task) {
            let name = self.orchestra.tasks[needed].name.as_str();
            if let Some(text) = self.stage.output(needed, history)? {
                outputs.push((name, text));
            }
            if let Some(output) = history.task(name).and_then(|task| task.output()) {
                digests.push((name, &output.sha256));
            }
        }
        let outputs: Vec<(&str, &str)> = outputs.iter().map(|(name, text)| (*name, &**text)).collect();
        let inputs = Inputs {
            goal: &history.start.goal,
            run: history.start.run.as_str(),
            secret: &history.start.marker,
            outputs: &outputs,
        };
        let output_spec = &self.stage.output_specs[task];
        let prompt = match Prompt::new(definition, agent, &inputs, output_spec.instructions().as_deref()) {
            Ok(prompt) => prompt.redacted(self.stage.tool_sets[definition.agent].redactor()),
            Err(error) => {
                let message = format!("the description's {}: {}", error.hole, error.message);
                return Ok(Err(Failure::new(FailureKind::BadRequest, message)));
            }
        };
        let files = match self.stage.verifier[task].of_inputs() {
            Ok(files) => files,
            Err(why) => {
                let message = format!("an input of the task cannot be used: {why}");
                return Ok(Err(Failure::new(FailureKind::BadRequest, message)));
            }
        };
        let client = self.client(task, model).clone();
        let is_kept = self.stage.keeps(task) && !self.failed.contains_key(&task);
        let cache_key = is_kept.then(|| {
            let verifier = format!("{:?} {:?} {:?}", definition.output.file, definition.verify, definition.outputs);
            Arc::new(cache_key(&Ingredients {
                system: &prompt.system,
                description: &prompt.description,
                goal: inputs.goal,
                outputs: &digests,
                models: &self.stage.models_of(definition.agent),
                output: &format!("{} {verifier}", output_spec.digest_text()),
                tools: &agent.tools.iter().map(|grant| format!("{grant:?}")).collect::<Vec<_>>(),
                files: &files,
            }))
        });
        let attempt = Attempt {
            task: definition.name.clone(),
            agent: agent.name.clone(),
            number,
            prompt,
            conversation: conversation(&self.stage, history, definition.name.as_str())?,
            max_tokens: self.gate.counts().then_some(crate::attempt::USUAL_MAX_TOKENS),
            client,
            tool_set: self.stage.tool_sets[definition.agent].clone(),
            output_spec: output_spec.clone(),
            verifier: self.stage.verifier[task].clone(),
            marker: history.start.marker.clone(),
            max_rounds: definition.limits.max_iterations.or(self.orchestra.limits.max_iterations).unwrap_or(MAX_ROUNDS)
                as usize,
            timeout: definition.timeout,
            granted: false,
        };
        Ok(Ok(Prepared { attempt, cache_key }))
    }
}

/// What was said in earlier attempts, with the texts of the tools' answers.
fn conversation(stage: &Stage, history: &History, task: &str) -> Result<Vec<Said>, RunError> {
    let exchanges = history.task(task).map(|task| task.conversation.as_slice()).unwrap_or_default();
    exchanges.iter().map(|exchange| said(stage, exchange)).collect()
}

fn said(stage: &Stage, exchange: &Exchange) -> Result<Said, RunError> {
    let mut results = Vec::with_capacity(exchange.answers.len());
    for call in &exchange.turn.calls {
        if let Some(answer) = exchange.answers.iter().find(|answer| answer.id == call.id) {
            let text = stage.objects.get(&answer.output).map_err(RunError::Objects)?;
            results.push(ToolResult { id: call.id.clone(), name: call.name.clone(), text, is_error: answer.is_error });
        }
    }
    Ok(Said {
        turn: exchange.turn.clone(),
        begun: exchange.begun.clone(),
        results,
        correction: exchange.correction.clone(),
    })
}
