//! Tells those whom the file names under `notify` how a run has ended. Whatever goes wrong is a warning: the run is over.

use serde_json::{Value, json};

use crate::engine::call_out::CallOut;
use crate::engine::notes::Notice;
use crate::engine::runner::{Ended, Signals};
use crate::plan::notify::{Address, Notify, NotifyBy};
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::NotifyBody;
use crate::run::summary::{Summary, TaskStatus};
use crate::words::text::command_line;

/// Those who are told, and how.
pub(super) struct Notifier {
    entries: Vec<Notify>,
    /// `None` in a rehearsal, which tells nobody.
    call_out: Option<CallOut>,
}

/// The variables that the entries of a file name.
pub(super) fn variables(orchestra: &Orchestra) -> impl Iterator<Item = &String> {
    orchestra.notify.iter().flat_map(of_entry)
}

fn of_entry(entry: &Notify) -> Vec<&String> {
    match &entry.by {
        NotifyBy::Program { env, .. } => env.iter().collect(),
        NotifyBy::Post { address, header_env, .. } => {
            let of_address = match address {
                Address::Variable(name) => Some(name),
                Address::Url(_) => None,
            };
            of_address.into_iter().chain(header_env.values()).collect()
        }
    }
}

impl Notifier {
    /// Those whom an orchestra names.
    pub(super) fn new(orchestra: &Orchestra, call_out: Option<CallOut>) -> Self {
        Self { entries: orchestra.notify.clone(), call_out }
    }

    /// What will keep somebody from being told, as far as that is known before the run.
    pub(super) fn missing(&self) -> Vec<Notice> {
        let Some(call_out) = &self.call_out else { return Vec::new() };
        let missing = |entry: &Notify| {
            let name = of_entry(entry).into_iter().find(|name| !call_out.has(name))?;
            Some(Notice::NotTold { who: who(entry), why: format!("{name} is not set"), when: "will not be" })
        };
        self.entries.iter().filter_map(missing).collect()
    }

    /// Tells everybody who is to know of this end, one after another; a signal ends that.
    pub(super) async fn tell(&self, ended: &Ended, signals: &mut Signals) -> Vec<Notice> {
        let mut notices = Vec::new();
        let entries: Vec<&Notify> = self.entries.iter().filter(|entry| entry.is_for(ended.status)).collect();
        let Some(call_out) = &self.call_out else {
            if !entries.is_empty() {
                notices.push(Notice::ToldNobody { count: entries.len() });
            }
            return notices;
        };
        let summary = Summary::of(&ended.history);
        for entry in entries {
            let told = tokio::select! {
                told = tell(entry, &summary, ended, call_out) => told,
                Some(signal) = signals.recv() => Err(format!("{signal} came first")),
            };
            if let Err(why) = told {
                notices.push(Notice::NotTold { who: who(entry), why, when: "was not" });
            }
        }
        notices
    }
}

async fn tell(entry: &Notify, summary: &Summary, ended: &Ended, call_out: &CallOut) -> Result<(), String> {
    let (orchestra, run, status) = (summary.orchestra.as_str(), summary.run.as_str(), ended.status.to_string());
    let text = entry.words(orchestra, run, &status).map_err(|error| error.message)?;
    let whole = end(summary, &status, &text);
    match &entry.by {
        NotifyBy::Program { argv, env } => call_out.run(argv, env, &whole, entry.timeout).await.map(drop),
        NotifyBy::Post { address, header_env, body } => {
            let body = match body {
                NotifyBody::Json => ("application/json", whole.to_string()),
                NotifyBody::Slack => ("application/json", json!({"text": text}).to_string()),
                NotifyBody::Text => ("text/plain; charset=utf-8", text),
            };
            call_out.post(address, header_env, (body.0, &body.1), entry.timeout).await
        }
    }
}

/// The end of a run as a program or an address is told it. Nothing that a model or the user has said is in it.
pub(super) fn end(summary: &Summary, status: &str, text: &str) -> Value {
    let of = |wanted: &[TaskStatus]| -> Vec<&str> {
        let tasks = summary.tasks.iter().filter(|task| wanted.contains(&task.status));
        tasks.map(|task| task.task.as_str()).collect()
    };
    json!({
        "text": text,
        "orchestra": summary.orchestra,
        "run": summary.run,
        "status": status,
        "duration_ms": summary.duration_ms,
        "cost_usd": summary.totals.cost_usd,
        "calls": summary.totals.calls,
        "tasks": summary.tasks.len(),
        "done": of(&[TaskStatus::Succeeded, TaskStatus::Reused]).len(),
        "failed": of(&[TaskStatus::Failed]),
        "workspace": summary.workspace,
    })
}

/// Whom an entry means, without what may be a secret.
fn who(entry: &Notify) -> String {
    match &entry.by {
        NotifyBy::Program { argv, .. } => format!("`{}`", command_line(argv)),
        NotifyBy::Post { address: Address::Variable(name), .. } => format!("the address in {name}"),
        NotifyBy::Post { address: Address::Url(url), .. } => {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            host.rsplit('@').next().unwrap_or(host).to_owned()
        }
    }
}
