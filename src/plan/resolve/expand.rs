//! Tasks that plan others: whom they may give tasks, and what they answer with.

use std::sync::Arc;

use crate::plan::growth::{Expand, Grows};
use crate::plan::orchestra::{Agent, OutputRule};
use crate::plan::output::OutputSpec;
use crate::plan::output::plan::Roster;
use crate::plan::resolve::Resolver;
use crate::plan::resolve::agents::AgentTable;
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, Collect, ExpandTable, OrchestraFile, OutputFormat, Text};
use crate::words::diagnostic::{Diagnostic, Span};

/// How many tasks a plan may have where nothing says so.
const USUAL_MAX_TASKS: u32 = 20;

/// Who does what: for each task its agent, and those that it may give tasks, as indices into the agents.
pub(super) struct Cast {
    /// All that some task may use.
    pub agents: Vec<Agent>,
    /// By task: its agent, if it has one.
    pub agent_of: Vec<Option<usize>>,
    /// By task: whom it may give tasks.
    pub rosters: Vec<Vec<usize>>,
    /// By task: who reviews it, and who advises then.
    pub reviewers: Vec<[Option<usize>; 2]>,
}

impl Cast {
    /// Looks up the agents of all tasks.
    pub(super) fn of<'r>(file: &'r OrchestraFile, table: &mut AgentTable<'r>) -> Self {
        let mut cast = Self { agents: Vec::new(), agent_of: Vec::new(), rosters: Vec::new(), reviewers: Vec::new() };
        for task in &file.tasks.value {
            let agent = task.value.agent.as_ref().and_then(|agent| table.agent(agent));
            cast.agent_of.push(table.with_models(agent, task.value.model.as_ref()));
            let review = task.value.review.as_ref().map(|review| &review.value);
            let names = [review.map(|review| &review.by), review.and_then(|review| review.advise.as_ref())];
            cast.reviewers.push(names.map(|name| name.and_then(|name| table.agent(name))));
            cast.rosters.push(named(&task.value, file).filter_map(|name| table.agent(name)).collect());
        }
        cast
    }

    /// The same with those agents alone that some task uses: one whose tasks all have models of their own needs none
    /// itself.
    pub(super) fn with(mut self, agents: Vec<Agent>) -> Self {
        let mut places: Vec<Option<usize>> = vec![None; agents.len()];
        let used = self.agent_of.iter().flatten().chain(self.rosters.iter().flatten());
        let used = used.chain(self.reviewers.iter().flatten().flatten());
        used.for_each(|&agent| places[agent] = Some(0));
        let mut next = 0..;
        places.iter_mut().flatten().for_each(|place| *place = next.next().unwrap_or_default());
        let used = self.agent_of.iter_mut().flatten().chain(self.rosters.iter_mut().flatten());
        let used = used.chain(self.reviewers.iter_mut().flatten().flatten());
        used.for_each(|agent| *agent = places[*agent].unwrap_or_default());
        self.agents = agents.into_iter().zip(places).filter_map(|(agent, place)| place.map(|_| agent)).collect();
        self
    }
}

/// The agents that a file names for the tasks of a plan.
pub(super) fn named<'r>(task: &'r spec::Task, file: &'r OrchestraFile) -> impl Iterator<Item = &'r Text> {
    let table = table(task);
    let said = table.and_then(|(table, _)| table.agents.as_ref());
    let listed = file.agents.iter().flatten().map(|agent| match agent {
        Either::Short(name) => name,
        Either::Full(inline) => &inline.name,
    });
    let planner = task.agent.as_ref().map(|agent| agent.value.as_str());
    let others = listed.filter(move |name| Some(name.value.as_str()) != planner);
    let all = table.is_some() && said.is_none();
    said.into_iter().flat_map(|said| &said.value).chain(others.filter(move |_| all))
}

/// What a task says of the tasks that it plans, if it does.
fn table(task: &spec::Task) -> Option<(&ExpandTable, &Span)> {
    static USUAL: ExpandTable = ExpandTable { agents: None, max_tasks: None };
    match task.expand.as_ref()? {
        Either::Short(wanted) => wanted.value.then_some((&USUAL, &wanted.span)),
        Either::Full(table) => Some((&table.value, &table.span)),
    }
}

impl Resolver<'_> {
    /// What a task may plan, with the form of its answer.
    pub(super) fn expand(
        &mut self,
        task: &spec::Task,
        roster: &[usize],
        agents: &[Agent],
        output: OutputRule,
    ) -> (Option<Grows>, OutputRule) {
        let Some((table, span)) = table(task) else { return (None, output) };
        if named(task, self.file).next().is_none()
            && !self.context.omissions.entries
            && !self.context.omissions.settings
        {
            let message = "nobody may be given what this task plans";
            self.diagnostics.push(
                Diagnostic::error(message, span.clone(), "without agents")
                    .help("name them: `expand: {agents: [developer, tester]}`, or list them under `agents`"),
            );
        }
        if let Some(format) = task.output.as_ref().and_then(|output| output.format.as_ref())
            && format.value != OutputFormat::Plan
        {
            self.diagnostics.push(
                Diagnostic::error("a task that plans others answers with a plan", format.span.clone(), "another form")
                    .help("leave `format` out"),
            );
        }
        if let Some(schema) = task.output.as_ref().and_then(|output| output.schema.as_ref()) {
            let span = match schema {
                Either::Short(path) => path.span.clone(),
                Either::Full(inline) => inline.span.clone(),
            };
            self.diagnostics.push(
                Diagnostic::error("a task that plans others answers with a plan", span, "another form")
                    .help("leave `schema` out"),
            );
        }
        let max_tasks = usize::try_from(table.max_tasks.unwrap_or(USUAL_MAX_TASKS)).unwrap_or(usize::MAX);
        let who = |&agent: &usize| (agents[agent].name.to_string(), what_is(&agents[agent]));
        let spec = OutputSpec::plan_for(Roster { agents: roster.iter().map(who).collect(), max_tasks });
        let grows = Grows::Expand(Arc::new(Expand {
            agents: roster.to_vec(),
            max_tasks,
            max_parallel: task.max_parallel.as_ref().map(|max| max.value),
            collect: task.collect.as_ref().map_or(Collect::Text, |collect| collect.value),
        }));
        (Some(grows), OutputRule { spec, ..output })
    }
}

/// What an agent is, for the one that plans. A text with places to fill in says nothing before it is filled in.
fn what_is(agent: &Agent) -> String {
    let texts = [Some(&agent.title), agent.goal.as_ref()];
    let said = texts.into_iter().flatten().filter(|text| !text.has_tags()).map(|text| text.text().trim());
    said.collect::<Vec<_>>().join(". ")
}
