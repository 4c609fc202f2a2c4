//! From the file as written to an orchestra that can run: every name is looked up, every mistake of meaning is named,
//! all at once and each with its place.
//!
//! Opens no file itself: playbooks come in as texts.

mod agents;
mod carried;
mod conditions;
mod ctx;
mod expand;
mod extend;
mod grants;
mod graph;
mod groups;
mod hooks;
mod inputs;
mod limits;
mod models;
mod notify;
mod prose;
mod result;
mod settings;
mod tasks;
mod work;
mod workspace;

pub(crate) use extend::{FileError, MAX_MEMBERS, extend, first_version, next_version, with_files};
pub(crate) use grants::is_in_project;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::plan::inputs::Input;
use crate::plan::orchestra::{Execution, Group, Orchestra, Reuse};
use crate::plan::resolve::agents::AgentTable;
use crate::plan::resolve::expand::Cast;
use crate::plan::spec::located::Either;
use crate::plan::spec::{Omissions, OrchestraFile, Strategy, Text};
use crate::words::diagnostic::{Diagnostic, Severity, Source};
use crate::words::event::Overrides;
use crate::words::id::Name;

pub(crate) use crate::plan::resolve::agents::LoadedPlaybook;

/// What the file is held against.
#[derive(Debug)]
pub(crate) struct ResolveContext<'s> {
    /// The file's text.
    pub source: &'s Source,
    /// The id where the file names none: that of the file.
    pub fallback_id: &'s str,
    /// The project's playbooks for the agents that the file names.
    pub playbooks: &'s BTreeMap<String, LoadedPlaybook>,
    /// What the command line sets.
    pub overrides: &'s Overrides,
    /// The files that `output.schema` names, by path: what they hold, or why that cannot be used.
    pub schemas: &'s BTreeMap<String, Result<serde_json::Value, String>>,
    /// The files that hold texts, by path: what they hold, or why that cannot be used.
    pub prompts: &'s BTreeMap<String, Result<Arc<Source>, String>>,
    /// What of the file is out of sight because of mistakes in its form. What only seems wrong for that is not told.
    pub omissions: Omissions,
}

/// Makes an orchestra of a file, with what its author should know of it all the same: warnings.
///
/// # Errors
/// Every mistake of meaning and every warning, in no particular order.
pub(crate) fn resolve(
    file: &OrchestraFile,
    context: &ResolveContext<'_>,
) -> Result<(Orchestra, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut resolver = Resolver { file, context, inputs: Vec::new(), diagnostics: Vec::new() };
    let orchestra = resolver.orchestra();
    match orchestra {
        Some(orchestra) if resolver.diagnostics.iter().all(|found| found.severity == Severity::Warning) => {
            Ok((orchestra, resolver.diagnostics))
        }
        _ => Err(resolver.diagnostics),
    }
}

/// The files that a file names as schemas.
#[must_use]
pub(crate) fn schemas_named(file: &OrchestraFile) -> BTreeSet<&str> {
    let outputs = file.tasks.value.iter().filter_map(|task| task.value.output.as_ref());
    let named = outputs.filter_map(|output| match &output.schema {
        Some(Either::Short(path)) => Some(path.value.as_str()),
        _ => None,
    });
    named.collect()
}

/// The files that a file names for texts.
#[must_use]
pub(crate) fn prompts_named(file: &OrchestraFile) -> BTreeSet<&str> {
    let of_tasks = file.tasks.value.iter().filter_map(|task| task.value.description.as_ref());
    let of_agents = file.agents.iter().flatten().filter_map(|agent| match agent {
        Either::Short(_) => None,
        Either::Full(agent) => agent.instructions.as_ref(),
    });
    let named = of_tasks.chain(of_agents).filter_map(|prose| match prose {
        Either::Short(_) => None,
        Either::Full(file) => Some(file.value.file.value.as_str()),
    });
    named.collect()
}

/// The names of the agents that a file may need playbooks for.
#[must_use]
pub(crate) fn agents_named(file: &OrchestraFile) -> BTreeSet<&str> {
    let listed = file.agents.iter().flatten().filter_map(|agent| match agent {
        Either::Short(name) => Some(name.value.as_str()),
        Either::Full(_) => None,
    });
    let of_tasks = file.tasks.value.iter().filter_map(|task| task.value.agent.as_ref());
    let planned_for = file.tasks.value.iter().flat_map(|task| expand::named(&task.value, file));
    let reviews = file.tasks.value.iter().filter_map(|task| task.value.review.as_ref());
    let reviewers = reviews.flat_map(|review| std::iter::once(&review.value.by).chain(&review.value.advise));
    let planned_for = planned_for.chain(reviewers);
    listed
        .chain(of_tasks.map(|agent| agent.value.as_str()))
        .chain(planned_for.map(|agent| agent.value.as_str()))
        .collect()
}

struct Resolver<'r> {
    /// The declared inputs.
    inputs: Vec<Input>,
    file: &'r OrchestraFile,
    context: &'r ResolveContext<'r>,
    diagnostics: Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn orchestra(&mut self) -> Option<Orchestra> {
        self.inputs = self.inputs();
        let id = self.id();
        let workspace = self.workspace(id.as_ref());
        let settings = self.execution();
        let strategy = self.strategy(settings);
        let names = self.task_names();
        let inputs = self.inputs.clone();
        let mut table = AgentTable::new(self.file, self.context, &inputs);
        let cast = Cast::of(self.file, &mut table);
        table.check_unused();
        let (agents, mistakes) = table.finish();
        self.diagnostics.extend(mistakes);
        let cast = cast.with(agents);

        let contexts = self.contexts(&names);
        let mcp_servers = grants::servers(self.file, &mut self.diagnostics);
        let limits = self.limits();
        let groups = self.groups(settings, strategy, &names);
        let max_parallel = self.max_parallel(settings, strategy);
        self.check_tier(settings, strategy, max_parallel);
        let plan = self.plan(strategy, &contexts, &groups);
        self.check_limits(&names);
        self.check_setters(plan.as_ref());
        self.check_templates(plan.as_ref(), &contexts, &names);
        if let Some(plan) = &plan {
            self.check_starts(plan, &contexts, &groups);
        }

        let mut tasks = self.tasks(settings, strategy, &names, &cast, plan.as_ref())?;
        for (group, of) in groups.iter().enumerate() {
            of.outline.tasks.iter().for_each(|&task| tasks[task].group = Some(group));
        }
        let result = self.result(&names);
        let notify = self.notify();
        let hooks = self.hooks();
        let plan = plan?;
        let section = self.file.orchestra.as_ref();
        let metadata = self.file.metadata.as_ref();
        let id = id?;
        Some(Orchestra {
            name: section
                .and_then(|s| s.name.clone())
                .or_else(|| metadata.and_then(|m| m.name.clone()))
                .unwrap_or_else(|| id.to_string()),
            description: section
                .and_then(|s| s.description.clone())
                .or_else(|| metadata.and_then(|m| m.description.clone())),
            workspace,
            tier: self.tier().map(|(tier, _)| tier),
            execution: Execution {
                strategy,
                max_parallel,
                outage: settings
                    .and_then(|s| s.outage_seconds)
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .unwrap_or(Execution::USUAL_OUTAGE),
                metrics: settings.and_then(|s| s.enable_metrics).unwrap_or(true),
                trace: settings.and_then(|s| s.enable_trace).unwrap_or(true),
                groups: groups
                    .into_iter()
                    .map(|g| Group { name: g.name, tasks: g.outline.tasks, limits: g.limits })
                    .collect(),
            },
            agents: cast.agents,
            tasks,
            plan,
            limits,
            result,
            notify,
            hooks,
            reuse: match section.and_then(|s| s.reuse.as_ref()) {
                None => Some(Reuse::default()),
                Some(Either::Short(wanted)) => wanted.value.then(Reuse::default),
                Some(Either::Full(table)) => Some(Reuse { ttl: table.ttl_seconds.map(Duration::from_secs) }),
            },
            mcp_servers,
            inputs: std::mem::take(&mut self.inputs),
            id,
        })
    }

    fn name(&mut self, text: &Text, what: &str) -> Option<Name> {
        match Name::new(&text.value) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{:?} cannot be {what}", text.value);
                self.diagnostics.push(Diagnostic::error(message, text.span.clone(), error.to_string()));
                None
            }
        }
    }
}

impl Strategy {
    /// The word that a file uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::Mixed => "mixed",
        }
    }
}

#[cfg(test)]
mod tests;
