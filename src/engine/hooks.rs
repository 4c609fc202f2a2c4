//! Runs the hooks of a file at the points of a run. One that fails in front of something stops the run; one that fails
//! behind it is a warning, since nothing can be undone by then.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::call_out::CallOut;
use crate::engine::notes::{Notes, Notice};
use crate::engine::notify::end;
use crate::engine::runner::{Ended, Signals};
use crate::engine::setup::ModelSource;
use crate::model::settings::Settings;
use crate::plan::hooks::{Hook, HookPoint, behind};
use crate::plan::orchestra::Orchestra;
use crate::run::summary::Summary;
use crate::store::project::Project;
use crate::words::id::{Name, RunId};
use crate::words::redact::Redactor;
use crate::words::text::{command_line, one_line};

/// As much of what a hook answers as is shown, in columns.
const SHOWN: usize = 500;

/// The hooks of a run.
pub(super) struct Hooks {
    hooks: Vec<Hook>,
    /// `None` in a rehearsal, which runs none.
    call_out: Option<CallOut>,
    orchestra: Name,
    run: RunId,
    is_resumed: bool,
}

/// A hook has stopped the run before anything was called.
#[derive(Debug, thiserror::Error)]
#[error("the hook `{hook}` at {at} stopped the run: {why}")]
pub struct HookError {
    /// Its command line.
    pub hook: String,
    /// The point at which it ran, such as `before-execute`.
    pub at: &'static str,
    /// How it failed, or what it said.
    pub why: String,
}

/// What a hook may answer. Anything else that it writes means nothing.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    message: Option<String>,
    stop: Option<String>,
}

impl Hooks {
    /// The hooks of a run that is about to be set up. What may not be shown of their variables, `notes` learns.
    pub(super) fn new(
        orchestra: &Orchestra,
        project: &Project,
        settings: &Settings,
        run: &RunId,
        source: &ModelSource,
        is_resumed: bool,
        notes: &mut Notes,
    ) -> Self {
        let redactor = Redactor::new(settings.keys());
        notes.redactor = redactor.clone();
        let is_rehearsal = matches!(source, ModelSource::Rehearsal { .. });
        let variables = orchestra.hooks.iter().flat_map(|hook| &hook.env);
        Self {
            hooks: orchestra.hooks.clone(),
            call_out: (!is_rehearsal).then(|| CallOut::new(project, settings, run, variables, &redactor)),
            orchestra: orchestra.id.clone(),
            run: run.clone(),
            is_resumed,
        }
    }

    /// Runs those that come between the run's setup and its first task. `redactor` is that of the run.
    ///
    /// # Errors
    /// As [`Hooks::at`].
    pub(super) async fn set_up(self, redactor: &Redactor, notes: &mut Notes) -> Result<Self, HookError> {
        let hooks = Self { call_out: self.call_out.map(|call_out| call_out.sharing(redactor)), ..self };
        hooks.at(HookPoint::AfterInit, notes).await?;
        hooks.at(HookPoint::BeforeExecute, notes).await?;
        Ok(hooks)
    }

    /// Runs those of a point in front of the tasks, in their order.
    ///
    /// # Errors
    /// The first that fails or says to stop, where that stops the run.
    pub(super) async fn at(&self, at: HookPoint, notes: &mut Notes) -> Result<(), HookError> {
        for hook in self.hooks.iter().filter(|hook| hook.at == at) {
            let Some(call_out) = &self.call_out else { continue };
            let why = match call(hook, &self.event(at), call_out).await {
                Ok(Answer { stop: Some(why), .. }) if at.stops() => one_line(&why, SHOWN),
                Ok(answer) => {
                    notes.notices.extend(said(hook, answer));
                    continue;
                }
                Err(why) => why,
            };
            if at.stops() {
                return Err(HookError { hook: command_line(&hook.argv), at: at.name(), why });
            }
            notes.add(failed(hook, why));
        }
        Ok(())
    }

    /// Runs those behind the tasks; a signal ends that.
    pub(super) async fn behind(&self, ended: &Ended, signals: &mut Signals) -> Vec<Notice> {
        let mut notices = Vec::new();
        let Some(call_out) = &self.call_out else {
            if !self.hooks.is_empty() {
                notices.push(Notice::NoHooks { count: self.hooks.len() });
            }
            return notices;
        };
        let status = ended.status.to_string();
        let summary = Summary::of(&ended.history);
        for &at in behind(ended.status) {
            let mut event = self.event(at);
            if let (Value::Object(event), Value::Object(end)) = (&mut event, end(&summary, &status, "")) {
                event.extend(end.into_iter().filter(|(key, _)| key != "text"));
            }
            for hook in self.hooks.iter().filter(|hook| hook.at == at) {
                let answer = tokio::select! {
                    answer = call(hook, &event, call_out) => answer,
                    Some(signal) = signals.recv() => Err(format!("{signal} came first")),
                };
                match answer {
                    Ok(answer) => notices.extend(said(hook, answer)),
                    Err(why) => notices.push(failed(hook, why)),
                }
            }
        }
        notices
    }

    fn event(&self, at: HookPoint) -> Value {
        json!({"hook": at.name(), "orchestra": self.orchestra, "run": self.run, "resumed": self.is_resumed})
    }
}

async fn call(hook: &Hook, event: &Value, call_out: &CallOut) -> Result<Answer, String> {
    let written = call_out.run(&hook.argv, &hook.env, event, hook.timeout).await?;
    Ok(serde_json::from_str(written.trim()).unwrap_or_default())
}

fn said(hook: &Hook, answer: Answer) -> Option<Notice> {
    let text = answer.message.filter(|text| !text.trim().is_empty())?;
    Some(Notice::HookSays { hook: command_line(&hook.argv), at: hook.at.name(), text: one_line(&text, SHOWN) })
}

fn failed(hook: &Hook, why: String) -> Notice {
    Notice::HookFailed { hook: command_line(&hook.argv), at: hook.at.name(), why }
}
