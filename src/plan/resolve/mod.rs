//! From the file as written to an orchestra that can run: every name is looked up, every mistake of meaning is named,
//! all at once and each with its place.
//!
//! Opens no file itself: playbooks come in as texts.

mod agents;
mod extend;
mod grants;
mod groups;
mod models;
mod work;

pub use extend::{ExtendError, MAX_MEMBERS, extend};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::plan::graph::{GraphSpec, Ordering, Plan, TaskIx, TaskSpec};
use crate::plan::orchestra::{Agent, Execution, Group, Orchestra, Reuse, Task};
use crate::plan::resolve::agents::Cast;
use crate::plan::retry::{Growth, RetryPolicy};
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{self, Gaps, Limits, OnError, OrchestraFile, Retry, RetryStrategy, RetryTable, Strategy, Text};
use crate::plan::template::Template;
use crate::plan::tier::Tier;
use crate::words::diagnostic::{Diagnostic, Source, Span, near_miss};
use crate::words::event::Overrides;
use crate::words::id::Name;

pub use crate::plan::resolve::agents::LoadedPlaybook;

/// How long one attempt may take where nothing says so.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// How many tasks run at once where nothing says so and the strategy allows several.
const DEFAULT_PARALLEL: u32 = 3;

/// What the file is held against.
#[derive(Debug)]
pub struct Surroundings<'s> {
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
    /// What of the file is out of sight because of mistakes in its form. What only seems wrong for that is not told.
    pub gaps: Gaps,
}

/// Makes an orchestra of a file.
///
/// # Errors
/// Every mistake of meaning, in no particular order.
pub fn resolve(file: &OrchestraFile, around: &Surroundings<'_>) -> Result<Orchestra, Vec<Diagnostic>> {
    let mut resolver = Resolver { file, around, found: Vec::new() };
    let orchestra = resolver.orchestra();
    match orchestra {
        Some(orchestra) if resolver.found.is_empty() => Ok(orchestra),
        _ => Err(resolver.found),
    }
}

/// The files that a file names as schemas.
#[must_use]
pub fn schemas_named(file: &OrchestraFile) -> BTreeSet<&str> {
    let outputs = file.tasks.value.iter().filter_map(|task| task.value.output.as_ref());
    let named = outputs.filter_map(|output| match &output.schema {
        Some(Either::Short(path)) => Some(path.value.as_str()),
        _ => None,
    });
    named.collect()
}

/// The names of the agents that a file may need playbooks for.
#[must_use]
pub fn agents_named(file: &OrchestraFile) -> BTreeSet<&str> {
    let listed = file.agents.iter().flatten().filter_map(|agent| match agent {
        Either::Short(name) => Some(name.value.as_str()),
        Either::Full(_) => None,
    });
    let of_tasks = file.tasks.value.iter().filter_map(|task| task.value.agent.as_ref());
    listed.chain(of_tasks.map(|agent| agent.value.as_str())).collect()
}

struct Resolver<'r> {
    file: &'r OrchestraFile,
    around: &'r Surroundings<'r>,
    found: Vec<Diagnostic>,
}

impl<'r> Resolver<'r> {
    fn orchestra(&mut self) -> Option<Orchestra> {
        let id = self.id();
        let settings = self.execution();
        let strategy = self.strategy(settings);
        let names = self.task_names();
        let mut cast = Cast::new(self.file, self.around);
        let mut players: Vec<Option<usize>> = Vec::with_capacity(self.file.tasks.value.len());
        for task in &self.file.tasks.value {
            let player = task.value.agent.as_ref().and_then(|agent| cast.player(agent));
            players.push(cast.with_models(player, task.value.model.as_ref()));
        }
        cast.check_unused();
        let (agents, mistakes) = cast.finish();
        self.found.extend(mistakes);
        let agents = only_those_used(agents, &mut players);

        let contexts = self.contexts(&names);
        let mcp_servers = grants::servers(self.file, &mut self.found);
        let limits = self.limits();
        let groups = self.groups(settings, strategy, &names);
        let max_parallel = self.max_parallel(settings, strategy);
        self.check_tier(settings, strategy, max_parallel);
        let plan = self.plan(strategy, &contexts, &groups);
        self.check_templates(plan.as_ref(), &contexts, &names);

        let mut tasks = self.tasks(settings, strategy, &names, &players, plan.as_ref())?;
        for (group, of) in groups.iter().enumerate() {
            of.outline.tasks.iter().for_each(|&task| tasks[task].group = Some(group));
        }
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
            workspace: section
                .and_then(|s| s.workspace.as_ref())
                .and_then(|w| w.path.as_ref())
                .map_or_else(|| format!("orchestra_workspaces/{id}"), |path| path.value.clone()),
            tier: self.tier().map(|(tier, _)| tier),
            execution: Execution {
                strategy,
                max_parallel,
                metrics: settings.and_then(|s| s.enable_metrics).unwrap_or(true),
                trace: settings.and_then(|s| s.enable_trace).unwrap_or(true),
                groups: groups
                    .into_iter()
                    .map(|g| Group { name: g.name, tasks: g.outline.tasks, limits: g.limits })
                    .collect(),
            },
            agents,
            tasks,
            plan,
            limits,
            reuse: match section.and_then(|s| s.reuse.as_ref()) {
                None => Some(Reuse::default()),
                Some(Either::Short(wanted)) => wanted.value.then(Reuse::default),
                Some(Either::Full(table)) => Some(Reuse { ttl: table.ttl_seconds.map(Duration::from_secs) }),
            },
            mcp_servers,
            id,
        })
    }

    fn id(&mut self) -> Option<Name> {
        let section = self.file.orchestra.as_ref().and_then(|s| s.id.as_ref());
        match section.or_else(|| self.file.metadata.as_ref().and_then(|m| m.id.as_ref())) {
            Some(id) => self.name(id, "the id of an orchestra"),
            None => match Name::new(self.around.fallback_id) {
                Ok(id) => Some(id),
                Err(error) => {
                    let message = format!("the file's name cannot serve as the orchestra's id: {error}");
                    self.found.push(Diagnostic::error_in_file(message).help("give it one: `orchestra: {id: ...}`"));
                    None
                }
            },
        }
    }

    /// The settings, wherever they stand.
    fn execution(&mut self) -> Option<&'r spec::Execution> {
        let inner = self.file.orchestra.as_ref().and_then(|s| s.execution.as_ref());
        self.one_of("execution", inner, self.file.execution.as_ref()).map(|settings| &settings.value)
    }

    /// What the whole run may use, wherever that stands.
    fn limits(&mut self) -> Limits {
        let inner = self.file.orchestra.as_ref().and_then(|s| s.limits.as_ref());
        let limits = self.one_of("limits", inner, self.file.limits.as_ref());
        limits.map(|limits| limits.value.clone()).unwrap_or_default()
    }

    /// What may stand under `orchestra` or at the top, and in both places only if it is the same.
    fn one_of<T: PartialEq>(
        &mut self,
        key: &str,
        inner: Option<&'r Spanned<T>>,
        outer: Option<&'r Spanned<T>>,
    ) -> Option<&'r Spanned<T>> {
        if let (Some(inner), Some(outer)) = (inner, outer)
            && inner != outer
        {
            let message = format!("`{key}` stands twice, and the two differ");
            self.found.push(
                Diagnostic::error(message, outer.span.clone(), "here")
                    .see(inner.span.clone(), "and here, under `orchestra`")
                    .help("keep one of the two"),
            );
        }
        inner.or(outer)
    }

    fn strategy(&self, settings: Option<&spec::Execution>) -> Strategy {
        let said = settings.and_then(|s| s.strategy.as_ref()).map(|s| s.value);
        match self.around.overrides.strategy.as_deref() {
            Some("sequential") => Strategy::Sequential,
            Some("parallel") => Strategy::Parallel,
            Some("mixed") => Strategy::Mixed,
            _ => said.unwrap_or(Strategy::Sequential),
        }
    }

    fn max_parallel(&self, settings: Option<&spec::Execution>, strategy: Strategy) -> Option<u32> {
        if strategy == Strategy::Sequential {
            return Some(1);
        }
        let said = self.around.overrides.max_parallel;
        let said = said.or_else(|| settings.and_then(|s| s.max_parallel_tasks.as_ref()).map(|n| n.value));
        match said.unwrap_or(DEFAULT_PARALLEL) {
            0 => None,
            limit => Some(limit),
        }
    }

    fn tier(&self) -> Option<(Tier, Option<Span>)> {
        let said = self.around.overrides.tier.as_deref().and_then(Tier::named);
        let in_file = self.file.orchestra.as_ref().and_then(|s| s.required_tier.as_ref());
        said.map(|tier| (tier, None)).or_else(|| in_file.map(|t| (t.value, Some(t.span.clone()))))
    }

    fn check_tier(&mut self, settings: Option<&spec::Execution>, strategy: Strategy, max_parallel: Option<u32>) {
        let Some((tier, _)) = self.tier() else { return };
        if self.around.gaps.settings
            || !tier.is_sequential()
            || (strategy == Strategy::Sequential && max_parallel == Some(1))
        {
            return;
        }
        let message = format!(
            "the tier `{}` runs one task after another, and this orchestra is {}",
            tier.name(),
            strategy.name()
        );
        let place = settings.and_then(|s| s.strategy.as_ref()).map(|s| s.span.clone());
        let diagnostic = match place {
            Some(span) => Diagnostic::error(message, span, "not in this tier"),
            None => Diagnostic::error_in_file(message),
        };
        self.found.push(diagnostic.help("use `strategy: sequential`, or ask for a higher tier"));
    }

    fn name(&mut self, text: &Text, what: &str) -> Option<Name> {
        match Name::new(&text.value) {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("{:?} cannot be {what}", text.value);
                self.found.push(Diagnostic::error(message, text.span.clone(), error.to_string()));
                None
            }
        }
    }

    /// The tasks by name; the first one where two have the same.
    fn task_names(&mut self) -> HashMap<&'r str, TaskIx> {
        let tasks = &self.file.tasks.value;
        if tasks.is_empty() && !self.around.gaps.entries {
            self.found.push(Diagnostic::error("there are no tasks", self.file.tasks.span.clone(), "empty"));
        }
        let mut names: HashMap<&str, TaskIx> = HashMap::with_capacity(tasks.len());
        // Some file systems do not tell `A` from `a`, and each task has a file of its own.
        let mut folded: HashMap<String, TaskIx> = HashMap::with_capacity(tasks.len());
        for (ix, task) in tasks.iter().enumerate() {
            let name = &task.value.name;
            if self.name(name, "the name of a task").is_none() {
                continue;
            }
            if let Some(&first) = folded.get(&name.value.to_lowercase()) {
                let first = &tasks[first].value.name;
                let message = if first.value == name.value {
                    format!("two tasks are called `{}`", name.value)
                } else {
                    format!(
                        "`{}` and `{}` would share an output file where case does not count",
                        first.value, name.value
                    )
                };
                self.found.push(
                    Diagnostic::error(message, name.span.clone(), "the second")
                        .see(first.span.clone(), "the first")
                        .help("give one of them another name"),
                );
                continue;
            }
            folded.insert(name.value.to_lowercase(), ix);
            names.insert(&name.value, ix);
        }
        names
    }

    fn contexts(&mut self, names: &HashMap<&'r str, TaskIx>) -> Vec<Option<Vec<TaskIx>>> {
        let file = self.file;
        let mut contexts = Vec::with_capacity(file.tasks.value.len());
        for task in &file.tasks.value {
            let context = task.value.context.as_ref().map(|list| {
                let mut needed: Vec<TaskIx> = Vec::with_capacity(list.value.len());
                for text in &list.value {
                    match names.get(text.value.as_str()) {
                        Some(_) if text.value == task.value.name.value => self.found.push(
                            Diagnostic::error(
                                format!("`{}` cannot need its own output", text.value),
                                text.span.clone(),
                                "itself",
                            )
                            .help("take it out of `context`"),
                        ),
                        // Each output is given once, however often it is named.
                        Some(ix) if needed.contains(ix) => {}
                        Some(&ix) => needed.push(ix),
                        None => self.unknown_task(text, names),
                    }
                }
                needed
            });
            contexts.push(context);
        }
        contexts
    }

    fn unknown_task(&mut self, text: &Text, names: &HashMap<&'r str, TaskIx>) {
        if self.around.gaps.entries {
            return;
        }
        let help = self.near_task(&text.value, names).map_or_else(
            || "`context` names tasks whose outputs are needed".to_owned(),
            |n| format!("did you mean `{n}`?"),
        );
        let message = format!("there is no task `{}`", text.value);
        self.found.push(Diagnostic::error(message, text.span.clone(), "not a task").help(help));
    }

    /// The task that a wrong name is most likely meant to be. With thousands of mistakes only the first few dozen are
    /// worth the search, which goes through all names.
    fn near_task(&self, wrong: &str, names: &HashMap<&'r str, TaskIx>) -> Option<&'r str> {
        if self.found.len() > 50 {
            return None;
        }
        near_miss(wrong, names.keys().copied())
    }

    fn plan(&mut self, strategy: Strategy, contexts: &[Option<Vec<TaskIx>>], groups: &[groups::Group]) -> Option<Plan> {
        let tasks = &self.file.tasks.value;
        let outline = GraphSpec {
            arrangement: if strategy == Strategy::Sequential { Ordering::Chain } else { Ordering::Free },
            tasks: tasks
                .iter()
                .zip(contexts)
                .map(|(task, context)| TaskSpec {
                    context: context.clone(),
                    urgency: task.value.priority.unwrap_or_default() as u8,
                })
                .collect(),
            groups: groups.iter().map(|g| g.outline.clone()).collect(),
        };
        match Plan::new(&outline) {
            Ok(plan) => Some(plan),
            Err(cycles) => {
                for cycle in cycles {
                    let Some(&first) = cycle.first() else { continue };
                    let names: Vec<&str> =
                        cycle.iter().chain([&first]).map(|&ix| tasks[ix].value.name.value.as_str()).collect();
                    let at = &tasks[first].value;
                    let span = at.context.as_ref().map_or_else(|| at.name.span.clone(), |context| context.span.clone());
                    let direct = cycle
                        .iter()
                        .zip(cycle.iter().cycle().skip(1))
                        .all(|(&task, next)| contexts[task].as_ref().is_some_and(|context| context.contains(next)));
                    let help = if direct {
                        "take one of them out of a `context`"
                    } else {
                        "a task cannot need one of a later group; move it, or take it out of `context`"
                    };
                    self.found.push(
                        Diagnostic::error(format!("tasks wait for each other: {}", names.join(" -> ")), span, "waits")
                            .help(help),
                    );
                }
                None
            }
        }
    }

    /// Without a plan it cannot be told which outputs a task without `context` gets, so it may name any.
    fn check_templates(
        &mut self,
        plan: Option<&Plan>,
        contexts: &[Option<Vec<TaskIx>>],
        names: &HashMap<&'r str, TaskIx>,
    ) {
        let tasks = &self.file.tasks.value;
        let mut all: Option<BTreeSet<&str>> = None;
        for (ix, task) in tasks.iter().enumerate() {
            let texts: Vec<&Text> = Self::templates(&task.value).filter(|text| text.value.contains("{{")).collect();
            if texts.is_empty() {
                continue;
            }
            let all = all.get_or_insert_with(|| names.keys().copied().collect());
            let needs = plan.map(|plan| plan.needs(ix)).or(contexts[ix].as_deref());
            let outputs: Vec<&str> = match needs {
                Some(needs) if !self.around.gaps.settings => {
                    needs.iter().map(|&n| tasks[n].value.name.value.as_str()).collect()
                }
                _ => all.iter().copied().collect(),
            };
            let items = Self::items_known(&task.value);
            for said in texts {
                for error in Template::new(&said.value).check(&outputs, all, items) {
                    // A folded text differs from its source, so the place is looked for where the text begins.
                    let start = said.span.start;
                    let text = &self.around.source.text;
                    let span = text[start..]
                        .find(&error.hole)
                        .map_or_else(|| said.span.clone(), |at| start + at..start + at + error.hole.len());
                    let diagnostic = Diagnostic::error(error.message, span, "in this template");
                    self.found.push(Diagnostic { help: error.help, ..diagnostic });
                }
            }
        }
    }

    fn tasks(
        &mut self,
        settings: Option<&spec::Execution>,
        strategy: Strategy,
        names: &HashMap<&'r str, TaskIx>,
        players: &[Option<usize>],
        plan: Option<&Plan>,
    ) -> Option<Vec<Task>> {
        let default_retry = settings.and_then(|s| s.retry_strategy.as_ref());
        let default_on_error = settings.and_then(|s| s.on_error).unwrap_or(match strategy {
            Strategy::Sequential => OnError::Stop,
            Strategy::Parallel | Strategy::Mixed => OnError::Continue,
        });
        let seconds = |seconds: Option<f64>| seconds.map(Duration::from_secs_f64);
        let command_line = self.around.overrides.timeout_seconds.map(Duration::from_secs);
        let default_timeout =
            command_line.or_else(|| seconds(settings.and_then(|s| s.task_timeout_seconds))).unwrap_or(DEFAULT_TIMEOUT);
        let mut tasks = Vec::with_capacity(self.file.tasks.value.len());
        let file = self.file;
        for (ix, (task, player)) in file.tasks.value.iter().zip(players).enumerate() {
            let task = &task.value;
            let work = self.work(task, *player);
            let for_each = self.for_each(ix, task, names, plan);
            let output = grants::output(task, self.around, &mut self.found);
            let verify = grants::checks(task, &mut self.found);
            let inputs = task.inputs.as_ref().map(|inputs| grants::inputs(inputs, &mut self.found));
            let outputs = task.outputs.as_ref().map(|outputs| grants::outputs(outputs, &mut self.found));
            let name = names.contains_key(task.name.value.as_str()).then(|| Name::new(&task.name.value).ok()).flatten();
            let (Some(name), Some(work)) = (name, work) else { continue };
            tasks.push(Task {
                name,
                work,
                for_each,
                item: None,
                group: None,
                priority: task.priority.unwrap_or_default(),
                timeout: command_line.or_else(|| seconds(task.timeout_seconds)).unwrap_or(default_timeout),
                retry: retry(task.retry_strategy.as_ref().or(default_retry)),
                on_error: task.on_error.unwrap_or(default_on_error),
                reuse: task.reuse.as_ref().map(|reuse| reuse.value),
                output,
                verify,
                limits: task.limits.as_ref().map(|limits| limits.value.clone()).unwrap_or_default(),
                reads: inputs,
                writes: outputs,
            });
        }
        grants::check_shared_files(&self.file.tasks.value, &mut self.found);
        (tasks.len() == self.file.tasks.value.len()).then_some(tasks)
    }
}

/// The agents that some task uses: one whose tasks all have models of their own needs none itself.
fn only_those_used(agents: Vec<Agent>, players: &mut [Option<usize>]) -> Vec<Agent> {
    let mut places: Vec<Option<usize>> = vec![None; agents.len()];
    players.iter().flatten().for_each(|&player| places[player] = Some(0));
    let mut used = 0..;
    places.iter_mut().flatten().for_each(|place| *place = used.next().unwrap_or_default());
    players.iter_mut().flatten().for_each(|player| *player = places[*player].unwrap_or_default());
    agents.into_iter().zip(places).filter_map(|(agent, place)| place.map(|_| agent)).collect()
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
